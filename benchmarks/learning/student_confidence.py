"""How sure the student may be: fitted on heads that it did not learn from."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.intrinsic.measuring import acceptable
from benchmarks.learning.corpora import Example
from benchmarks.learning.student_data import foreign, garbled
from generation.student.choosing import FEATURES, Confidence
from generation.student.student import Student
from kg.embed import load_embedder
from schema.relations import Relation

UNFITTED = Confidence((0.0,) * len(FEATURES), 0.0, 0.0, 1.0)
"""Before it is fitted: always as sure, and silent only where nothing else was found."""

_NONSENSE = 12  # one such head of each kind beside so many
_SILENCES = (0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
_ANSWERED = 0.93
_LEAST = 0.08


@dataclass(frozen=True, slots=True)
class Asked:
    """A head and a relation, with what people wrote (None: that there is nothing)."""

    head: tuple[str, ...]
    relation: Relation
    tails: tuple[str | None, ...]


def asked(examples: Sequence[Example], *, most: int, seed: int) -> list[Asked]:
    """Gather examples by head and relation, at most so many of each source and relation."""
    found: dict[tuple[str, tuple[str, ...], str], list[Example]] = {}
    for example in examples:
        key = (example.source, example.head, example.relation.key)
        found.setdefault(key, []).append(example)
    keys = sorted(found)
    random.Random(seed).shuffle(keys)
    taken: Counter[tuple[str, str]] = Counter()
    rows = []
    for key in keys:
        source, head, relation = key
        taken[source, relation] += 1
        if taken[source, relation] <= most:
            tails = tuple(example.tail for example in found[key])
            rows.append(Asked(head, found[key][0].relation, tails))
    return rows


def fit(student: Student, questions: Sequence[Asked], *, seed: int) -> Confidence:
    """Fit the confidence, and find from which chance of "none" silence is best.

    Nonsense stands among the questions: whatever is written of it is wrong.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    chance = random.Random(seed)
    noise = [
        Asked(tuple(spoil(text, chance) for text in one.head), one.relation, ())
        for spoil in (garbled, foreign)
        for one in chance.sample(list(questions), len(questions) // _NONSENSE)
    ]
    rows = [*questions, *noise]
    choices = student.choices([one.head for one in rows], [one.relation for one in rows])
    written = [
        (one, found[0], student.text(found[0]))
        for one, found in zip(rows, choices, strict=True)
        if found and (any(one.tails) or not one.tails)
    ]
    right = acceptable(
        [text for _, _, text in written],
        [[tail for tail in one.tails if tail] for one, _, _ in written],
        load_embedder(),
    )
    features = np.array([choice.features for _, choice, _ in written])
    model = LogisticRegression(C=1.0, max_iter=5000).fit(features, right)
    weights = tuple(round(float(value), 6) for value in model.coef_[0])
    assert len(weights) == len(FEATURES)
    silence = _best_silence(questions, choices[: len(questions)])
    return Confidence(weights, round(float(model.intercept_[0]), 6), _LEAST, silence)


def _best_silence(questions: Sequence[Asked], choices: Sequence[Sequence[object]]) -> float:
    """Find from which chance of "none" it is silent.

    The chance that is best for both kinds of mistake, among those at which it answers nearly all
    heads of which people had something to say.
    """
    at = FEATURES.index("log_nothing")
    told = [
        (math.exp(found[0].features[at]) if found else 1.0, not any(one.tails))  # type: ignore[attr-defined]
        for one, found in zip(questions, choices, strict=True)
    ]
    none = [p for p, is_none in told if is_none]
    some = [p for p, is_none in told if not is_none]

    def balanced(least: float) -> float:
        return sum(p >= least for p in none) / len(none) + sum(p < least for p in some) / len(some)

    spoken = [one for one in _SILENCES if sum(p < one for p in some) >= _ANSWERED * len(some)]
    return max(spoken or _SILENCES[-1:], key=balanced)
