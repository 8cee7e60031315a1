"""Some tables of the truth, open for reading for a while."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self, cast

from kg.directory import Directory
from kg.sql import connect, store_errors
from schema.records import Table


class Opened:
    """A context manager that holds a connection to tables as they are on entry.

    Parameters
    ----------
    tables
        Which tables are to be read.
    memory
        What SQL may take.
    """

    def __init__(
        self, directory: Directory, tables: tuple[Table, ...], *, memory: str = "512MB"
    ) -> None:
        self._directory = directory
        self._tables = tables
        self._memory = memory

    def __enter__(self) -> Self:
        with self._reading():
            self._sql = connect(self._directory, tables=self._tables, memory=self._memory)
        try:
            self._narrow()
        except BaseException:
            self._sql.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sql.close()

    def _narrow(self) -> None:
        """Check what was asked for, and get ready what is left of the tables."""

    def _number(self, query: str) -> int:
        with self._reading():
            return int(cast(tuple[int], self._sql.execute(query).fetchone())[0])

    def _reading(self) -> Any:
        return store_errors(f"reading {self._directory.root}")
