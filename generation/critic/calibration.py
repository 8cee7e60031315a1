"""From logits to probabilities that mean what they say, and how far they are from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

type Numbers = npt.NDArray[np.floating[Any]]

_STEPS = 100


def fit_platt(logits: Numbers, labels: Numbers) -> tuple[float, float]:
    """Fit slope and intercept by maximum likelihood (Platt 1999), with Newton's method.

    Parameters
    ----------
    logits
        Of examples that the model did not learn from; shape (n,).
    labels
        In [0, 1], same shape; may be soft.

    Returns
    -------
    slope, intercept
        For :func:`apply_platt`.
    """
    x = np.stack([logits.astype(np.float64), np.ones(len(logits))], axis=1)
    y = labels.astype(np.float64)
    at = np.array([1.0, 0.0])
    for _ in range(_STEPS):
        p = _sigmoid(x @ at)
        # A little is added to the diagonal, so that labels of one kind do no harm.
        hessian = (x * (p * (1 - p))[:, None]).T @ x + 1e-6 * np.eye(2)
        step = np.linalg.solve(hessian, x.T @ (p - y) + 1e-6 * at)
        at = at - np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-9:
            break
    return float(at[0]), float(at[1])


def apply_platt(logits: Numbers, slope: float, intercept: float) -> npt.NDArray[np.float64]:
    """Turn logits into probabilities."""
    return _sigmoid(slope * logits.astype(np.float64) + intercept)


def typicality_of_cobuys(
    plausibility: Numbers, relations: Sequence[str], scale: Mapping[str, Any]
) -> npt.NDArray[np.float64]:
    """Give what people gave, on the average, to intentions of that relation that fit.

    Parameters
    ----------
    plausibility
        Calibrated; shape (n,).
    scale
        ``fits_from``: the plausibility from which an intention fits; below, its typicality is less
        in proportion. ``degrees``: by relation; ``mean``: of relations that are not among them.
    """
    degrees = [scale["degrees"].get(name, scale["mean"]) for name in relations]
    found: npt.NDArray[np.float64] = np.array(degrees, dtype=np.float64)
    found *= np.minimum(1.0, plausibility / scale["fits_from"])
    return found


def expected_calibration_error(scores: Numbers, labels: Numbers, *, bins: int = 15) -> float:
    """Give the mean distance of score and share of labels, over bins of equal width (Guo 2017).

    Examples
    --------
    >>> expected_calibration_error(np.array([0.75, 0.75, 0.75, 0.75]), np.array([1.0, 1, 1, 0]))
    0.0
    """
    places = np.minimum((scores * bins).astype(int), bins - 1)
    gaps = [
        abs(scores[places == n].mean() - labels[places == n].mean()) * (places == n).sum()
        for n in np.unique(places)
    ]
    return float(sum(gaps) / len(scores)) if len(scores) else 0.0


def _sigmoid(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(x, -60.0, 60.0)))
    return found
