"""Which column of a table feeds which field of a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ingest.sources import Problem
from schema.errors import UnsuitableFileError


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
        What the fields hold, by field name: None for an empty cell; an absent column is not in it.
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


def fold(name: str) -> str:
    """Bring a column name to the form in which names are compared."""
    return "".join(c for c in name.casefold() if c not in " _-")


def mapping(names: Iterable[str]) -> str:
    """Write the options that say which columns are these fields.

    Examples
    --------
    >>> mapping(["a", "b"])
    '--column a=COLUMN --column b=COLUMN'
    """
    return " ".join(f"--column {name}=COLUMN" for name in names)


class ColumnMap:
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
        """Say which required or explicitly named columns are not among `names`.

        Raises
        ------
        UnsuitableFileError
            If one is missing.
        """
        got = set(self.resolve(tuple(names)).values())
        seen = ", ".join(names[:40]) or "none"
        for wanted in self._fields:
            if wanted.name in self._columns and wanted.name not in got:
                missing = self._columns[wanted.name]
                close = get_close_matches(missing, names, n=1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                raise UnsuitableFileError(
                    f"there is no column {missing!r}; {what} seen: {seen}",
                    file=self._file,
                    fix=f"{hint}name one of the columns: --column {wanted.name}=COLUMN",
                )
        lacking = [f.name for f in self._fields if f.required and f.name not in got]
        if lacking:
            raise UnsuitableFileError(
                f"there is no column for {' and '.join(map(repr, lacking))}; {what} seen: {seen}",
                file=self._file,
                fix=f"name {'it' if len(lacking) == 1 else 'them'} with {mapping(lacking)}, "
                "or choose another --format",
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
