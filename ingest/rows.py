"""Rows of a table in a file: JSON lines, CSV, TSV or Parquet, columns mapped to fields.

What a file is (`jsonl`, `csv`, `parquet`, ...) is told from its content. A row that cannot be used
comes with :attr:`TableRow.problem` set, and reading goes on; a column that is missing altogether
is an :class:`~schema.errors.InputError` that names the columns seen.

Memory does not grow with the file: lines are bounded by `limit`, and of a Parquet file one row
group's pages are read at a time.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import orjson

from ingest.dialect import Dialect, sniff_dialect
from ingest.sources import MAX_LINE, Line, Problem, check_file, magic, open_bytes, read_lines
from schema.errors import InputError

Container = Literal["jsonl", "json", "csv", "parquet", "empty"]

_PEEK_BYTES = 64 * 1024
_PEEK_ROWS = 100
_PARQUET_ROWS = 512


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a reader wants from a table.

    Attributes
    ----------
    name
        As the reader calls it, and as ``--column NAME=COLUMN`` does.
    aliases
        Column names that are taken for it, best first, beside `name` itself. Case, spaces, ``_``
        and ``-`` make no difference.
    required
        Whether the file must have a column for it.
    """

    name: str
    aliases: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a table.

    Attributes
    ----------
    line
        1-based line that the row begins on (CSV counts the header); in Parquet the row's number.
    values
        What the fields hold, by field name; None for empty cells and absent columns.
    extra
        Columns that no field claims, by the column's own name; empty ones are left out.
    text
        The beginning of the row as it stands in the file.
    problem
        Why the row is unusable, or None.
    """

    line: int
    values: dict[str, Any]
    extra: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    problem: Problem | None = None


def container(path: str | Path) -> Container:
    """Tell from its content what kind of table a file is."""
    if magic(check_file(path), 4) == b"PAR1":
        return "parquet"
    head = peek(path).lstrip("\ufeff \t\r\n")
    if not head:
        return "empty"
    return "jsonl" if head[0] == "{" else "json" if head[0] == "[" else "csv"


def peek(path: str | Path, size: int = _PEEK_BYTES) -> str:
    """Return the beginning of a text file, decompressed; bytes that are not UTF-8 replaced."""
    parts: list[bytes] = []
    with open_bytes(path) as stream:
        while size > 0 and (part := stream.read(size)):
            parts.append(part)
            size -= len(part)
    return b"".join(parts).decode("utf-8", "replace").removeprefix("\ufeff")


def read_rows(
    path: str | Path,
    fields: Sequence[Field],
    *,
    columns: Mapping[str, str] | None = None,
    limit: int = MAX_LINE,
) -> Iterator[TableRow]:
    """Yield the rows of a table in a file.

    Parameters
    ----------
    path
        JSON lines, CSV, TSV (the separator is told from the content) or Parquet; text files plain
        or compressed.
    fields
        What is wanted.
    columns
        Field name to column name, where the aliases do not do; it must be in the file then.
    limit
        Longest line in bytes.

    Raises
    ------
    InputError
        If the file cannot be read as a table, or lacks a required column.
    """
    mapping = _Mapping(path, fields, columns or {})
    match container(path):
        case "parquet":
            return _parquet_rows(path, mapping)
        case "jsonl":
            return _json_rows(path, mapping, limit)
        case "csv":
            return _csv_rows(path, mapping, limit)
        case "json":
            raise InputError(
                "this is one JSON array; JSON lines (one object a line) are read",
                file=str(path),
                fix=f"jq -c '.[]' {path} > {Path(path).stem}.jsonl",
            )
    raise InputError("the file is empty", file=str(path), fix="check where it comes from")


def fold(name: str) -> str:
    """Bring a column name to the form in which names are compared."""
    return "".join(c for c in name.casefold() if c not in " _-")


class _Mapping:
    """Which column feeds which field."""

    def __init__(
        self, path: str | Path, fields: Sequence[Field], columns: Mapping[str, str]
    ) -> None:
        self._file = str(path)
        self._fields = fields
        self._columns = columns
        self._cache: dict[tuple[str, ...], dict[str, str]] = {}

    def resolve(self, names: tuple[str, ...]) -> dict[str, str]:
        """Return column name → field name for the columns of a row or header."""
        found = self._cache.get(names)
        if found is None:
            if len(self._cache) > 1000:
                self._cache.clear()  # objects whose keys are data
            found = self._cache[names] = self._resolve(names)
        return found

    def _resolve(self, names: tuple[str, ...]) -> dict[str, str]:
        exact = set(names)
        folded = {fold(name): name for name in reversed(names)}
        claimed: dict[str, str] = {}
        for wanted in self._fields:
            if wanted.name in self._columns:
                column = self._columns[wanted.name]
                if column in exact:
                    claimed[column] = wanted.name
        for wanted in self._fields:
            if wanted.name in self._columns:
                continue
            for alias in (wanted.name, *wanted.aliases):
                column = alias if alias in exact else folded.get(fold(alias), "")
                if column and column not in claimed:
                    claimed[column] = wanted.name
                    break
        return claimed

    def check(self, names: Sequence[str], *, what: str = "columns") -> None:
        """Raise an InputError if a required or explicitly named column is not among `names`."""
        got = set(self.resolve(tuple(names)).values())
        seen = ", ".join(names[:40]) or "none"
        for wanted in self._fields:
            if wanted.name in got:
                continue
            if wanted.name in self._columns:
                missing = self._columns[wanted.name]
                close = get_close_matches(missing, names, n=1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                raise InputError(
                    f"there is no column {missing!r}; {what} seen: {seen}",
                    file=self._file,
                    fix=f"{hint}name one of the columns: --column {wanted.name}=COLUMN",
                )
            if wanted.required:
                raise InputError(
                    f"there is no column for {wanted.name!r}; {what} seen: {seen}",
                    file=self._file,
                    fix=f"name it with --column {wanted.name}=COLUMN",
                )

    def split(
        self, names: Sequence[str], values: Iterable[Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Part a row's cells into fields and the rest."""
        claimed = self.resolve(tuple(names))
        mine: dict[str, Any] = {}
        rest: dict[str, Any] = {}
        for name, value in zip(names, values, strict=True):
            if value == "":
                value = None
            if name in claimed:
                mine[claimed[name]] = value
            elif value is not None:
                rest[name] = value
        return mine, rest


