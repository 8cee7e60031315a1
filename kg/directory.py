"""A knowledge base on disk: its paths, its writer lock, and the atomic commit.

::

    my.kg/
      kb.json             the manifest (kg.manifest)
      records/            posts-, products-, cobuys-, images-*.parquet, and blobs/ with image bytes
      assertions/         assertions-*.parquet
      requests.sqlite     model requests and replies (written by generation)
      rejected.parquet    refused rows
      layers/             what analyses add (kg.layers)
      graph/              embedded graph engine's file      } derived
      vectors/            FAISS index and its manifest      }
      .staging/           what a running writer has not committed yet
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from kg.manifest import MANIFEST_NAME, Manifest
from schema.errors import LockedError, NotAKnowledgeBaseError, StoreError

_LOCK = ".lock"
_OWNER = ".lock.owner"
_STAGING = ".staging"


class Directory:
    """One knowledge base directory.

    Parameters
    ----------
    root
        The directory. It need not exist until :meth:`create` or a writer makes it.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    @classmethod
    def create(cls, root: str | Path) -> Directory:
        """Open the knowledge base at `root`, beginning an empty one where there is none.

        Raises
        ------
        NotAKnowledgeBaseError
            If `root` is a file, or a directory that holds something else.
        """
        directory = cls(root)
        if (directory.root / MANIFEST_NAME).exists():
            return directory
        if directory.root.is_file():
            raise NotAKnowledgeBaseError(
                f"{root} is a file; a knowledge base is a directory",
                fix="name a directory that does not exist yet, such as my.kg",
            )
        ours = {_LOCK, _OWNER, _STAGING, MANIFEST_NAME + ".new"}
        foreign = directory.root.exists() and any(
            path.name not in ours for path in directory.root.iterdir()
        )
        # Another process may be beginning the same one right now, so look again.
        if foreign and not (directory.root / MANIFEST_NAME).exists():
            raise NotAKnowledgeBaseError(
                f"{root} holds other files and is not a knowledge base",
                fix="name an empty directory, or one that does not exist yet",
            )
        try:
            directory.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"cannot make the directory {root}: {error.strerror}",
                fix="name a place that you may write to",
            ) from None
        with directory.write("create"):
            if not (directory.root / MANIFEST_NAME).exists():
                directory.commit(Manifest())
        return directory

    def manifest(self) -> Manifest:
        """Read the current manifest (see :meth:`kg.manifest.Manifest.read` for errors)."""
        return Manifest.read(self.root)

    def path(self, relative: str) -> Path:
        """Absolute place of a file that the manifest names."""
        return self.root / relative

    @property
    def blobs(self) -> Path:
        """Where image bytes lie, as ``blobs/ab/abcdef…``."""
        return self.root / "records" / "blobs"

    def blob(self, image_id: str) -> Path:
        """Place of one image's bytes."""
        return self.blobs / image_id[:2] / image_id

    @contextlib.contextmanager
    def write(self, purpose: str) -> Iterator[Path]:
        """Hold the writer lock; yields a fresh staging directory, removed at the end.

        Parameters
        ----------
        purpose
            The command, for the message that a second writer gets.

        Raises
        ------
        LockedError
            If another process (or thread) is writing.
        """
        lock = FileLock(self.root / _LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise LockedError(
                f"{self.root} is being written to by {self._owner()}",
                fix="wait until it has finished, then run this again; readers are not affected",
            ) from None
        except OSError as error:
            raise StoreError(
                f"cannot write to {self.root}: {error.strerror}", fix="check its permissions"
            ) from None
        staging = self.root / _STAGING
        try:
            try:
                (self.root / _OWNER).write_text(
                    json.dumps({"pid": os.getpid(), "purpose": purpose}), encoding="utf-8"
                )
                shutil.rmtree(staging, ignore_errors=True)
                staging.mkdir(parents=True)
                self._sweep()
            except OSError as error:
                raise StoreError(
                    f"cannot write to {self.root}: {error.strerror}",
                    fix="check its permissions and the free space",
                ) from None
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            with contextlib.suppress(OSError):
                (self.root / _OWNER).unlink(missing_ok=True)
            lock.release()

    def commit(self, manifest: Manifest) -> Manifest:
        """Make `manifest` the current one: durable, atomic, with the next revision number.

        Everything it names must be durable already (see :func:`settle`).
        """
        committed = replace(manifest, revision=manifest.revision + 1)
        temporary = self.root / (MANIFEST_NAME + ".new")
        try:
            with temporary.open("wb") as file:
                file.write(committed.to_json())
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.root / MANIFEST_NAME)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise StoreError(
                f"cannot write {self.root / MANIFEST_NAME}: {error.strerror}",
                fix="check the permissions and the free space there; nothing was changed",
            ) from None
        sync_directory(self.root)
        return committed

    def _owner(self) -> str:
        try:
            owner = json.loads((self.root / _OWNER).read_text(encoding="utf-8"))
            return f"process {owner['pid']} (intentkg {owner['purpose']})"
        except (OSError, ValueError, KeyError):
            return "another process"

    def _sweep(self) -> None:
        """Remove what an interrupted writer left: parts and generations that no manifest names."""
        (self.root / (MANIFEST_NAME + ".new")).unlink(missing_ok=True)
        try:
            kept = self.manifest().files()
        except NotAKnowledgeBaseError:
            return
        for folder in ("records", "assertions", "layers", "graph", "vectors"):
            for found in (self.root / folder).glob("*"):
                relative = f"{folder}/{found.name}"
                # The spool holds what a killed build had embedded so far (kg.vectors).
                if relative in kept or relative in ("records/blobs", "vectors/spool"):
                    continue
                shutil.rmtree(found) if found.is_dir() else found.unlink(missing_ok=True)


def settle(source: Path, target: Path) -> None:
    """Move a finished file to its place so that it survives a crash: fsync, rename, fsync."""
    with source.open("rb+") as file:
        os.fsync(file.fileno())
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)
    sync_directory(target.parent)


def sync_directory(path: Path) -> None:
    """Make a directory's entries durable (a no-op where the system cannot open directories)."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
