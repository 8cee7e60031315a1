"""Near-duplicates: candidates, guards, clusters; found, merged, taken back."""

from __future__ import annotations

import csv
import io
import itertools
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.intrinsic.duplicates import by_kind, measured, scores
from kg.build import build
from kg.directory import Directory
from kg.sql import connect
from kg.verify import verify
from queries.corpus import Chosen, Corpus
from queries.duplicates import (
    THRESHOLD,
    Duplicates,
    clusters,
    find,
    guards,
    merge,
    nearby,
    shingles,
    unmerge,
)
from schema.errors import UsageError
from schema.identity import intention_id, normalise_text
from tests.door import call, quick
from tests.graph_samples import commit, evidence, new_directory, post

CAKE = ("to bake a cake",) * 2 + ("to bake cakes", "baking a cake", "to bake a cake or not")
OTHERS = ("to fly a kite", "feels proud of the team", "to repair a bicycle tyre")


def knowledge(folder: Path, *texts: str) -> Directory:
    folder.mkdir(exist_ok=True)
    made = new_directory(folder)
    if texts:
        commit(
            made,
            posts=[post(n) for n in range(len(texts))],
            assertions=[evidence("Post", f"test:{n}", "xWant", t) for n, t in enumerate(texts)],
        )
    return made


def joined(found: Duplicates) -> dict[str, str]:
    return dict(
        zip(found.rows["text"].to_pylist(), found.rows["canonical"].to_pylist(), strict=True)
    )


def candidate_pairs(texts: list[str], **options: Any) -> list[tuple[int, int]]:
    found = shingles.candidates(shingles.signatures(texts), **options)
    return [tuple(pair) for pairs in found for pair in pairs.tolist()]


@pytest.fixture(scope="module")
def cakes(tmp_path_factory: pytest.TempPathFactory) -> Directory:
    return knowledge(tmp_path_factory.mktemp("cakes") / "kb", *CAKE, *OTHERS)


def test_trigrams_lie_within_words_and_no_text_lends_any_to_the_next() -> None:
    whole, offsets = shingles.trigrams(["to go", "", "go to", "go"])
    sets = [set(whole[a:b].tolist()) for a, b in itertools.pairwise(offsets)]
    assert [len(each) for each in sets] == [4, 0, 4, 2]  # " to", "to ", " go", "go "
    assert sets[0] == sets[2] > sets[3]


@given(st.lists(st.text(max_size=12), max_size=12))
def test_a_texts_trigrams_do_not_depend_on_its_neighbours(texts: list[str]) -> None:
    texts = [normalise_text(text) for text in texts]
    whole, offsets = shingles.trigrams(texts)
    assert offsets[0] == 0 and offsets[-1] == len(whole)
    for n, text in enumerate(texts):
        alone, _ = shingles.trigrams([text])
        assert whole[int(offsets[n]) : int(offsets[n + 1])].tolist() == alone.tolist()


@given(st.lists(st.lists(st.integers(0, 2), min_size=100, max_size=100), max_size=9))
@settings(max_examples=40)
def test_bands_yield_exactly_the_pairs_that_share_one(rows: list[list[int]]) -> None:
    """Against a double loop: each pair once, smaller row first."""
    found = np.array(rows, np.uint32).reshape(-1, shingles.BANDS * shingles.ROWS)
    bands = found.reshape(len(found), shingles.BANDS, shingles.ROWS)
    expected = {
        (a, b)
        for a in range(len(rows))
        for b in range(a + 1, len(rows))
        if (bands[a] == bands[b]).all(1).any() and (found[a] == found[b]).mean() >= 0.2
    }
    pairs = [tuple(p) for some in shingles.candidates(found, least=0.2) for p in some.tolist()]
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == expected


def test_a_bucket_of_many_stays_connected() -> None:
    many = np.ones((500, shingles.BANDS * shingles.ROWS), np.uint32)
    pairs = np.concatenate(list(shingles.candidates(many)))
    assert len(pairs) < 500 * shingles.WINDOW
    assert [len(part) for part in clusters.components(500, pairs)] == [500]


