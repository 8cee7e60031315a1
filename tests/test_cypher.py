"""A person's Cypher, from the text to the table: read-only, limited in time and rows."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from query_world import World, random_world

import queries
from kg.embedded import EmbeddedGraph
from queries import cobuy, named
from queries.cypher import parse_parameters, run, split_parameters
from queries.filters import EdgeFilter
from schema.errors import (
    CypherSyntaxError,
    IntentKGError,
    QueryError,
    QueryTimeoutError,
    UsageError,
    WriteRefusedError,
)

HOSTILE = [
    "'",
    '"',
    "`",
    "\\",
    "\\'",
    "' OR 1=1 //",
    "' OR '1'='1",
    "'}) DETACH DELETE n //",
    '"}) DETACH DELETE n //',
    "P01'}) RETURN 1 AS x UNION MATCH (n) DETACH DELETE n //",
    "P01\n}) MATCH (n) DETACH DELETE n",
    "P01; MATCH (n) DETACH DELETE n",
    "$product",
    "$relations",
    "{id: $product}",
    "*",
    "%",
    ".*",
    "UsedFor|IsA",
    "UsedFor]->() DETACH DELETE c //",
    "UsedFor`]->() SET c.x = 1 //",
    "LOAD CSV FROM 'file:///etc/passwd' AS row RETURN row",
    "CALL db.labels()",
    "\\u0027}) DETACH DELETE n //",
    "\uff07 OR 1=1",
    "\u2028MATCH (n) DELETE n",
    "/* */ DELETE",
    "// DELETE",
    "null",
    "NaN",
    "[1, 2]",
    '{"$gt": ""}',
    "\x00",
    "a\x00b",
    "\u202eDELETE",
    "\U0001f600" * 50,
    "MATCH (n) DETACH DELETE n",
    "x" * 100_000,
    "../../../etc/passwd",
    "<script>alert(1)</script>",
    "; DROP TABLE products; --",
]


@pytest.fixture(scope="module")
def world() -> World:
    world = random_world(11)
    # The hostile texts are in the graph as well: as a title, a post, an intention.
    for n, text in enumerate(HOSTILE):
        world.product(f"H{n}", text, text)
        world.posts[f"h:{n}"] = text
        world.edge("CoBuy", world.cobuy(f"H{n}", "P01"), "Open", f"{n} {text}", models=(text,))
        world.edge("Post", f"h:{n}", "xWant", f"{n} {text}", sources=(text,))
    return world


@pytest.fixture(scope="module")
def graph(world: World, tmp_path_factory: pytest.TempPathFactory):
    with world.open(tmp_path_factory.mktemp("cypher") / "kb") as graph:
        yield graph


@pytest.fixture(autouse=True)
def nothing_changes(graph: EmbeddedGraph):
    before = graph.counts(), graph.path.read_bytes()
    yield
    assert (graph.counts(), graph.path.read_bytes()) == before


def test_a_query_with_parameters(world: World, graph: EmbeddedGraph):
    table = run(
        graph,
        "MATCH (p:Product) WHERE p.id IN $ids RETURN p.id AS id, p.title AS title ORDER BY id",
        {"ids": ["P02", "P01", "nope"]},
    )
    assert table.columns == ["id", "title"]
    assert table.rows == [[key, world.products[key]["title"]] for key in ("P01", "P02")]
    assert not table.truncated


def test_nodes_edges_and_paths_are_plain_values(world: World, graph: EmbeddedGraph):
    edge = next(e for e in world.heads("CoBuy") if e.typicality is not None)
    table = run(
        graph,
        "MATCH path = (c:CoBuy)-[r]->(i:Intention) WHERE r.id = $id RETURN c, r, path",
        {"id": edge.id},
    )
    node, found, path = table.rows[0]
    a, b, support = world.cobuys[edge.head]
    assert node == {
        "labels": ["CoBuy"],
        "properties": {"id": edge.head, "a": a, "b": b, "support": support},
    }
    assert (found["type"], found["start"], found["end"]) == (
        edge.relation,
        edge.head,
        edge.intention,
    )
    assert found["properties"]["typicality"] == edge.typicality
    assert [n["labels"] for n in path["nodes"]] == [["CoBuy"], ["Intention"]]


def test_the_row_limit_cuts_and_says_so(world: World, graph: EmbeddedGraph):
    text = "MATCH (p:Product) RETURN p.id AS id ORDER BY id"
    few = run(graph, text, limit=3)
    assert few.truncated
    assert [row[0] for row in few.rows] == sorted(world.products)[:3]
    exact = run(graph, text, limit=len(world.products))
    assert not exact.truncated
    assert len(exact) == len(world.products)


def test_a_name_that_the_graph_does_not_have_is_noted(graph: EmbeddedGraph):
    found = run(graph, "MATCH (p:Produkt) RETURN p.id AS id")
    assert found.rows == [] and "did you mean Product?" in found.notes[0]
    assert run(graph, "MATCH (p:Product) RETURN p.id AS id").notes == ()


def test_the_time_limit_ends_a_query_and_the_next_one_works(graph: EmbeddedGraph):
    started = time.monotonic()
    with pytest.raises(QueryTimeoutError) as caught:
        run(
            graph,
            "UNWIND range(1, 100000) AS a UNWIND range(1, 100000) AS b "
            "WITH a, b WHERE a * b = -1 RETURN count(*) AS n",
            timeout=0.5,
        )
    assert time.monotonic() - started < 60  # to its end it takes an hour
    assert caught.value.fix
    assert run(graph, "RETURN 1 AS one").rows == [[1]]


@pytest.mark.parametrize(
    "text",
    [
        "CREATE (n:Product {id: 'x'})",
        "MATCH (n) DETACH DELETE n",
        "MATCH (n:Product) SET n.title = 'x' RETURN n",
        "MERGE (n:Product {id: 'x'}) RETURN n",
        "MATCH (n:Product) REMOVE n.title",
        "MATCH (n) CALL { WITH n DETACH DELETE n } RETURN 1",
        "MATCH (n:Product) WITH n LIMIT 1 FOREACH (x IN [1] | SET n.t = 1)",
        "DROP INDEX id",
        "LOAD CSV FROM 'file:///etc/passwd' AS row RETURN row",
        "load/**/csv from '/etc/passwd' as row return row",
        "RETURN 1 AS x; MATCH (n) DETACH DELETE n",
    ],
)
def test_writes_and_files_are_refused(graph: EmbeddedGraph, text: str):
    with pytest.raises((WriteRefusedError, CypherSyntaxError)) as caught:
        run(graph, text)
    assert caught.value.fix


@pytest.mark.parametrize("text", ["MATCH (n) RETRN n", "SELECT 1", "MATCH (n RETURN n", "RETURN x"])
def test_what_is_no_cypher_is_said(graph: EmbeddedGraph, text: str):
    with pytest.raises(QueryError) as caught:
        run(graph, text)
    assert caught.value.fix
    assert "Traceback" not in str(caught.value)


def test_a_missing_parameter_is_an_error(graph: EmbeddedGraph):
    with pytest.raises(QueryError):
        run(graph, "MATCH (p:Product {id: $id}) RETURN p", {"ids": "P01"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text": ""}, "the query is empty"),
        ({"text": "RETURN '\ud800' AS x"}, "surrogate"),
        ({"text": "RETURN 1", "timeout": 0}, "timeout is 0"),
        ({"text": "RETURN 1", "timeout": -1}, "timeout is -1"),
        ({"text": "RETURN 1", "timeout": float("nan")}, "timeout is nan"),
        ({"text": "RETURN 1", "timeout": None}, "timeout is None"),
        ({"text": "RETURN 1", "limit": 0}, "limit is 0"),
        ({"text": "RETURN 1", "limit": None}, "limit is None"),
        ({"text": "RETURN 1", "parameters": {"a-b": 1}}, "'a-b' is not a parameter name"),
        ({"text": "RETURN 1", "parameters": {1: 1}}, "1 is not a parameter name"),
        ({"text": "RETURN 1", "parameters": ["a"]}, "not a mapping"),
        ({"text": "RETURN $a", "parameters": {"a": object()}}, "Cypher cannot take"),
        ({"text": "RETURN $a", "parameters": {"a": 2**64}}, "Cypher cannot take"),
        ({"text": "RETURN $a", "parameters": {"a": float("inf")}}, "Cypher cannot take"),
        ({"text": "RETURN $a", "parameters": {"a": b"x"}}, "Cypher cannot take"),
        ({"text": "RETURN $a", "parameters": {"a": {1: 2}}}, "key that is not text"),
        ({"text": "RETURN $a", "parameters": {"a": ["\udfff"]}}, "no Unicode text"),
    ],
)
def test_wrong_use_is_said(graph: EmbeddedGraph, arguments: dict, message: str):
    with pytest.raises(UsageError, match=message) as caught:
        run(graph, **arguments)
    assert caught.value.fix


@pytest.mark.parametrize(
    "value", [None, True, 0, -(2**63), 1.5, "", "äöü", [], [1, "a", None], {"k": [1]}]
)
def test_a_parameter_comes_back_as_it_was(graph: EmbeddedGraph, value: object):
    assert run(graph, "RETURN $value AS value", {"value": value}).rows == [[value]]


def test_parameters_of_a_command_line():
    pairs = [
        "k=5",
        "$id=B00X",
        'title="42"',
        "code=007",
        "t=true",
        "n=null",
        "e=",
        "u=a=b",
        "x=NaN",
    ]
    assert parse_parameters(pairs) == {
        "k": 5,
        "id": "B00X",
        "title": "42",
        "code": "007",
        "t": True,
        "n": None,
        "e": "",
        "u": "a=b",
        "x": "NaN",
    }
    assert split_parameters(["k=5", " t =true"]) == {"k": "5", "t": "true"}
    assert parse_parameters(["deep=" + "[" * 100_000]) == {"deep": "[" * 100_000}
    for bad in (["k"], ["=5"], ["a b=1"], ["k=1", "k=2"], ["`x`=1"]):
        with pytest.raises(UsageError) as caught:
            parse_parameters(bad)
        assert caught.value.fix


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: ascii(t[:20]))
def test_hostile_text_is_only_ever_a_value(world: World, graph: EmbeddedGraph, text: str):
    """Whatever it is given as, it is an unknown id, a refused name, or comes back as it was."""
    assert run(graph, "RETURN $t AS t", {"t": text}).rows == [[text]]
    for ask in (
        lambda: cobuy.pull(graph, text),
        lambda: cobuy.pull(graph, "P01", text),
        lambda: cobuy.pull(graph, ["P01", text]),
        lambda: cobuy.pull(graph, "P01", relations=text),
        lambda: cobuy.pull(graph, "P01", relations=["IsA", text]),
        lambda: named.run_named(graph, text),
        lambda: named.run_named(graph, "top-cobuys", {"product": text}),
        lambda: named.run_named(graph, "top-cobuys", {text: "P01"}),
        lambda: named.run_named(graph, "similar-posts", {"post": text}),
        lambda: named.run_named(graph, "top-intentions", {"limit": text}),
        lambda: named.run_named(graph, "review-low-typicality", {"below": text}),
    ):
        with pytest.raises((UsageError, QueryError)) as caught:
            ask()
        assert caught.value.fix
        assert not isinstance(caught.value, CypherSyntaxError), "it reached the parser"
    for name in ("relation", "head"):
        if text == "null":  # how a command line says that nothing is asked
            assert named.run_named(graph, "top-intentions", {name: text}).rows
            continue
        with pytest.raises(UsageError):
            named.run_named(graph, "top-intentions", {name: text})
    if not text.isidentifier() or len(text) > 100:
        with pytest.raises(UsageError):
            run(graph, "RETURN 1 AS x", {text: 1})
    if not text.strip():
        return
    # As values they find exactly what bears them.
    number = HOSTILE.index(text)
    assert cobuy.pull(graph, "P01", source=text) == []
    rows = named.run_named(graph, "category-intentions", {"category": text}).rows
    own = [e for e in world.heads("CoBuy") if f"H{number}" in world.cobuys[e.head][:2]]
    assert {row[0] for row in rows} == {edge.text for edge in own}
    agreed = named.run_named(graph, "models-agree", {"model": text, "other": text}).rows
    assert [row[3] for row in agreed] == [f"{number} {text}"]


def test_hostile_text_as_a_query_never_gets_through(graph: EmbeddedGraph):
    harmless = "CALL db.labels()"
    assert run(graph, harmless).rows
    for text in HOSTILE:
        if text != harmless:
            with pytest.raises(IntentKGError) as caught:
                run(graph, text, timeout=5)
            assert caught.value.fix


def test_no_query_text_is_put_together_from_values():
    """The only Cypher with an f-string around it holds constants of this package."""
    constants = {"ORDER", "_RETURN", "start", "where", "more", "{id: id}", "edge_filter.where()"}
    checked = 0
    for file in Path(queries.__file__).parent.glob("*.py"):
        for literal in re.findall(r'\bf"(?:[^"\\]|\\.)*"', file.read_text(encoding="utf-8")):
            if re.search(r"\b(MATCH|WHERE|RETURN)\b|\]->|\]-\(", literal):
                holes = set(re.findall(r"(?<!\{)\{([^{}]+)\}(?!\})", literal))
                assert holes <= constants | {"' AND '.join(asked)"}, (file.name, holes)
                checked += 1
    assert checked >= 4
    everything = EdgeFilter.make(
        relations=["UsedFor"], min_plausibility=0, min_typicality=0, accepted=True, source="' OR 1"
    )
    assert "OR" not in everything.where()
    assert everything.where().count("$") == 5
    assert set(everything.parameters()) == set(re.findall(r"\$(\w+)", everything.where()))
