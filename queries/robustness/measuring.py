"""How alike are the intentions that two prompts, models, runs or samples give for the same head?

MIND section 5.4.4 asks 100 co-buys again with prompts that do not speak of pictures, and reports
the mean cosine of sentence embeddings, 0.85, of each intention and its counterpart. Two sentences
of one relation are alike in any case, so here that mean stands beside a baseline: the same
intentions against those of another head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from kg.directory import Directory
from queries.corpus import Chosen
from queries.duplicates import THRESHOLD
from queries.duplicates.meanings import Meanings, Progress
from queries.results import Table, plain
from queries.robustness.groups import AXES, Axis, Unit, units
from schema.errors import UsageError
from schema.identity import normalise_text

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    type Floats = npt.NDArray[np.float64]

__all__ = ["AXES", "Agreement", "Axis", "Robustness", "measure"]

SHARES = (0.7, 0.8, THRESHOLD, 0.95)
BINS = 44  # of the histogram, from -0.1 to 1
RESAMPLES = 1_000

_LEAST = -0.1


@dataclass(frozen=True, slots=True)
class Agreement:
    """Similarities of one relation, of one pair of origins, or of all.

    Attributes
    ----------
    name
        The relation, the two origins, or ``all``.
    pairs, heads
        How many (head, relation) were answered by two origins, and of how many heads.
    mean, low, high
        Mean cosine, and its 95 % confidence interval (bootstrap over heads; None with one head).
    q1, median, q3
        Quartiles.
    identical
        Share of pairs that have the very same intentions.
    shares
        Share of pairs at or above each threshold.
    histogram
        Counts in 44 bins of 0.025, from -0.1 to 1; what is below is in the first.
    baseline
        Mean cosine to the intentions of another head by the same origins and of the same
        relation; None if there is no other head.
    baseline_histogram
        As `histogram`.
    """

    name: str
    pairs: int
    heads: int
    mean: float
    low: float | None
    high: float | None
    q1: float
    median: float
    q3: float
    identical: float
    shares: dict[str, float]
    histogram: tuple[int, ...]
    baseline: float | None
    baseline_histogram: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Robustness:
    """What was measured.

    Attributes
    ----------
    axis
        What the origins differ in; None for two knowledge bases.
    model
        The embedder; None if nothing was answered twice.
    total
        All together; None if nothing was answered twice.
    relations, origins
        By relation, and by pair of origins.
    """

    axis: Axis | None
    model: str | None
    total: Agreement | None
    relations: tuple[Agreement, ...]
    origins: tuple[Agreement, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        found: dict[str, Any] = plain(self)
        return found

    def table(self) -> Table:
        """One row for each relation, and one for all."""
        columns = ["relation", "pairs", "heads", "mean", "low", "high", "q1", "median", "q3"]
        columns += ["identical", *(f"from {share:g}" for share in SHARES), "baseline"]
        return Table(columns, [_cells(each) for each in (*self.relations, *_some(self.total))])


def measure(
    directory: Directory,
    axis: Axis = "prompt",
    chosen: Chosen | None = None,
    *,
    against: Directory | None = None,
    heads: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Robustness:
    """Compare what two origins say about the same heads and relations.

    Where an origin gives several intentions for a head and relation, each is compared with the
    nearest of the other's, and the mean of both directions counts; with one each that is their
    cosine, as in MIND.

    Parameters
    ----------
    directory, chosen
        The knowledge base, and which of its assertions count.
    axis
        What the origins differ in; see :func:`queries.robustness.groups.units`.
    against
        Another knowledge base: then the two are the origins.
    heads
        Only so many heads, drawn without replacement.
    seed
        Of that sample, of the baseline, and of the bootstrap.
    progress
        Called with the stage, how much is done, and how much there is.

    Raises
    ------
    UsageError
        If there is no such axis, or fewer than one head is asked for.
    """
    import numpy as np

    if axis not in AXES:
        raise UsageError(f"origins do not differ in {axis!r}", fix=f"use {', '.join(AXES)}")
    if heads is not None and heads < 1:
        raise UsageError(f"a sample of {heads} heads holds nothing", fix="ask for one or more")
    found = list(
        units(directory, axis, chosen or Chosen(), against=against, heads=heads, seed=seed)
    )
    named = None if against is not None else axis
    if not found:
        return Robustness(named, None, None, (), ())
    report = progress or (lambda stage, done, total: None)
    similar, model = _similarities(directory, found, report)
    values = np.array([similar(unit.a, unit.b) for unit in found])
    chance = np.random.default_rng(seed)
    others = _others(found, chance)
    base = np.array(
        [
            np.nan if other is None else similar(unit.a, found[other].b)
            for unit, other in zip(found, others, strict=True)
        ]
    )

    def summary(name: str, places: Sequence[int]) -> Agreement:
        some = list(places)
        return _agreement(name, [found[n] for n in some], values[some], base[some], seed)

    def groups(key: Any) -> tuple[Agreement, ...]:
        order = sorted(range(len(found)), key=lambda n: key(found[n]))
        return tuple(
            summary(name, list(places)) for name, places in groupby(order, lambda n: key(found[n]))
        )

    return Robustness(
        named,
        model,
        summary("all", range(len(found))),
        groups(lambda unit: unit.relation),
        groups(lambda unit: " | ".join(unit.origins)),
    )


def best_match(cosines: Floats) -> float:
    """Mean of each row's best and each column's best, both directions counting alike.

    Parameters
    ----------
    cosines
        Shape (intentions of one origin, intentions of the other).
    """
    return float((cosines.max(1).mean() + cosines.max(0).mean()) / 2)


def interval(values: Floats, heads: Sequence[str], seed: int) -> tuple[float, float] | None:
    """95 % interval of the mean, drawing heads with replacement: pairs of one head go together.

    Returns
    -------
    tuple of float or None
        None if there is one head only.
    """
    import numpy as np

    _, places = np.unique(np.array(heads, object), return_inverse=True)
    sums, counts = np.bincount(places, values), np.bincount(places)
    if len(sums) < 2:
        return None
    chance = np.random.default_rng(seed)
    means = []
    for _ in range(RESAMPLES):  # one at a time: all draws together would be heads x resamples
        drawn = chance.integers(0, len(sums), len(sums))
        means.append(sums[drawn].sum() / counts[drawn].sum())
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _similarities(directory: Directory, found: Sequence[Unit], report: Progress) -> tuple[Any, str]:
    """How alike two sets of intentions are, and by which embedder."""
    import numpy as np

    texts = dict(each for unit in found for each in (*unit.a, *unit.b))
    ids = sorted(texts)
    meanings = Meanings(directory, ids, [normalise_text(texts[i]) for i in ids], report)
    vectors = meanings.all()
    places = {identifier: place for place, identifier in enumerate(ids)}

    def rows(side: tuple[tuple[str, str], ...]) -> npt.NDArray[np.float32]:
        return vectors[[places[i] for i, _ in side]].astype(np.float32)

    def similar(a: tuple[tuple[str, str], ...], b: tuple[tuple[str, str], ...]) -> float:
        # Rounding to half precision leaves lengths a little off 1.
        cosines = np.minimum(rows(a) @ rows(b).T, 1).astype(np.float64)
        equal = np.array([[x == y for y, _ in b] for x, _ in a])
        return best_match(np.where(equal, 1.0, cosines))

    return similar, meanings.model


def _others(found: Sequence[Unit], chance: np.random.Generator) -> list[int | None]:
    """For each unit another head's, of the same relation and origins, drawn at random."""
    drawn: list[int | None] = [None] * len(found)
    order = sorted(range(len(found)), key=lambda n: (found[n].relation, found[n].origins))
    for _, group in groupby(order, key=lambda n: (found[n].relation, found[n].origins)):
        places = list(group)
        if len(places) > 1:
            steps = chance.integers(1, len(places), len(places)).tolist()
            for number, (place, step) in enumerate(zip(places, steps, strict=True)):
                other = places[(number + step) % len(places)]
                if found[other].head_id != found[place].head_id:
                    drawn[place] = other
    return drawn