def test_candidates_by_spelling_in_any_script() -> None:
    texts = [
        "to bake a cake",
        "to bake cake a",
        "бегать по утрам",
        "бегать по утру",
        "喝一杯热咖啡",
    ]
    texts += ["喝一杯热咖啡吧", "🙂🙂", "🙂", "x"]
    pairs = candidate_pairs(texts)
    assert {(0, 1), (2, 3), (4, 5)} <= set(pairs)
    assert not any(a < 2 <= b or a < 4 <= b for a, b in pairs)


@pytest.mark.parametrize("exact", [400, 10])
def test_candidates_by_meaning(exact: int) -> None:
    """All pairs where all are compared; in blocks no wrong one, none twice, few missed."""
    chance = np.random.default_rng(3)
    centres = chance.standard_normal((40, 24))
    rows = np.repeat(centres, 5, axis=0) + 0.3 * chance.standard_normal((200, 24))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    cosines = np.triu(rows @ rows.T, 1)
    expected = set(zip(*(side.tolist() for side in np.nonzero(cosines >= 0.9)), strict=True))
    found = list(nearby.candidates(rows, 0.9, exact=exact))
    pairs = [tuple(pair) for some in found for pair in some.tolist()]
    assert len(pairs) == len(set(pairs))
    assert set(pairs) <= expected
    assert len(pairs) == len(expected) if exact == 400 else len(pairs) >= 0.9 * len(expected)


@given(st.integers(1, 20).flatmap(
    lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2), max_size=30))
))  # fmt: skip
def test_components_are_what_a_walk_reaches(given_: tuple[int, list[tuple[int, int]]]) -> None:
    count, pairs = given_
    parents = list(range(count))

    def root(row: int) -> int:
        return row if parents[row] == row else root(parents[row])

    for a, b in pairs:
        parents[root(a)] = root(b)
    groups: dict[int, list[int]] = {}
    for row in range(count):
        groups.setdefault(root(row), []).append(row)
    expected = sorted(group for group in groups.values() if len(group) > 1)
    found = clusters.components(count, np.array(pairs, np.int32).reshape(-1, 2))
    assert [part.tolist() for part in found] == expected


def test_a_chain_is_divided() -> None:
    """0 - 1 - 2 - 3 on a line: 1 ranks first and takes its neighbours; 3 is left alone."""
    near = {(0, 1): 0.9, (1, 2): 0.9, (2, 3): 0.9}

    def similar(row: int, others: Any) -> list[float]:
        return [near.get((min(row, o), max(row, o)), 0.5) for o in others]

    ranks = {1: (0,), 3: (1,), 0: (2,), 2: (3,)}
    assert clusters.gather([0, 1, 2, 3], ranks.__getitem__, similar, 0.8) == [
        (1, [(0, 0.9), (2, 0.9)])
    ]


@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        ("to charge two phones", "to charge 2 phones", None),
        ("to charge 2 phones", "to charge 3 phones", "number"),
        ("to go out", "not to go out", "negation"),
        ("it isn't safe", "it is not safe", None),
        ("suitable for rain", "unsuitable for rain", "negation"),
        ("to warm the room", "to cool the room", "contrast"),
        ("red and blue socks", "blue and red socks", None),
        ("the cat fears the dog", "the dog fears the cat", "order"),
        ("at home, to bake bread", "to bake bread at home", None),
        ("a phone case", "a leather phone case", "addition"),
        ("to bake the cakes", "to bake a cake", None),
        ("", "", None),
        ("喝 2 杯", "喝 3 杯", "number"),
    ],
)
def test_guards(a: str, b: str, reason: str | None) -> None:
    readings = [guards.Reading.of(normalise_text(text)) for text in (a, b)]
    assert guards.difference(*readings) == reason
    assert guards.difference(*reversed(readings)) == reason


