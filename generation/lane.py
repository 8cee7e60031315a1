"""One backend with its bounds: how many at once, how many a minute, how patient."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from tenacity import RetryCallState, wait_exponential, wait_random

from generation.backends import Backend, BatchBackend
from generation.limits import Gate, Limits, Pace
from generation.requests import TRANSIENT, Image, Reply, Request
from schema.errors import RequestFailedError, ServerUnreachableError

_GATHER = 0.01  # seconds that a batch waits for company


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long to try.

    Attributes
    ----------
    tries
        Tries of one request that meets with transport or server errors.
    seconds
        How long one request may be put off by a server that says "too many".
    first_wait, longest_wait
        Seconds before the second try, and at most; doubled each time, with chance added.
    breaker
        Failed requests in a row, without a success between them, that end the run.
    grace
        Seconds that requests in flight are awaited after Ctrl-C.
    """

    tries: int = 5
    seconds: float = 600.0
    first_wait: float = 0.5
    longest_wait: float = 30.0
    breaker: int = 32
    grace: float = 10.0


class Lane:
    """A backend and its bounds.

    Parameters
    ----------
    concurrency
        Most requests in flight; None: what suits the backend.
    """

    def __init__(
        self, backend: Backend, *, concurrency: int | None = None, limits: Limits | None = None
    ) -> None:
        self.backend = backend
        self.gate = Gate(concurrency or backend.capabilities().concurrency)
        self.pace = Pace(limits or Limits())
        self.has_succeeded = False
        self.failed_in_row = 0
        if isinstance(backend, BatchBackend):
            self.complete = _Batcher(backend).complete
        else:
            self.complete = backend.complete

    def succeeded(self) -> None:
        """Note a reply."""
        self.has_succeeded = True
        self.failed_in_row = 0
        self.gate.succeeded()


class Trouble:
    """Decides, for one request that met with an error, whether and when to try again."""

    def __init__(self, patience: Patience, lane: Lane) -> None:
        self._patience = patience
        self._lane = lane
        self._failed = 0
        self._exponential = wait_exponential(
            multiplier=patience.first_wait, max=patience.longest_wait
        ) + wait_random(0, patience.first_wait)

    @staticmethod
    def is_passing(error: BaseException) -> bool:
        """See whether the same request may succeed later."""
        if isinstance(error, RequestFailedError):
            return error.reason in TRANSIENT
        return isinstance(error, ServerUnreachableError)

    def gives_up(self, state: RetryCallState) -> bool:
        """See whether patience has run out (a stop condition of tenacity's)."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, RequestFailedError) and error.reason == "rate_limit":
            return (state.seconds_since_start or 0.0) > self._patience.seconds
        self._failed += 1
        tries = self._patience.tries
        if isinstance(error, ServerUnreachableError) and not self._lane.has_succeeded:
            tries = min(tries, 3)  # it never was there: say so soon
        return self._failed >= tries

    def wait(self, state: RetryCallState) -> float:
        """Seconds until the next try (a wait strategy of tenacity's)."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, RequestFailedError) else None
        return max(asked or 0.0, self._exponential(state) if asked is None else 0.0)


class Attempt:
    """One request in flight, which can be called off."""

    __slots__ = ("_scope",)

    def __init__(self) -> None:
        self._scope = asyncio.timeout(None)

    async def __aenter__(self) -> None:
        await self._scope.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._scope.__aexit__(kind, error, traceback)

    def call_off(self) -> None:
        """Let the block end with a `TimeoutError`."""
        self._scope.reschedule(asyncio.get_running_loop().time())


class _Batcher:
    """Gathers the requests that wait and hands them to an engine together."""

    def __init__(self, backend: BatchBackend) -> None:
        self._backend = backend
        self._waiting: list[tuple[Request, Sequence[Image], asyncio.Future[Reply]]] = []
        self._task: asyncio.Task[None] | None = None

    async def complete(self, request: Request, images: Sequence[Image]) -> Reply:
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, images, future))
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        try:
            await asyncio.sleep(_GATHER)
            while self._waiting:
                size = self._backend.batch_size
                batch, self._waiting = self._waiting[:size], self._waiting[size:]
                live = [entry for entry in batch if not entry[2].done()]
                await self._hand_over(live)
        finally:
            self._task = None

    async def _hand_over(
        self, batch: list[tuple[Request, Sequence[Image], asyncio.Future[Reply]]]
    ) -> None:
        try:
            answers = await self._backend.complete_many([entry[:2] for entry in batch])
        except Exception as error:
            for _, _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, _, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, RequestFailedError):
                future.set_exception(answer)
            else:
                future.set_result(answer)
