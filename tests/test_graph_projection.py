"""The graph is what the truth says, in the shape that DESIGN and docs promise."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kg import sql
from kg.build import build
from kg.directory import Directory
from kg.embedded import open_graph
from kg.projection import Projection
from schema.identity import cobuy_id
from tests.graph_samples import IMAGE, chunk, cobuy, commit, evidence, new_directory, post, product


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return new_directory(tmp_path)


def nodes(directory: Directory, label: str) -> dict[str, dict[str, Any]]:
    with open_graph(directory) as graph:
        found = graph.read(f"MATCH (n:{label}) RETURN n").rows
    assert all(node["labels"] == [label] for (node,) in found)
    return {node["properties"]["id"]: node["properties"] for (node,) in found}


def edges(directory: Directory, kind: str) -> list[tuple[str, str, dict[str, Any]]]:
    with open_graph(directory) as graph:
        found = graph.read(f"MATCH ()-[r:{kind}]->() RETURN r").rows
    return sorted(
        ((edge["start"], edge["end"], edge["properties"]) for (edge,) in found),
        key=lambda edge: edge[:2],
    )


def test_every_label_and_fixed_edge(directory: Directory) -> None:
    time = datetime(2017, 3, 10, 12, 30, tzinfo=UTC)
    image = [
        {"ref": "a.png", "id": IMAGE.id, "error": None},
        {"ref": "b", "id": None, "error": "x"},
    ]
    commit(
        directory,
        blobs=[IMAGE],
        posts=[post(1, "hello", language="en", created_at=time, images=image)],
        products=[
            product("P1", "Lamp", brand="B", price=9.5, categories=["home", "light"], images=image),
            product("P2", None),
        ],
        cobuys=[cobuy("P2", "P1", support=4, support_ab=3, support_ba=1, npmi=0.5)],
    )
    build(directory, vectors=False)
    assert nodes(directory, "Post") == {
        "test:1": {
            "id": "test:1",
            "source": "test",
            "external_id": "1",
            "text": "hello",
            "language": "en",
            "created_at": "2017-03-10T12:30:00Z",
        }
    }
    assert nodes(directory, "Product") == {
        "P1": {
            "id": "P1",
            "source": "test",
            "title": "Lamp",
            "brand": "B",
            "price": 9.5,
            "categories": ["home", "light"],
        },
        "P2": {"id": "P2", "source": "test"},
    }
    assert nodes(directory, "Image") == {
        IMAGE.id: {"id": IMAGE.id, "media_type": "image/png", "width": 3, "height": 2}
    }
    pair = cobuy_id("P1", "P2")
    assert nodes(directory, "CoBuy") == {
        pair: {
            "id": pair,
            "a": "P1",
            "b": "P2",
            "support": 4,
            "support_ab": 3,
            "support_ba": 1,
            "npmi": 0.5,
            "sources": ["test"],
        }
    }
    assert edges(directory, "OF") == [(pair, "P1", {}), (pair, "P2", {})]
    assert edges(directory, "CO_BUY") == [("P1", "P2", {"id": pair, "support": 4})]
    assert edges(directory, "HAS_IMAGE") == [
        ("P1", IMAGE.id, {}),
        ("test:1", IMAGE.id, {}),
    ]


def test_supports_of_several_sources_add_up(directory: Directory) -> None:
    commit(
        directory,
        products=[product("A"), product("B")],
        cobuys=[
            cobuy("A", "B", "shop-2", 5, support_ab=5, npmi=0.2),
            cobuy("A", "B", "shop-1", 2, npmi=0.7),
        ],
    )
    build(directory, vectors=False)
    (node,) = nodes(directory, "CoBuy").values()
    assert node["support"] == 7 and node["support_ab"] == 5 and "support_ba" not in node
    assert node["npmi"] == 0.7 and node["sources"] == ["shop-1", "shop-2"]
    assert edges(directory, "CO_BUY")[0][2]["support"] == 7


def test_evidence_is_joined_into_one_edge(directory: Directory) -> None:
    head = "test:1"
    commit(
        directory,
        posts=[post(1)],
        assertions=[
            evidence("Post", head, "xWant", "Rest", model="m2", plausibility=0.4, typicality=0.9),
            evidence("Post", head, "xWant", "rest", model="m1", plausibility=0.8, source="other"),
            evidence("Post", head, "xWant", "rest.", model=None),
            evidence("Post", head, "xNeed", "rest", accepted=True),
        ],
    )
    build(directory, vectors=False)
    ((start, end, found),) = edges(directory, "xWant")
    assert start == head and list(nodes(directory, "Intention")) == [end]
    assert found.pop("id").startswith("as_")
    assert found == {
        "plausibility": 0.8,
        "typicality": 0.9,
        "models": ["m1", "m2"],
        "evidence": 3,
        "sources": ["other", "test"],
    }
    assert edges(directory, "xNeed")[0][2]["accepted"] is True


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([None], None),
        ([True], True),
        ([False], False),
        ([True, None], True),
        ([None, False], False),
        ([True, False], False),
        ([False, True, True], False),
    ],
)
def test_a_rejection_outweighs_acceptances(
    directory: Directory, verdicts: list[bool | None], expected: bool | None
) -> None:
    commit(
        directory,
        posts=[post(1)],
        assertions=[
            evidence("Post", "test:1", "xWant", "rest", request=str(n), accepted=verdict)
            for n, verdict in enumerate(verdicts)
        ],
    )
    build(directory, vectors=False)
    assert edges(directory, "xWant")[0][2].get("accepted") is expected


@pytest.mark.parametrize(
    ("forms", "expected"),
    [
        (["Rest"], "Rest"),
        (["Rest", "rest", "rest"], "rest"),
        (["rest.", "rest"], "rest"),  # as frequent: the shorter
        (["rest", "Rest", "REST"], "REST"),  # as long: the first in code point order
    ],
)
def test_an_intentions_text_does_not_depend_on_the_order(
    tmp_path: Path, forms: list[str], expected: str
) -> None:
    for turn in range(3):
        directory = new_directory(tmp_path / str(turn))
        order = list(enumerate(forms))
        random.Random(turn).shuffle(order)
        commit(directory, posts=[post(1)])
        for number, form in order:
            found = evidence("Post", "test:1", "xWant", form, request=str(number))
            commit(directory, assertions=[found])
        build(directory, vectors=False)
        (node,) = nodes(directory, "Intention").values()
        assert node["text"] == expected


def test_open_stands_in_both_families(directory: Directory) -> None:
    pair = cobuy_id("A", "B")
    commit(
        directory,
        posts=[post(1)],
        products=[product("A"), product("B")],
        cobuys=[cobuy("A", "B")],
        assertions=[
            evidence("Post", "test:1", "Open", "share"),
            evidence("CoBuy", pair, "Open", "share"),
            evidence("Product", "A", "Open", "share"),
        ],
    )
    build(directory, vectors=False)
    assert [edge[0] for edge in edges(directory, "Open")] == ["A", pair, "test:1"]


@pytest.mark.parametrize(
    "text",
    [
        "'; MATCH (n) DETACH DELETE n //",
        "`) SET n.x = 1",
        '"}) RETURN 1',
        "tab\there, emoji \U0001f600, \u4e2d\u6587, e\u0301",
        "\\u0027 \\' {{ }} $id %s",
    ],
)
def test_text_never_becomes_cypher(directory: Directory, text: str) -> None:
    commit(
        directory,
        posts=[post(1, text), *(post(n) for n in range(2, 9))],
        products=[product("it's `odd`", text, brand=text, categories=[text])],
        assertions=[evidence("Product", "it's `odd`", "UsedFor", text, model=text)],
    )
    build(directory, vectors=False)
    # A second part goes another way, through Cypher.
    commit(directory, posts=[post(0, text)])
    assert build(directory, vectors=False).graph == "updated"
    assert {node["text"] for node in nodes(directory, "Post").values()} == {text, "a post"}
    (item,) = nodes(directory, "Product").values()
    assert item["title"] == item["brand"] == text and item["categories"] == [text]
    (node,) = nodes(directory, "Intention").values()
    assert node["text"] == text


def test_nodes_come_once_and_edges_have_both_ends(directory: Directory) -> None:
    for seed in range(4):
        commit(directory, **chunk(seed))
    manifest = directory.manifest()
    with sql.connect(directory, manifest) as connection:
        projection = Projection(connection, directory, manifest)
        ids: dict[str, list[str]] = {}
        for label, batch in projection.nodes():
            ids.setdefault(label, []).extend(batch.column("id").to_pylist())
        for found in ids.values():
            assert len(found) == len(set(found))
        seen = 0
        for kind, batch in projection.edges():
            assert set(batch.column("start").to_pylist()) <= set(ids[kind.start])
            assert set(batch.column("end").to_pylist()) <= set(ids[kind.end])
            seen += batch.num_rows
        assert seen > 100
