"""Whose turn it is: requests of the heads that were begun first go first.

Many heads are worked on at once, so that the server is never idle. Were their requests served as
they come, all heads would be half done for most of the run, and a run that is stopped would have
finished none. So a head has a number, which all that is asked about it carries along.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Turn:
    """One item of a stream, such as a head.

    Attributes
    ----------
    number
        Its place in the order in which items were begun.
    sent
        Requests that were put to a model for it.
    """

    number: int = -1
    sent: int = 0


# Tasks take over the context of the one that starts them, so all tasks of a head share its turn.
_current: ContextVar[Turn | None] = ContextVar("turn", default=None)


def current() -> Turn:
    """Give the turn of what is running; outside all streams it is before all others."""
    return _current.get() or Turn()


def begin[T](work: Awaitable[T], number: int) -> asyncio.Task[T]:
    """Start a task that has a turn of its own."""
    token = _current.set(Turn(number))
    try:
        return asyncio.ensure_future(work)
    finally:
        _current.reset(token)


async def gather_all[T](work: Iterable[Awaitable[T]]) -> list[T]:
    """Give all results in order; where some fail, the first error, once all have come to an end.

    `asyncio.gather` raises at once and leaves the others running unseen: what they pay for would
    be in no report.
    """
    found: list[T] = []
    for one in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(one, BaseException):
            raise one
        found.append(one)
    return found
