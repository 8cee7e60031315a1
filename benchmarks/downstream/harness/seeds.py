"""What may be said of models that were trained with several seeds, or with one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.downstream.harness.comparing import Difference, interval, paired
from benchmarks.downstream.harness.metrics import hits


@dataclass(frozen=True, slots=True)
class Claim:
    """A difference between two models, over examples and over seeds.

    A paired test over examples takes the trained models as they are; whether other seeds would
    say the same is another question.

    Attributes
    ----------
    gap
        Over examples, each with its mean over the seeds.
    seeds
        Two-sided p of Welch's t-test between the seeds' scores; None if a model has one seed.
    """

    gap: Difference
    seeds: float | None

    @property
    def holds(self) -> bool:
        """Whether it is shown over examples, and over seeds."""
        return self.gap.significant and self.seeds is not None and self.seeds < 0.05

    @property
    def gain(self) -> bool:
        """Whether it holds, and is one for the better."""
        return self.holds and self.gap.mean > 0

    def __str__(self) -> str:
        if not self.gap.significant:
            return "no difference shown"
        said = "better" if self.gap.mean > 0 else "worse"
        if self.seeds is None:
            return f"{said} on these examples, by one training each"
        if not self.holds:
            return f"{said} on these examples, not shown over seeds (p = {self.seeds:.3f})"
        return f"{said} (over seeds p = {self.seeds:.3f})"


def compared(
    gold: Sequence[int], one: Sequence[dict[str, Any]], other: Sequence[dict[str, Any]]
) -> Claim:
    """Compare two models.

    Parameters
    ----------
    gold
        Class numbers, shape (n,).
    one, other
        Of each seed ``predicted``, shape (n,), and ``accuracy``.
    """
    right = (hits(gold, [cell["predicted"] for cell in done]) for done in (one, other))
    scores = ([cell["accuracy"] for cell in done] for done in (one, other))
    return Claim(paired(*right), over_seeds(*scores))


def over_seeds(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Two-sided p of Welch's t-test between the scores of two models' seeds.

    Returns
    -------
    float or None
        None if a model has one seed: one training says nothing of others.

    Examples
    --------
    >>> over_seeds([99.0, 99.5, 98.5], [80.0, 81.0, 79.0]) < 0.01
    True
    """
    from scipy import stats

    if min(len(a), len(b)) < 2:
        return None
    if len({*a}) == len({*b}) == 1:  # the test divides by a spread that is not there
        return float(a[0] == b[0])
    return float(stats.ttest_ind(a, b, equal_var=False).pvalue)


def stated(values: Sequence[float]) -> str:
    """Mean and interval over seeds; of one value there is no interval to state."""
    return str(interval(values)) if len(values) > 1 else f"{values[0]:.2f}"
