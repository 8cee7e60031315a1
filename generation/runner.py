"""Puts requests to models: each once, stored before it is used, within bounds.

`run` takes a stream of requests. A pipeline whose later requests depend on earlier replies is an
async function per head that awaits `Session.ask`; `Session.map` runs it over a stream of heads::

    async with Session(backend, store, concurrency=64) as session:
        async def pipeline(head):
            description = await session.ask(describe(head))
            return await session.ask(intend(head, description))
        async for head, outcome in session.map(pipeline, heads):
            ...

Memory is bounded by the window of heads, whatever their number. A failure of one request is a
`Failure` among the outcomes. What ends a run (budget, Ctrl-C, a server that is gone, a full disk)
is raised once what was in flight has been stored; a second run goes on from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from time import monotonic
from typing import Any, Self

from generation import turns
from generation.asker import Asker, fit
from generation.backends import Backend
from generation.budget import Budget, Ledger
from generation.flow import flow, looked_up, unready
from generation.lane import Lane, Patience
from generation.limits import Limits
from generation.pricing import Prices
from generation.requests import TRANSIENT, Failure, Images, Outcome, Reason, Reply, Request
from generation.stats import Stats
from generation.store import RequestStore
from generation.turns import gather_all
from schema.errors import IntentKGError

type Progress = Callable[[Stats], None]
type OnReply = Callable[[Request, Outcome], None]

_PROGRESS = 0.2  # seconds between two calls


class Session:
    """One run: asks, stores, counts, and stops.

    Parameters
    ----------
    backend
        Who answers.
    store
        Where replies are kept, and looked up first.
    routes
        Backends (or `Lane` objects with their own bounds) for single stages; the others go to
        `backend`.
    concurrency
        Most requests in flight on `backend`; None: what suits it.
    budget
        What this run may spend at most.
    limits
        What the server allows in a minute.
    prices
        Prices by model; without them replies have no price.
    retry_failed
        Ask again what has failed in an earlier run, whatever the reason. Without it only what
        failed on the way (transport, rate limit, server) is asked again.
    images
        Turns an image's name into its bytes (called in a thread).
    patience
        How often and how long to try.
    progress
        Called with the figures so far, five times a second at most.
    on_reply
        Called with each outcome that was asked for, once it is durable.
    before
        Awaited once, before the first request that the store cannot answer is sent. An error in
        it ends the run.
    """

    def __init__(
        self,
        backend: Backend,
        store: RequestStore,
        *,
        routes: Mapping[str, Backend | Lane] | None = None,
        concurrency: int | None = None,
        budget: Budget | None = None,
        limits: Limits | None = None,
        prices: Prices | None = None,
        retry_failed: bool = False,
        images: Images | None = None,
        patience: Patience | None = None,
        progress: Progress | None = None,
        on_reply: OnReply | None = None,
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.store = store
        self.stats = Stats()
        self._lane = Lane(backend, concurrency=concurrency, limits=limits)
        self._routes = {
            stage: found if isinstance(found, Lane) else Lane(found)
            for stage, found in (routes or {}).items()
        }
        prices = prices or Prices()
        self._asker = Asker(
            store,
            self._lanes(),
            Ledger(budget, prices),
            prices=prices,
            patience=patience or Patience(),
            images=images,
            stats=self.stats,
        )
        self._retry_failed = retry_failed
        self._progress = progress
        self._on_reply = on_reply
        self._before = before
        self._getting_ready: asyncio.Task[None] | None = None
        self._asking: dict[str, asyncio.Future[Outcome]] = {}
        self._asked_again: set[str] = set()
        self._told = 0.0

    # -- asking ----------------------------------------------------------------------------------

    async def ask(self, request: Request, *, again: bool = False, early: bool = False) -> Outcome:
        """Answer a request: from the store if it can, else by asking the model.

        Parameters
        ----------
        again
            Ask once more if the stored outcome is a failure.
        early
            It belongs to what is done `before` all others.

        Raises
        ------
        IntentKGError
            If the run has to stop.
        """
        self.stats.asked += 1
        key = request.key
        while (other := self._asking.get(key)) is not None:
            # The same request is on its way: its outcome is ours too, unless it was given up.
            await asyncio.wait([other])
            if not other.cancelled():
                outcome = fit(request, other.result())
                self.stats.add_known(outcome)
                return outcome
        known = self.store.get(key)
        if known is not None and not self._is_due(key, known := fit(request, known), again=again):
            self.stats.add_known(known)
            return known
        future = self._asking[key] = asyncio.get_running_loop().create_future()
        try:
            if self._before and not early:
                await self._get_ready(self._before)
            before = known.tries if isinstance(known, Failure) else 0
            lane = self._routes.get(request.stage, self._lane)
            outcome = await self._asker.answer(lane, request, before)
            if before or isinstance(outcome, Failure):
                self._asked_again.add(key)
            future.set_result(outcome)
        except asyncio.CancelledError:
            future.cancel()
            raise
        except BaseException as error:
            if isinstance(error, IntentKGError):
                self.stop(error)
            future.set_exception(error)
            future.exception()  # whoever waits for it sees it; nobody has to
            raise
        finally:
            del self._asking[key]
        self.stats.add(outcome)
        if self._on_reply:
            self._on_reply(request, outcome)
        self._tell()
        return outcome

    async def ask_many(self, requests: Iterable[Request]) -> list[Outcome]:
        """Answer several requests at once; the outcomes are in their order."""
        return await gather_all(map(self.ask, requests))

    async def mark(
        self, request: Request, reason: Reason | None = "unparseable", message: str = ""
    ) -> None:
        """Mark a reply as not usable, or (None) as usable after all; see `RequestStore.mark`."""
        await self.store.mark(request.key, reason, message)
        if reason:
            self.stats.failures[reason] += 1

    async def run(
        self, requests: Iterable[Request] | AsyncIterable[Request], *, window: int | None = None
    ) -> AsyncGenerator[tuple[Request, Outcome]]:
        """Yield each request with its outcome, as they come; what the store has comes at once.

        Raises
        ------
        IntentKGError
            What ended the run, after the outcomes that were on their way.
        """
        if isinstance(requests, AsyncIterable):
            source: Any = unready(requests)
        else:
            source = looked_up(requests, self._known)
        size = window or self.window
        async with aclosing(flow(self.ask, source, size, lambda: self.stopped)) as pairs:
            async for pair in pairs:
                yield pair

    async def map[T, R](
        self,
        function: Callable[[T], Awaitable[R]],
        items: Iterable[T] | AsyncIterable[T],
        *,
        window: int | None = None,
    ) -> AsyncGenerator[tuple[T, R]]:
        """Yield each item with the function's result, as they are done, `window` at once.

        Raises
        ------
        IntentKGError
            What ended the run, after the items that could still be finished.
        """
        size = window or self.window
        source = unready(items)
        async with aclosing(flow(function, source, size, lambda: self.stopped)) as pairs:
            async for pair in pairs:
                yield pair

    @property
    def window(self) -> int:
        """How many heads are worked on at once by `map` and `run`, if not said otherwise."""
        return sum(2 * lane.gate.most + 64 for lane in self._lanes())

    # -- stopping --------------------------------------------------------------------------------

    @property
    def stopped(self) -> IntentKGError | None:
        """Why no more requests are sent; None while they are."""
        return self._asker.stopped

    def stop(self, error: IntentKGError | None = None) -> None:
        """Send no more requests; what is in flight is awaited.

        Without an error it is a person who stops the run: then what is in flight is awaited for
        the grace period only, and not at all when called a second time.
        """
        self._asker.stop(error)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._asker.call_off()
        if self._getting_ready:
            self._getting_ready.cancel()
            await asyncio.gather(self._getting_ready, return_exceptions=True)
        self.store.flush()
        self._tell(force=True)

    # -- inside ----------------------------------------------------------------------------------

    async def _get_ready(self, before: Callable[[], Awaitable[None]]) -> None:
        """Do once what comes before all requests; whoever comes meanwhile waits for it."""
        if self._getting_ready is None:
            self._getting_ready = turns.begin(before(), -1)
        await asyncio.shield(self._getting_ready)
        self._before = None

    def _known(self, requests: Sequence[Request]) -> list[Outcome | None]:
        """Look up what needs no asking."""
        stored = self.store.get_many([request.key for request in requests])
        found: list[Outcome | None] = []
        for request in requests:
            outcome = stored.get(request.key)
            if outcome is not None:
                outcome = fit(request, outcome)
                if self._is_due(request.key, outcome, again=False):
                    outcome = None
                else:
                    self.stats.asked += 1
                    self.stats.add_known(outcome)
            found.append(outcome)
        return found

    def _is_due(self, key: str, known: Outcome, *, again: bool) -> bool:
        """See whether a stored outcome is to be asked for anew: a failure, once in a run."""
        if isinstance(known, Reply):
            return False
        if again:
            return True
        if key in self._asked_again:
            return False
        return self._retry_failed or known.reason in TRANSIENT

    def _lanes(self) -> list[Lane]:
        return [self._lane, *self._routes.values()]

    def _tell(self, *, force: bool = False) -> None:
        if self._progress and (force or monotonic() - self._told >= _PROGRESS):
            self._told = monotonic()
            self.stats.in_flight = sum(lane.gate.in_flight for lane in self._lanes())
            self._progress(self.stats)


async def run(
    requests: Iterable[Request] | AsyncIterable[Request],
    backend: Backend,
    store: RequestStore,
    **options: Any,
) -> AsyncGenerator[tuple[Request, Outcome]]:
    """Yield each request with its outcome; the options are those of `Session`."""
    async with (
        Session(backend, store, **options) as session,
        aclosing(session.run(requests)) as pairs,
    ):
        async for pair in pairs:
            yield pair


@contextlib.contextmanager
def stop_on_signals(session: Session) -> Iterator[None]:
    """Let Ctrl-C (and SIGTERM) stop the run cleanly; a second one waits for nothing."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        loop.add_signal_handler(number, session.stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
