"""Rows of a CSV or TSV file; a malformed row is refused, and reading goes on with the next."""

from __future__ import annotations

import csv
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
        try:
            cells = next(records)
        except StopIteration:
            break
        except csv.Error as error:
            yield feed.refused(_csv_problem(str(error), feed, dialect))
            continue
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
        yield TableRow(feed.start, mine, rest, feed.text)
    if header is None:
        raise InputError("there is no header", file=str(path), fix="name the columns in line 1")


def _csv_problem(error: str, feed: _Feed, dialect: Dialect) -> Problem:
    if "unexpected end of data" in error:
        return Problem(
            f"a quote opened in the row of line {feed.start} is never closed",
            'close it; a quote inside a quoted cell is written twice ("")',
        )
    if "field limit" in error:
        return Problem("a cell is too long; is a quote never closed?", "close the quote")
    return Problem(
        f"not well-formed CSV: {error}",
        f'a quote inside a quoted cell is written twice (""); cells are parted by {dialect.name}',
    )


class _Feed:
    """Feeds lines to the CSV parser and remembers where the row began and what was wrong."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._last = 0
        self._problem: Problem | None = None
        self.start = 1
        self.text = ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._last = line.number
        if line.problem and self._problem is None:
            self._problem = line.problem
        if not self.text:
            self.text = line.text[:500]
        return line.text + "\n"

    def begin(self) -> None:
        """Begin a new row."""
        self.start = self._last + 1
        self._problem = None
        self.text = ""

    def problem(self) -> Problem | None:
        """Return what was wrong with a line of this row."""
        return self._problem

    def refused(self, problem: Problem) -> TableRow:
        """Return this row as an unusable one."""
        return TableRow(self.start, {}, text=self.text, problem=self._problem or problem)
