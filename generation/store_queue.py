"""Gathers what is to be written for a few milliseconds, so that many rows share one commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from generation.requests import Outcome, Reason, Request
from schema.errors import StoreError

_GATHER = 0.002  # seconds that a commit waits for company
_MOST = 512  # rows in one commit


class Write:
    """Something on its way into the store.

    Parameters
    ----------
    on_stored
        Called once it is committed, or could not be.
    put
        An outcome with the number of its tries.
    mark
        A key, and what its reply counts as.
    """

    __slots__ = ("future", "mark", "on_stored", "put")

    def __init__(
        self,
        future: asyncio.Future[None] | None = None,
        on_stored: Callable[[], None] | None = None,
        *,
        put: tuple[Request, Outcome, int] | None = None,
        mark: tuple[str, Reason | None, str] | None = None,
    ) -> None:
        self.future = future
        self.on_stored = on_stored
        self.put = put
        self.mark = mark

    @property
    def key(self) -> str:
        """Key of the request that it is about."""
        if self.put:
            return self.put[0].key
        assert self.mark
        return self.mark[0]

    def fail(self, error: StoreError) -> None:
        """Tell those who wait that it could not be stored."""
        if self.on_stored:
            self.on_stored()
        if self.future and not self.future.done():
            self.future.set_exception(error)


class Queue:
    """Writes that wait for their commit.

    Parameters
    ----------
    commit
        Commits a batch, or raises a `StoreError`.
    sync
        Is given the futures of what was committed, to resolve them when it is durable.
    """

    def __init__(
        self,
        commit: Callable[[list[Write]], None],
        sync: Callable[[list[asyncio.Future[None]]], None],
    ) -> None:
        self._commit = commit
        self._sync = sync
        self._pending: list[Write] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, write: Write) -> None:
        """Let it wait for company."""
        self._pending.append(write)
        if len(self._pending) >= _MOST:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_GATHER, self.flush)

    def flush(self) -> None:
        """Commit what is waiting."""
        if self._timer:
            self._timer.cancel()
        self._timer = None
        batch, self._pending = self._pending, []
        if not batch:
            return
        try:
            self._commit(batch)
        except StoreError as error:
            for write in batch:
                write.fail(error)
            return
        for write in batch:
            if write.on_stored:
                write.on_stored()
        self._sync([write.future for write in batch if write.future])
