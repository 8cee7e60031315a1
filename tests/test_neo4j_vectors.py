"""The vectors of intentions reach Neo4j's vector index, each once, outside the graph's writing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kg.build import build
from kg.directory import Directory
from kg.vectors import open_index
from tests.graph_samples import chunk, commit, evidence, new_directory, post
from tests.helpers import HashingEmbedder
from tests.neo4j_push_world import Database, interrupt_at

NEAREST = (
    "CALL db.index.vector.queryNodes('intentkg_intention_vector', $k, $vector) "
    "YIELD node, score RETURN node.id, score"
)


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    directory = new_directory(tmp_path)
    for seed in range(3):
        commit(directory, **chunk(seed, few=True))
    build(directory, embedder=HashingEmbedder())
    return directory


def stored(neo4j: Database) -> dict[str, list[float]]:
    found = neo4j.run("MATCH (i:Intention) WHERE i.vector IS NOT NULL RETURN i.id, i.vector")
    return {identifier: vector for identifier, vector in found}  # noqa: C416


def assert_same(neo4j: Database, directory: Directory) -> None:
    index, found = open_index(directory), stored(neo4j)
    ids = index.ids()
    assert sorted(found) == ids
    assert np.array_equal(np.array([found[i] for i in ids], np.float32), index.vectors(ids))


def test_every_intention_has_its_vector_and_the_index_finds_it(
    neo4j: Database, directory: Directory
) -> None:
    neo4j.wipe()
    report = neo4j.push(directory, vectors=True)
    assert report.vectors == "written" and report.embedded == len(open_index(directory))
    assert "vectors" in report.seconds
    assert_same(neo4j, directory)
    index = open_index(directory)
    some = index.ids()[5]
    query = index.vectors([some])
    ((best, score), *_) = neo4j.run(NEAREST, k=3, vector=query[0].tolist())
    assert best == some and score == pytest.approx(1.0, abs=0.01)  # the index rounds
    again = neo4j.push(directory, vectors=True)
    assert (again.vectors, again.changed) == ("current", False)


def test_only_new_intentions_get_one(neo4j: Database, directory: Directory) -> None:
    neo4j.push(directory, vectors=True)
    commit(
        directory,
        posts=[post("new")],
        assertions=[
            evidence("Post", "test:new", "xWant", "an intention like none"),
            evidence("Post", "test:new", "xNeed", "wish 1"),
        ],
    )
    report = neo4j.push(directory, vectors=True)
    assert (report.graph, report.embedded) == ("updated", 0)  # not built yet
    build(directory, embedder=HashingEmbedder())
    counted = neo4j.push(directory, vectors=True, dry_run=True)
    report = neo4j.push(directory, vectors=True)
    assert (report.graph, report.embedded, counted.embedded) == ("current", 1, 1)
    assert_same(neo4j, directory)


def test_vectors_stay_when_a_node_is_updated(neo4j: Database, directory: Directory) -> None:
    neo4j.push(directory, vectors=True)
    before = stored(neo4j)
    commit(directory, posts=[post("x")], assertions=[evidence("Post", "test:x", "xWant", "WISH 1")])
    report = neo4j.push(directory, vectors=True)
    assert report.nodes and stored(neo4j) == before


def test_another_embedder_replaces_them(neo4j: Database, directory: Directory) -> None:
    neo4j.push(directory, vectors=True)
    build(directory, embedder=HashingEmbedder(dimension=48))
    with pytest.raises(KeyboardInterrupt):
        neo4j.push(directory, vectors=True, progress=interrupt_at("neo4j: vectors"))
    report = neo4j.push(directory, vectors=True)
    assert report.embedded == len(open_index(directory))
    assert_same(neo4j, directory)
    dimension = neo4j.value(
        "SHOW INDEXES YIELD name, options WHERE name = 'intentkg_intention_vector' "
        "RETURN options['indexConfig']['vector.dimensions']"
    )
    assert dimension == 48
    neo4j.run("DROP INDEX intentkg_intention_vector")  # for the tests that follow


def test_without_vectors(neo4j: Database, directory: Directory, tmp_path: Path) -> None:
    report = neo4j.push(directory, vectors=False)
    assert (report.vectors, report.embedded) == ("left out", 0) and not stored(neo4j)
    report = neo4j.push(directory, vectors=True)
    assert report.graph == "current" and report.embedded
    unbuilt = new_directory(tmp_path / "unbuilt")
    commit(unbuilt, **chunk(1, few=True))
    report = neo4j.push(unbuilt, vectors=True, prefix="unbuilt")
    assert report.vectors == "none" and any("intentkg build" in note for note in report.notes)


def test_nodes_that_come_back_get_theirs_back(neo4j: Database, directory: Directory) -> None:
    neo4j.push(directory, vectors=True)
    neo4j.run("MATCH (i:Intention) WITH i LIMIT 5 DETACH DELETE i")
    report = neo4j.push(directory, vectors=True)
    assert (report.graph, report.embedded) == ("rewritten", 5)
    assert_same(neo4j, directory)
