"""Rows of a table in a file: JSON lines, CSV, TSV or Parquet, columns mapped to fields.

What a file is (`jsonl`, `csv`, `parquet`, ...) is told from its content. A row that cannot be used
comes with :attr:`TableRow.problem` set, and reading goes on; a column that is missing altogether
is an :class:`~schema.errors.InputError` that names the columns seen.

Memory does not grow with the file: lines are bounded by `limit`, and of a Parquet file one row
group's pages are read at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import orjson

from ingest.columns import ColumnMap, Field, TableRow, fold
from ingest.delimited import csv_rows
from ingest.sources import MAX_LINE, Line, Problem, check_file, magic, open_bytes, read_lines
from schema.errors import InputError

__all__ = ["Container", "Field", "TableRow", "container", "fold", "peek", "read_rows"]

Container = Literal["jsonl", "json", "csv", "parquet", "empty"]

_PEEK_BYTES = 64 * 1024
_PEEK_ROWS = 100
_PARQUET_ROWS = 512


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
    mapping = ColumnMap(path, fields, columns or {})
    match container(path):
        case "parquet":
            return _parquet_rows(path, mapping)
        case "jsonl":
            return _json_rows(path, mapping, limit)
        case "csv":
            return csv_rows(path, peek(path), mapping, limit)
        case "json":
            raise InputError(
                "this is one JSON array; JSON lines (one object a line) are read",
                file=str(path),
                fix=f"jq -c '.[]' {path} > {Path(path).stem}.jsonl",
            )
    raise InputError("the file is empty", file=str(path), fix="check where it comes from")


def _json_rows(path: str | Path, mapping: ColumnMap, limit: int) -> Iterator[TableRow]:
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


def _parquet_rows(path: str | Path, mapping: ColumnMap) -> Iterator[TableRow]:
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
