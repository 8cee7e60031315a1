"""Rows of a CSV or TSV file; a malformed row is refused, and reading goes on with the next."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from ingest.columns import ColumnMap, TableRow
from ingest.dialect import Dialect, sniff_dialect
from ingest.sources import Line, Problem, read_lines
from schema.errors import InputError


def csv_rows(path: str | Path, head: str, mapping: ColumnMap, limit: int) -> Iterator[TableRow]:
    """Yield the rows of a delimited file whose beginning is `head`."""
    dialect = sniff_dialect(head, path)
    feed = _Feed(read_lines(path, limit=limit))
    records = dialect.reader(feed, limit)
    header: list[str] | None = None
    while True:
        feed.begin()
        cells: list[str] = []
        try:
            cells = next(records)
        except StopIteration:
            break
        except csv.Error as error:
            problem: Problem | None = _malformed(str(error), feed, dialect)
            feed.rewind()
        else:
            problem = feed.problem()
        if problem is not None:
            if header is None:
                raise InputError(
                    f"the header cannot be read: {problem.reason}",
                    file=str(path),
                    row=feed.start,
                    fix=problem.fix,
                )
            yield feed.refused(problem)
            continue
        if not cells or (len(cells) == 1 and not cells[0].strip()):
            continue
        if header is None:
            header = [cell.strip() for cell in cells]
            mapping.check(header)
            claimed = mapping.resolve(tuple(header))
            twice = next((n for n in claimed if header.count(n) > 1), None)
            if twice is not None:
                raise InputError(
                    f"two columns are called {twice!r}", file=str(path), fix="rename one of them"
                )
            continue
        if len(cells) != len(header):
            yield feed.refused(
                Problem(
                    f"{len(cells)} cells where the header has {len(header)}",
                    f"give the row {len(header)} cells, parted by {dialect.name}"
                    + (", and put a cell that holds one in quotes" if dialect.quoted else ""),
                )
            )
            continue
        mine, rest = mapping.split(header, cells)
        yield TableRow(feed.start, mine, rest, feed.text())
    if header is None:
        raise InputError("there is no header", file=str(path), fix="name the columns in line 1")


def _malformed(error: str, feed: _Feed, dialect: Dialect) -> Problem:
    """Say what is wrong with the row that the parser gave up on."""
    if feed.first is not None and feed.first.problem:
        return feed.first.problem
    if "unexpected end of data" in error or "field limit" in error:
        return Problem(
            "a quote is opened and never closed",
            'close it; a quote inside a quoted cell is written twice ("")',
        )
    if "new-line character" in error:
        return Problem(
            "lines end in a bare carriage return", "convert them: tr '\\r' '\\n' < OLD > NEW"
        )
    return Problem(
        f"not well-formed CSV: {error}",
        f'a quote inside a quoted cell is written twice (""); cells are parted by {dialect.name}',
    )


class _Feed:
    """Feeds lines to the CSV parser, and remembers those of the row that it is at."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._again: deque[Line] = deque()
        self._row: list[Line] = []
        self._last = 0
        self.start = 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._last = line.number
        self._row.append(line)
        return line.text + "\n"

    @property
    def first(self) -> Line | None:
        """The line that the row begins with."""
        return self._row[0] if self._row else None

    def begin(self) -> None:
        """Begin a new row."""
        self.start = self._last + 1
        self._row.clear()

    def rewind(self) -> None:
        """Go back to the line behind the row's first.

        A quote that is never closed swallows what follows, up to the limit of a cell; those lines
        are rows of their own.
        """
        self._again.extendleft(reversed(self._row[1:]))
        self._last = self._row[0].number if self._row else self._last

    def problem(self) -> Problem | None:
        """Return what was wrong with a line of this row."""
        return next((line.problem for line in self._row if line.problem), None)

    def text(self) -> str:
        """Return the beginning of the row as it stands in the file."""
        return self._row[0].text[:500] if self._row else ""

    def refused(self, problem: Problem) -> TableRow:
        """Return this row as an unusable one."""
        return TableRow(self.start, {}, text=self.text(), problem=problem)
