"""What analyses add to the graph: written whole or not at all, built, pushed, taken away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from kg import layers
from kg.build import build
from kg.directory import Directory
from kg.embedded import open_graph
from kg.status import status
from kg.verify import verify
from schema.errors import StoreError, UsageError
from schema.identity import abstraction_id, concept_id, intention_id
from schema.layers import LAYER_SCHEMAS, Layer
from tests.graph_samples import commit, evidence, new_directory, post
from tests.neo4j_push_world import Database, embedded_content

TENT, SHELTER, THING = map(concept_id, ("tent", "shelter", "thing"))
CAMP, CAMPING, HIKE = map(intention_id, ("sleep in a tent", "sleep in the tent", "go hiking"))
ABSTRACT = abstraction_id("sleep in a [shelter]")


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    made = new_directory(tmp_path)
    texts = ("sleep in a tent", "sleep in the tent", "go hiking")
    commit(
        made,
        posts=[post(n) for n in range(3)],
        assertions=[evidence("Post", f"test:{n}", "xWant", text) for n, text in enumerate(texts)],
    )
    return made


def batches(layer: Layer, *rows: tuple[Any, ...]) -> Iterator[pa.RecordBatch]:
    schema = LAYER_SCHEMAS[layer]
    for row in rows:
        yield pa.RecordBatch.from_pylist([dict(zip(schema.names, row, strict=True))], schema=schema)


def concepts(
    mentions: tuple[tuple[str, str], ...] = ((CAMP, TENT), (CAMPING, TENT)),
    hypernyms: tuple[tuple[str, str, float], ...] = ((TENT, SHELTER, 0.8), (SHELTER, THING, 0.5)),
) -> dict[Layer, Iterator[pa.RecordBatch]]:
    named = ((TENT, "tent"), (SHELTER, "shelter"), (THING, "thing"))
    return {
        "concepts": batches("concepts", *named),
        "mentions": batches("mentions", *mentions),
        "hypernyms": batches("hypernyms", *hypernyms),
    }


def everything() -> dict[Layer, Iterator[pa.RecordBatch]]:
    return {
        **concepts(),
        "same_as": batches("same_as", (CAMPING, CAMP, 0.97)),
        "abstractions": batches("abstractions", (ABSTRACT, "sleep in a [shelter]")),
        "instances": batches("instances", (CAMP, ABSTRACT, 0.8), (CAMPING, ABSTRACT, 0.8)),
    }


def sound(directory: Directory) -> bool:
    """No finding but what a graph without vectors, and a file that is to be swept, give."""
    return {found.check for found in verify(directory)} <= {"vectors-missing", "left-over"}


def ask(directory: Directory, query: str) -> list[list[Any]]:
    with open_graph(directory) as graph:
        return graph.read(query).rows


def test_layers_become_part_of_the_graph(directory: Directory) -> None:
    build(directory, vectors=False)
    before = status(directory)
    rows = layers.replace(directory, everything(), made_by={"taxonomy": "by hand"})
    assert rows["hypernyms"] == 2
    assert layers.made_by(directory, "concepts") == {"taxonomy": "by hand"}
    assert status(directory)["graph"]["state"] == "stale"
    assert build(directory, vectors=False).graph == "built"
    assert ask(
        directory,
        "MATCH (i:Intention)-[:MENTIONS]->(c:Concept)-[h:HYPERNYM]->(d:Concept) "
        "RETURN i.text, c.name, d.name, h.weight ORDER BY i.text",
    ) == [
        ["sleep in a tent", "tent", "shelter", 0.8],
        ["sleep in the tent", "tent", "shelter", 0.8],
    ]
    assert ask(
        directory,
        "MATCH (p:Post)-[:xWant]->(i:Intention)-[s:SAME_AS]->(c:CanonicalIntention) "
        "RETURN p.id, c.text, c.members, s.similarity ORDER BY p.id",
    ) == [
        ["test:0", "sleep in a tent", 2, 1.0],
        ["test:1", "sleep in a tent", 2, 0.97],
    ]
    assert ask(
        directory,
        "MATCH (:Intention)-[r:INSTANCE_OF]->(a:AbstractIntention) RETURN a.text, count(r)",
    ) == [["sleep in a [shelter]", 2]]
    # What was asked before the layers were there is answered as before.
    assert len(ask(directory, "MATCH (h)-[r]->(i:Intention) RETURN h.id")) == 3
    after = status(directory)
    assert after["graph"]["state"] == "current"
    assert after["counts"] == {**before["counts"], "concepts": 3}
    assert sound(directory)


def test_a_later_import_keeps_the_layers_and_its_text_shows(directory: Directory) -> None:
    layers.replace(directory, everything(), made_by={})
    build(directory, vectors=False)
    # A form that is written more often becomes the text, of the canonical one too.
    posts = [post(n) for n in (7, 8)]
    rows = [evidence("Post", f"test:{n}", "xNeed", "Sleep in a TENT") for n in (7, 8)]
    commit(directory, posts=posts, assertions=rows)
    report = build(directory, vectors=False)
    assert report.graph == "updated"
    assert ask(directory, "MATCH (c:CanonicalIntention) RETURN c.text, c.members") == [
        ["Sleep in a TENT", 2]
    ]
    assert ask(directory, "MATCH ()-[r:MENTIONS]->() RETURN count(r)") == [[2]]
    assert sound(directory)


def test_a_layer_is_replaced_as_a_whole_and_taken_away(directory: Directory) -> None:
    layers.replace(directory, everything(), made_by={})
    build(directory, vectors=False)
    layers.replace(directory, concepts(mentions=((HIKE, THING),)), made_by={})
    build(directory, vectors=False)
    assert ask(directory, "MATCH (i:Intention)-[:MENTIONS]->(c) RETURN i.text, c.name") == [
        ["go hiking", "thing"]
    ]
    assert len(ask(directory, "MATCH ()-[s:SAME_AS]->() RETURN s")) == 2  # another group
    assert layers.remove(directory, "same_as") == {"same_as": 1}
    assert layers.remove(directory, "same_as") == {}
    assert layers.made_by(directory, "same_as") is None
    assert status(directory)["graph"]["state"] == "stale"
    build(directory, vectors=False)
    assert ask(directory, "MATCH ()-[s:SAME_AS]->() RETURN s") == []
    assert sound(directory)
    # The next writer sweeps what no manifest names.
    commit(directory, posts=[post(99)])
    names = {path.name.partition("-")[0] for path in (directory.root / "layers").iterdir()}
    assert names == {"concepts", "mentions", "hypernyms", "abstractions", "instances"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (concepts(mentions=((CAMP, TENT), (CAMP, TENT))), "comes twice"),
        (concepts(mentions=(("in_0", TENT),)), "intention_id in_0 is not there"),
        (concepts(mentions=((CAMP, "cn_0"),)), "concept_id cn_0 is not there"),
        (concepts(hypernyms=((TENT, SHELTER, 1.0), (SHELTER, TENT, 1.0))), "its own hypernym"),
        (concepts(hypernyms=((TENT, TENT, 1.0),)), "its own hypernym"),
        (
            {"same_as": batches("same_as", (CAMP, CAMPING, 1.0), (HIKE, CAMP, 1.0))},
            "canonical and is not",
        ),
    ],
)
def test_what_is_not_whole_changes_nothing(
    directory: Directory, wrong: dict[Layer, Iterator[pa.RecordBatch]], message: str
) -> None:
    before = directory.manifest()
    with pytest.raises(StoreError, match=message):
        layers.replace(directory, wrong, made_by={})
    assert directory.manifest() == before
    assert not (directory.root / "layers").exists()


def test_half_a_group_is_refused(directory: Directory) -> None:
    with pytest.raises(UsageError, match="not the whole of concepts"):
        layers.replace(directory, {"concepts": iter(())}, made_by={})
    with pytest.raises(UsageError, match="no layers are called"):
        layers.remove(directory, "colours")


def test_an_altered_layer_is_found(directory: Directory) -> None:
    layers.replace(directory, concepts(), made_by={})
    build(directory, vectors=False)
    (file,) = (directory.root / "layers").glob("mentions-*")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    (finding,) = [found for found in verify(directory) if found.check == "part-checksum"]
    assert "run the analysis that wrote it again" in finding.fix


def test_layers_go_into_neo4j_and_out_again(neo4j: Database, directory: Directory) -> None:
    neo4j.push(directory)
    layers.replace(directory, everything(), made_by={})
    report = neo4j.push(directory)
    assert (report.graph, report.nodes, report.edges) == ("updated", 5, 8)
    assert neo4j.content() == embedded_content(directory)
    assert neo4j.push(directory).graph == "current"
    layers.remove(directory, "abstractions")
    layers.replace(directory, concepts(hypernyms=((TENT, THING, 0.9),)), made_by={})
    assert neo4j.push(directory, prune=True).graph == "rewritten"
    assert neo4j.content() == embedded_content(directory)
