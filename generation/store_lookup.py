"""Looks outcomes up by key, and reads ahead where they are asked for in the order of the file.

A run that goes on asks first for what it has already, mostly in the order in which it was stored.
Keys lie scattered in SQLite's index, rows in that order in the file: fetching the neighbours of a
row that was found costs a fraction of finding each of them. As in a file system, only hits beside
one another start reading ahead; scattered look-ups do not.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from generation import store_rows
from generation.requests import Outcome

_AHEAD = 512  # rows that are read at once
_KEPT = 6  # as many times that are kept
_KEYS = 500  # keys in one look-up


class Lookup:
    """Finds outcomes over one connection.

    What the same connection changes has to be told to `forget`; beside another process that
    writes, an outcome may be the one of a moment ago.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._rows: dict[bytes, Sequence[Any]] = {}
        self._read: deque[tuple[int, list[bytes]]] = deque()
        self._near: deque[int] = deque(maxlen=4)

    def one(self, key: bytes) -> Outcome | None:
        """Give the outcome of one request; None if it has none."""
        row = self._rows.get(key) or self._find(key)
        return None if row is None else store_rows.outcome(row)

    def many(self, keys: Sequence[bytes]) -> list[Outcome | None]:
        """Give the outcomes of requests in their order, None where there is none."""
        outcome, rows = store_rows.outcome, self._rows
        if all(map(rows.__contains__, keys)):
            return [outcome(rows[key]) for key in keys]
        found: dict[bytes, Sequence[Any]] = {}
        left: Sequence[bytes] = keys
        while left:
            found.update((key, rows[key]) for key in left if key in rows)
            left = [key for key in left if key not in found]
            if not left or self._find(left[0]) is None or left[0] not in rows:
                break
        for start in range(0, len(left), _KEYS):
            part = left[start : start + _KEYS]
            wanted = store_rows.MANY.format(",".join("?" * len(part)))
            for key, number, *row in self._connection.execute(wanted, part).fetchall():
                found[key] = row
                self._met(number)
        return [outcome(found[key]) if key in found else None for key in keys]

    def forget(self, keys: Iterable[bytes]) -> None:
        """Forget what was read ahead of these: it has changed."""
        if self._rows:
            for key in keys:
                self._rows.pop(key, None)

    def _find(self, key: bytes) -> Sequence[Any] | None:
        row = self._connection.execute(store_rows.ONE, (key,)).fetchone()
        if row is None:
            return None
        number: int = row[0]
        found: Sequence[Any] = row[1:]
        if self._met(number):
            self._read_on(number // _AHEAD)
        return found

    def _met(self, number: int) -> bool:
        """Note a row that was found; tells whether others beside it were found shortly before."""
        block = number // _AHEAD
        here = (block, block - 1)
        beside = sum(near in here for near in self._near)
        beside += any(read in here for read, _ in self._read)
        self._near.append(block)
        return beside >= 2

    def _read_on(self, block: int) -> None:
        if any(block == read for read, _ in self._read):
            return  # the row was stored after that
        bounds = (block * _AHEAD, block * _AHEAD + _AHEAD - 1)
        rows = self._connection.execute(store_rows.RANGE, bounds).fetchall()
        self._rows.update((row[0], row[1:]) for row in rows)
        self._read.append((block, [row[0] for row in rows]))
        if len(self._read) > _KEPT:
            self.forget(self._read.popleft()[1])
