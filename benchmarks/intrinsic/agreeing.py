"""How far two judges agree: rank statistics and Cohen's kappa."""

from __future__ import annotations

from typing import Any

import numpy as np


def auc(labels: Any, scores: Any) -> float:
    """Give the share of (right, wrong) pairs whose right one scores higher; ties count half.

    Examples
    --------
    >>> auc([1, 0, 1], [0.9, 0.1, 0.1])
    0.75
    """
    labels = np.asarray(labels, dtype=bool)
    rank = ranks(scores)
    right, wrong = int(labels.sum()), int((~labels).sum())
    if not right or not wrong:
        return float("nan")
    return float((rank[labels].sum() - right * (right + 1) / 2) / (right * wrong))


def spearman(one: Any, other: Any) -> float:
    """Give Spearman's rank correlation; NaN where one side does not vary.

    Examples
    --------
    >>> round(spearman([1, 2, 3, 4], [1, 3, 2, 4]), 2)
    0.8
    """
    a, b = ranks(one), ranks(other)
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def kappa(one: Any, other: Any) -> float:
    """Give Cohen's kappa of two judges who say yes or no; NaN where both say only one of them.

    Examples
    --------
    >>> kappa([1, 1, 0, 0], [1, 0, 0, 0])
    0.5
    """
    a, b = np.asarray(one, dtype=bool), np.asarray(other, dtype=bool)
    if not len(a):
        return float("nan")
    same = float((a == b).mean())
    chance = float(a.mean() * b.mean() + (~a).mean() * (~b).mean())
    return (same - chance) / (1 - chance) if chance < 1 else float("nan")


def ranks(values: Any) -> Any:
    """Rank from 1; those that are equal share the mean of their ranks."""
    _, places, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return ((last - counts + 1 + last) / 2)[places]
