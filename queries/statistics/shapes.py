"""The results of :func:`queries.statistics.statistics`, as frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from queries.results import plain


@dataclass(frozen=True, slots=True)
class Distribution:
    """How the scores of a set of assertions lie; every score is in [0, 1].

    Attributes
    ----------
    n
        Assertions that have the score.
    mean
        Their mean.
    low, high
        95 % interval of the mean by bootstrap; None below two scores. It takes assertions for
        independent, which several of one head are not quite.
    minimum, q25, median, q75, maximum
        Quantiles, interpolated between neighbours.
    shares
        Shares of scores below 1/3, from there to below 2/3, and from 2/3 on: MIKO's three
        categories (Figure 4), whose -1, 0 and 1 are 0, 0.5 and 1 here.
    """

    n: int
    mean: float
    low: float | None
    high: float | None
    minimum: float
    q25: float
    median: float
    q75: float
    maximum: float
    shares: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its uncertainty.

    Attributes
    ----------
    count, of
        So many of so many; `of` is at least 1.
    rate
        Their ratio.
    low, high
        95 % interval (Wilson 1927).
    """

    count: int
    of: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RelationFigures:
    """One relation of one graph, or a total over several.

    Attributes
    ----------
    family
        ``social`` (the head is a post) or ``cobuy`` (a co-buy or a product); None in the total
        over both.
    relation
        Name in the registry; None in a total.
    assertions
        Edges from a head to an intention.
    heads, intentions
        Distinct ones among them.
    words
        Mean number of words in an intention, over assertions; words are what white space parts.
    preserved
        Of the assertions that a filter judged, those that it accepted (MIND, Figure 7). None if
        it judged none.
    plausibility, typicality
        None if nobody scored.
    """

    family: str | None
    relation: str | None
    assertions: int
    heads: int
    intentions: int
    words: float
    preserved: Rate | None
    plausibility: Distribution | None
    typicality: Distribution | None

    @property
    def key(self) -> tuple[str | None, str | None]:
        """What tells it from the other figures of a graph."""
        return self.family, self.relation


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """What one source brought: the rows of MIKO's Table 1.

    Attributes
    ----------
    source
        Name of the source, as given at intake.
    posts, posts_with_images
        Posts, and those among them that name an image.
    products, cobuys
        Products and co-bought pairs.
    evidence
        Pieces of evidence for intentions.
    sample
        The text of one post, else the title of one product; None if it brought neither.
    """

    source: str
    posts: int
    posts_with_images: int
    products: int
    cobuys: int
    evidence: int
    sample: str | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """The figures of one graph, or of what one model wrote in it.

    Attributes
    ----------
    label
        What to call it beside others.
    relations
        In the registry's order, only those that occur.
    totals
        By family, where both occur, and over all; empty if there is no assertion.
    sources
        Sorted by name.
    """

    label: str
    relations: tuple[RelationFigures, ...]
    totals: tuple[RelationFigures, ...]
    sources: tuple[SourceFigures, ...]

    @property
    def total(self) -> RelationFigures | None:
        """Over everything; None if there is no assertion."""
        return self.totals[-1] if self.totals else None

    def get(self, key: tuple[str | None, str | None]) -> RelationFigures | None:
        """The figures of a family and relation, or None."""
        return next((f for f in (*self.relations, *self.totals) if f.key == key), None)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain dicts and lists, for JSON."""
        found: dict[str, Any] = plain(self)
        return found
