"""A run that is killed again and again ends as if nobody had disturbed it, and hardly pays twice.

Fifteen kills here; ``python -m benchmarks.performance.crash_money`` does a hundred.
"""

from __future__ import annotations

import pytest

from benchmarks.performance.crash_money import measure


@pytest.mark.slow
def test_fifteen_kills_change_nothing_and_pay_twice_only_what_was_in_flight() -> None:
    results = measure(15, requests=2000, concurrency=64, each=5, seed=7)
    assert sum(result.kills for result in results) >= 6  # a run may end before its last kills
    for result in results:
        assert result.same
        assert result.clean
        assert 0 <= result.paid_twice <= min(result.in_flight, result.bound)
    # On the whole a kill finds some requests in flight; otherwise it was no test.
    assert sum(result.paid_twice for result in results) > 0


def test_with_one_request_in_flight_a_kill_costs_one_at_most() -> None:
    (result,) = measure(3, requests=30, concurrency=1, each=3, seed=3)
    assert result.same
    assert result.clean
    assert result.paid_twice <= result.in_flight <= result.kills
