"""Collect rows into Arrow batches of the schemas' exact types, and refusals beside them.

A reader adds what it finds and hands on what is full::

    out = Collector(path, source="twitter-sarcasm")
    for line in read_lines(path):
        with out.row(line.number, line.text):
            out.add("posts", {"external_id": "7", "text": line.text})
        yield from out.drain()
    yield from out.finish()
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa

from ingest.cleaning import BadValue
from ingest.cleaning import excerpt as cut
from ingest.sources import Problem
from ingest.validation import complete
from schema.errors import InputError, UsageError
from schema.identity import check_source
from schema.records import SCHEMAS, Item, Note, Rejection, Rows, Table

BATCH_ROWS = 8192
BATCH_BYTES = 16 * 1024 * 1024
HOPELESS = 1000
"""When so many rows were refused and none accepted, the file is not what it is taken for."""


class Collector:
    """Gathers rows, refusals and figures of one file.

    Every row is completed (ids) and checked by :mod:`ingest.validation`; one that does not pass
    becomes a :class:`~schema.records.Rejection` with its line.

    Parameters
    ----------
    file
        The file as the person named it.
    source
        Source name of the rows that name none.
    batch_rows, batch_bytes
        A batch is handed on when it has that many rows or, roughly, that many bytes of text.

    Raises
    ------
    UsageError
        If `source` is not a source name.

    Attributes
    ----------
    accepted
        How many rows were accepted; a reader that keeps rows elsewhere first counts them here.
    """

    def __init__(
        self,
        file: str | Path,
        *,
        source: str,
        batch_rows: int = BATCH_ROWS,
        batch_bytes: int = BATCH_BYTES,
    ) -> None:
        self.file = str(file)
        self.source = check_source(source)
        self._rows = batch_rows
        self._bytes = batch_bytes
        self._open: dict[Table, _Batch] = {}
        self._ready: deque[Item] = deque()
        self._notes: Counter[str] = Counter()
        self._refused = 0
        self._first: Rejection | None = None
        self.accepted = 0

    def add(
        self, table: Table, row: Mapping[str, Any], *, line: int, excerpt: str | None = None
    ) -> bool:
        """Add one row, or refuse it. Returns whether it was accepted."""
        return self.add_all([(table, row)], line=line, excerpt=excerpt)

    def add_all(
        self,
        rows: Iterable[tuple[Table, Mapping[str, Any]]],
        *,
        line: int,
        excerpt: str | None = None,
    ) -> bool:
        """Add rows that stand or fall together, such as a co-buy and its two products.

        Returns whether they were accepted; if not, there is one rejection for all of them.
        """
        rows = list(rows)
        try:
            checked = [(table, complete(table, row, self.source)) for table, row in rows]
        except BadValue as bad:
            shown = excerpt if excerpt is not None else _show(rows)
            self.reject(line, bad.reason, bad.fix, shown)
            return False
        except UsageError as error:
            raise TypeError(str(error)) from error  # a reader made up a bad source name
        self.accepted += 1
        for table, row in checked:
            batch = self._open.get(table)
            if batch is None:
                batch = self._open[table] = _Batch(table, self.file)
            batch.add(row, line)
            if len(batch.lines) >= self._rows or batch.size >= self._bytes:
                self._ready.append(self._open.pop(table).rows())
        return True

    def check(self, table: Table, row: Mapping[str, Any]) -> None:
        """Raise a :class:`~ingest.cleaning.BadValue` if a row would not be accepted."""
        complete(table, row, self.source)

    def reject(self, line: int | None, reason: str, fix: str, excerpt: str | None = None) -> None:
        """Refuse a line for a reason, with what would make it acceptable.

        Raises
        ------
        InputError
            If the first :data:`HOPELESS` rows were refused, and none accepted.
        """
        shown = None if excerpt is None else cut(excerpt) or None
        rejection = Rejection(self.file, line, reason, fix, shown)
        self._ready.append(rejection)
        self._first = self._first or rejection
        self._refused += 1
        if self._refused >= HOPELESS and not self.accepted:
            raise InputError(
                f"none of the first {HOPELESS:,} rows can be used; the first was refused because: "
                f"{self._first.reason}",
                file=self.file,
                row=self._first.row,
                fix=f"{self._first.fix}; or name another --format",
            )

    def problem(self, line: int, problem: Problem, excerpt: str | None = None) -> None:
        """Refuse a line for a problem that was found when it was read."""
        self.reject(line, problem.reason, problem.fix, excerpt)

    def row(self, line: int, excerpt: str | None = None) -> _Guard:
        """Guard a block: a :class:`~ingest.cleaning.BadValue` in it refuses that line."""
        return _Guard(self, line, excerpt)

    def note(self, label: str, count: int = 1) -> None:
        """Count something that the file's report shall state. A count of 0 is stated too."""
        self._notes[label] += count

    def drain(self) -> Iterator[Item]:
        """Yield what is ready: full batches and refusals."""
        while self._ready:
            yield self._ready.popleft()

    def finish(self) -> Iterator[Item]:
        """Yield everything that is left, then the notes. Call it once, at the end."""
        yield from self.drain()
        for table in SCHEMAS:
            if table in self._open:
                yield self._open.pop(table).rows()
        for label, count in self._notes.items():
            yield Note(label, count)


class _Guard:
    def __init__(self, out: Collector, line: int, excerpt: str | None) -> None:
        self._out = out
        self._line = line
        self._excerpt = excerpt

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if isinstance(error, BadValue):
            self._out.reject(self._line, error.reason, error.fix, self._excerpt)
            return True
        return False


class _Batch:
    """Rows of one table on their way into Arrow."""

    def __init__(self, table: Table, file: str) -> None:
        self.table = table
        self.file = file
        self.size = 0
        self.lines: list[int] = []
        self._data: list[dict[str, Any]] = []
        self._stubs: set[tuple[str, str | None]] = set()

    def add(self, row: dict[str, Any], line: int) -> None:
        if self.table == "products" and self._is_repeated_stub(row):
            return
        self._data.append(row)
        self.lines.append(line)
        for value in row.values():
            if isinstance(value, str | list):
                self.size += len(value) if isinstance(value, str) else _size(value)

    def _is_repeated_stub(self, row: dict[str, Any]) -> bool:
        # Both ends of every pair come as product rows; the same two words once a batch will do.
        if any(row[name] is not None for name in _DETAILS):
            return False
        key = (row["id"], row["title"])
        if key in self._stubs:
            return True
        self._stubs.add(key)
        return False

    def rows(self) -> Rows:
        schema = SCHEMAS[self.table]
        columns = [
            pa.array([row[field.name] for row in self._data], type=field.type) for field in schema
        ]
        batch = pa.RecordBatch.from_arrays(columns, schema=schema)
        return Rows(self.table, batch, pa.array(self.lines, type=pa.int64()), self.file)


_DETAILS = tuple(
    name for name in SCHEMAS["products"].names if name not in ("id", "source", "title")
)


def _size(members: list[Any]) -> int:
    return sum(
        len(m) if isinstance(m, str) else sum(len(v) for v in m.values() if v) if m else 0
        for m in members
    )


def _show(rows: list[tuple[Table, Mapping[str, Any]]]) -> str:
    """Show refused rows where the reader gave no excerpt of the file."""
    return "; ".join(
        ", ".join(f"{k}={v}" for k, v in row.items() if v is not None and k != "attributes")
        for _, row in rows
    )[:1000]
