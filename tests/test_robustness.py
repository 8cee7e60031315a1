"""Robustness: the same head and relation, asked with another prompt, model, run or sample."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.directory import Directory
from kg.embed import load_embedder
from queries.corpus import Chosen
from queries.plots import style
from queries.plots.robustness import distribution
from queries.robustness import measure
from queries.robustness.measuring import BINS, best_match, interval
from schema.errors import NotAKnowledgeBaseError, UsageError
from tests.door import call, quick
from tests.generate_world import generate, make_kb
from tests.graph_samples import commit, new_directory, post
from tests.servers import Server
from tests.truth_world import evidence

HEADS = ("test:0", "test:1", "test:2")
FIRST = ("to bake a cake", "to fly a kite", "to repair a bicycle")


def knowledge(folder: Path, rows: list[dict[str, Any]]) -> Directory:
    folder.mkdir(parents=True, exist_ok=True)
    made = new_directory(folder)
    commit(made, posts=[post(n) for n in range(3)], assertions=rows)
    return made


def said(head: str, text: str, **more: Any) -> dict[str, Any]:
    return evidence(head, text, relation="xWant", head_type="Post", **more)


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Directory:
    """Prompt p2 repeats two of p1's intentions; another model, a critic and one run differ."""
    rows = [said(h, t, prompt_hash="p1", run="r1") for h, t in zip(HEADS, FIRST, strict=True)]
    second = ("to bake a cake", "to fly a kite", "to mend a bike")
    rows += [said(h, t, prompt_hash="p2", run="r2") for h, t in zip(HEADS, second, strict=True)]
    rows += [said(HEADS[0], "to sing", prompt_hash="p3", model="n", run="r1")]
    rows += [said(HEADS[1], FIRST[1], prompt_hash="c", source="critic")]
    rows += [said(HEADS[1], FIRST[1], prompt_hash="j", source="judge-x")]
    return knowledge(tmp_path_factory.mktemp("twice") / "kb", rows)


def cosine(a: str, b: str) -> float:
    first, second = load_embedder().encode([a, b])
    return float(first @ second)


def test_values_by_hand() -> None:
    assert best_match(np.array([[0.4]])) == pytest.approx(0.4)
    # Best of the rows: 0.9 and 0.3; of the columns: 0.9, 0.5, 0.3.
    assert best_match(np.array([[0.9, 0.5, 0.1], [0.2, 0.1, 0.3]])) == pytest.approx(
        ((0.9 + 0.3) / 2 + (0.9 + 0.5 + 0.3) / 3) / 2
    )
    assert interval(np.array([0.3, 0.5]), ["h", "h"], 0) is None
    assert interval(np.array([0.5, 0.5, 0.5]), ["g", "h", "h"], 0) == (0.5, 0.5)


@given(
    st.lists(st.tuples(st.floats(-1, 1), st.sampled_from("abcd")), min_size=2, max_size=30),
    st.integers(0, 9),
)
def test_an_interval_lies_among_the_heads_means(rows: list[tuple[float, str]], seed: int) -> None:
    values = np.array([value for value, _ in rows])
    found = interval(values, [head for _, head in rows], seed)
    if found is None:
        assert len({head for _, head in rows}) == 1
        return
    assert values.min() - 1e-9 <= found[0] <= found[1] <= values.max() + 1e-9


def test_across_prompts(twice: Directory) -> None:
    """Two pairs are identical, the third has the cosine of its two texts."""
    found = measure(twice, "prompt")
    total = found.total
    assert total is not None
    third = cosine("to repair a bicycle", "to mend a bike")
    assert (total.pairs, total.heads) == (3, 3)
    assert total.mean == pytest.approx((1 + 1 + third) / 3, abs=2e-3)
    assert total.median == pytest.approx(1)
    assert total.identical == pytest.approx(2 / 3)
    assert total.shares["0.95"] == pytest.approx(2 / 3)
    assert total.low is not None and total.low <= total.mean <= (total.high or 0)
    # Nothing that another head says is as near.
    assert total.baseline is not None and total.baseline < 0.5
    assert sum(total.histogram) == sum(total.baseline_histogram) == 3
    assert len(total.histogram) == BINS and total.histogram[-1] == 2
    assert [each.name for each in found.relations] == ["xWant"]
    assert [each.name for each in found.origins] == ["p1 | p2"]


def test_other_axes(twice: Directory) -> None:
    """Runs of one model but of two prompts are no pair; scores of others are nobody's writing."""
    assert measure(twice, "run").total is None
    assert measure(twice, "sample").total is None
    models = measure(twice, "model")
    assert models.total is not None and models.total.pairs == 1
    expected = cosine("to bake a cake", "to sing")
    assert models.total.mean == pytest.approx(expected, abs=2e-3)
    assert (models.total.low, models.total.baseline) == (None, None)
    assert models.origins[0].name == "m | n"


