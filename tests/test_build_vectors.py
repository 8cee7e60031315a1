"""Graph and vectors come into being together, or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kg.build import build
from kg.directory import Directory
from kg.embedded import open_graph
from kg.vectors import open_index
from kg.verify import verify
from tests.graph_samples import chunk, commit, evidence, new_directory, post
from tests.helpers import HashingEmbedder


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    directory = new_directory(tmp_path)
    for seed in range(3):
        commit(directory, **chunk(seed))
    return directory


def intentions(directory: Directory) -> set[str]:
    with open_graph(directory) as graph:
        return {row[0] for row in graph.read("MATCH (i:Intention) RETURN i.id").rows}


def clean(directory: Directory) -> bool:
    return not [finding for finding in verify(directory) if finding.severity != "info"]


def test_one_commit_for_both(directory: Directory) -> None:
    before = directory.manifest().revision
    report = build(directory, embedder=HashingEmbedder())
    assert (report.graph, report.vectors) == ("built", "built")
    assert report.revision == directory.manifest().revision == before + 1
    assert set(open_index(directory).ids()) == intentions(directory)
    assert report.intentions == len(intentions(directory)) and clean(directory)
    again = build(directory, embedder=HashingEmbedder())
    assert not again.changed and again.revision == report.revision


def test_only_what_is_new_is_embedded(directory: Directory) -> None:
    build(directory, embedder=HashingEmbedder())
    commit(
        directory, posts=[post("new")], assertions=[evidence("Post", "test:new", "xWant", "x y z")]
    )
    embedder = HashingEmbedder()
    report = build(directory, embedder=embedder)
    assert (report.graph, report.vectors, embedder.encoded) == ("updated", "updated", 1)
    # More evidence for an intention that is known: an edge, but no vector.
    commit(directory, assertions=[evidence("Post", "test:new", "xNeed", "x y z")])
    report = build(directory, embedder=embedder)
    assert (report.graph, report.vectors, embedder.encoded) == ("updated", "current", 1)
    assert not build(directory, embedder=embedder).changed and clean(directory)
    # Nothing about intentions at all.
    commit(directory, posts=[post("newer")])
    report = build(directory, embedder=embedder)
    assert (report.graph, report.vectors) == ("updated", "current") and clean(directory)


def test_another_model_makes_all_vectors_anew(directory: Directory) -> None:
    build(directory, embedder=HashingEmbedder())
    report = build(directory, embedder=HashingEmbedder(name="other"))
    assert (report.graph, report.vectors) == ("current", "built") and clean(directory)


@pytest.mark.parametrize("folders", [["graph"], ["vectors"], ["graph", "vectors"]])
def test_both_can_be_deleted(directory: Directory, folders: list[str]) -> None:
    first = build(directory, embedder=HashingEmbedder())
    for folder in folders:
        shutil.rmtree(directory.root / folder)
    again = build(directory, embedder=HashingEmbedder())
    assert (again.nodes, again.edges, again.intentions) == (
        first.nodes,
        first.edges,
        first.intentions,
    )
    assert again.changed and clean(directory)


class Broken(HashingEmbedder):
    """Fails after some texts."""

    def encode(self, texts: Sequence[str], *, progress: Any = None) -> Any:
        raise RuntimeError("the model broke")


def test_if_the_vectors_fail_the_graph_stays_too(directory: Directory) -> None:
    build(directory, embedder=HashingEmbedder())
    commit(directory, **chunk(7))
    before = directory.manifest()
    with pytest.raises(RuntimeError):
        build(directory, embedder=Broken())
    assert directory.manifest() == before and clean(directory)
    assert not (directory.root / ".staging").exists()
    assert build(directory, embedder=HashingEmbedder()).changed and clean(directory)
