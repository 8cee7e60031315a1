"""Writing the truth: one file's rows go in together, or not at all.

::

    with Transaction(directory, "ingest") as transaction:
        for item in reader(file):
            transaction.add(item)
        summary = transaction.commit()
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from kg.directory import Directory
from schema.records import Item, Rejection, Table


@dataclass(frozen=True, slots=True)
class TableSummary:
    """What a commit did to one table, counted in keys (a co-buy counts once per source).

    `changed` rows were stored before and were filled or updated.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """What a commit did.

    Attributes
    ----------
    tables
        Per table that rows were offered for.
    rejected
        Rows refused in this run; `rejections` holds the first few of them.
    notes
        The readers' figures, by label.
    revision
        The knowledge base's revision after the commit.
    """

    tables: dict[Table, TableSummary] = field(default_factory=dict)
    rejected: int = 0
    rejections: tuple[Rejection, ...] = ()
    notes: dict[str, int] = field(default_factory=dict)
    revision: int = 0

    @property
    def changed(self) -> bool:
        """Whether the commit changed any table."""
        return any(t.added or t.changed for t in self.tables.values())


class Transaction(contextlib.AbstractContextManager["Transaction"]):
    """All or nothing: rows are staged by `add` and come into being by `commit`.

    Parameters
    ----------
    directory
        The knowledge base.
    purpose
        The command, for the message that a second writer gets.
    update
        Whether a later value replaces an earlier one that differs; else the row is refused.
    """

    def __init__(self, directory: Directory, purpose: str, *, update: bool = False) -> None:
        self.directory = directory

    def add(self, item: Item) -> None:
        """Stage what a reader yields."""
        raise NotImplementedError

    def commit(self) -> Summary:
        """Fold what was staged into the truth and commit it."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        raise NotImplementedError


def record_rejections(directory: Directory, rejections: Iterable[Rejection], purpose: str) -> int:
    """Add rows to ``rejected.parquet``, for a file that failed as a whole; returns how many."""
    raise NotImplementedError
