"""One run of a benchmark: where it reads and writes, and what of it is done already."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from schema.errors import CorruptError, InputError, UsageError

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
"""Where published data lies unless somebody says otherwise."""

type Cell = dict[str, Any]

_CONFIG = "config.json"
_INPUTS = "inputs.json"
_FORM = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY


class Run:
    """A folder in which a benchmark's parts are kept as they are done.

    Parameters
    ----------
    folder
        Made if it is not there.
    config
        The benchmark's dataclass. Results of another configuration are not mixed with it, nor
        those of files with another content (:meth:`reads`).
    data
        The folder with published data; default: ``INTENTKG_SHARED_DATA``, else
        ``../shared/data`` beside the checkout.
    progress
        Called with a few words whenever something begins.

    Raises
    ------
    UsageError
        If the folder holds a run of another configuration.
    """

    def __init__(
        self,
        folder: Path,
        config: Any,
        *,
        data: Path | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.folder = folder
        self._data = data or Path(os.environ.get("INTENTKG_SHARED_DATA", DATA))
        self._progress = progress
        self.seconds = 0.0
        self.kept = 0
        said = orjson.dumps(dataclasses.asdict(config), option=_FORM)
        place = folder / _CONFIG
        if place.exists() and place.read_bytes() != said:
            raise UsageError(
                f"{folder} holds a run with another configuration",
                fix="choose another --out, or remove that folder",
            )
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(place, said)
        inputs = folder / _INPUTS
        self._inputs: dict[str, str] = orjson.loads(inputs.read_bytes()) if inputs.exists() else {}
        self._known: set[Path] = set()

    def data(self, *parts: str) -> Path:
        """A file or folder of the published data, of which the run keeps note.

        Raises
        ------
        InputError
            If it is not there.
        UsageError
            As :meth:`reads`.
        """
        path = self._data.joinpath(*parts)
        if not path.exists():
            raise InputError(
                "it is not there",
                file=str(path),
                fix="name the folder that holds the data sets: --data DIR",
            )
        self.reads(path)
        return path

    def reads(self, path: Path) -> None:
        """Keep note of what a file holds, or each file of a folder.

        Raises
        ------
        UsageError
            If it held something else when the run began: what was learnt from that would be mixed
            with what comes of this.
        """
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if not file.is_file() or file in self._known:
                continue
            # By its place in the data, which may lie elsewhere another time.
            inside = file.is_relative_to(self._data)
            name = (file.relative_to(self._data) if inside else file.absolute()).as_posix()
            with file.open("rb") as content:
                found = hashlib.file_digest(content, "sha256").hexdigest()
            if self._inputs.get(name, found) != found:
                raise UsageError(
                    f"{file} is not what it was when the run in {self.folder} began",
                    fix="choose another --out, or remove that folder",
                )
            self._known.add(file)
            if name not in self._inputs:
                self._inputs[name] = found
                write_whole(self.folder / _INPUTS, orjson.dumps(self._inputs, option=_FORM))

    def progress(self, text: str) -> None:
        """Say what is going on."""
        if self._progress is not None:
            self._progress(text)

    def place(self, name: str) -> Path:
        """A folder of the run for what several cells share, such as a knowledge base."""
        path = self.folder / "shared" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def cell(self, key: str, function: Callable[[Path], Cell]) -> Cell:
        """Do one part of the benchmark, or take what it gave before.

        Parameters
        ----------
        key
            Names the part: ``text/seed-0``.
        function
            Takes a folder for its checkpoints, which goes when it is done; gives what JSON holds.

        Returns
        -------
        dict
            The result as JSON gives it back, whether it was kept or is new; ``seconds`` is how
            long the part took (since it was last begun).

        Raises
        ------
        CorruptError
            If a kept result cannot be read.
        """
        if not re.fullmatch(r"[\w.+=-]+(/[\w.+=-]+)*", key):
            raise ValueError(f"{key!r} is no name of a cell")
        file = self.folder / "cells" / f"{key}.json"
        if file.exists():
            try:
                known: Cell = orjson.loads(file.read_bytes())
            except orjson.JSONDecodeError:
                raise CorruptError(f"{file} is not JSON", fix="remove it, and run again") from None
            self.kept += 1
            return known
        self.progress(key)
        work = self.folder / "work" / key
        work.mkdir(parents=True, exist_ok=True)
        start = time.perf_counter()
        result = function(work)
        result = {**result, "seconds": round(time.perf_counter() - start, 3)}
        self.seconds += result["seconds"]
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, orjson.dumps(result, option=_FORM))
        shutil.rmtree(work, ignore_errors=True)
        return dict(orjson.loads(file.read_bytes()))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole, or not at all."""
    beside = path.with_name(path.name + ".part")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