def _agreement(
    name: str, found: Sequence[Unit], values: Floats, base: Floats, seed: int
) -> Agreement:
    import numpy as np

    heads = [unit.head_id for unit in found]
    low, high = interval(values, heads, seed) or (None, None)
    q1, median, q3 = np.percentile(values, [25, 50, 75]).tolist()
    known = base[~np.isnan(base)]
    return Agreement(
        name=name,
        pairs=len(found),
        heads=len(set(heads)),
        mean=float(values.mean()),
        low=low,
        high=high,
        q1=q1,
        median=median,
        q3=q3,
        identical=sum(unit.a == unit.b for unit in found) / len(found),
        shares={f"{share:g}": float((values >= share).mean()) for share in SHARES},
        histogram=_histogram(values),
        baseline=float(known.mean()) if len(known) else None,
        baseline_histogram=_histogram(known),
    )


def _histogram(values: Floats) -> tuple[int, ...]:
    import numpy as np

    counts, _ = np.histogram(np.clip(values, _LEAST, 1), BINS, (_LEAST, 1))
    return tuple(counts.tolist())


def _cells(each: Agreement) -> list[Any]:
    names = ("name", "pairs", "heads", "mean", "low", "high", "q1", "median", "q3", "identical")
    return [*(getattr(each, name) for name in names), *each.shares.values(), each.baseline]


def _some(each: Agreement | None) -> tuple[Agreement, ...]:
    return () if each is None else (each,)
