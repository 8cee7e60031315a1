"""What benchmarks say of a difference: it has to hold over examples and over seeds."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.downstream.harness.seeds import compared, over_seeds, stated

GOLD = [0, 1] * 40


def cells(*wrong: int) -> list[dict[str, Any]]:
    """Of each seed, a model that has the first so many wrong."""
    found = []
    for count in wrong:
        said = [1 - label if place < count else label for place, label in enumerate(GOLD)]
        found.append({"predicted": said, "accuracy": 100.0 * (1 - count / len(GOLD))})
    return found


def test_a_difference_over_examples_and_seeds() -> None:
    claim = compared(GOLD, cells(4, 5, 3), cells(30, 31, 29))
    assert claim.holds and claim.gain
    assert str(claim).startswith("better (over seeds p = 0.0")
    other = compared(GOLD, cells(30, 31, 29), cells(4, 5, 3))
    assert other.holds and not other.gain
    assert str(other).startswith("worse (over seeds")


def test_a_difference_that_one_seed_makes() -> None:
    """The examples alone would call it significant."""
    claim = compared(GOLD, cells(4, 5, 3), cells(4, 60, 4))
    assert claim.gap.significant and not claim.holds
    assert "not shown over seeds (p = 0." in str(claim)


def test_one_training_each_is_no_gain() -> None:
    claim = compared(GOLD, cells(4), cells(40))
    assert claim.gap.significant and not claim.gain
    assert str(claim) == "better on these examples, by one training each"
    assert stated([95.0]) == "95.00"


def test_no_difference() -> None:
    claim = compared(GOLD, cells(4, 5), cells(5, 4))
    assert str(claim) == "no difference shown"


@pytest.mark.parametrize(("other", "expected"), [(90.0, 1.0), (80.0, 0.0)])
def test_seeds_that_all_say_the_same(other: float, expected: float) -> None:
    assert over_seeds([90.0, 90.0], [other, other]) == expected
