"""The recommender's benchmark: its questions, its edges, its model, and a small run for real."""

from __future__ import annotations

import csv
import gzip
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.downstream import harness
from benchmarks.downstream.harness.bundlerec import rows
from benchmarks.downstream.recommendation import edges, ranks
from benchmarks.downstream.recommendation.data import (
    Question,
    completions,
    next_buys,
    read_domain,
    write_training,
)
from benchmarks.downstream.recommendation.model import Recommender, Settings, means, train
from benchmarks.downstream.recommendation.results import Part, significant
from queries.features import NEAREST, OWN, Retrieved
from schema.errors import InputError, UsageError
from schema.identity import product_id
from tests.door import answer

PLAIN = Settings(layers=1, rate=0.03, drop=0.5, weight=1.0, k=2, least=0.0, way="own")

THEMES = {
    "camera": "Camera for filming",
    "tent": "Sleeping in the mountains",
    "piano": "Learning to play music",
    "oven": "Baking bread at home",
}


def table(file: Path, head: tuple[str, str], found: list[tuple[str, str]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(file, "wt", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([head, *found])


def make_data(folder: Path, *, sessions: int = 40, intents: bool = True) -> Path:
    """Bundles of three of a theme's ten items; each session has one."""
    home = folder / "bundle_intent" / "electronic"
    names = list(THEMES)
    held, said, session, titles = [], [], [], {}
    for number in range(sessions):
        theme = names[number % len(names)]
        for step in (0, 1, 3):
            item = f"{names.index(theme)}{(number + step) % 10}"
            held.append((str(number), item))
            titles[item] = f"{theme} {'part' if int(item) % 2 else 'set'} number {item}"
        said.append((str(number), THEMES[theme] if intents else ""))
        session.append((f"s{number}", str(number)))
    table(home / "bundle_item.csv.gz", ("bundle ID", "item ID"), held)
    table(home / "bundle_intent.csv.gz", ("bundle ID", "intent"), said)
    table(home / "session_bundle.csv.gz", ("session ID", "bundle ID"), session)
    table(home / "item_titles.csv.gz", ("item ID", "titles"), sorted(titles.items()))
    asins = [(item, f"B{item}") for item in titles if item != "00"]
    table(home / "item_asin.csv.gz", ("item ID", "source ID"), asins)
    return folder


def domain_of(folder: Path) -> Any:
    return read_domain("electronic", folder.joinpath, seed=0)


def retrieved(places: list[list[int]], origin: int, score: float = 0.5) -> Retrieved:
    filled = np.array(places, np.int32)
    n = len(filled)
    names = [f"i{number}" for number in range(max(3, int(filled.max()) + 1))]
    return Retrieved(
        keys=[str(i) for i in range(n)],
        intention_ids=names,
        texts=names,
        table=np.eye(len(names), dtype=np.float32),
        places=filled,
        scores=np.where(filled >= 0, np.float32(score), np.float32(np.nan)),
        relations=np.full(filled.shape, None, object),
        origins=np.full(n, origin, np.int8),
        times=np.full(n, "NaT", "datetime64[us]"),
    )


# Questions


def test_no_session_is_learnt_from_and_asked_about(shared_data: Path) -> None:
    domain = read_domain("clothing", shared_data.joinpath, seed=0)
    pairs = rows(domain.folder / "session_bundle.csv.gz")
    sessions = {bundle: session for session, bundle in pairs}
    inside = {sessions[bundle] for bundle in domain.trained}
    outside = {session for bundle, session in sessions.items() if bundle not in domain.trained}
    assert inside and outside and not inside & outside
    assert len(domain.train) + len(domain.valid) + len(domain.test) == len(sessions) == 1_910
    assert 0.6 < len(domain.train) / len(sessions) < 0.8
    assert len(domain.sessions) == len(domain.test)
    assert len(set(domain.sessions)) < len(domain.test)


def test_bundles_of_one_session_count_once_in_comparisons() -> None:
    asked = completions([[1, 2], [3, 4], [5, 6]])
    part = Part(asked, np.arange(6), [7, 7, 9])
    found = [1.0, 1.0, 99.0, 99.0, 99.0, 1.0]
    assert part.scores(found, "ndcg").tolist() == [100.0, 0.0, 50.0]
    assert part.by_session(found, "ndcg").tolist() == [50.0, 50.0]


def test_the_questions() -> None:
    assert completions([[4, 7, 9]])[1] == Question(0, (4, 9), 7)
    asked = next_buys([[1, 2], [4, 7, 9]], {4: {2, 7}})
    assert len(asked) == 2 + 6
    found = next(one for one in asked if one.given == (4,) and one.answer == 7)
    assert (found.bundle, sorted(found.apart)) == (1, [2, 9])


def test_the_graph_holds_nothing_of_other_bundles(tmp_path: Path) -> None:
    domain = domain_of(make_data(tmp_path / "data"))
    folder = write_training(domain, tmp_path / "out")
    assert folder.name == "electronic"
    for stem in ("bundle_intent", "bundle_item"):
        with (folder / f"{stem}.csv").open(newline="") as file:
            assert {row["bundle ID"] for row in csv.DictReader(file)} == domain.trained
    assert product_id("bundlerec-electronic-00") in domain.products
    assert product_id("B01") in domain.products


@pytest.mark.parametrize(
    ("stem", "found", "message"),
    [
        ("item_titles", [("00", " ")], r"item_titles.*has no title"),
        ("session_bundle", [("s0", "0")], r"session_bundle.*1 sessions are too few"),
        ("bundle_item", [("0", "1", "2")], r"bundle_item.*row 2.*has 3 cells"),
    ],
)
def test_tables_that_cannot_be_used(
    tmp_path: Path, stem: str, found: list[Any], message: str
) -> None:
    data = make_data(tmp_path)
    table(data / "bundle_intent" / "electronic" / f"{stem}.csv.gz", ("one", "two"), found)
    with pytest.raises(InputError, match=message):
        domain_of(data)


# Ranks


def test_ranks_leave_out_what_is_known_and_share_ties() -> None:
    scores = np.array([[9.0, 5.0, 7.0, 5.0, 1.0]], np.float32)

    def ranked(question: Question) -> list[float]:
        return ranks.ranks([question], lambda asked: scores)

    assert ranked(Question(0, (4,), 2)) == [2.0]
    assert ranked(Question(0, (0,), 2)) == [1.0]
    assert ranked(Question(0, (4,), 2, apart=(0,))) == [1.0]
    assert ranked(Question(0, (4,), 1)) == [3.5]


def test_what_was_bought_together_before(tmp_path: Path) -> None:
    domain = domain_of(make_data(tmp_path))
    first, second, *_ = domain.train[0]
    (row,) = ranks.by_company(domain)([Question(0, (first,), second)])
    together = sum(first in bundle and second in bundle for bundle in domain.train)
    assert row[second] == together > 0
    assert ranks.by_count(domain)([Question(0, (first,), second)])[0, second] == sum(
        second in bundle for bundle in domain.train
    )


# Edges


def test_bundles_become_edges_between_items() -> None:
    found = edges.bought_together([[2, 0], [0, 2, 3]], 4)
    assert found.ends.T.tolist() == [[0, 2], [0, 3], [2, 3]]
    assert found.weights.tolist() == [2.0, 1.0, 1.0]
    assert found.others.shape == (0, 4)


def test_intentions_become_nodes() -> None:
    found = edges.intentions(edges.chosen(retrieved([[2, 0], [2, -1]], OWN), 2, 0.9), 0.3)
    assert sorted(found.ends.T.tolist()) == [[0, 2], [0, 3], [1, 3]]
    assert found.others.tolist() == [[1, 0, 0], [0, 0, 1]]
    assert found.weights == pytest.approx([0.3] * 3)
    first = edges.chosen(retrieved([[2, 0], [2, -1]], OWN), 1, 0.0)
    assert edges.intentions(first, 1.0).ends.shape == (2, 2)


def test_intentions_far_in_meaning_are_left_out() -> None:
    near = retrieved([[2, 0], [2, -1]], NEAREST, score=0.5)
    assert edges.intentions(edges.chosen(near, 2, 0.5), 1.0).ends.shape == (2, 3)
    assert edges.intentions(edges.chosen(near, 2, 0.6), 1.0).ends.shape == (2, 0)


def test_random_intentions_are_dealt_out_of_those_that_were_chosen() -> None:
    """Nodes that no real edge has would make the control another graph."""
    places = [[row % 5, 5 + row, 40 + row] for row in range(30)]
    first = edges.chosen(retrieved(places, OWN), 1, 0.0)
    real, dealt = edges.intentions(first, 1.0), edges.intentions(first.shuffled(3), 1.0)
    assert real.others.tolist() == dealt.others.tolist()
    degrees = [np.bincount(graph.ends[1] - 30).tolist() for graph in (real, dealt)]
    assert degrees[0] == degrees[1] == [6] * 5
    assert real.ends.tolist() != dealt.ends.tolist()


def test_like_titles_are_joined_once() -> None:
    vectors = np.array([[1, 0], [0.96, 0.28], [0, 1]], np.float32)
    found = edges.alike(vectors, 1, 0.5, 0.5)
    assert found.ends.T.tolist() == [[0, 1]]
    every = edges.joined(edges.bought_together([[0, 2]], 2), found)
    assert every.ends.T.tolist() == [[0, 2], [0, 1]]
    assert every.weights.tolist() == [1.0, 0.5]


# The model


def test_shapes_and_gradients() -> None:
    torch.manual_seed(0)
    graph = edges.joined(
        edges.bought_together([[0, 1], [2, 3]], 3),
        edges.intentions(retrieved([[0, 1], [2, -1], [1, -1], [2, -1]], OWN), 1.0),
    )
    vectors = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    for known in (None, vectors):
        model = Recommender(4, graph, known, 3, PLAIN)
        found = model()
        assert found.shape == (4, 3)
        assert torch.allclose(found.norm(dim=1), torch.ones(4), atol=1e-5)
        found[0, 0].backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_before_it_learns_a_model_on_titles_without_edges_is_their_cosine() -> None:
    vectors = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    model = Recommender(5, edges.bought_together([], 3), vectors, 3, PLAIN).eval()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert model().detach().numpy() == pytest.approx(unit, abs=1e-5)


def test_means_of_groups() -> None:
    known = torch.tensor([[1.0, 0.0], [0.0, 1.0], [4.0, 4.0]])
    assert means(known, [[0, 1], [2]]).tolist() == [[0.5, 0.5], [4.0, 4.0]]


def learn(bundles: list[list[int]], graph: edges.Edges, items: int, folder: Path) -> Any:
    torch.manual_seed(0)
    model = Recommender(items, graph, None, 16, PLAIN)
    later = count()
    folder.mkdir()
    train(
        model,
        bundles,
        lambda vectors: float(next(later)),  # the last epoch is kept
        PLAIN,
        epochs=20,
        patience=20,
        batch=32,
        negatives=4,
        seed=0,
        folder=folder,
    )
    return model().detach().numpy()


def test_only_intentions_lead_to_an_item_that_was_never_bought(tmp_path: Path) -> None:
    """Two themes; items 8 and 9 are cold, and only an intention tells which theme is theirs."""
    bundles = [[0, 1], [1, 2], [2, 3], [0, 3], [4, 5], [5, 6], [6, 7], [4, 7]]
    bought = edges.bought_together(bundles, 3)
    themes = [[0]] * 4 + [[1]] * 4 + [[0], [1]]
    told = edges.joined(bought, edges.intentions(retrieved(themes, OWN), 1.0))
    questions = [Question(0, (item,), 8 + item // 4) for item in range(8)]

    def right(vectors: Any) -> int:
        scores = ranks.by_vectors(vectors)(questions)
        return sum(
            row[one.answer] > row[17 - one.answer]
            for row, one in zip(scores, questions, strict=True)
        )

    assert right(learn(bundles, told, 10, tmp_path / "told")) == 8
    assert right(learn(bundles, bought, 10, tmp_path / "bought")) < 8


# Runs


def test_the_small_size_learns_and_is_done_once(shared_data: Path, tmp_path: Path) -> None:
    words = ("bench", "recommendation", "--quick", "--data", shared_data, "--out", tmp_path / "out")
    found: dict[str, Any] = answer(*words)
    figures = found["figures"]

    def ndcg(arm: str) -> float:
        return float(figures[f"electronic/completion/all/ndcg/{arm}"])

    assert ndcg("titles") > ndcg("cosine") > ndcg("popularity") + 5
    assert ndcg("titles+intentions") > ndcg("cosine")
    assert len(found["tables"]["differences"]["rows"]) == 24
    stored = {
        file: file.stat().st_mtime_ns for file in (tmp_path / "out" / "cells").rglob("*.json")
    }
    assert len(stored) == 3 + 8 * 2
    assert (tmp_path / "out" / "ndcg.svg").stat().st_size > 1_000
    assert answer(*words) == found
    assert {file: file.stat().st_mtime_ns for file in stored} == stored


def own_settings(folder: Path, text: str = "") -> Path:
    own = folder / "own.toml"
    own.write_text(f"sessions = 0\ntrials = 1\nepochs = 2\n{text}", encoding="utf-8")
    return own


def test_a_graph_without_intentions_leaves_the_co_buys(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data", intents=False)
    report, _ = harness.execute(
        "recommendation",
        out=tmp_path / "out",
        data=data,
        config=own_settings(tmp_path),
        quick=True,
    )
    assert "no intention for any item" in report.findings[0]
    arms = [row[0] for row in report.tables[0].rows]
    assert arms[3:] == ["LightGCN", "LightGCN on titles"]
    assert len(report.tables) == 2


def test_a_way_that_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no way 'near'"):
        harness.execute(
            "recommendation",
            out=tmp_path / "out",
            data=tmp_path,
            config=own_settings(tmp_path, 'ways = ["near"]'),
        )


def test_many_comparisons_need_more() -> None:
    assert significant([0.04]) == [True]
    assert significant([0.04, *[0.9] * 9]) == [False] * 10
