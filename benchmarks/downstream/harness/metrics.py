"""Scores of classifiers and rankings, in percent, as the papers print them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    type Labels = Sequence[int] | npt.NDArray[np.int64]
    type Ranks = Sequence[float] | npt.NDArray[np.float64]


def classification(
    gold: Labels, predicted: Labels, *, positive: int | None = None
) -> dict[str, float]:
    """Accuracy, F1, precision and recall.

    Parameters
    ----------
    gold, predicted
        Class numbers, shape (n,).
    positive
        The class that F1, precision and recall are of; None: the mean over all classes that
        occur (macro), as MIntRec's papers have it.

    Returns
    -------
    dict
        ``accuracy``, ``f1``, ``precision``, ``recall``, in percent.

    Examples
    --------
    >>> classification([0, 1, 1, 0], [0, 1, 0, 0], positive=1)["recall"]
    50.0
    """
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    precision, recall, f1, _ = precision_recall_fscore_support(
        gold,
        predicted,
        average="macro",
        labels=None if positive is None else [positive],
        zero_division=0.0,
    )
    accuracy = accuracy_score(gold, predicted)
    scores = {"accuracy": accuracy, "f1": f1, "precision": precision, "recall": recall}
    return {name: 100.0 * float(value) for name, value in scores.items()}


def hits(gold: Labels, runs: Sequence[Labels]) -> list[float]:
    """How often several runs were right about each example, in percent.

    Examples
    --------
    >>> hits([0, 1], [[0, 0], [0, 1]])
    [100.0, 50.0]
    """
    return [
        100.0 * sum(predicted[place] == label for predicted in runs) / len(runs)
        for place, label in enumerate(gold)
    ]


def gains(ranks: Ranks, *, k: int = 10) -> dict[str, npt.NDArray[np.float64]]:
    """Recall and NDCG at `k` of single questions, each with one right answer.

    Parameters
    ----------
    ranks
        Shape (n,): the right answer's place in each ranking, from 1.

    Returns
    -------
    dict
        ``recall`` and ``ndcg``, shape (n,), in percent.

    Examples
    --------
    >>> gains([1, 20])["recall"].tolist()
    [100.0, 0.0]
    """
    import numpy as np

    places = np.asarray(ranks, float)
    hit = places <= k
    return {"recall": 100.0 * hit, "ndcg": np.where(hit, 100.0 / np.log2(places + 1.0), 0.0)}


def by_group(values: npt.NDArray[np.float64], groups: Sequence[int]) -> npt.NDArray[np.float64]:
    """Mean of each group that occurs, in ascending order of their numbers.

    Examples
    --------
    >>> import numpy as np
    >>> by_group(np.array([1.0, 2.0, 6.0]), [5, 3, 3]).tolist()
    [4.0, 1.0]
    """
    import numpy as np

    _, place = np.unique(np.asarray(groups), return_inverse=True)
    found: npt.NDArray[np.float64] = np.bincount(place, weights=values) / np.bincount(place)
    return found
