"""Which tails of a head are taught: its evidence folded to tails, and filtered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from schema.relations import Family, Relation, get


@dataclass(frozen=True, slots=True)
class Tail:
    """A tail, with the best of what its evidence says.

    Attributes
    ----------
    plausibility, typicality
        In [0, 1]; None: nobody scored it.
    accepted
        False as soon as one judge rejects it; None: nobody judged it.
    """

    relation: Relation
    text: str
    plausibility: float | None = None
    typicality: float | None = None
    accepted: bool | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """One judge's verdict on a tail, with the reason."""

    relation: Relation
    text: str
    accepted: bool
    rationale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Conditions that a tail has to meet, all of them.

    Attributes
    ----------
    relations
        Names of the registry; empty: all.
    min_plausibility, min_typicality
        In [0, 1], inclusive; an unscored tail does not pass. None asks nothing.
    accepted
        The verdict it must have; None: any but a rejection.
    """

    relations: tuple[str, ...] = ()
    min_plausibility: float | None = None
    min_typicality: float | None = None
    accepted: bool | None = None

    def wants(self, relation: Relation) -> bool:
        """See whether the relation is one that was asked for, and that models are asked for."""
        return not relation.import_only and (not self.relations or relation.name in self.relations)

    def objection(self, tail: Tail) -> str | None:
        """Say why a tail is left out; None if it is not.

        Examples
        --------
        >>> Choice(min_typicality=0.5).objection(Tail(get("UsedFor"), "hiking", typicality=0.3))
        'typicality below 0.5'
        """
        if tail.relation.import_only:
            return "relation that models are not asked for"
        if not self.wants(tail.relation):
            return "another relation"
        for name in ("plausibility", "typicality"):
            least, score = getattr(self, f"min_{name}"), getattr(tail, name)
            if least is not None and score is None:
                return f"without {name}"
            if least is not None and score < least:
                return f"{name} below {least:g}"
        if self.accepted is None:
            return "rejected" if tail.accepted is False else None
        if tail.accepted is None:
            return "not judged"
        if tail.accepted is not self.accepted:
            return "accepted" if tail.accepted else "rejected"
        return None


def fold(evidence: Iterable[Mapping[str, Any]], family: Family) -> Iterator[Tail]:
    """Fold evidence to tails: the best scores of each, and the strictest verdict.

    Parameters
    ----------
    evidence
        Rows of the table of assertions about one head, those of an assertion beside one another.
    """
    for _, group in groupby(evidence, key=itemgetter("assertion_id")):
        rows = list(group)
        verdicts = [row["accepted"] for row in rows if row["accepted"] is not None]
        yield Tail(
            get(rows[0]["relation"], family),
            rows[0]["text"],
            _best(rows, "plausibility"),
            _best(rows, "typicality"),
            all(verdicts) if verdicts else None,
        )


def judged(evidence: Iterable[Mapping[str, Any]], family: Family) -> Iterator[Judged]:
    """Give the verdicts that come with a reason, each once."""
    seen = set()
    for row in evidence:
        told = (row["assertion_id"], row["accepted"], row["rationale"])
        if row["accepted"] is not None and row["rationale"] and told not in seen:
            seen.add(told)
            relation = get(row["relation"], family)
            yield Judged(relation, row["text"], row["accepted"], row["rationale"])


def _best(rows: list[Mapping[str, Any]], column: str) -> float | None:
    return max((row[column] for row in rows if row[column] is not None), default=None)
