"""Heads with the evidence of their intentions, out of the truth: in order, in bounded memory.

::

    with Asserted(directory, sources=["mind"]) as asserted:
        for head, evidence in asserted.heads("CoBuy"):
            ...

A head is a row of :mod:`kg.heads`; its evidence are rows of the table of assertions, sorted by
relation, assertion and id.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal

from kg.directory import Directory
from kg.heads import HeadKind, Heads
from kg.opened import Opened
from kg.sql import quote, stream
from schema.errors import UsageError

_COLUMNS = (
    "head_id, relation, assertion_id, id, text, model, request, plausibility, typicality, "
    "accepted, rationale"
)


class Asserted(Opened):
    """The evidence of a knowledge base, as it is when this is opened.

    Parameters
    ----------
    sources, models
        Only evidence that one of these sources, or of these models, gave; empty: all.

    Attributes
    ----------
    without_head
        Pieces of evidence that :meth:`heads` has passed over: the post is not known, or of one of
        the products nothing is.

    Raises
    ------
    UsageError
        On entry, if no evidence is from such a source or model.
    """

    def __init__(
        self, directory: Directory, *, sources: Sequence[str] = (), models: Sequence[str] = ()
    ) -> None:
        super().__init__(directory, ("assertions",))
        self._asked = {"source": tuple(sources), "model": tuple(models)}
        self.without_head = 0

    def count(self, kind: HeadKind | Literal["Product"]) -> int:
        """Count the pieces of evidence about heads of a kind."""
        return self._number(f"SELECT count(*) FROM assertions WHERE {self._where(kind)}")

    def heads(self, kind: HeadKind) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """Yield the heads of which there is evidence, sorted by id, with it."""
        groups = self._groups(kind)
        head_id, evidence = next(groups, (None, []))
        with Heads(self._directory, kind) as heads:
            for row in heads.rows():
                # Both are sorted alike; what has no head lies between.
                while head_id is not None and head_id < row["id"]:
                    self.without_head += len(evidence)
                    head_id, evidence = next(groups, (None, []))
                if head_id is None:
                    return
                if head_id == row["id"]:
                    yield row, evidence
                    head_id, evidence = next(groups, (None, []))
        self.without_head += len(evidence) + sum(len(left) for _, left in groups)

    def _groups(self, kind: HeadKind) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        query = (
            f"SELECT {_COLUMNS} FROM assertions WHERE {self._where(kind)} "
            "ORDER BY head_id, relation, assertion_id, id"
        )
        with self._reading():
            rows = (row for batch in stream(self._sql, query) for row in batch.to_pylist())
            for head_id, group in groupby(rows, key=itemgetter("head_id")):
                yield head_id, list(group)

    def _where(self, kind: str) -> str:
        tests = [f"head_type = {quote(kind)}"]
        for column, names in self._asked.items():
            if names:
                tests.append(f"{column} IN ({', '.join(map(quote, names))})")
        return " AND ".join(tests)

    def _narrow(self) -> None:
        for column, names in self._asked.items():
            if not names:
                continue
            with self._reading():
                rows = self._sql.execute(
                    f"SELECT {column} FROM assertions WHERE {column} IS NOT NULL "
                    "GROUP BY ALL ORDER BY count(*) DESC, 1"
                ).fetchall()
            known = [str(name) for (name,) in rows]
            for name in names:
                if name not in known:
                    raise UsageError(
                        f"no intention of {self._directory.root} is from {column} {name!r:.80}",
                        fix=f"its {column}s are: {', '.join(known[:12]) or 'none yet'}",
                    )
