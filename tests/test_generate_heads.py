"""Heads out of the truth: which, in which order, as they stand now, in bounded memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from door import ROOT, quick

from kg.directory import Directory
from kg.heads import Heads
from schema.errors import UsageError
from schema.identity import cobuy_id
from tests.generate_world import blob, clean, make_kb, shown, stored
from tests.graph_samples import cobuy, commit, evidence, new_directory, post, product
from tests.tiny_models import vision_model


def rows(heads: Heads, **options: Any) -> list[str]:
    return [row["id"] for row in heads.rows(**options)]


def test_posts_come_in_order_as_they_stand_now(tmp_path: Path) -> None:
    directory = new_directory(tmp_path)
    red = blob("red")
    lost = {"ref": "gone.png", "id": None, "error": "not found"}
    commit(directory, posts=[post(n, f"post {n}") for n in (3, 1, 2)])
    images = [*shown(red), lost]
    commit(directory, update=True, blobs=[red], posts=[post(2, "changed", images=images)])
    commit(directory, posts=[{**post(9), "id": "other:9", "source": "other"}])
    with Heads(directory, "Post") as heads:
        assert heads.count() == 4 and heads.unknown() == 0
        assert rows(heads) == ["other:9", "test:1", "test:2", "test:3"]
        assert rows(heads, limit=2) == ["other:9", "test:1"]
        assert rows(heads, pictured=True) == ["test:2"]
        second = next(row for row in heads.rows() if row["id"] == "test:2")
        assert {key: second[key] for key in ("id", "text", "language", "images")} == {
            "id": "test:2",
            "text": "changed",
            "language": None,
            "images": [red.id],
        }
        assert sorted(rows(heads, sampled=True)) == rows(heads)
        assert rows(heads, sampled=True, limit=3) == rows(heads, sampled=True)[:3]
    with Heads(directory, "Post", sources=["test"], ids=["test:3", "test:1"]) as heads:
        assert heads.count() == 2 and rows(heads) == ["test:1", "test:3"]
    with (
        pytest.raises(UsageError, match="no post 'test:7'"),
        Heads(directory, "Post", ids=["test:7"]),
    ):
        pass


def test_what_a_source_has_written_about_comes_last(tmp_path: Path) -> None:
    directory = new_directory(tmp_path)
    commit(directory, posts=[post(n) for n in range(1, 7)])
    written = {1: "miko", 2: "miko", 3: "other", 5: "miko"}
    commit(
        directory,
        assertions=[
            evidence("Post", f"test:{number}", "xWant", f"do {number}", source=source)
            for number, source in written.items()
        ],
    )
    with Heads(directory, "Post") as heads:
        found = rows(heads, known_to="miko")
        assert found == ["test:3", "test:4", "test:6", "test:1", "test:2", "test:5"]
        assert rows(heads, known_to="nobody's") == rows(heads)
        # The limit says which heads, whatever is known of them.
        assert rows(heads, limit=4, known_to="miko") == ["test:3", "test:4", "test:1", "test:2"]
    with Heads(new_directory(tmp_path / "empty"), "Post") as heads:
        assert rows(heads, known_to="miko") == []


def test_pairs_come_once_with_both_products(tmp_path: Path) -> None:
    directory = new_directory(tmp_path)
    commit(
        directory,
        products=[
            product("A", "a tent", features=["red"], categories=["x", "y"], brand="Lumo"),
            product("B", None, description="boils"),
            product("C", None),
            product("D", "  "),
        ],
        cobuys=[cobuy("A", "B"), cobuy("B", "A", source="shop"), cobuy("A", "C"), cobuy("B", "D")],
    )
    with Heads(directory, "CoBuy") as heads:
        assert (heads.count(), heads.unknown()) == (1, 2)
        (row,) = heads.rows()
    assert row["id"] == cobuy_id("A", "B")
    assert row["a"]["features"] == ["red"] and row["a"]["brand"] == "Lumo"
    assert row["b"]["title"] is None and row["b"]["description"] == "boils"
    with Heads(directory, "CoBuy", sources=["shop"]) as heads:
        assert (heads.count(), heads.unknown()) == (1, 0)
    with pytest.raises(UsageError, match="test"), Heads(directory, "CoBuy", sources=["mall"]):
        pass


STREAM = """
import resource, sys
from kg.directory import Directory
from kg.heads import Heads

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

with Heads(Directory(sys.argv[1]), sys.argv[2]) as heads:
    stream = heads.rows()
    next(stream)
    first = peak()
    count = 1 + sum(1 for _ in stream)
    print(count, round(peak() - first))
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_heads(tmp_path: Path) -> None:
    directory = new_directory(tmp_path)
    text = "a long text about a day at the sea, again and again. " * 8
    for start in range(0, 150_000, 50_000):
        commit(directory, posts=[post(n, f"{n} {text}") for n in range(start, start + 50_000)])
    pairs = [(f"P{n:06}", f"P{n + 1:06}") for n in range(60_000)]
    commit(
        directory,
        products=[product(f"P{n:06}", text[:80], description=text) for n in range(60_001)],
        cobuys=[cobuy(*pair) for pair in pairs],
    )
    for kind, wanted in (("Post", 150_000), ("CoBuy", 60_000)):
        done = subprocess.run(
            [sys.executable, "-c", STREAM, str(directory.root), kind],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=True,
        )
        count, grown = map(int, done.stdout.split())
        assert count == wanted
        assert grown < 150, f"{kind}: {grown} MB more after the first head"


def test_a_local_model_answers_through_the_command(tmp_path: Path) -> None:
    """A tiny LLaVA with random weights, through transformers; what it says is noise."""
    kb = make_kb(tmp_path)
    model = vision_model(tmp_path / "model")
    words = ["generate", kb, "-m", model, "--backend", "transformers", "--param", "max_tokens=12"]
    one = ["--backend-option", "batch_size=4", "--backend-option", "dtype=float32"]
    few = ["--relation", "UsedFor", "--limit", "1"]
    posts = quick(*words, *one, "-p", "miko", "--limit", "2", code=1)  # nothing comes of noise
    assert posts["heads_done"] == 2 and posts["replies"] >= 4
    assert any(
        "not held to a schema" in told or "whole answer" in told for told in posts["warnings"]
    )
    pairs = quick(*words, *one, "-p", "mind", *few, "--no-structured", code=1)
    assert pairs["heads_done"] == 1
    assert sum(stored(kb).values()) == posts["replies"] + pairs["replies"]
    again = quick(*words, *one, "-p", "mind", *few, "--no-structured", code=1)
    assert again["requests"] == 0
    clean(kb)
    assert quick("status", Directory(kb).root)["requests"]
