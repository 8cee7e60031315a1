"""The vector index: exact or nearly so, checked, changed without new training."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg import vector_index
from kg.vector_forms import Scan
from kg.vector_index import VectorIndex
from kg.vector_rows import Rows
from schema.errors import CorruptError, StoreError, UsageError
from schema.identity import (
    vector_key,
)
from tests.vector_samples import DIMENSION, names, unit


def brute(ids: list[str], stored: np.ndarray, query: np.ndarray, k: int) -> list[tuple[float, str]]:
    scores = stored @ query
    order = np.argsort(-scores)[:k]
    return [(float(scores[row]), ids[row]) for row in order]


def scan(count: int = 3000, *, seed: int = 0) -> tuple[VectorIndex, list[str], np.ndarray]:
    """An index of the large form, with few vectors."""
    ids, stored = names(count), unit(count, seed=seed)
    index = VectorIndex("m", Scan.train(stored), vector_index.IdTable())
    index.add(ids, stored)
    return index, ids, stored


def flat(count: int = 200) -> tuple[VectorIndex, list[str], np.ndarray]:
    ids, stored = names(count), unit(count)
    index = VectorIndex.create(DIMENSION, "m")
    index.add(ids, stored)
    return index, ids, stored


# The index -------------------------------------------------------------------------------


def test_a_small_index_is_exact():
    index, ids, stored = flat()
    assert index.form == "flat" and len(index) == 200
    for query in unit(20, seed=1):
        scores, found = index.search(query[None], 10)
        expected = brute(ids, stored, query, 10)
        assert found[0] == [identifier for _, identifier in expected]
        np.testing.assert_allclose(scores[0], [score for score, _ in expected], atol=1e-6)


def test_a_large_index_finds_nearly_all_and_scores_nearly_right():
    index, ids, stored = scan()
    assert index.form == "scan-pq4"
    queries = unit(50, seed=1)
    scores, found = index.search(queries, 10)
    hits = 0
    for query, row_scores, row in zip(queries, scores, found, strict=True):
        expected = brute(ids, stored, query, 10)
        hits += len(set(row) & {identifier for _, identifier in expected})
        right = dict(zip(ids, stored @ query, strict=True))
        np.testing.assert_allclose(row_scores, [right[i] for i in row], atol=0.01)
        assert list(row_scores) == sorted(row_scores, reverse=True)
    assert hits >= 0.98 * 500


@pytest.mark.parametrize("make", [flat, scan])
def test_a_filter_gives_the_best_of_those_allowed(make: Any):
    index, ids, stored = make()
    chosen = ids[::7]
    allowed = [*chosen, "in_" + "0" * 32, "nonsense"]
    for query in unit(10, seed=2):
        scores, found = index.search(query[None], 5, allowed=allowed)
        best = {i for _, i in brute(chosen, stored[::7], query, 5)}
        assert len(set(found[0]) & best) >= (5 if make is flat else 4)
        assert set(found[0]) <= set(chosen)
    scores, found = index.search(unit(1), 9, allowed=chosen[:2])
    assert set(found[0]) == set(chosen[:2]) and np.isneginf(scores[0, 2:]).all()
    assert index.search(unit(1), 3, allowed=[])[1] == [[]]


def test_a_large_filter_is_answered_by_the_scan(monkeypatch: pytest.MonkeyPatch):
    index, ids, stored = scan()
    monkeypatch.setattr("kg.vector_forms._FEW", 10)
    chosen, queries = ids[::2], unit(50, seed=2)
    _, found = index.search(queries, 10, allowed=chosen)
    assert all(set(row) <= set(chosen) and len(row) == 10 for row in found)
    hits = sum(
        len(set(row) & {i for _, i in brute(chosen, stored[::2], query, 10)})
        for row, query in zip(found, queries, strict=True)
    )
    assert hits >= 0.98 * 500


@pytest.mark.parametrize("make", [flat, scan])
def test_asking_for_more_than_there_is(make: Any):
    index, ids, _ = make()
    scores, found = index.search(unit(2, seed=3), len(ids) + 5)
    assert [set(row) for row in found] == [set(ids)] * 2
    assert scores.shape == (2, len(ids) + 5) and np.isneginf(scores[:, -5:]).all()


def test_an_empty_index_answers_with_nothing():
    scores, found = VectorIndex.create(DIMENSION, "m").search(unit(2), 3)
    assert found == [[], []] and np.isneginf(scores).all()
    assert VectorIndex.create(DIMENSION, "m").search(np.empty((0, DIMENSION)), 3)[1] == []


@pytest.mark.parametrize("make", [flat, scan])
def test_vectors_come_and_go_without_training(make: Any, tmp_path: Path):
    index, ids, stored = make()
    count = len(ids)
    gone, fresh, added = ids[::3], names(50, start=10_000), unit(50, seed=9)
    assert index.remove([*gone, "in_" + "f" * 32, "x"]) == len(gone)
    index.add(fresh, added)
    assert len(index) == count - len(gone) + 50 and not set(gone) & set(index.ids())
    for again in (index, reopened(index, tmp_path / "saved")):
        assert again.ids() == sorted({*ids, *fresh} - set(gone))
        assert again.missing([ids[0], ids[1], fresh[0]]) == [ids[0]]
        assert ids[1] in again and ids[0] not in again and 7 not in again
        for row, identifier in enumerate(fresh):
            assert again.search(added[row : row + 1], 1)[1] == [[identifier]]
        for row in (1, 2, 4):
            assert again.search(stored[row : row + 1], 1)[1] == [[ids[row]]]
        tolerance = 1e-7 if make is flat else 0.01
        np.testing.assert_allclose(again.vectors(fresh), added, atol=tolerance)
        again.add(gone[:2], stored[::3][:2])  # what was removed may come back
        assert again.remove(gone[:2]) == 2


def test_a_large_index_may_lose_everything(tmp_path: Path):
    index, ids, stored = scan()
    assert index.remove(ids) == len(ids)
    again = reopened(index, tmp_path / "saved")
    assert len(again) == 0 and again.search(stored[:1], 3)[1] == [[]]
    again.add(ids[:40], stored[:40])
    assert again.search(stored[:1], 1)[1] == [[ids[0]]]


def reopened(index: VectorIndex, path: Path) -> VectorIndex:
    return VectorIndex.open(path, expected=index.save(path), model=index.model)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.sets(st.integers(0, 60), min_size=1, max_size=12)), max_size=8
    )
)
def test_any_order_of_adding_and_removing(steps: list[tuple[bool, set[int]]]):
    ids, stored = names(61), unit(61, dimension=8)
    index = VectorIndex("m", Scan.train(unit(700, seed=5, dimension=8)), vector_index.IdTable())
    held: set[int] = set()
    for adding, rows in steps:
        if adding:
            rows = rows - held
            index.add([ids[row] for row in rows], stored[list(rows)].reshape(-1, 8))
            held |= rows
        else:
            assert index.remove([ids[row] for row in rows]) == len(held & rows)
            held -= rows
    assert index.ids() == sorted(ids[row] for row in held)
    if held:
        _, found = index.search(stored[:3], len(held))
        assert all(set(row) == {ids[row] for row in held} for row in found)
        order = sorted(held)
        np.testing.assert_allclose(
            index.vectors([ids[row] for row in order]), stored[order], atol=0.02
        )


def test_what_does_not_fit_is_refused_and_changes_nothing():
    index, ids, stored = flat(5)
    other = "in_" + "0" * 32
    for wrong_ids, wrong, message in (
        ([other], unit(1, dimension=8), "do not fit"),
        ([other], unit(1)[0], "do not fit"),
        ([other], unit(1) * 2, "not of length 1"),
        ([other], unit(1) * np.nan, "not of length 1"),
        ([other, other], unit(1), "2 ids came with 1 vectors"),
        ([ids[0]], unit(1), "already"),
        ([other, other], unit(2), "already"),
        (["co_" + "0" * 32], unit(1), "cannot go into"),
        (["in_" + "Z" * 32], unit(1), "cannot go into"),
        (["in_" + "0" * 31], unit(1), "cannot go into"),
    ):
        with pytest.raises(UsageError, match=message):
            index.add(wrong_ids, wrong)
    with pytest.raises(UsageError, match="cannot look for 0"):
        index.search(unit(1), 0)
    with pytest.raises(UsageError, match="has no vector"):
        index.vectors([other])
    assert index.ids() == sorted(ids)
    assert index.search(stored[:1], 1)[1] == [[ids[0]]]


def test_two_ids_that_share_a_key_are_noticed():
    index = VectorIndex.create(DIMENSION, "m")
    first, second = "in_" + "ab" * 16, "in_" + "ab" * 8 + "cd" * 8
    assert vector_key(first) == vector_key(second)
    index.add([first], unit(1))
    with pytest.raises(StoreError, match="same 63-bit key"):
        index.add([second], unit(1, seed=1))
    assert second not in index and index.missing([second]) == [second]
    assert index.search(unit(1), 5)[1] == [[first]]


def test_the_keys_inside_are_those_of_the_schema():
    index, ids, _ = flat(50)
    assert index._ids.keys.tolist() == sorted(vector_key(identifier) for identifier in ids)


def test_the_same_vectors_give_the_same_files(tmp_path: Path):
    for make in (flat, scan):
        sums = [make()[0].save(tmp_path / f"{make.__name__}-{turn}") for turn in range(2)]
        assert sums[0] == sums[1]


def test_an_index_that_grows_large_takes_the_other_form(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vector_index, "FLAT_LIMIT", 1000)
    ids, stored = names(1500), unit(1500)
    small = VectorIndex.create(DIMENSION, "m", sample=stored, count=900)
    small.add(ids[:900], stored[:900])
    assert small.form == "flat" and small.grown(1000) is small
    large = small.grown(1500)
    assert large.form == "scan-pq4" and large.ids() == small.ids()
    large.add(ids[900:], stored[900:])
    assert large.search(stored[:1], 1)[1] == [[ids[0]]]
    assert large.grown(10**6) is large


@given(st.integers(1, 40), st.integers(0, 1000))
def test_rows_are_rounded_by_little(dimension: int, seed: int):
    stored = unit(20, seed=seed, dimension=dimension)
    rows = Rows(dimension)
    keys = np.random.default_rng(seed).permutation(100)[:20]
    rows.add(keys[:7], stored[:7])
    rows.add(keys[7:], stored[7:])
    np.testing.assert_allclose(rows.vectors(keys), stored, atol=1 / 127)
    scores, found = rows.best(stored[3], keys, 1)
    assert found.tolist() == [keys[3]] or scores[0] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("dimension", [1, 2, 6, 7, 30, 100])
def test_any_dimension_will_do(dimension: int):
    stored = unit(700, dimension=dimension)
    index = VectorIndex("m", Scan.train(stored), vector_index.IdTable())
    index.add(names(700), stored)
    scores, found = index.search(stored[:4], 3)
    assert (scores[:, 0] > 0.99).all() and all(len(row) == 3 for row in found)


# Its files -------------------------------------------------------------------------------


def test_what_is_added_after_a_removal_is_found_as_in_a_new_index():
    index, ids, stored = scan()
    form = index._form
    assert isinstance(form, Scan)
    index.remove(ids[::3])
    fresh, added = names(500, start=10_000), unit(500, seed=9)
    index.add(fresh, added)
    keys = index._ids.keys_of([i for n, i in enumerate(ids) if n % 3] + fresh)
    vectors_held = np.concatenate([stored[np.arange(len(ids)) % 3 > 0], added])
    form._index.nprobe = form._index.nlist
    scores, _ = form._index.search(added, 20)
    form._index.reset()
    form._index.add_with_ids(vectors_held, keys)
    np.testing.assert_array_equal(form._index.search(added, 20)[0], scores)


@pytest.mark.parametrize("make", [flat, scan])
@pytest.mark.parametrize("harm", ["missing", "cut", "longer", "altered", "empty", "swapped"])
def test_an_altered_file_is_never_opened(make: Any, harm: str, tmp_path: Path):
    index, _, stored = make()
    checksum = index.save(tmp_path / "good")
    other = tmp_path / "other"
    index.remove(index.ids()[:1])
    index.save(other)
    for file in sorted(path.name for path in (tmp_path / "good").iterdir()):
        bad = shutil.copytree(tmp_path / "good", tmp_path / f"bad-{file}")
        data = bytearray((bad / file).read_bytes())
        data[len(data) // 2] ^= 16
        if harm == "missing":
            (bad / file).unlink()
        elif harm == "swapped":
            shutil.copy(other / file, bad / file)
        else:
            whole = (bad / file).read_bytes()
            harmed = {"cut": whole[:-1], "longer": whole + b" ", "empty": b"", "altered": data}
            (bad / file).write_bytes(harmed[harm])
        with pytest.raises(CorruptError) as caught:
            VectorIndex.open(bad, expected=checksum)
        assert caught.value.fix == "intentkg build KB --fresh"
    assert VectorIndex.open(tmp_path / "good", expected=checksum).search(stored[:1], 1)[1]


def test_a_manifest_that_lies_is_noticed(tmp_path: Path):
    index, _, _ = flat()
    index.save(tmp_path / "good")
    for number, change in enumerate(
        [
            {"count": 199},
            {"dimension": 16},
            {"form": "scan-pq4"},
            {"form": "unheard of"},
            {"format": 99},
            {"files": {}},
            {"surprise": 1},
        ]
    ):
        bad = shutil.copytree(tmp_path / "good", tmp_path / f"bad-{number}")
        header = json.loads((bad / "manifest.json").read_text(encoding="utf-8"))
        (bad / "manifest.json").write_text(json.dumps({**header, **change}), encoding="utf-8")
        with pytest.raises(CorruptError):
            VectorIndex.open(bad)


def test_vectors_of_another_model_are_refused(tmp_path: Path):
    flat()[0].save(tmp_path / "index")
    with pytest.raises(CorruptError, match="of the model m, not other"):
        VectorIndex.open(tmp_path / "index", model="other")
    with pytest.raises(CorruptError, match="is missing"):
        VectorIndex.open(tmp_path / "nowhere")


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot write the vector index"):
        flat()[0].save(tmp_path / "file" / "index")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
