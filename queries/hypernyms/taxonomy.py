"""Is-a counts, and what they say: Probase's typicalities (Wu et al. 2012, section 4).

``P(concept | instance) = n(concept, instance) / n(instance)`` says what a word most likely means;
``P(instance | concept) = n(concept, instance) / n(concept)`` how good an example it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kg import sql
from queries.hypernyms.importing import Imported, Layout, Progress, bring_in
from queries.hypernyms.morphology import base_forms
from schema.errors import UsageError

if TYPE_CHECKING:
    from queries.language.nouns import Noun

WORDNET = "wordnet"
_SHIPPED = Path(__file__).parent / "data" / "wordnet.parquet"
_WORDS = 100_000  # names that are looked up at once
_PHRASES = 25_000  # the same of phrases, each of which may go by several names


@dataclass(frozen=True, slots=True)
class IsA:
    """One concept of an instance.

    Attributes
    ----------
    concept
        Its name, in lower case.
    count
        n(concept, instance).
    given_instance
        P(concept | instance), in (0, 1].
    given_concept
        P(instance | concept), in (0, 1].
    """

    concept: str
    count: int
    given_instance: float
    given_concept: float


@dataclass(frozen=True)
class Taxonomy:
    """A table of is-a counts.

    Attributes
    ----------
    name
        What it is called in results.
    path
        The table: `instance`, `concept`, `count`, and perhaps `of_instance` and `of_concept`.
    imported
        What became of the file that it was read from; None for the one that is shipped.
    """

    name: str
    path: Path
    imported: Imported | None = field(default=None, compare=False)

    @classmethod
    def open(
        cls,
        name: str | Path = WORDNET,
        layout: Layout | None = None,
        *,
        cache: Path | None = None,
        progress: Progress | None = None,
    ) -> Taxonomy:
        """Open the taxonomy that is shipped (``wordnet``), or that of a file.

        Parameters
        ----------
        name
            ``wordnet``, or a file as :func:`queries.hypernyms.importing.bring_in` reads it.
        layout, cache, progress
            As there.

        Raises
        ------
        UnsuitableFileError, InputError
            As there.
        UsageError
            If a layout is given for ``wordnet``.
        """
        if str(name) == WORDNET and not Path(name).exists():
            if layout is not None:
                raise UsageError(
                    "wordnet comes with IntentKG and has no format", fix="leave --format out"
                )
            return cls(WORDNET, _SHIPPED)
        imported = bring_in(Path(name), layout, cache=cache, progress=progress)
        return cls(Path(name).name, imported.path, imported)

    def concepts(self, instance: str) -> list[IsA]:
        """Concepts of one word, the most typical first; empty if it is not known."""
        return self.look_up([instance]).get(instance, [])

    def look_up(self, instances: Iterable[str]) -> dict[str, list[IsA]]:
        """Concepts of many words, those left out that are not known."""
        wanted = sorted(set(instances))
        found: dict[str, list[IsA]] = {}
        for start in range(0, len(wanted), _WORDS):
            self._look_up(wanted[start : start + _WORDS], found)
        return found

    def match(self, nouns: Iterable[Noun]) -> dict[Noun, str]:
        """Find the instance that each phrase speaks of, where one is known.

        The longest run of its words that holds its noun: a plural in its base form, where that is
        known too, so that *shoes* are footwear and nobody is in them.
        """
        found: dict[Noun, str] = {}
        coming = iter(nouns)
        while some := {noun: list(candidates(noun)) for noun in islice(coming, _PHRASES)}:
            known = self._known(sorted({name for names in some.values() for name in names}))
            for noun, names in some.items():
                name = next((name for name in names if name in known), None)
                if name is not None:
                    found[noun] = name
        return found

    def breadth(self, names: Iterable[str]) -> dict[str, int]:
        """How often anything was said to be of each name; names of which nothing was left out."""
        query = (
            f"SELECT concept, sum(count)::BIGINT FROM {sql.parquet(self.path)} "
            "SEMI JOIN (SELECT instance AS concept FROM wanted) USING (concept) GROUP BY ALL"
        )
        return dict(self._ask(query, sorted(set(names))))

    @cached_property
    def _total(self) -> str:
        """The table with its sums."""
        table = sql.parquet(self.path)
        if self.imported is not None:
            return table
        return (
            f"(SELECT *, sum(count) OVER (PARTITION BY instance) AS of_instance, "
            f"sum(count) OVER (PARTITION BY concept) AS of_concept FROM {table})"
        )

    def _look_up(self, names: Sequence[str], found: dict[str, list[IsA]]) -> None:
        rows = self._ask(
            f"SELECT instance, concept, count, count / of_instance, count / of_concept "
            f"FROM {self._total} SEMI JOIN wanted USING (instance) "
            "ORDER BY instance, count DESC, concept",
            names,
        )
        for instance, concept, count, given_instance, given_concept in rows:
            entry = IsA(concept, int(count), given_instance, given_concept)
            found.setdefault(instance, []).append(entry)

    def _known(self, names: Sequence[str]) -> set[str]:
        query = (
            f"SELECT DISTINCT instance FROM {sql.parquet(self.path)} "
            "SEMI JOIN wanted USING (instance)"
        )
        return {name for (name,) in self._ask(query, names)}

    def _ask(self, query: str, names: Sequence[str]) -> list[tuple[Any, ...]]:
        import duckdb
        import pyarrow as pa

        with duckdb.connect(":memory:", config={"memory_limit": "512MB"}) as connection:
            connection.register("wanted", pa.table({"instance": pa.array(names, pa.string())}))
            rows: list[tuple[Any, ...]] = connection.execute(query).fetchall()
            return rows


def candidates(noun: Noun) -> Iterator[str]:
    """Names under which a phrase may be known, the longest first.

    Examples
    --------
    >>> list(candidates((("warm", "winter", "coats"), 2, True)))[:3]
    ['warm winter coat', 'warm winter coats', 'winter coat']
    """
    words, head, plural = noun
    spans = [(start, end) for start in range(head + 1) for end in range(len(words), head, -1)]
    for start, end in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        rim = words[start : end - 1]
        forms = base_forms(words[end - 1])
        for last in [*forms[1:], forms[0]] if plural and end - 1 == head else forms:
            yield " ".join((*rim, last))