def test_runs_and_samples_of_one_prompt(tmp_path: Path) -> None:
    rows = [
        said(HEADS[0], "to bake a cake", prompt_hash="p", run="r1", request="1"),
        said(HEADS[0], "to bake cakes", prompt_hash="p", run="r2", request="2"),
        said(HEADS[1], "to fly a kite", prompt_hash="p", run="r1", request="3"),
    ]
    # Rows of an import have numbers, but nobody was asked.
    rows += [said(HEADS[2], f"to count {n}", source="imported", request=str(n)) for n in range(3)]
    kb = knowledge(tmp_path / "kb", rows)
    expected = pytest.approx(cosine("to bake a cake", "to bake cakes"), abs=2e-3)
    for axis in ("run", "sample"):
        total = measure(kb, axis).total
        assert total is not None and (total.pairs, total.mean) == (1, expected)


def test_several_intentions_are_matched(tmp_path: Path) -> None:
    """Whatever their order, the same sets are the same; a set and its half are not."""
    both = ("to bake a cake", "to fly a kite")
    rows = [said(HEADS[0], text, prompt_hash="p1") for text in both]
    rows += [said(HEADS[0], text, prompt_hash="p2") for text in reversed(both)]
    rows += [said(HEADS[1], text, prompt_hash="p1") for text in both]
    rows += [said(HEADS[1], both[0], prompt_hash="p2")]
    total = measure(knowledge(tmp_path / "kb", rows)).total
    assert total is not None
    # The second head: columns 1; rows 1 and the cosine of the two texts.
    half = (1 + (1 + cosine(*both)) / 2) / 2
    assert total.mean == pytest.approx((1 + half) / 2, abs=2e-3)
    assert total.identical == 0.5


def test_against_another_knowledge_base(twice: Directory, tmp_path: Path) -> None:
    other = knowledge(tmp_path / "kb", [said(HEADS[0], "to bake a cake", model="z")])
    found = measure(twice, chosen=Chosen.make(relations="xWant"), against=other)
    assert found.axis is None and found.total is not None
    assert (found.total.pairs, found.total.heads) == (1, 1)
    assert [each.name for each in found.origins] == ["the other | this"]
    # Here two things are said of that head, there one of them.
    half = (1 + (1 + cosine("to bake a cake", "to sing")) / 2) / 2
    assert found.total.mean == pytest.approx(half, abs=2e-3)


def test_heads_are_drawn(twice: Directory) -> None:
    one = measure(twice, heads=1, seed=3)
    assert one.total is not None and one.total.heads == 1
    assert measure(twice, heads=1, seed=3) == one
    everything = measure(twice, heads=1_000)
    assert everything.total is not None and everything.total.heads == 3
    with pytest.raises(UsageError, match="holds nothing"):
        measure(twice, heads=0)
    with pytest.raises(UsageError, match="moon"):
        measure(twice, "moon")  # type: ignore[arg-type]


def test_nothing_was_asked_twice(tmp_path: Path) -> None:
    empty = new_directory(tmp_path)
    found = measure(empty)
    assert (found.total, found.relations, found.table().rows) == (None, (), [])
    told = call("analyse", empty.root, "robustness", "--plot", tmp_path / "r.svg")
    assert told.returncode == 0
    assert "asked twice" in told.stderr and "--no-visual-cues" in told.stderr
    assert (tmp_path / "r.svg").read_text().startswith("<?xml")


def test_the_command(twice: Directory, tmp_path: Path) -> None:
    words = ("analyse", twice.root, "robustness")
    picture = tmp_path / "r.svg"
    found = quick(*words, "--plot", picture)
    assert found["total"]["pairs"] == 3 and found["axis"] == "prompt"
    assert picture.exists()
    rows = list(csv.DictReader(io.StringIO(call(*words, "--csv").stdout)))
    assert [row["relation"] for row in rows] == ["xWant", "all"]
    assert float(rows[1]["mean"]) == pytest.approx(found["total"]["mean"])
    assert "xWant" in call(*words, "--across", "model").stdout
    for wrong in (("--across", "moon"), ("--plot", str(tmp_path / "r.bmp")), ("--relation", "x")):
        assert call(*words, *wrong).returncode == 2
    missing = call(*words, "--against", tmp_path / "none.kg")
    assert missing.returncode == 1 and "Traceback" not in missing.stderr
    with pytest.raises(NotAKnowledgeBaseError):
        measure(twice, against=Directory(tmp_path / "none.kg"))


def test_a_picture_says_what_it_shows(twice: Directory) -> None:
    figure = distribution(measure(twice))
    (axes,) = figure.axes
    assert axes.get_xlabel() and axes.get_ylabel() and "prompt" in axes.get_title("left")
    (legend,) = figure.legends
    told = [text.get_text() for text in legend.get_texts()]
    assert told[0].startswith("same head: mean 0.") and told[1].startswith("another head")
    assert style.svg(figure) == style.svg(distribution(measure(twice)))


def test_altered_prompts_end_to_end(writer: Server, tmp_path: Path) -> None:
    """MIND's own alteration: the same co-buys, asked without a word about pictures."""
    kb = make_kb(tmp_path)
    for more in ((), ("--no-visual-cues",)):
        generate(kb, writer, "mind", "--relation", "UsedFor", "--filter", "none", *more)
    found = quick("analyse", kb, "robustness", "--across", "prompt")
    assert found["total"]["pairs"] >= 2
    assert found["relations"][0]["name"] == "UsedFor"
    assert -1 <= found["total"]["mean"] <= 1
