"""Agreement coefficients, beside the worked examples that were published with them."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.annotation import agreement as ag
from queries.annotation.protocols import MIND
from queries.annotation.votes import Task, Vote, Votes

# Fourteen raters put ten subjects into five categories; kappa is 0.210. The example of the article
# on Fleiss' kappa in Wikipedia, worked there step by step.
FLEISS = [
    (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
]  # fmt: skip

# Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", section C: four observers,
# twelve units, missing data; nominal alpha 0.743, interval alpha 0.849.
KRIPPENDORFF = {
    "A": (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
    "B": (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
    "C": (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
    "D": (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
}


def krippendorff() -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for who, values in KRIPPENDORFF.items():
        for unit, value in enumerate(values):
            if value is not None:
                found.setdefault(str(unit), {})[who] = value
    return found


def test_fleiss_kappa_of_the_published_example() -> None:
    ratings = [[c for c, n in enumerate(counts) for _ in range(n)] for counts in FLEISS]
    kappa = ag.fleiss_kappa(ratings)
    assert kappa is not None and round(kappa, 3) == 0.210


def test_krippendorffs_alpha_of_the_published_example() -> None:
    nominal, interval = ag.alpha(krippendorff()), ag.alpha(krippendorff(), interval=True)
    assert nominal is not None and round(nominal, 3) == 0.743
    assert interval is not None and round(interval, 3) == 0.849


def test_pairwise_agreement_by_hand() -> None:
    ratings = {"a": {"x": 1, "y": 1, "z": 0}, "b": {"x": 0, "y": 0}, "c": {"x": 1}}
    assert ag.pairwise(ratings) == pytest.approx((1 + 1) / (3 + 1))


def test_one_annotator_only_is_said_so() -> None:
    found = ag.agreement("plausible", {"a": {"x": 1}, "b": {"x": 0}})
    assert (found.kappa, found.alpha, found.pairwise) == (None, None, None)
    assert found.note == "one annotator only: agreement is not defined"
    apart = ag.agreement("plausible", {"a": {"x": 1}, "b": {"y": 0}})
    assert apart.note.startswith("no task was judged by two")
    assert ag.agreement("plausible", {}).note == "no answers"


def test_answers_that_are_all_the_same() -> None:
    found = ag.agreement("plausible", {n: {"x": 1, "y": 1} for n in "abc"})
    assert (found.pairwise, found.kappa, found.alpha) == (1.0, None, None)
    assert "all answers are the same" in found.note


def test_tasks_with_another_number_of_answers_are_left_out_of_kappa() -> None:
    ratings = {"a": {"x": 1, "y": 1}, "b": {"x": 0, "y": 0}, "c": {"x": 1, "y": 0, "z": 0}}
    found = ag.agreement("plausible", ratings)
    assert (found.raters, found.left_out, found.kappa) == (2, 1, 1.0)


@given(st.lists(st.lists(st.integers(0, 2), min_size=3, max_size=3), min_size=2, max_size=12))
def test_kappa_is_at_most_one_and_does_not_depend_on_order(ratings: list[list[int]]) -> None:
    kappa = ag.fleiss_kappa(ratings)
    turned = ag.fleiss_kappa([sorted(given) for given in reversed(ratings)])
    if kappa is None:
        assert turned is None and len({v for given in ratings for v in given}) == 1
    else:
        assert kappa <= 1 + 1e-9 and turned == pytest.approx(kappa)


def test_majority() -> None:
    assert ag.majority([1, 1, 0]) == 1
    assert ag.majority([1, 0]) is None
    assert ag.majority([]) is None


def _votes(answers: dict[str, list[int]]) -> Votes:
    found = Votes(MIND)
    for who, values in answers.items():
        for n, value in enumerate(values):
            task = f"ta_{n:03}"
            found.tasks[task] = Task(task, "mind", "CoBuy", "co", "IsA", ("as",), "said")
            found.votes.append(Vote(task, who, {"plausible": value}, f"2026-01-01T00:{n:03}"))
    return found


def test_an_annotator_who_drifts_is_found() -> None:
    rng = random.Random(0)
    truth = [rng.randint(0, 1) for _ in range(90)]
    tired = [v if n < 40 or rng.random() < 0.4 else 1 - v for n, v in enumerate(truth)]
    found = {a.name: a for a in ag.annotators(_votes({"a": truth, "b": truth, "c": tired}))}
    assert found["c"].drifts and found["c"].first == 1.0
    assert found["c"].last is not None and found["c"].last < 0.6
    assert not found["a"].drifts and found["a"].votes == 90
    few = ag.annotators(_votes({"a": truth[:9], "b": truth[:9], "c": truth[:9]}))
    assert all(each.first is None and not each.drifts for each in few)


def test_each_two_annotators() -> None:
    pairs = ag.pairs_of(_votes({"a": [1, 1, 0], "b": [1, 0, 0], "c": [1, 1, 0]}))
    assert pairs[("a", "c")] == 1.0 and math.isclose(pairs[("a", "b")], 2 / 3)
