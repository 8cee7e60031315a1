"""Real text recombined: the benchmarks' knowledge bases are what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.performance import recombine
from kg.directory import Directory
from kg.status import counts
from kg.truth import Transaction
from schema.identity import intention_id


@pytest.fixture(scope="module")
def sources(shared_data: Path) -> recombine.Sources:
    return recombine.load_sources(shared_data)


def test_texts_are_distinct_and_the_same_each_time(sources: recombine.Sources) -> None:
    texts = recombine.intentions(3000, sources=sources)
    assert texts == recombine.intentions(3000, sources=sources)
    assert len({intention_id(text) for text in texts}) == 3000
    assert texts != recombine.intentions(3000, seed=1, sources=sources)


def test_counts_are_as_asked(tmp_path: Path, sources: recombine.Sources) -> None:
    directory = Directory.create(tmp_path / "a.kg")
    for seed, first in ((0, 0), (1, 1_000_000)):
        with Transaction(directory, "test") as transaction:
            for item in recombine.rows(2000, seed=seed, first=first, sources=sources):
                transaction.add(item)
            assert transaction.commit().rejected == 0
    found = counts(directory)
    assert found["assertions"] == 4000
    assert found["evidence"] > 4400 and found["cobuys"] == 302 and found["posts"] == 102


def test_small_sizes_come_to_an_end(sources: recombine.Sources) -> None:
    for size in (1, 10, 100, 200, 300):
        found = list(recombine.rows(size, sources=sources))
        ids = {
            key
            for item in found
            if item.table == "assertions"
            for key in item.batch.column("assertion_id").to_pylist()
        }
        assert len(ids) == size
