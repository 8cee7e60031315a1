"""The out-of-scope setting of MIntRec2.0: utterances with none of the intents, labelled UNK.

How they are read: :func:`benchmarks.downstream.intents.data.read_splits`. Two ways to learn, both
tested on all utterances:

* ``class``: what is outside is one class more, and training sees examples of it (A-MESS, table
  II: "the model categories and the training data include out-of-scope samples");
* ``unseen``: training and validation see intents only. An utterance is outside if the model is
  not sure enough of any intent (:func:`reject`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.downstream.intents.data import OUTSIDE

if TYPE_CHECKING:
    import torch


def reject(
    seen: torch.Tensor, labels: torch.Tensor, said: torch.Tensor, *, scale: float = 3.0
) -> list[int]:
    """Classes of utterances of which some belong to none (DOC: Shu et al., EMNLP 2017, 3.2).

    Of the training examples of a class, the probabilities of that class lie below 1 with some
    deviation from it. Less than 1 minus `scale` deviations, and in any case less than a half, is
    not sure enough. Probabilities are softmax's, with which training was done; DOC and
    MIntRec2.0's reference code take the sigmoid, but cross-entropy leaves open how high the
    logits of an example are together. A scale of 3 is DOC's; the reference code takes 1.

    Parameters
    ----------
    seen, labels
        Logits (n, c) of the training examples, and their classes (n,).
    said
        Logits (m, c).

    Returns
    -------
    list
        m classes; c where none is sure enough.
    """
    import torch

    own = labels.unsqueeze(1)
    doubt = (1.0 - seen.softmax(1)).square().gather(1, own)[:, 0]
    classes = seen.shape[1]
    sums = torch.zeros(classes, device=seen.device).index_add(0, labels, doubt)
    deviation = (sums / labels.bincount(minlength=classes).clamp(min=1)).sqrt()
    sure, best = said.softmax(1).max(1)
    least = (1.0 - scale * deviation).clamp(min=0.5)[best]
    found: list[int] = torch.where(sure > least, best, classes).tolist()
    return found


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