def _json_rows(path: str | Path, mapping: _Mapping, limit: int) -> Iterator[TableRow]:
    lines = iter(read_lines(path, limit=limit))
    first: list[tuple[Line, Any]] = []
    names: dict[str, None] = {}
    size = 0
    for line in lines:
        value = _parse(line)
        first.append((line, value))
        if isinstance(value, dict):
            names.update(dict.fromkeys(value))
        size += len(line.text)
        if len(first) >= _PEEK_ROWS or size > limit:
            break
    if names:  # else every line is refused below
        mapping.check(tuple(names), what="keys")
    # The parsed beginning is let go of as it is used.
    begun = (first.pop(0) for _ in range(len(first)))
    for line, value in chain(begun, ((line, _parse(line)) for line in lines)):
        if value is None:
            continue
        if isinstance(value, Problem):
            yield TableRow(line.number, {}, text=line.text[:500], problem=value)
            continue
        mine, rest = mapping.split(tuple(value), value.values())
        yield TableRow(line.number, mine, rest, line.text[:500])


def _parse(line: Line) -> dict[str, Any] | Problem | None:
    """Parse one line of JSON: an object, a problem, or None for an empty line."""
    if line.problem:
        return line.problem
    if not line.text or line.text.isspace():
        return None
    try:
        value = orjson.loads(line.text)
    except ValueError as error:
        return Problem(f"not JSON: {error}", "write one JSON object a line")
    if not isinstance(value, dict):
        return Problem("not a JSON object", "write one JSON object a line, {...}")
    return value


def _csv_rows(path: str | Path, mapping: _Mapping, limit: int) -> Iterator[TableRow]:
    dialect = sniff_dialect(peek(path), path)
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


def _parquet_rows(path: str | Path, mapping: _Mapping) -> Iterator[TableRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    broken = InputError(
        "this is not a readable Parquet file",
        file=str(path),
        fix="write it again; a Parquet file that was cut short cannot be read",
    )
    try:
        file = pq.ParquetFile(check_file(path), pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise broken from error
    with file:
        names = tuple(file.schema_arrow.names)
        mapping.check(names)
        line = 0
        batches = file.iter_batches(batch_size=_PARQUET_ROWS)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                raise broken from error
            if batch is None:
                return
            for values in _parquet_values(batch):
                line += 1
                if isinstance(values, Problem):
                    yield TableRow(line, {}, problem=values)
                    continue
                mine, rest = mapping.split(names, values)
                shown = ", ".join(f"{k}={str(v)[:100]}" for k, v in mine.items())
                yield TableRow(line, mine, rest, shown)


def _parquet_values(batch: Any) -> Iterator[tuple[Any, ...] | Problem]:
    try:
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
    except UnicodeDecodeError:
        for index in range(batch.num_rows):
            try:
                yield tuple(column[index].as_py() for column in batch.columns)
            except UnicodeDecodeError as error:
                yield Problem(f"not UTF-8: {error.reason}", "store strings as UTF-8")
