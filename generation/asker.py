"""Asks one request until there is an outcome, and stores it: retries, bounds, stopping."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any

from tenacity import AsyncRetrying, retry_if_exception

from generation import turns
from generation.budget import Ledger, Reservation
from generation.lane import Attempt, Lane, Patience, Trouble
from generation.pricing import Prices, expected_tokens
from generation.requests import Failure, Image, Images, Outcome, Reply, Request
from generation.stats import Stats
from generation.store import RequestStore
from schema.errors import (
    BackendError,
    IntentKGError,
    InterruptedRunError,
    RequestFailedError,
    UsageError,
)

type Pending = tuple[Outcome, asyncio.Future[None] | None]


class Asker:
    """Puts single requests to lanes until the run stops.

    Parameters
    ----------
    lanes
        All lanes, to be shut when the run stops.
    """

    def __init__(
        self,
        store: RequestStore,
        lanes: Iterable[Lane],
        ledger: Ledger,
        *,
        prices: Prices,
        patience: Patience,
        images: Images | None,
        stats: Stats,
    ) -> None:
        self.stopped: IntentKGError | None = None
        self._store = store
        self._lanes = list(lanes)
        self._ledger = ledger
        self._prices = prices
        self._patience = patience
        self._images = images
        self._stats = stats
        self._attempts: set[Attempt] = set()
        self._wake = asyncio.Event()

    async def answer(self, lane: Lane, request: Request, before: int) -> Outcome:
        """Ask until there is an outcome; it is durable on return.

        Parameters
        ----------
        before
            How often the request was tried in earlier runs.

        Raises
        ------
        IntentKGError
            If the run has to stop.
        """
        if self.stopped:
            raise self.stopped
        self._store.check_room()
        tries = 0

        async def attempt() -> Pending:
            nonlocal tries
            tries += 1
            return await self._attempt(lane, request, tries)

        try:
            try:
                outcome, durable = await attempt()
            except (RequestFailedError, BackendError) as error:
                if not Trouble.is_passing(error):
                    raise
                outcome, durable = await self._persist(lane, attempt, error)
        except RequestFailedError as error:
            reason: Any = error.reason
            outcome = Failure(reason, error.message, tries)
            durable = self._fail(lane, request, outcome, error)
        if durable:
            await durable
        if before and isinstance(outcome, Failure):
            return replace(outcome, tries=before + outcome.tries)
        return outcome

    def stop(self, error: IntentKGError | None) -> None:
        """Send nothing more; see `Session.stop`."""
        first = self.stopped is None
        if self.stopped is None:
            self.stopped = error or InterruptedRunError(
                "the run was stopped; every reply that came is stored",
                fix="run the same command again: it goes on where it stopped",
            )
            self._wake.set()
            for lane in self._lanes:
                lane.gate.shut(self.stopped)
            self._ledger.shut(self.stopped)
        if error is None:
            grace = self._patience.grace if first else 0.0
            asyncio.get_running_loop().call_later(grace, self.call_off)

    def call_off(self) -> None:
        """Give up what is in flight."""
        for attempt in list(self._attempts):
            attempt.call_off()

    async def _attempt(self, lane: Lane, request: Request, tries: int) -> Pending:
        """Ask once; the place at the gate is given back when the reply is stored."""
        reserved: Reservation | None = None
        reply: Reply | None = None
        lost = stored = False
        await lane.gate.enter()
        try:
            # Not before it is its turn: else the budget is shared out to heads that come later.
            reserved = await self._ledger.reserve(request) if self._ledger.is_bound else None
            guess = 0
            if lane.pace.is_limited:
                expected = expected_tokens(request)
                guess = expected.prompt + expected.completion
                await lane.pace.wait(guess)
            images = await self._load(request)
            if self.stopped:
                raise self.stopped
            lost = True
            try:
                reply = await self._send(lane, request, images)
            except RequestFailedError as error:
                lost = error.maybe_paid
                raise
            except BackendError:
                lost = False
                raise
            lost = False
            reply = self._priced(request, reply)
            lane.succeeded()
            if guess:
                lane.pace.correct(reply.prompt_tokens + reply.completion_tokens - guess)
            outcome = judge(request, reply, tries)
            durable = self._store.put(request, outcome, tries=tries, on_stored=lane.gate.leave)
            stored = True
        finally:
            if not stored:
                lane.gate.leave()
            self._stats.lost += lost
            if reserved:
                self._ledger.settle(reserved, reply, lost=lost)
        return outcome, durable

    async def _send(self, lane: Lane, request: Request, images: Sequence[Image]) -> Reply:
        sent = monotonic()
        attempt = Attempt()
        self._attempts.add(attempt)
        turns.current().sent += 1
        try:
            async with attempt:
                return await lane.complete(request, images)
        except RequestFailedError as error:
            if error.reason == "rate_limit":
                self._stats.rate_limited += 1
                lane.gate.refused(sent, error.retry_after or self._patience.first_wait)
            raise
        except TimeoutError:  # only `call_off` does that
            raise self.stopped or InterruptedRunError("the run has ended") from None
        finally:
            self._attempts.discard(attempt)

    async def _persist(
        self, lane: Lane, attempt: Callable[[], Awaitable[Pending]], error: Exception
    ) -> Pending:
        """Try again, ever more slowly, what has failed once on the way."""
        trouble = Trouble(self._patience, lane)
        first: Exception | None = error

        async def again() -> Pending:
            nonlocal first
            if first is not None:  # the try that was made already counts
                failed, first = first, None
                raise failed
            self._stats.retries += 1
            return await attempt()

        retrying = AsyncRetrying(
            retry=retry_if_exception(trouble.is_passing),
            stop=trouble.gives_up,
            wait=trouble.wait,
            sleep=self._sleep,
            reraise=True,
        )
        return await retrying(again)

    def _fail(
        self, lane: Lane, request: Request, outcome: Failure, error: RequestFailedError
    ) -> asyncio.Future[None] | None:
        """Store a failure; too many in a row end the run."""
        if outcome.reason == "missing":  # no model was asked: nothing to keep
            return None
        lane.failed_in_row += 1
        durable = self._store.put(request, outcome, tries=outcome.tries)
        if lane.failed_in_row >= self._patience.breaker and not self.stopped:
            self.stop(
                BackendError(
                    f"{lane.failed_in_row} requests in a row have failed at {lane.backend.name}; "
                    f"the last one: {error.message}",
                    fix=error.fix or "see that the server is well, then run the same command again",
                )
            )
        return durable

    async def _sleep(self, seconds: float) -> None:
        """Sleep, unless the run stops."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        if self.stopped:
            raise self.stopped

    async def _load(self, request: Request) -> Sequence[Image]:
        names = request.images
        if not names:
            return ()
        if self._images is None:
            raise UsageError(
                "a request shows images, but the run was given none",
                fix="pass images=, a function from an image's name to its bytes",
            )
        load = self._images
        return await asyncio.to_thread(lambda: [load(name) for name in names])

    def _priced(self, request: Request, reply: Reply) -> Reply:
        served = reply.served_model
        if served and served != request.model and not served.startswith(request.model):
            self._stats.warnings[f"asked for model {request.model!r}; {served!r} answered"] = None
        rate = self._prices.rate(request.model)
        if rate is None or reply.price is not None:
            return reply
        price = rate.price(reply.prompt_tokens, reply.cached_tokens, reply.completion_tokens)
        return replace(reply, price=price)


def judge(request: Request, reply: Reply, tries: int = 1) -> Outcome:
    """Tell a reply from one that cannot be used."""
    if reply.finish_reason in ("refusal", "content_filter"):
        said = " ".join(reply.text.split())[:200]
        return Failure("refusal", f"the model declined: {said}", tries, reply)
    return fit(request, reply, tries)


def fit(request: Request, outcome: Outcome, tries: int = 1) -> Outcome:
    """See a reply that was cut off as this request wants to see it."""
    if isinstance(outcome, Reply):
        if outcome.finish_reason == "length" and not (
            request.accept_cut_off and outcome.text.strip()
        ):
            limit = f"the reply reached the limit of {outcome.completion_tokens} tokens"
            return Failure("cut_off", limit, tries, outcome)
    elif outcome.reason == "cut_off" and outcome.reply and request.accept_cut_off:
        return fit(request, outcome.reply, outcome.tries)
    return outcome
