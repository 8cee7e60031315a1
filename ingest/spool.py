"""Tables too large for memory, kept in a temporary file and joined there by DuckDB.

What a reader must see twice (links whose other end may come later in the file, the items of a
basket) is written to a spool and queried at the end. Memory is bounded by the `memory` option
whatever the size of the file; the disk holds about as much as the spooled columns.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from schema.errors import InputError, UsageError

_ROWS = 16384


class Spool:
    """A temporary database of a few tables.

    Parameters
    ----------
    tables
        Schema of each table.
    memory
        Bound for DuckDB's memory, as ``512MB``.
    temp_dir
        Where the files lie; None: the system's folder for temporary files.

    Raises
    ------
    UsageError
        If `memory` is not a size, or `temp_dir` cannot be written.
    """

    def __init__(
        self,
        tables: Mapping[str, pa.Schema],
        *,
        memory: str = "512MB",
        temp_dir: Path | None = None,
    ) -> None:
        import duckdb

        try:
            self._folder = Path(tempfile.mkdtemp(prefix="intentkg-", dir=temp_dir))
        except OSError as error:
            raise UsageError(
                f"no temporary files can be written: {error}",
                fix="name a folder that can be written and has space, with --temp-dir or TMPDIR",
            ) from None
        try:
            self._connection = duckdb.connect(
                str(self._folder / "spool.duckdb"),
                config={
                    "memory_limit": memory,
                    "temp_directory": str(self._folder / "spill"),
                    "preserve_insertion_order": "false",
                    "autoinstall_known_extensions": "false",
                    "autoload_known_extensions": "false",
                },
            )
        except duckdb.Error as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise UsageError(
                f"{memory!r} is not an amount of memory ({error})", fix="write it as 512MB or 2GB"
            ) from None
        self._schemas = dict(tables)
        self._waiting: dict[str, list[Sequence[Any]]] = {name: [] for name in tables}
        for name, schema in self._schemas.items():
            empty = schema.empty_table()
            self._connection.register("incoming", empty)
            self._connection.execute(f'CREATE TABLE "{name}" AS FROM incoming')
            self._connection.unregister("incoming")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, table: str, row: Sequence[Any]) -> None:
        """Append a row, its values in the order of the table's columns."""
        waiting = self._waiting[table]
        waiting.append(row)
        if len(waiting) >= _ROWS:
            self._write(table)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield the rows that a query over the tables gives.

        Raises
        ------
        InputError
            If the disk or the memory that was granted does not do.
        """
        import duckdb

        for table in self._waiting:
            self._write(table)
        try:
            cursor = self._connection.cursor()
            cursor.execute(sql, list(parameters))
            while rows := cursor.fetchmany(_ROWS):
                yield from rows
        except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
            raise _exhausted(error) from error

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run a statement that gives no rows, such as ``CREATE TABLE ... AS``."""
        for _ in self.query(sql, parameters):
            pass

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...]:
        """Return the one row that a query gives."""
        return next(self.query(sql, parameters))

    def _write(self, table: str) -> None:
        import duckdb

        waiting = self._waiting[table]
        if not waiting:
            return
        schema = self._schemas[table]
        columns = zip(*waiting, strict=True)
        batch = pa.Table.from_arrays(
            [pa.array(c, type=f.type) for c, f in zip(columns, schema, strict=True)], schema=schema
        )
        waiting.clear()
        try:
            self._connection.register("incoming", batch)
            self._connection.execute(f'INSERT INTO "{table}" FROM incoming')
            self._connection.unregister("incoming")
        except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
            raise _exhausted(error) from error


def _exhausted(error: Exception) -> InputError:
    return InputError(
        f"no room to join the rows of the file: {str(error).splitlines()[0]}",
        fix="grant more with --memory, or name a folder on a larger disk with --temp-dir",
    )