@given(st.text(max_size=40))
def test_no_guard_tells_a_text_from_itself(text: str) -> None:
    reading = guards.Reading.of(normalise_text(text))
    assert guards.difference(reading, reading) is None


def test_every_contrast_has_two_sides() -> None:
    families: dict[int, set[int]] = {}
    for places in guards.contrasts().values():
        for family, member in places:
            families.setdefault(family, set()).add(member)
    assert len(families) > 70
    assert all(len(members) > 1 for members in families.values())


@pytest.mark.parametrize("way", ["both", "spelling", "meaning"])
def test_what_means_the_same_is_found(cakes: Directory, way: Any) -> None:
    found = find(Corpus(cakes), candidates=way)
    # Two heads share "to bake a cake", so it is canonical; "not" keeps the last one out.
    # By spelling alone, candidates have to be more alike than "baking a cake" is.
    merged = ["to bake cakes"] if way == "spelling" else ["baking a cake", "to bake cakes"]
    assert sorted(joined(found)) == merged
    assert set(joined(found).values()) == {"to bake a cake"}
    assert (found.intentions, found.clusters, found.merged) == (7, 1, len(merged))
    assert found.sizes == {1 + len(merged): 1}
    assert found.embedded < 7 if way == "spelling" else found.embedded == 7
    assert sum(found.by_origin.values()) == len(merged)
    assert min(found.rows["similarity"].to_pylist()) >= THRESHOLD
    assert json.dumps(found.to_dict())


def test_what_is_stored_is_not_embedded_again_and_gives_the_same(tmp_path: Path) -> None:
    kb = knowledge(tmp_path / "kb", *CAKE, *OTHERS)
    before = find(Corpus(kb))
    build(kb)
    after = find(Corpus(kb))
    assert (before.embedded, after.embedded) == (7, 0)
    assert joined(after) == joined(before)


def test_merged_and_taken_back_with_nothing_lost(tmp_path: Path) -> None:
    kb = knowledge(tmp_path / "kb", *CAKE, *OTHERS)
    with connect(kb) as connection:
        before = connection.sql("FROM assertions ORDER BY id").fetchall()
    assert merge(kb, find(Corpus(kb))) == 2
    build(kb)
    query = (
        "MATCH (p:Post)-[:xWant]->(i:Intention)-[s:SAME_AS]->(c:CanonicalIntention) "
        "RETURN i.text, c.text, c.members ORDER BY i.text"
    )
    assert quick("cypher", kb.root, query)["rows"] == [
        ["baking a cake", "to bake a cake", 3],
        ["to bake a cake", "to bake a cake", 3],
        ["to bake a cake", "to bake a cake", 3],
        ["to bake cakes", "to bake a cake", 3],
    ]
    assert [f for f in verify(kb) if f.severity == "error"] == []
    assert (unmerge(kb), unmerge(kb)) == (2, 0)
    with connect(kb) as connection:
        assert connection.sql("FROM assertions ORDER BY id").fetchall() == before
        assert connection.sql("FROM same_as").fetchall() == []


def test_a_sample_is_not_merged(cakes: Directory) -> None:
    found = find(Corpus(cakes, sample=3))
    assert found.sampled
    with pytest.raises(UsageError, match="sample"):
        merge(cakes, found)
    # A sample larger than what there is is everything.
    assert not find(Corpus(cakes, sample=1_000)).sampled


@pytest.mark.parametrize("texts", [(), ("to fly a kite",)])
def test_nothing_to_compare(tmp_path: Path, texts: tuple[str, ...]) -> None:
    kb = knowledge(tmp_path / "kb", *texts)
    found = find(Corpus(kb))
    assert (found.intentions, found.clusters, found.rows.num_rows) == (len(texts), 0, 0)
    assert merge(kb, found) == 0
    # Chosen so that nothing is left.
    assert find(Corpus(kb, Chosen.make(model="nobody"))).intentions == 0


