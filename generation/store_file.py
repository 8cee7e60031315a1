"""The file of a request store: its lock, read-only connections, and what SQLite's errors mean."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from schema.errors import CorruptError, DiskFullError, LockedError, StoreError


def take_lock(path: Path) -> FileLock:
    """Take the writer's lock; the system frees it when the process ends, however it ends.

    Raises
    ------
    LockedError
        If another process has it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{path}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise LockedError(
            f"another process is asking models for {path}",
            fix="wait until it has finished, or stop it; what it has stored is kept",
        ) from None
    return lock


def read_only(path: Path) -> sqlite3.Connection:
    """Open the file for reading, beside a writer.

    Raises
    ------
    StoreError
        If it is not there.
    """
    if not path.exists():
        raise StoreError(f"there is no request store at {path}", fix="run intentkg generate first")
    address = path.resolve().as_uri()
    try:
        return _connect(f"{address}?mode=ro")
    except sqlite3.OperationalError:
        return _connect(f"{address}?mode=ro&immutable=1")  # a read-only medium


def _connect(address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _translate(path, error) from error


def _translate(path: Path, error: sqlite3.DatabaseError) -> StoreError:
    name = str(getattr(error, "sqlite_errorname", ""))
    if name.startswith("SQLITE_FULL"):
        return DiskFullError(
            f"the disk is full: {path} could not take the last replies; those before are intact",
            fix="make room and run the same command again: it goes on where it stopped",
        )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return CorruptError(
            f"{path} is damaged: {error}",
            fix="restore it from a backup; sqlite3's .recover command saves what can be read",
        )
    return StoreError(
        f"{path} cannot be read or written: {error}",
        fix="check the disk and its permissions; what was stored before is intact",
    )
