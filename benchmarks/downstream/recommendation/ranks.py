"""Where right answers come among all items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.downstream.recommendation.data import Domain, Question

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    type Scorer = Callable[[Sequence[Question]], npt.NDArray[np.float32]]

_CHUNK = 512  # questions scored at a time


def ranks(questions: Sequence[Question], score: Scorer) -> list[float]:
    """Rank every question's answer; ties share the middle of their places.

    Parameters
    ----------
    score
        Takes questions, gives scores of all items, shape (questions, items).

    Returns
    -------
    list of float
        Shape (questions,), from 1.
    """
    import numpy as np

    found: list[float] = []
    for start in range(0, len(questions), _CHUNK):
        part = questions[start : start + _CHUNK]
        scores = np.array(score(part), np.float64)
        answers = np.array([question.answer for question in part])
        mine = scores[np.arange(len(part)), answers]
        for row, question in zip(scores, part, strict=True):
            row[[*question.given, *question.apart]] = -np.inf
        better = (scores > mine[:, None]).sum(1)
        level = (scores == mine[:, None]).sum(1) - 1
        found += (1.0 + better + level / 2.0).tolist()
    return found


def by_vectors(vectors: npt.NDArray[np.float32]) -> Scorer:
    """Score items by the product of their vector with the mean of those given."""
    import numpy as np

    def score(questions: Sequence[Question]) -> Any:
        asks = np.stack([vectors[list(question.given)].mean(0) for question in questions])
        return asks @ vectors.T

    return score


def by_count(domain: Domain) -> Scorer:
    """Score items by the number of training bundles that they are in."""
    import numpy as np

    counts = Counter(item for bundle in domain.train for item in bundle)
    known = np.array([counts[item] for item in range(len(domain.titles))], np.float32)
    return lambda questions: np.tile(known, (len(questions), 1))


def by_company(domain: Domain) -> Scorer:
    """Score items by the number of training bundles that they share with those given."""
    import numpy as np

    holding: dict[int, list[list[int]]] = {}
    for bundle in domain.train:
        for item in bundle:
            holding.setdefault(item, []).append(bundle)

    def score(questions: Sequence[Question]) -> Any:
        found = np.zeros((len(questions), len(domain.titles)), np.float32)
        for row, question in zip(found, questions, strict=True):
            for item in question.given:
                for bundle in holding.get(item, ()):
                    row[bundle] += 1.0
        return found

    return score
