"""How many requests may be on their way at once, and how many a minute."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from dataclasses import dataclass

from generation import turns


class Gate:
    """Bounds the requests in flight, and adapts to a server that says "too many".

    Each refusal (429) takes the bound down by three tenths, at most once in the time that a
    request takes; each success raises it by one part in its size, up to `most` again: additive
    increase, multiplicative decrease, as in TCP. Those that wait go in by their turns (see
    `generation.turns`), and of one turn as they came.

    Parameters
    ----------
    most
        Most requests in flight; the bound begins there.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.bound = float(most)
        self.in_flight = 0
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []  # a heap
        self._ticket = itertools.count()
        self._closed_until = 0.0
        self._shrunk = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._error: BaseException | None = None

    async def enter(self) -> None:
        """Wait for a place; every `enter` needs its `leave`.

        Raises
        ------
        BaseException
            The error that `shut` was called with.
        """
        if self._error:
            raise self._error
        if not self._queue and self._is_free():
            self.in_flight += 1
            return
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (turns.current().number, next(self._ticket), future))
        self._open_later()
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and not future.exception():
                self.leave()  # the place had been given in the meantime
            raise

    def leave(self) -> None:
        """Give the place back."""
        self.in_flight -= 1
        self._let_in()

    def succeeded(self) -> None:
        """Note a success: the bound may grow."""
        if self.bound < self.most:
            self.bound = min(self.most, self.bound + 1 / self.bound)
            self._let_in()

    def refused(self, sent: float, wait: float) -> None:
        """Note that a request sent at `sent` was one too many; nobody enters for `wait` seconds."""
        now = time.monotonic()
        if sent > self._shrunk:  # those sent before the bound came down say nothing new
            self.bound = max(1.0, self.bound * 0.7)
            self._shrunk = now
        self._closed_until = max(self._closed_until, now + wait)

    def shut(self, error: BaseException) -> None:
        """Let nobody in any more: all that wait or come get the error."""
        self._error = error
        waiting, self._queue = self._queue, []
        for _, _, future in waiting:
            if not future.done():
                future.set_exception(error)

    def _is_free(self) -> bool:
        return self.in_flight < int(self.bound) and (
            self._closed_until == 0.0 or time.monotonic() >= self._closed_until
        )

    def _let_in(self) -> None:
        while self._queue and self._is_free():
            _, _, future = heapq.heappop(self._queue)
            if not future.done():
                self.in_flight += 1
                future.set_result(None)
        self._open_later()

    def _open_later(self) -> None:
        wait = self._closed_until - time.monotonic() if self._closed_until else 0.0
        if self._queue and wait > 0 and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait + 0.001, self._open)

    def _open(self) -> None:
        self._timer = None
        self._let_in()


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server allows in a minute; None: no limit.

    Attributes
    ----------
    requests
        Requests a minute.
    tokens
        Tokens a minute, prompt and completion together.
    """

    requests: float | None = None
    tokens: float | None = None


class Pace:
    """Spaces requests out, so that a limit per minute is kept in every stretch of a minute.

    The budget of a minute flows in steadily; at most three seconds' worth of it is saved up.
    """

    def __init__(self, limits: Limits) -> None:
        self._buckets = [
            _Bucket(limit) if limit else None for limit in (limits.requests, limits.tokens)
        ]

    @property
    def is_limited(self) -> bool:
        """See whether there is any limit."""
        return any(self._buckets)

    async def wait(self, tokens: int) -> None:
        """Wait until one more request of about that many tokens is allowed."""
        pairs = zip(self._buckets, (1, tokens), strict=True)
        delay = max((bucket.take(amount) for bucket, amount in pairs if bucket), default=0.0)
        if delay > 0:
            await asyncio.sleep(delay)

    def correct(self, tokens: int) -> None:
        """Take that many tokens more (or, if negative, give them back): the estimate was off."""
        bucket = self._buckets[1]
        if bucket:
            bucket.take(tokens)


class _Bucket:
    """A bucket that may be overdrawn: the debt is how long to wait."""

    def __init__(self, per_minute: float) -> None:
        self._rate = per_minute / 60
        self._most = max(1.0, self._rate * 3)
        self._level = self._most
        self._filled = time.monotonic()

    def take(self, amount: float) -> float:
        """Take an amount; returns the seconds until it has flowed in."""
        now = time.monotonic()
        self._level = min(self._most, self._level + (now - self._filled) * self._rate)
        self._filled = now
        self._level = min(self._most, self._level - amount)
        return max(0.0, -self._level / self._rate)