def test_hostile_texts(tmp_path: Path) -> None:
    texts = ["'; DROP TABLE assertions; --", "=cmd|' /C calc'!A0", "🙂", "🙂🙂", "a" * 5_000]
    texts += ["a" * 5_001, "\u202eevil", "喝咖啡", "喝 咖啡", "не пить", "пить", "1", "2"]
    kb = knowledge(tmp_path / "kb", *texts)
    found = find(Corpus(kb))
    assert found.intentions == len({intention_id(text) for text in texts})
    assert "1" not in joined(found) and "2" not in joined(found)
    merge(kb, found)
    build(kb, vectors=False)


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.01, float("nan")])
def test_a_threshold_is_a_cosine(cakes: Directory, threshold: float) -> None:
    with pytest.raises(UsageError, match="cosine"):
        find(Corpus(cakes), threshold=threshold)


def test_planted_duplicates_among_many(tmp_path: Path) -> None:
    """300 intentions, of which 60 are there in another form."""
    chance = random.Random(4)
    verbs = ("carry", "mend", "paint", "lend", "wash", "hide", "bring", "sketch", "fold", "rinse")
    things = ("lamp", "tent", "drum", "quilt", "kettle", "ladder", "violin", "basket", "helmet")
    places = ("at school", "in the garage", "by the river", "for the market", "with neighbours")
    plain = [f"to {v} the {t} {p}" for v in verbs for t in things for p in places]
    chosen = chance.sample(plain, 240)
    planted = {text.replace("to ", "", 1).replace(" the ", " a ", 1): text for text in chosen[:60]}
    kb = knowledge(tmp_path / "kb", *chosen, *planted)
    found = joined(find(Corpus(kb), candidates="spelling"))
    met = sum(found.get(other, other) == found.get(text, text) for other, text in planted.items())
    assert met >= 48


def test_the_labelled_pairs_and_what_the_threshold_gives() -> None:
    pairs = measured()
    assert len(pairs) >= 400
    assert len({(pair.a, pair.b) for pair in pairs}) == len(pairs)
    assert {pair.split for pair in pairs} == {"dev", "test", "late"}
    dev = [pair for pair in pairs if pair.split == "dev"]
    test = [pair for pair in pairs if pair.split == "test"]
    assert scores(dev, THRESHOLD)["precision"] >= 0.95
    # The least such threshold, in steps of 0.02.
    assert scores(dev, THRESHOLD - 0.02)["precision"] < 0.95
    assert scores(test, THRESHOLD)["precision"] > 0.9
    assert scores(test, THRESHOLD)["recall"] > 0.7
    assert scores(test, THRESHOLD, guarded=False)["precision"] < 0.7
    assert all(row["taken"] <= row["without_guards"] for row in by_kind(pairs, THRESHOLD))


def test_the_command(tmp_path: Path) -> None:
    kb = str(knowledge(tmp_path / "kb", *CAKE, *OTHERS).root)

    def run(*words: str, code: int = 0) -> Any:
        result = call("analyse", kb, "duplicates", *words)
        assert result.returncode == code, result.stderr
        assert "Traceback" not in result.stderr
        return result

    told = run()
    assert "baking a cake" in told.stdout and "1 negation" in told.stdout
    rows = list(csv.DictReader(io.StringIO(run("--csv").stdout)))
    assert {row["canonical"] for row in rows} == {"to bake a cake"}
    figures = json.loads(run("--json", "--merge").stdout)
    assert (figures["merged"], figures["written"]) == (2, 2)
    assert json.loads(run("--json", "--unmerge").stdout) == {"removed": 2}
    assert "nothing was joined" in run("--unmerge").stderr
    assert "fix" in run("--merge", "--sample", "3", code=2).stderr
    run("--threshold", "2", code=2)
    run("--relation", "nonsense", code=2)
    assert json.loads(run("--relation", "xNeed", "--json").stdout)["intentions"] == 0
