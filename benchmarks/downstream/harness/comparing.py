"""Is one better than the other? Intervals over seeds, and paired tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with the half-width of its 95 % interval (0 for one value)."""

    mean: float
    half: float

    def __str__(self) -> str:
        return f"{self.mean:.2f} ± {self.half:.2f}"


@dataclass(frozen=True, slots=True)
class Difference:
    """How much `a` is above `b`.

    Attributes
    ----------
    mean
        Of the differences.
    low, high
        95 % bootstrap interval of that mean.
    p
        Two-sided, of a paired permutation test (signs of the differences).
    n
        How many pairs.
    """

    mean: float
    low: float
    high: float
    p: float
    n: int

    @property
    def significant(self) -> bool:
        """Whether p is below 0.05."""
        return self.p < 0.05

    def __str__(self) -> str:
        return f"{self.mean:+.2f} [{self.low:+.2f}, {self.high:+.2f}], p = {self.p:.3f}"


def interval(values: Sequence[float]) -> Interval:
    """Mean and 95 % t-interval, as over seeds.

    Examples
    --------
    >>> print(interval([70.0, 72.0, 71.0]))
    71.00 ± 2.48
    """
    import numpy as np
    from scipy import stats

    given = np.asarray(values, float)
    if len(given) < 2:
        return Interval(float(given.mean()), 0.0)
    error = given.std(ddof=1) / np.sqrt(len(given))
    return Interval(float(given.mean()), float(stats.t.ppf(0.975, len(given) - 1) * error))


def paired(
    a: Sequence[float], b: Sequence[float], *, seed: int = 0, draws: int = 9_999
) -> Difference:
    """Compare two series that belong together value by value.

    Over examples the values are each example's score (0 or 100, or its mean over seeds): then the
    test speaks of other examples of the same kind. Over seeds it speaks of other seeds only. One
    pair shows nothing: its p is 1.

    Examples
    --------
    >>> paired([1.0] * 40, [0.0] * 40).significant
    True
    """
    import numpy as np
    from scipy import stats

    gaps = np.asarray(a, float) - np.asarray(b, float)
    if len(gaps) < 2 or not gaps.any():
        only = float(gaps.sum())
        return Difference(only, only, only, 1.0, len(gaps))
    rng = np.random.default_rng(seed)
    test = stats.permutation_test(
        (gaps,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=draws,
        batch=1_000,
        rng=rng,
    )
    means = [gaps[rng.integers(0, len(gaps), len(gaps))].mean() for _ in range(2_000)]
    low, high = np.percentile(means, [2.5, 97.5])
    return Difference(float(gaps.mean()), float(low), float(high), float(test.pvalue), len(gaps))
