"""The intentions of a knowledge base as a corpus: each once, chosen by who said it, or a sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kg import sql
from kg.directory import Directory
from queries.filters import HEAD_TYPES
from schema import relations as registry
from schema.errors import UsageError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_BATCH = 8_192

_TEXTS = f"""
    SELECT intention_id, {sql.USUAL_FORM} AS text,
           any_value(assertions) AS assertions
    FROM (SELECT intention_id, text, count(*) AS n FROM assertions {{where}} GROUP BY ALL)
    JOIN (SELECT intention_id, count(DISTINCT assertion_id) AS assertions
          FROM assertions {{where}} GROUP BY ALL) USING (intention_id)
    GROUP BY intention_id
"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which assertions count.

    Attributes
    ----------
    relations
        Names of the registry; empty: all.
    head_type
        ``Post``, ``CoBuy`` or ``Product``; None: all.
    model, source
        Who wrote them; None: anybody.
    accepted
        The filter's verdict; None: either, and none.
    """

    relations: tuple[str, ...] = ()
    head_type: str | None = None
    model: str | None = None
    source: str | None = None
    accepted: bool | None = None

    @classmethod
    def make(
        cls,
        *,
        relations: str | Sequence[str] | None = None,
        head_type: str | None = None,
        model: str | None = None,
        source: str | None = None,
        accepted: bool | None = None,
    ) -> Chosen:
        """Check what a person asked for.

        Raises
        ------
        UnknownRelationError
            If a relation is not in the registry.
        UsageError
            If the head type is none.
        """
        if head_type is not None and head_type not in HEAD_TYPES:
            raise UsageError(
                f"no head is a {head_type!r}", fix=f"use one of {', '.join(HEAD_TYPES)}"
            )
        names = [relations] if isinstance(relations, str) else list(relations or ())
        known = tuple(dict.fromkeys(registry.get(name).name for name in names))
        return cls(known, head_type, model, source, accepted)

    def where(self) -> str:
        """The condition on rows of `assertions`, as SQL, with its WHERE; empty if all count."""
        parts = [
            f"{column} = {sql.quote(value)}"
            for column in ("head_type", "model", "source")
            if (value := getattr(self, column)) is not None
        ]
        if self.relations:
            parts.append(f"relation IN ({', '.join(map(sql.quote, self.relations))})")
        if self.accepted is not None:
            parts.append(f"accepted = {str(self.accepted).lower()}")
        return "WHERE " + " AND ".join(parts) if parts else ""


class Corpus:
    """Intentions with their texts, as the knowledge base is when this is made.

    Parameters
    ----------
    directory
        The knowledge base.
    chosen
        Which assertions count; by default all.
    sample
        How many intentions to take, drawn without replacement; None: all. The same `seed` draws
        the same ones, whatever order they were written in.
    """

    def __init__(
        self,
        directory: Directory,
        chosen: Chosen | None = None,
        *,
        sample: int | None = None,
        seed: int = 0,
    ) -> None:
        if sample is not None and sample < 1:
            raise UsageError(f"a sample of {sample} holds nothing", fix="ask for one or more")
        self.directory = directory
        self.chosen = chosen or Chosen()
        self.sample = sample
        self.seed = seed
        # Several passes have to see the same: one that reads again puts both together.
        self._manifest = directory.manifest()
        self._count: int | None = None

    def count(self) -> int:
        """How many intentions there are to choose from, the sample aside."""
        if self._count is None:
            with self._connect() as connection:
                ((self._count,),) = connection.execute(
                    f"SELECT count(DISTINCT intention_id) FROM assertions {self.chosen.where()}"
                ).fetchall()
        return self._count

    def size(self) -> int:
        """How many intentions :meth:`batches` yields; fewer than `sample` if there are fewer."""
        count = self.count()
        return count if self.sample is None else min(count, self.sample)

    def batches(self, rows: int = _BATCH) -> Iterator[pa.RecordBatch]:
        """Yield the intentions, ordered by id.

        Yields
        ------
        pyarrow.RecordBatch
            ``intention_id`` and ``text`` (strings), ``assertions`` (int64: how many of the chosen
            assertions have it as their tail).
        """
        query = _TEXTS.format(where=self.chosen.where())
        if self.sample is not None:
            drawn = f"md5(intention_id || ':{self.seed}')"
            query = f"FROM ({query}) ORDER BY {drawn} LIMIT {self.sample}"
        with self._connect() as connection:
            yield from sql.stream(connection, f"FROM ({query}) ORDER BY intention_id", rows=rows)

    def _connect(self) -> duckdb.DuckDBPyConnection:
        return sql.connect(self.directory, self._manifest, tables=["assertions"])
