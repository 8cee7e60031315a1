"""Is one model's F1 above another's? F1 is no mean over posts, so posts are drawn anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_DRAWS = 2_000


@dataclass(frozen=True, slots=True)
class Gap:
    """How much one F1 is above another, with its 95 % interval over posts, in points."""

    mean: float
    low: float
    high: float

    @property
    def shown(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0.0 or self.high < 0.0

    def __str__(self) -> str:
        return f"{self.mean:+.2f} [{self.low:+.2f}, {self.high:+.2f}]"


def gap_of_f1(
    gold: Sequence[int],
    one: Sequence[Sequence[int]],
    other: Sequence[Sequence[int]],
    positive: int,
    *,
    seed: int = 0,
) -> Gap:
    """Compare two models by the F1 of one class, mean over their seeds.

    Parameters
    ----------
    gold
        Class numbers, shape (n,).
    one, other
        What each seed's model said, shape (seeds, n).

    Examples
    --------
    >>> gap_of_f1([1, 0] * 50, [[1, 0] * 50], [[1, 1] * 50], 1).shown
    True
    """
    import numpy as np

    # How often each post was drawn; first, each once.
    count = len(gold)
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), _DRAWS)
    weights = np.concatenate([np.ones((1, count)), drawn])
    is_it = np.asarray(gold) == positive
    gaps = _f1(is_it, one, positive, weights) - _f1(is_it, other, positive, weights)
    low, high = np.percentile(gaps[1:], [2.5, 97.5])
    return Gap(float(gaps[0]), float(low), float(high))


def _f1(
    is_it: npt.NDArray[np.bool_],
    said: Sequence[Sequence[int]],
    positive: int,
    weights: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """F1 in percent by each of the weightings (draws, n), mean over the models."""
    import numpy as np

    found = np.zeros(len(weights))
    for model in said:
        called = np.asarray(model) == positive
        both = weights @ (called & is_it)
        either = weights @ called.astype(float) + weights @ is_it.astype(float)
        found += np.divide(2.0 * both, either, out=np.zeros_like(both), where=either > 0.0)
    return 100.0 * found / len(said)
