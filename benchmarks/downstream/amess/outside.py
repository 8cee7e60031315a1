"""MIntRec2.0's out-of-scope setting: what is outside all intents is one class more (UNK).

The published training and test utterances of that class are not among the data at hand; a file
with them has the columns of ``train.tsv`` and ``UNK`` as their label.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.downstream.amess.synchronisation import OUTSIDE


def in_and_out(
    gold: Sequence[int], predicted: Sequence[int], classes: Sequence[str]
) -> dict[str, float]:
    """Scores of table II, in percent.

    Returns
    -------
    dict
        ``accuracy`` over all; ``f1_is``, the mean F1 of the intents; ``f1_os``, the F1 of
        :data:`OUTSIDE`; ``f1``, the mean over all classes. A class in neither list counts 0.

    Examples
    --------
    >>> in_and_out([0, 1, 2, 2], [0, 1, 2, 0], ["Care", "Joke", "UNK"])["accuracy"]
    75.0
    """
    from sklearn.metrics import accuracy_score, f1_score

    each = 100.0 * f1_score(
        gold, predicted, labels=range(len(classes)), average=None, zero_division=0.0
    )
    outside = classes.index(OUTSIDE)
    inside = [value for place, value in enumerate(each) if place != outside]
    return {
        "accuracy": 100.0 * float(accuracy_score(gold, predicted)),
        "f1_is": float(sum(inside) / len(inside)),
        "f1_os": float(each[outside]),
        "f1": float(each.mean()),
    }
