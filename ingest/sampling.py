"""What is looked at to recognise a file: its container, its columns and its first rows."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import orjson

from ingest.cleaning import shorten
from ingest.dialect import Dialect, sniff_dialect
from ingest.rows import Container, container, fold, peek

if TYPE_CHECKING:
    from ingest.reading import Guess
    from ingest.rows import Field

_ROWS = 20
_MOST_COLUMNS = 300
_LONG = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """The beginning of a file.

    Attributes
    ----------
    path
        The file.
    container
        ``jsonl``, ``json`` (one array), ``csv`` (any delimiter; also any other text),
        ``parquet``, ``empty`` or ``directory``.
    columns
        Header cells, or the keys of the first objects, in order.
    rows
        Up to 20 first rows as objects by column (a CSV's cells are strings).
    lines
        The first lines as text; none for Parquet.
    names
        For a directory the names of its entries.
    """

    path: Path
    container: Container | Literal["directory"]
    columns: tuple[str, ...] = ()
    rows: tuple[dict[str, Any], ...] = ()
    lines: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    delimiter: str | None = None
    _folded: frozenset[str] = field(default=frozenset(), repr=False)

    def has(self, *columns: str) -> bool:
        """Whether all these columns are there; case, spaces, ``_`` and ``-`` do not matter."""
        return all(fold(column) in self._folded for column in columns)

    def has_any(self, columns: Iterable[str]) -> bool:
        """Whether one of these columns is there."""
        return any(fold(column) in self._folded for column in columns)

    def describe(self) -> str:
        """Say in a few words what was seen."""
        if self.container == "empty":
            return "an empty file"
        if self.container == "directory":
            return f"a directory with {', '.join(self.names[:8]) or 'nothing'}"
        what = {
            "jsonl": "JSON lines with the keys",
            "parquet": "Parquet with the columns",
            "csv": "text whose first line gives the columns",
            "json": "a JSON array",
        }[self.container]
        shown = ", ".join(shorten(c, 40) for c in self.columns[:25])
        first = f" (first line {shorten(self.lines[0], 120)})" if self.lines else ""
        return f"{what} {shown}{first}".replace("  ", " ")


def take(path: str | Path) -> Sample:
    """Take a sample of a file or directory.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    where = Path(path)
    if where.is_dir():
        names = tuple(sorted(entry.name for entry in where.iterdir()))
        return Sample(where, "directory", names=names)
    kind = container(where)
    if kind == "parquet":
        return _parquet(where)
    head = peek(where)
    if "\n" not in head.rstrip("\n"):  # one line is no sample, unless the file has only one
        head = peek(where, _LONG)
    whole = head.splitlines() if head.endswith("\n") else head.splitlines()[:-1]
    lines = tuple(line for line in (whole or head.splitlines()) if line.strip())[:_ROWS]
    if kind == "jsonl":
        rows = tuple(row for line in lines if (row := _object(line)) is not None)
        columns = tuple(dict.fromkeys(key for row in rows for key in row))
        return _sample(where, kind, columns, rows, lines)
    if kind == "csv":
        dialect = sniff_dialect(head, where)
        try:
            cells = [c for c, _ in zip(dialect.reader(whole), range(_ROWS + 1), strict=False) if c]
        except csv.Error:
            cells = _first_cells(dialect, lines[:1])
        header = tuple(cell.strip() for cell in cells[0]) if cells else ()
        rows = tuple(dict(zip(header, row, strict=False)) for row in cells[1:])
        return _sample(where, kind, header, rows, lines, dialect.delimiter)
    return _sample(where, kind, (), (), lines)


def _first_cells(dialect: Dialect, lines: Sequence[str]) -> list[list[str]]:
    """The first row alone; none if a quote in it is never closed."""
    try:
        return list(dialect.reader(lines))
    except csv.Error:
        return []


def guess_fields(
    sample: Sample,
    fields: Iterable[Field],
    *,
    strength: float,
    containers: tuple[str, ...] = ("jsonl", "csv", "parquet"),
) -> Guess:
    """Rate a sample by whether it has a column for every required field.

    Returns
    -------
    confidence, reason
        `strength` and a little more for each optional field found (0.02, at most 0.1), if all
        required ones are there; else at most half of it, by how many are.
    """
    if sample.container not in containers:
        return 0.0, f"not {' or '.join(containers)}"
    wanted = list(fields)
    required = [f for f in wanted if f.required]
    found = [f for f in wanted if sample.has_any((f.name, *f.aliases))]
    missing = [f.name for f in required if f not in found]
    if missing:
        share = 1 - len(missing) / max(1, len(required))
        return 0.5 * strength * share, f"no column for {', '.join(missing)}"
    optional = len(found) - len(required)
    named = ", ".join(f.name for f in found)
    return min(1.0, strength + min(0.1, 0.02 * optional)), f"columns for {named}"


def _sample(
    path: Path,
    kind: Container,
    columns: tuple[str, ...],
    rows: tuple[dict[str, Any], ...],
    lines: tuple[str, ...],
    delimiter: str | None = None,
) -> Sample:
    # Keys by the hundred are data (a dictionary of words has "user" and "item" too), not columns.
    folded = frozenset(map(fold, columns)) if len(columns) <= _MOST_COLUMNS else frozenset()
    return Sample(path, kind, columns, rows, lines, (), delimiter, folded)


def _object(line: str) -> dict[str, Any] | None:
    try:
        value = orjson.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _parquet(path: Path) -> Sample:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from schema.errors import InputError

    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            columns = tuple(file.schema_arrow.names)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            "this is not a readable Parquet file",
            file=str(path),
            fix="write it again; a Parquet file that was cut short cannot be read",
        ) from error
    return _sample(path, "parquet", columns, (), ())
