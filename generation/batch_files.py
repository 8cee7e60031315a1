"""The files that a batch export leaves: whole ones only, never one over another."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import IO

from generation.requests import Request
from generation.store import RequestStore

_NOTED = 500  # requests that are noted in the store at once
_PART = ".part"


class BatchFiles:
    """Writes lines to a file, and to more of them beside it as each is full.

    A file bears ``.part`` until it is whole, and so do the store's notes about its requests; what
    a crash has left unfinished is thrown away with its notes by the next export.
    """

    def __init__(self, path: Path, store: RequestStore, most: int, most_bytes: int) -> None:
        self.files: list[Path] = []
        self._first = path.absolute()
        self._store = store
        self._most = most
        self._most_bytes = most_bytes
        self._lines = self._bytes = 0
        self._noted: list[Request] = []
        self._file: IO[bytes] | None = None
        self._clean()

    def write(self, request: Request, line: bytes) -> None:
        """Write a request, and note it."""
        full = self._lines >= self._most or self._bytes + len(line) > self._most_bytes
        if self._file and full:
            self.finish()
        if self._file is None:
            self._begin()
        assert self._file
        self._file.write(line)
        self._lines += 1
        self._bytes += len(line)
        self._noted.append(request)
        if len(self._noted) >= _NOTED:
            self._note()

    def finish(self) -> None:
        """Give the file its name: it is whole."""
        if self._file is None:
            return
        self._note()
        self._file.flush()
        os.fsync(self._file.fileno())
        self.close()
        self._part.rename(self._path)
        self._store.rename_exported(str(self._part), str(self._path))
        self.files.append(self._path)

    def close(self) -> None:
        """Close the file, whole or not."""
        if self._file:
            self._file.close()
            self._file = None

    def _begin(self) -> None:
        for number in itertools.count(1):
            stem = self._first.stem if number == 1 else f"{self._first.stem}-{number}"
            self._path = self._first.with_stem(stem)
            self._part = self._path.with_name(self._path.name + _PART)
            if not self._path.exists():
                break
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._part.open("wb")
        self._lines = self._bytes = 0

    def _clean(self) -> None:
        """Throw away what crashed exports have left; only one writes to a store at a time."""
        for file in self._store.waiting():
            if not file.endswith(_PART):
                continue
            whole = file.removesuffix(_PART)
            if Path(whole).exists():  # its name was given, the notes' was not
                self._store.rename_exported(file, whole)
            else:
                self._store.forget_file(file)
                Path(file).unlink(missing_ok=True)

    def _note(self) -> None:
        self._store.remember_exported(self._noted, str(self._part))
        self._noted = []
