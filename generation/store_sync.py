"""Syncs the write-ahead log to the disk in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from schema.errors import StoreError


class Syncer:
    """Makes commits durable: syncs the log, then wakes those who wait for it.

    The log is synced through a descriptor of its own, which SQLite does not mind: its locks lie
    on the other two files. What has left the log for the file was synced by SQLite on the way.

    Parameters
    ----------
    path
        The database; its log has to exist.
    checkpoint
        Size of the log, in bytes, at which it is folded into the file.
    truncate
        Called in the event loop after that, to finish it and empty the log.
    """

    def __init__(self, path: Path, checkpoint: int, truncate: Callable[[], None]) -> None:
        self._path = path
        self._log = os.open(f"{path}-wal", os.O_RDWR)
        self._checkpoint = checkpoint
        self._truncate = truncate
        self._waiting: list[asyncio.Future[None]] = []
        self._wake = threading.Condition()
        self._closing = False
        self._tried = -checkpoint
        self._sync_folder()
        self._thread = threading.Thread(target=self._run, name="request store", daemon=True)
        self._thread.start()

    def add(self, futures: list[asyncio.Future[None]]) -> None:
        """Wake these futures when everything that is committed now is durable."""
        with self._wake:
            self._waiting += futures
            self._wake.notify()

    def sync(self) -> None:
        """Sync at once, in this thread."""
        try:
            os.fdatasync(self._log)
        except OSError as error:
            raise self._error(error) from error

    def close(self) -> None:
        """Sync what is left and end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()
        os.close(self._log)

    def _run(self) -> None:
        with contextlib.closing(sqlite3.connect(self._path, isolation_level=None)) as own:
            while True:
                with self._wake:
                    while not self._waiting and not self._closing:
                        self._wake.wait()
                    futures, self._waiting = self._waiting, []
                if not futures and self._closing:
                    return
                error: StoreError | None = None
                try:
                    self.sync()
                except StoreError as failed:
                    error = failed
                _resolve_all(futures, error)
                if futures and self._is_long():
                    with contextlib.suppress(sqlite3.Error):
                        own.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                    with contextlib.suppress(RuntimeError):  # the loop is gone: at the next open
                        futures[0].get_loop().call_soon_threadsafe(self._truncate)

    def _is_long(self) -> bool:
        """See whether to fold the log in; a try that a reader thwarted is not repeated at once."""
        size = os.fstat(self._log).st_size
        if size < self._checkpoint or self._tried <= size < self._tried + self._checkpoint:
            return False
        self._tried = size
        return True

    def _sync_folder(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _error(self, error: OSError) -> StoreError:
        return StoreError(
            f"{self._path} could not be synced to the disk: {error.strerror}",
            fix="check the disk; then run the same command again: it goes on where it stopped",
        )


def _resolve_all(futures: list[asyncio.Future[None]], error: StoreError | None) -> None:
    loops = {future.get_loop() for future in futures}
    for loop in loops:
        mine = [future for future in futures if future.get_loop() is loop]
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(_resolve, mine, error)


def _resolve(futures: list[asyncio.Future[None]], error: StoreError | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error:
            future.set_exception(error)
        else:
            future.set_result(None)
