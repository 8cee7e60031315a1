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


@pytest.mark.parametrize(("entities", "k", "intentions"), [(400, 3, 30), (2_000, 8, 400)])
def test_none_gets_its_own_or_one_twice(entities: int, k: int, intentions: int) -> None:
    places = world(entities, k, intentions)
    found = deal(places, seed=1)
    assert ((found >= 0) == (places >= 0)).all()
    assert np.bincount(found[found >= 0]).tolist() == np.bincount(places[places >= 0]).tolist()
    for before, now in zip(places.tolist(), found.tolist(), strict=True):
        there = [value for value in now if value >= 0]
        assert not set(there) & set(before)
        assert len(set(there)) == len(there)
    assert (deal(places, seed=1) == found).all()
    assert (deal(places, seed=2) != found).any()


def test_an_intention_that_nearly_all_have_stays_with_some() -> None:
    places = np.array([[0, 1], [0, 2], [0, 3], [0, 4], [5, 6]], np.int32)
    found = deal(places, seed=0)
    assert sorted(found.ravel()) == sorted(places.ravel())
    assert sum(0 in row for row in found.tolist()) >= 3
    assert deal(np.zeros((4, 1), np.int32), seed=0).tolist() == [[0]] * 4


def test_nothing_to_deal() -> None:
    assert deal(np.full((3, 2), -1, np.int32), seed=0).tolist() == [[-1, -1]] * 3
    assert deal(np.zeros((0, 2), np.int32), seed=0).shape == (0, 2)
