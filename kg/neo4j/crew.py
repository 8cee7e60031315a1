"""Threads that write at the same time without ever getting into each other's way.

Neo4j locks the nodes at both ends of an edge that is being made, from then until the commit. Two
transactions that lock the same nodes in another order block each other until the server kills one
of them. So nodes are divided into buckets by their ids, an edge belongs to the buckets of its two
ends, and a batch is begun only when no other batch works in one of its buckets.

That is not all: with its commit, an edge also locks the edge that came before it at each end,
whose other end may lie in any bucket. So edges are made at the same time, but committed in turn.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

WRITERS = 2
"""Threads. More would not help: what is committed in turn is half of the work."""

BUCKETS = 2 * WRITERS

_WAITING = 4 * WRITERS  # batches that may wait, so that memory stays bounded


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Something to run, and the buckets that nobody else may work in meanwhile."""

    run: Callable[[], None]
    buckets: frozenset[int] = frozenset()


class Crew:
    """A few threads; a context manager.

    The first error of a task ends the others, and is raised by the next call.

    Parameters
    ----------
    stop
        Called when the crew is to give up, so that nobody goes on waiting.
    writers
        How many threads.
    """

    def __init__(self, stop: Callable[[], None], *, writers: int = WRITERS) -> None:
        self._stop = stop
        self._changed = threading.Condition()
        self._waiting: list[Task] = []
        self._running: list[Task] = []
        self._error: BaseException | None = None
        self._over = False
        self._turn = threading.Lock()
        self._threads = [
            threading.Thread(target=self._work, name=f"neo4j-writer-{n}", daemon=True)
            for n in range(writers)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._over = True
            self._waiting.clear()
            self._changed.notify_all()
        self._stop()
        for thread in self._threads:
            thread.join()

    def add(self, task: Task) -> None:
        """Give the crew a task; waits while it has enough to do."""
        with self._changed:
            self._changed.wait_for(lambda: self._error or len(self._waiting) < _WAITING)
            self._raise()
            self._waiting.append(task)
            self._changed.notify_all()

    def drain(self) -> None:
        """Wait until everything is done."""
        with self._changed:
            self._changed.wait_for(lambda: self._error or not (self._waiting or self._running))
            self._raise()

    def turn(self) -> Turn:
        """Something to hold while edges are committed."""
        return Turn(self._turn)

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _next(self) -> Task | None:
        """Take the first task whose buckets are free; None when there will be no more."""
        while not self._over and self._error is None:
            taken = frozenset().union(*(task.buckets for task in self._running))
            for task in self._waiting:
                if not task.buckets & taken:
                    self._waiting.remove(task)
                    self._running.append(task)
                    return task
            self._changed.wait()
        return None

    def _work(self) -> None:
        while True:
            with self._changed:
                task = self._next()
            if task is None:
                return
            try:
                task.run()
            except BaseException as error:
                with self._changed:
                    self._error = self._error or error
                self._stop()
            finally:
                with self._changed:
                    self._running.remove(task)
                    self._changed.notify_all()


class Turn:
    """A lock that one transaction takes before its commit and gives back after it."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self._mine = False

    def take(self) -> None:
        """Wait for the turn."""
        self._lock.acquire()
        self._mine = True

    def give(self) -> None:
        """Let the next one; does nothing for one whose turn it is not."""
        if self._mine:
            self._mine = False
            self._lock.release()
