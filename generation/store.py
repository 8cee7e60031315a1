"""The request store: every question that was put to a model, and its answer. It costs money.

One SQLite file with one writer. A reply passes through three stages: *stored* (committed; a killed
process does not lose it), *durable* (synced to the disk; a power cut does not lose it either), and
only then it is handed out. Commits gather what arrived within a few milliseconds, and the sync runs
in a thread beside the event loop, so that neither slows the requests down.

A failure is a row with a reason. A reply that is asked for anew is kept in ``superseded``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, Self

from filelock import FileLock

from generation import store_rows, store_schema
from generation.requests import Outcome, Reason, Request
from generation.store_file import errors, read_only, take_lock
from generation.store_lookup import Lookup
from generation.store_queue import Queue, Write
from generation.store_rows import Frames, Stored, Usage
from generation.store_sync import Syncer
from schema.errors import DiskFullError, StoreError

_KEYS = 500  # keys in one look-up
_CHECKPOINT = 64 * 1024 * 1024  # bytes of write-ahead log that are moved into the file at once


class RequestStore:
    """Requests and replies in one SQLite file.

    Parameters
    ----------
    path
        The file; made if it is not there (not with ``mode="read"``).
    mode
        ``write`` takes the writer's lock; ``read`` can be had beside a writer.
    reserve
        Bytes that have to be free on the disk: below it `check_room` stops a run while what is
        in flight can still be stored.

    Raises
    ------
    LockedError
        If another process writes to it.
    CorruptError, FormatVersionError
        If the file is not a request store of a version known here.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        mode: Literal["write", "read"] = "write",
        reserve: int = 32 * 1024 * 1024,
    ) -> None:
        self.path = Path(path)
        self.mode = mode
        self._reserve = reserve
        self._queue: Queue | None = None
        self._broken: StoreError | None = None
        self._lock: FileLock | None = None
        self._syncer: Syncer | None = None
        self._looked = 0.0
        if mode == "write":
            self._lock = take_lock(self.path)
        try:
            with errors(self.path):
                self._open()
        except BaseException:
            self._release()
            raise

    # -- looking up ------------------------------------------------------------------------------

    def get(self, key: str) -> Outcome | None:
        """Give the answer to the request of that key; None if it has none."""
        return self._lookup.one(_blob(key))

    def get_many(self, keys: Sequence[str]) -> dict[str, Outcome]:
        """Give the answers to those of the requests that have one, by key."""
        found = zip(keys, self._lookup.many([_blob(key) for key in keys]), strict=True)
        return {key: outcome for key, outcome in found if outcome is not None}

    def __len__(self) -> int:
        """Count the requests that have an answer or a failure."""
        count: int = self._connection.execute("SELECT count(*) FROM requests").fetchone()[0]
        return count

    def rows(
        self,
        *,
        stage: str | None = None,
        model: str | None = None,
        status: str | None = None,
    ) -> Iterator[Stored]:
        """Yield requests with their outcomes as first stored, in bounded memory.

        Parameters
        ----------
        stage, model
            Only those.
        status
            Only ``ok``, or only failures of that reason.
        """
        with contextlib.closing(read_only(self.path)) as reader, errors(self.path):
            yield from store_rows.iterate(reader, stage=stage, model=model, status=status)

    def usage(self) -> list[Usage]:
        """Sum requests, failures, tokens, seconds and price by stage and model."""
        with errors(self.path):
            return store_rows.usage(self._connection)

    # -- writing ---------------------------------------------------------------------------------

    def put(
        self,
        request: Request,
        outcome: Outcome,
        *,
        tries: int = 1,
        on_stored: Callable[[], None] | None = None,
    ) -> asyncio.Future[None]:
        """Store an outcome; await what is returned before using it: then it is durable.

        Parameters
        ----------
        tries
            How often it was asked for this outcome; added to what is stored.
        on_stored
            Called once a killed process no longer loses it (a few milliseconds earlier).
        """
        future = asyncio.get_running_loop().create_future()
        self._add(Write(future, on_stored, put=(request, outcome, tries)))
        return future

    def mark(self, key: str, reason: Reason | None, message: str = "") -> asyncio.Future[None]:
        """Mark a stored reply as not usable, or (None) as usable after all.

        So a reply that turns out not to parse is not taken for good for ever: it is a failure
        with a reason, which ``retry_failed`` asks again. Await what is returned.
        """
        future = asyncio.get_running_loop().create_future()
        self._add(Write(future, mark=(key, reason, message)))
        return future

    def put_many(self, outcomes: Iterable[tuple[Request, Outcome, int]]) -> None:
        """Store outcomes (with their tries) in one transaction; durable on return."""
        self._commit([Write(put=entry) for entry in outcomes])
        if self._syncer:
            self._syncer.sync()

    def remember_exported(self, requests: Iterable[Request], file: str) -> None:
        """Note that these requests were written to a batch file, so that its answers are known."""
        with self._transaction():
            rows = [
                (*store_rows.request_columns(self._frames, request), file, time.time())
                for request in requests
            ]
            self._connection.executemany(store_rows.EXPORT, rows)

    def exported(self, keys: Sequence[str]) -> dict[str, Request]:
        """Give those of the requests that were written to a batch file, by key."""
        found: dict[str, Request] = {}
        for start in range(0, len(keys), _KEYS):
            blobs = [_blob(key) for key in keys[start : start + _KEYS]]
            marks = ",".join("?" * len(blobs))
            for blob, *row in self._connection.execute(store_rows.EXPORTED.format(marks), blobs):
                found["rq_" + blob.hex()] = store_rows.request(row)
        return found

    def forget_exported(self, keys: Iterable[str]) -> None:
        """Forget that these were written to a batch file: their answers came."""
        with self._transaction():
            self._connection.executemany(
                "DELETE FROM exported WHERE key = ?", [(_blob(key),) for key in keys]
            )

    def rename_exported(self, old: str, new: str) -> None:
        """Note that a batch file has another name now."""
        with self._transaction():
            self._connection.execute("UPDATE exported SET file = ? WHERE file = ?", (new, old))

    def forget_file(self, file: str) -> None:
        """Forget what was written to a batch file that never left."""
        with self._transaction():
            self._connection.execute("DELETE FROM exported WHERE file = ?", (file,))

    def waiting(self) -> dict[str, int]:
        """Count the requests in batch files whose answers have not come, by file."""
        rows = self._connection.execute("SELECT file, count(*) FROM exported GROUP BY file")
        return dict(rows.fetchall())

    def check_room(self) -> None:
        """Raise once the disk is nearly full, while what is in flight can still be stored.

        Raises
        ------
        DiskFullError
            If less than the reserve is free, or a write has failed.
        """
        if self._broken:
            raise self._broken
        now = time.monotonic()
        if now - self._looked < 0.5:
            return
        self._looked = now
        disk = os.statvfs(self.path.parent)
        free = disk.f_bavail * disk.f_frsize
        if free < self._reserve:
            raise DiskFullError(
                f"the disk that holds {self.path} has {free / 1e6:.1f} MB left, "
                f"and {self._reserve / 1e6:.1f} MB are kept free for replies on their way",
                fix="make room and run the same command again: it goes on where it stopped",
            )

    def flush(self) -> None:
        """Commit what is waiting now; its futures still tell when it is durable."""
        if self._queue:
            self._queue.flush()

    # -- its own health --------------------------------------------------------------------------

    def check(self, *, keys: bool = True) -> list[str]:
        """Look for damage; the list of what was found is empty if all is well.

        Parameters
        ----------
        keys
            Also compute every request's key anew (some ten seconds for a million).
        """
        with contextlib.closing(read_only(self.path)) as reader:
            try:
                return store_rows.check(reader, keys=keys)
            except sqlite3.DatabaseError as error:
                return [f"{self.path} cannot be read through: {error}"]

    def close(self) -> None:
        """Store what is waiting, sync, fold the log into the file, and free the lock."""
        self.flush()
        try:
            if self._syncer:
                self._syncer.close()
                with contextlib.suppress(sqlite3.Error):  # a full disk: the log keeps it
                    self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.close()
        finally:
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- inside ----------------------------------------------------------------------------------

    def _open(self) -> None:
        self._connection = self._connect()
        self._frames = Frames(self._connection)
        self._lookup = Lookup(self._connection)
        store_schema.check(self._connection, self.path)
        if self.mode == "read":
            return
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "wal_autocheckpoint = 0"):
            self._connection.execute(f"PRAGMA {pragma}")
        store_schema.prepare(self._connection, self.path)
        last = "SELECT coalesce(max(id), 0) FROM requests"
        self._last = self._connection.execute(last).fetchone()[0]
        self._syncer = Syncer(self.path, _CHECKPOINT, self._truncate)
        self._queue = Queue(self._commit, self._syncer.add)

    def _connect(self) -> sqlite3.Connection:
        if self.mode == "read":
            return read_only(self.path)
        connection = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        connection.execute("PRAGMA cache_size = -32768")
        return connection

    def _release(self) -> None:
        if self._lock:
            self._lock.release()

    def _add(self, write: Write) -> None:
        if self._broken:
            raise self._broken
        assert self._queue, "the store was opened for reading"
        self._queue.add(write)

    def _commit(self, batch: list[Write]) -> None:
        puts = [write.put for write in batch if write.put]
        with self._transaction():
            self._last = store_rows.insert(self._connection, self._frames, self._last, puts)
            for write in batch:
                if write.mark:
                    key, reason, message = write.mark
                    store_rows.mark(self._connection, _blob(key), reason, message)
        self._lookup.forget([_blob(write.key) for write in batch])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        if self._broken:
            raise self._broken
        last = self._last
        try:
            with errors(self.path):
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.execute("COMMIT")
        except BaseException as error:
            self._last = last
            self._frames.clear()
            with contextlib.suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            if isinstance(error, StoreError):
                self._broken = error
            raise

    def _truncate(self) -> None:
        """Finish a checkpoint that the syncer has all but done; skipped while someone reads."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA busy_timeout = 0")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self._connection.execute("PRAGMA busy_timeout = 5000")


def _blob(key: str) -> bytes:
    return bytes.fromhex(key[3:])
