"""Rows into the table of assertions, a batch at a time, beside the requests that go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from kg.directory import Directory
from kg.truth import Summary, Transaction
from schema.errors import DiskFullError, IntentKGError, LockedError, StoreError
from schema.records import Rows

EVERY_ROWS = 100_000
EVERY_SECONDS = 600.0
_AGAIN = 0.5  # seconds between two tries for the writer's lock
_HURRY = 10.0  # seconds to wait for it after a stop


@dataclass(slots=True)
class Written:
    """What became of the rows.

    Attributes
    ----------
    added, changed, known
        Pieces of evidence that are new, that say more than before, and that change nothing.
    refused
        Those that contradict what is stored; they are listed in ``rejected.parquet``.
    """

    added: int = 0
    changed: int = 0
    known: int = 0
    refused: int = 0

    def add(self, summary: Summary) -> None:
        """Count what a commit of assertions says."""
        if counts := summary.tables.get("assertions"):
            self.added += counts.added
            self.changed += counts.changed
            self.known += counts.unchanged
        self.refused += summary.rejected


class Committer:
    """Gathers rows and commits them when there are many, or after a while.

    The knowledge base's writer lock is held for the moment of a commit only, so that others may
    ingest and build while a run goes on. What is lost with a killed process is written by the
    next run, at no cost: the replies are in the request store.

    Parameters
    ----------
    patience
        Seconds to wait for another writer; after a stop it is no more than ten.
    is_stopped
        Says whether the run was stopped.
    """

    def __init__(
        self,
        directory: Directory,
        *,
        every_rows: int = EVERY_ROWS,
        every_seconds: float = EVERY_SECONDS,
        patience: float = 600.0,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self.written = Written()
        self._directory = directory
        self._every_rows = every_rows
        self._every_seconds = every_seconds
        self._patience = patience
        self._is_stopped = is_stopped
        self._rows: list[Rows] = []
        self._count = 0
        self._last = time.monotonic()
        self._task: asyncio.Task[None] | None = None

    async def add(self, rows: Rows) -> None:
        """Take rows; at times this commits, while the requests in flight go on.

        Raises
        ------
        StoreError
            If an earlier commit failed.
        """
        self._rows.append(rows)
        self._count += rows.batch.num_rows
        waited = time.monotonic() - self._last
        if self._count >= self._every_rows or waited >= self._every_seconds:
            await self._settled()
            batch, self._rows, self._count = self._rows, [], 0
            self._last = time.monotonic()
            self._task = asyncio.create_task(self._commit(batch))

    async def finish(self) -> None:
        """Commit what is left.

        Raises
        ------
        StoreError
            If that is not possible; the next run does it.
        """
        await self._settled()
        batch, self._rows, self._count = self._rows, [], 0
        if batch:
            await self._commit(batch)

    async def _settled(self) -> None:
        task, self._task = self._task, None
        if task:
            await task

    async def _commit(self, batch: list[Rows]) -> None:
        began = time.monotonic()
        while True:
            try:
                summary = await asyncio.to_thread(self._write, batch)
                break
            except LockedError as error:
                patience = min(self._patience, _HURRY) if self._is_stopped() else self._patience
                if time.monotonic() - began >= patience:
                    raise LockedError(
                        f"{error.message}; what was generated is not among the assertions yet",
                        fix="wait until it has finished and run the same command again: the "
                        "replies are stored, so it costs nothing",
                    ) from None
                await asyncio.sleep(_AGAIN)
            except DiskFullError as error:
                raise DiskFullError(error.message, fix=_ROOM) from None
            except IntentKGError as error:
                if isinstance(error, StoreError) and not error.fix:
                    error.fix = _ROOM
                raise
        self.written.add(summary)

    def _write(self, batch: list[Rows]) -> Summary:
        with Transaction(self._directory, "generate") as transaction:
            for rows in batch:
                transaction.add(rows)
            return transaction.commit()


_ROOM = (
    "make room and run the same command again: every reply is stored, so it goes on where it "
    "stopped and pays nothing twice"
)
