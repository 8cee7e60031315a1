"""The out-of-scope setting of MIntRec2.0: utterances with none of the intents, labelled UNK.

The published data has them in files of their own, and together with all others in the folder
``total``; that folder's files are read here: ``train.tsv``, ``dev.tsv`` and, if there is one,
``test.tsv``, with ``UNK`` for a label. Two ways to learn, both tested on all utterances:

* ``class``: what is outside is one class more, and training sees examples of it (A-MESS, table
  II: "the model categories and the training data include out-of-scope samples");
* ``unseen``: training and validation see intents only. An utterance is outside if the model is
  not sure enough of any intent (:func:`reject`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from benchmarks.downstream.amess.synchronisation import OUTSIDE
from benchmarks.downstream.harness.classifying import check_classes
from benchmarks.downstream.intents.data import Splits, Utterance, held_out, read_utterances
from schema.errors import InputError

if TYPE_CHECKING:
    import torch

type Way = Literal["none", "unseen", "class"]
"""``none``: utterances that are out of scope are left out."""


def read(dataset: str, data: Callable[..., Path], way: Way) -> Splits:
    """Read a data set whose files may hold utterances that are out of scope.

    Without such utterances it is what :func:`benchmarks.downstream.intents.data.read_splits`
    gives, but for a test split of MIntRec2.0, which is taken if it is there.

    Parameters
    ----------
    dataset
        ``mintrec`` or ``mintrec2``.
    data
        Finds its files (:meth:`benchmarks.downstream.harness.Run.data`).

    Returns
    -------
    Splits
        The intents are in order of their names; :data:`OUTSIDE` is last of the classes, unless
        the way is ``none``.

    Raises
    ------
    InputError
        As :func:`read_splits`; if no utterance of the test split is out of scope, though `way`
        asks for some.
    """
    place = data(dataset, "train.tsv")
    train = read_utterances(place, dataset)
    intents = sorted({row.label for row in train} - {OUTSIDE})
    known = [*intents, OUTSIDE]
    last = data(dataset, "dev.tsv")
    valid = read_utterances(last, dataset, known)
    if dataset == "mintrec" or place.with_name("test.tsv").exists():
        last = data(dataset, "test.tsv")
        test = read_utterances(last, dataset, known)
    else:
        test = valid
        train, valid = held_out(train)
    if way != "class":
        train, valid = _inside(train), _inside(valid)
    if way == "none":
        test = _inside(test)
    elif len(_inside(test)) == len(test):
        raise InputError(
            f"no utterance is labelled {OUTSIDE}",
            file=str(last),
            fix='take the files of the published folder "total", or set outside = "none"',
        )
    splits = Splits(train, valid, test, intents if way == "none" else known)
    learnt = known if way == "class" else intents
    check_classes(splits.labels(train), learnt, str(place))
    return splits


def _inside(rows: Sequence[Utterance]) -> list[Utterance]:
    return [row for row in rows if row.label != OUTSIDE]


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
