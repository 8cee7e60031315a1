"""A stream of items through an async function: many at once, bounded, as they are done."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Sequence,
)

from generation import turns
from schema.errors import IntentKGError

_CHUNK = 256  # items that are looked up at once

type Ready[T, R] = tuple[T, R | None]


def looked_up[T, R](
    items: Iterable[T], known: Callable[[Sequence[T]], Sequence[R | None]]
) -> Iterator[Ready[T, R]]:
    """Pair items with the results that are known already, None with the others."""
    source = iter(items)
    while chunk := list(itertools.islice(source, _CHUNK)):
        yield from zip(chunk, known(chunk), strict=True)


def unready[T](
    items: Iterable[T] | AsyncIterable[T],
) -> Iterator[Ready[T, None]] | AsyncIterator[Ready[T, None]]:
    """Pair every item with None."""
    if isinstance(items, AsyncIterable):
        return ((item, None) async for item in items)
    return ((item, None) for item in items)


async def flow[T, R](
    function: Callable[[T], Awaitable[R]],
    source: Iterator[Ready[T, R]] | AsyncIterator[Ready[T, R]],
    window: int,
    stopped: Callable[[], IntentKGError | None],
) -> AsyncGenerator[tuple[T, R]]:
    """Yield items with their results as they are done; `window` are worked on at once.

    Each item has a turn of its own, by the order in which they are begun: `generation.turns`.

    An `IntentKGError` in one item ends the stream: no new items are begun, the others are
    awaited, and it is raised. So it does when `stopped` gives an error while items are left. Any
    other exception is raised at once and cancels the others.
    """
    work = _Work(function, source)
    try:
        while True:
            if not (work.error or stopped()):
                await work.fill(window)
            for item, result in work.take():
                yield item, result
            if work.is_over(stopped=stopped() is not None):
                break
            await work.wait()
    finally:
        await work.cancel()
    if error := work.error or (None if work.exhausted else stopped()):
        raise error


class _Work[T, R]:
    """What is being worked on, and what is done but not taken yet."""

    def __init__(
        self,
        function: Callable[[T], Awaitable[R]],
        source: Iterator[Ready[T, R]] | AsyncIterator[Ready[T, R]],
    ) -> None:
        self.error: IntentKGError | None = None
        self._function = function
        self._source = source
        self._next: asyncio.Task[Ready[T, R]] | None = None
        self.exhausted = False
        self._begun = itertools.count()
        self._active: set[asyncio.Task[R]] = set()
        self._done: deque[tuple[T, R | asyncio.Task[R]]] = deque()
        self._wake = asyncio.Event()

    async def fill(self, window: int) -> None:
        """Begin as many items as fit."""
        while not self.exhausted and len(self._active) < window and len(self._done) < window:
            if isinstance(self._source, AsyncIterator):
                if not self._fetch(self._source):
                    return
                continue
            try:
                entry = next(self._source)
            except StopIteration:
                self.exhausted = True
                return
            self._begin(*entry)
        await asyncio.sleep(0)

    def take(self) -> Iterator[tuple[T, R]]:
        """Give out what is done."""
        while self._done:
            item, result = self._done.popleft()
            if isinstance(result, asyncio.Task):
                try:
                    result = result.result()
                except IntentKGError as error:
                    self.error = self.error or error
                    continue
            yield item, result

    def is_over(self, *, stopped: bool) -> bool:
        """See whether nothing is left to do."""
        idle = not self._active and not self._done
        return idle and (self.exhausted or stopped or self.error is not None)

    async def wait(self) -> None:
        """Wait until something is done or can be begun."""
        if self._done or not (self._active or self._next):
            return
        await self._wake.wait()
        self._wake.clear()

    async def cancel(self) -> None:
        """Cancel what is left."""
        left: list[asyncio.Task[object]] = [*self._active]
        if self._next:
            left.append(self._next)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for _, result in self._done:
            if isinstance(result, asyncio.Task) and not result.cancelled():
                result.exception()  # seen

    def _fetch(self, source: AsyncIterator[Ready[T, R]]) -> bool:
        """Take the next item of an async source if it is there; else it wakes us."""
        if self._next is None:
            self._next = asyncio.ensure_future(anext(source))
            self._next.add_done_callback(lambda _: self._wake.set())
        if not self._next.done():
            return False
        task, self._next = self._next, None
        try:
            entry = task.result()
        except StopAsyncIteration:
            self.exhausted = True
            return False
        self._begin(*entry)
        return True

    def _begin(self, item: T, result: R | None) -> None:
        if result is not None:
            self._done.append((item, result))
            return
        task = turns.begin(self._function(item), next(self._begun))
        self._active.add(task)

        def finished(task: asyncio.Task[R]) -> None:
            self._active.discard(task)
            self._done.append((item, task))
            self._wake.set()

        task.add_done_callback(finished)
