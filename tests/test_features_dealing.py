"""The control of a graph's intentions: as many, as often, but another's."""

from __future__ import annotations

import numpy as np
import pytest

from queries.features.dealing import deal


def world(entities: int, k: int, intentions: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    places = np.stack([rng.choice(intentions, k, replace=False) for _ in range(entities)])
    places[rng.random(places.shape) < 0.2] = -1
    return places.astype(np.int32)


@pytest.mark.parametrize(("entities", "k", "intentions"), [(400, 3, 12), (2_000, 8, 400)])
def test_none_gets_one_twice(entities: int, k: int, intentions: int) -> None:
    places = world(entities, k, intentions)
    found = deal(places, seed=1)
    assert ((found >= 0) == (places >= 0)).all()
    assert np.bincount(found[found >= 0]).tolist() == np.bincount(places[places >= 0]).tolist()
    for row in found.tolist():
        there = [value for value in row if value >= 0]
        assert len(set(there)) == len(there)
    assert (deal(places, seed=1) == found).all()
    assert (deal(places, seed=2) != found).any()


def test_what_an_entity_gets_says_nothing_of_what_it_had() -> None:
    """Were its own ruled out, the control of two intentions would tell the one by the other."""
    places = np.arange(4_000, dtype=np.int32)[:, None] % 2
    kept = (deal(places, seed=0) == places).mean()
    assert 0.45 < kept < 0.55


def test_an_intention_that_all_have_twice_over_stays() -> None:
    assert deal(np.zeros((4, 2), np.int32), seed=0).tolist() == [[0, 0]] * 4


def test_nothing_to_deal() -> None:
    assert deal(np.full((3, 2), -1, np.int32), seed=0).tolist() == [[-1, -1]] * 3
    assert deal(np.zeros((0, 2), np.int32), seed=0).shape == (0, 2)
