"""How the server means to do what it is told: by index, without writers that wait in circles."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kg.directory import Directory
from kg.neo4j import statements
from kg.neo4j.batches import columns_of, evenly, last_of_each, pieces
from kg.neo4j.connection import connect
from kg.neo4j.names import Names
from kg.neo4j.report import PushReport
from kg.neo4j.writer import MANY_EDGES
from tests.graph_samples import chunk, commit, new_directory
from tests.neo4j_push_world import Database, embedded_content

NAMES = Names()
COLUMNS = ["id", "plausibility", "models"]
BY_ROW = {
    "create nodes": statements.create_nodes("Post", ["id", "text"]),
    "merge nodes": statements.merge_nodes("Post", ["id", "text"]),
    "create edges": statements.create_edges(COLUMNS),
    "merge edges": statements.merge_edges(NAMES, "Post", "Intention", COLUMNS, kind="xWant"),
    "merge edges without id": statements.merge_edges(NAMES, "CoBuy", "Product", [], kind="OF"),
    "remove edges": statements.remove_edges(),
    "remove nodes": statements.remove_nodes(),
    "set vectors": statements.set_vectors("Intention"),
    "without vectors": statements.without_vectors("Intention", among=True),
}
LISTS = ("id", "text", "start", "end", "type", "plausibility", "models", "places", "ids", "vectors")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Directory:
    """A knowledge base with more edges than a server needs to plan well."""
    directory = new_directory(tmp_path_factory.mktemp("many"))
    commit(directory, **chunk(1, size=6_000, pool=4_000))
    return directory


def operators(plan: dict[str, Any]) -> Iterator[str]:
    yield plan["operatorType"].split("@")[0]
    for child in plan.get("children", ()):
        yield from operators(child)


def planned(neo4j: Database, query: str) -> set[str]:
    with connect(neo4j.address) as server, server.session("write") as session:
        parameters = {"rows": 1, "mark": "x", **{name: [] for name in LISTS}}
        plan = session.run(f"EXPLAIN {query}", parameters).consume().plan  # type: ignore[arg-type]
        assert plan is not None
        return set(operators(plan))


@pytest.mark.parametrize("name", BY_ROW)
def test_no_row_makes_the_server_scan_even_where_there_is_nothing_yet(
    neo4j: Database, tmp_path: Path, name: str
) -> None:
    """A plan of an empty database is kept while it fills: a scan in it costs the square."""
    directory = new_directory(tmp_path)
    commit(directory, **chunk(1))
    neo4j.push(directory)  # for the constraints
    neo4j.wipe(schema=False)
    found = planned(neo4j, BY_ROW[name])
    assert not [operator for operator in found if "Scan" in operator]


def test_types_that_are_learned_of_later_are_planned_well_among_many_edges(
    neo4j: Database, many: Directory
) -> None:
    neo4j.push(many)
    query = statements.merge_edges(NAMES, "Post", "Intention", COLUMNS)
    assert "Expand(Into)" in planned(neo4j, query)


def test_writers_do_not_get_into_each_others_way(
    neo4j: Database, many: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without buckets the server kills some of them as deadlocked; small ones show it soonest."""
    monkeypatch.setattr("kg.neo4j.writer.evenly", partial(evenly, most=250))
    stages: set[str] = set()

    def progress(stage: str, done: int, total: int | None) -> None:
        stages.add(stage)

    def push() -> PushReport:
        report = neo4j.push(many, progress=progress)
        assert report.edges > MANY_EDGES and "neo4j: waiting for the server" not in stages
        return report

    assert push().graph == "written"
    # Among all edges, half of them, and none.
    for share in (0.0, 0.5, 1.0):
        neo4j.run("MATCH ()-[r]->() WHERE rand() < $share DELETE r", share=share)
        neo4j.run("MATCH (s:IntentKG {id: 'graph'}) SET s.shape = 0")
        assert push().graph == "rewritten"
    assert neo4j.content() == embedded_content(many)


def test_transactions_are_cut_by_rows_and_by_bytes() -> None:
    import pyarrow as pa

    texts = ["x" * size for size in (10, 10, 5_000, 10, 10, 10)] + [None]
    batch = pa.record_batch({"id": list("abcdefg"), "text": texts})
    assert [len(piece) for piece in pieces(batch, rows=3, size=1_000)] == [2, 1, 3, 1]
    assert [len(piece) for piece in pieces(batch.slice(3), rows=3, size=1_000)] == [3, 1]
    assert [len(piece) for piece in pieces(batch, rows=100, size=1 << 20)] == [7]
    assert not list(pieces(batch.slice(0, 0)))
    assert [list(part) for part in evenly([1, 2, 3, 4, 5], 2)] == [[1], [2, 3], [4, 5]]


def test_of_rows_with_one_id_the_last_stands_and_null_members_go() -> None:
    import pyarrow as pa

    batch = pa.record_batch({"id": ["a", "b", "a"], "tags": [["x", None], None, [None]]})
    columns = columns_of(batch)
    assert columns["tags"] == [["x"], None, []]
    assert last_of_each(columns, columns["id"]) == {"id": ["b", "a"], "tags": [None, []]}
