"""Intentions with a concept in the place of a noun phrase: *used for [outdoor activity]*.

FolkScope's conceptualisation (Yu et al. 2023, section 3.4): a phrase gives way to a concept with
the score ``n(concept, instance) / n(instance)``; intentions that become the same are one abstract
intention. Only those that more than one different instance leads to say more than before.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from kg import layers, sql
from kg.directory import Directory
from queries.hypernyms.mentions import Mentions
from queries.hypernyms.taxonomy import Taxonomy
from schema.identity import abstraction_id, normalise_text
from schema.layers import LAYER_SCHEMAS, Layer

if TYPE_CHECKING:
    import pyarrow as pa

LEAST_SCORE = 0.2
MOST = 3
LEAST_MEMBERS = 3

_ROWS = 50_000
_EXAMPLES = 3
# A concept has no article or owner, whatever its instance had.
_DETERMINER = re.compile(
    r"\b(?:a|an|the|this|that|these|those|some|any|my|your|his|her|its|our|their)\s+$", re.I
)


@dataclass(frozen=True, slots=True)
class Abstract:
    """An abstract intention.

    Attributes
    ----------
    text
        Normalised as for identity, with the concept in brackets.
    members
        How many intentions it stands for.
    instances
        How many different instances are in its place.
    score
        Mean typicality of the concept over the members, in (0, 1].
    examples
        Some members.
    """

    text: str
    members: int
    instances: int
    score: float
    examples: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return asdict(self)


class Abstractions:
    """Abstract intentions of a corpus; a context manager that lets go of its working files.

    Parameters
    ----------
    mentions, taxonomy
        What the intentions mention, and of which taxonomy.
    least_score
        Typicality from which on a concept takes the place of a phrase.
    most
        Concepts of a phrase at most.
    least_members
        Intentions that an abstract one has to stand for, of at least two different instances.
    """

    def __init__(
        self,
        mentions: Mentions,
        taxonomy: Taxonomy,
        *,
        least_score: float = LEAST_SCORE,
        most: int = MOST,
        least_members: int = LEAST_MEMBERS,
    ) -> None:
        import duckdb

        self._mentions = mentions
        self._settings = {
            "taxonomy": taxonomy.name,
            "least_score": least_score,
            "most": most,
            "least_members": least_members,
        }
        self._senses = {
            name: [(s.concept, s.given_instance) for s in senses[:most]]
            for name, senses in taxonomy.look_up(mentions.instances()).items()
        }
        self._least_score = least_score
        self._least_members = least_members
        self._folder = tempfile.TemporaryDirectory(prefix="intentkg-abstractions-")
        config = {"memory_limit": "1GB", "temp_directory": self._folder.name}
        self._sql = duckdb.connect(str(Path(self._folder.name) / "work.duckdb"), config=config)
        try:
            self._compute()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the working files."""
        self._sql.close()
        self._folder.cleanup()

    def __len__(self) -> int:
        ((found,),) = self._sql.execute("SELECT count(*) FROM abstract").fetchall()
        return int(found)

    @property
    def covered(self) -> int:
        """How many intentions an abstract one stands for."""
        ((found,),) = self._sql.execute(
            "SELECT count(DISTINCT intention) FROM made SEMI JOIN abstract USING (text)"
        ).fetchall()
        return int(found)

    def top(self, most: int | None = None) -> list[Abstract]:
        """Abstract intentions, those that stand for most first."""
        limit = "" if most is None else f"LIMIT {most:d}"
        rows = self._sql.execute(
            f"SELECT text, members, instances, score, examples FROM abstract "
            f"ORDER BY members DESC, score DESC, text {limit}"
        ).fetchall()
        return [
            Abstract(text, members, instances, score, tuple(examples))
            for text, members, instances, score, examples in rows
        ]

    def write(self, directory: Directory) -> dict[Layer, int]:
        """Write them as layers, in place of those that were there (see :mod:`kg.layers`)."""
        self._sql.create_function("abstraction_id", abstraction_id, ["VARCHAR"], "VARCHAR")
        texts = "SELECT abstraction_id(text) AS id, text FROM abstract ORDER BY id"
        return layers.replace(
            directory,
            {
                "abstractions": self._batches("abstractions", texts),
                "instances": self._batches(
                    "instances",
                    "SELECT intention AS intention_id, abstraction_id(text) AS abstraction_id, "
                    "max(score) AS score FROM made SEMI JOIN abstract USING (text) "
                    "GROUP BY ALL ORDER BY ALL",
                ),
            },
            made_by=self._settings,
        )

    def _compute(self) -> None:
        import pyarrow as pa

        run = self._sql.execute
        run(
            "CREATE TABLE made (text VARCHAR, intention VARCHAR, instance VARCHAR, "
            "score DOUBLE, origin VARCHAR)"
        )
        rows: list[tuple[str, str, str, float, str]] = []
        names = ("text", "intention", "instance", "score", "origin")

        def store() -> None:
            if rows:
                columns = zip(*rows, strict=True)
                batch = pa.table(dict(zip(names, map(pa.array, columns), strict=True)))
                self._sql.register("arrived", batch)
                run("INSERT INTO made SELECT * FROM arrived")
                self._sql.unregister("arrived")
                rows.clear()

        for row in self._replaced():
            rows.append(row)
            if len(rows) >= _ROWS:
                store()
        store()
        run(
            "CREATE TABLE abstract AS SELECT text, count(DISTINCT intention) AS members, "
            "count(DISTINCT instance) AS instances, avg(score) AS score, "
            f"list_sort(list(DISTINCT origin))[:{_EXAMPLES}] AS examples FROM made GROUP BY text "
            f"HAVING members >= {self._least_members:d} AND instances > 1"
        )

    def _replaced(self) -> Iterator[tuple[str, str, str, float, str]]:
        """Yield (abstract text, intention, instance, score, text)."""
        found = self._mentions
        names = found.names()
        rows = chain.from_iterable(
            zip(batch["intention_id"].to_pylist(), batch["text"].to_pylist(), strict=True)
            for batch in found.corpus.batches()
        )
        start = 0
        for (identifier, text), end in zip(rows, found.ends, strict=True):
            for place in range(start, end):
                name = names[found.places[place]]
                for concept, score in self._senses.get(name, []) if name else []:
                    if score >= self._least_score:
                        first, last = found.spans[2 * place], found.spans[2 * place + 1]
                        before = _DETERMINER.sub("", text[:first])
                        whole = f"{before}[{concept}]{text[last:]}"
                        yield normalise_text(whole), identifier, str(name), score, text
            start = end

    def _batches(self, layer: Layer, query: str) -> Iterator[pa.RecordBatch]:
        for batch in sql.stream(self._sql, query):
            yield batch.cast(LAYER_SCHEMAS[layer])
