"""The same questions to the embedded graph and to Neo4j: the same answers, prefix or not."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import intentkg
from benchmarks.neo4j_server import Neo4jServer
from kg.build import build
from kg.cypher_elsewhere import DIFFERENCES, Difference
from kg.directory import Directory
from kg.neo4j.address import Address
from kg.neo4j.push import push
from kg.neo4j.reader import ServedGraph, open_served
from kg.store import GraphReader
from queries.named import NamedQuery, Parameter, list_queries
from schema.errors import (
    CypherSyntaxError,
    NotBuiltError,
    QueryError,
    QueryTimeoutError,
    ServerUnavailableError,
    UnknownQueryError,
    UsageError,
    WriteRefusedError,
)
from tests.graph_samples import add_layers, chunk, cobuy, commit, evidence, new_directory, product
from tests.helpers import HashingEmbedder
from tests.neo4j_push_world import Database
from tests.neo4j_world import address

PREFIXES = (None, "ikg")
Base = intentkg.KnowledgeBase


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Directory:
    """Few products and many edges, so that most questions have answers."""
    directory = new_directory(tmp_path_factory.mktemp("read"))
    for seed in range(3):
        commit(directory, **chunk(seed, size=120, pool=30))
    products = [
        evidence("Product", "P001", "UsedFor", f"wish {n}", typicality=n / 10, accepted=n > 2)
        for n in range(6)
    ]
    two = [
        evidence("Product", "P001", "UsedFor", "wish 1", model="model-b", request="b"),
        evidence("Product", "P001", "IsA", "a thing", model=None, source="people"),
    ]
    gaps = [f"gap{n}" for n in range(4)]
    commit(
        directory,
        products=[product(gap) for gap in gaps],
        cobuys=[cobuy(a, b) for a, b in itertools.combinations(gaps, 2)],
        assertions=products + two,
    )
    add_layers(directory)
    build(directory, embedder=HashingEmbedder())
    return directory


@pytest.fixture(scope="module")
def where(neo4j_server: Neo4jServer, directory: Directory) -> Address:
    """A database into which it was pushed twice, once with a prefix, beside someone's nodes."""
    there = address(neo4j_server)
    database = Database(there)
    database.wipe()
    database.run("CREATE (:Theirs {id: 'theirs'})-[:OWNS]->(:Theirs {id: 'too'})")
    for prefix in PREFIXES:
        push(directory, there, prefix=prefix)
    return there


@pytest.fixture(scope="module")
def embedded(directory: Directory) -> Iterator[Base]:
    with intentkg.open(directory.root, embedder=HashingEmbedder()) as base:
        yield base


@pytest.fixture(scope="module", params=PREFIXES, ids=["plain", "prefixed"])
def served(request: pytest.FixtureRequest, where: Address, directory: Directory) -> Iterator[Base]:
    with intentkg.open(
        directory.root,
        embedder=HashingEmbedder(),
        neo4j=where.uri,
        user=where.user,
        password=where.password,
        prefix=request.param,
    ) as base:
        yield base


def ids(graph: GraphReader, label: str, most: int, property_: str = "id") -> list[str]:
    rows = graph.read(f"MATCH (n:{label}) RETURN n.{property_} ORDER BY n.id LIMIT {most}").rows
    return [row[0] for row in rows]


def asked(base: Base, query: NamedQuery) -> list[dict[str, Any]]:
    """Some values for each parameter of a query, in all combinations but a pair of one."""
    graph = base._graph
    some = {
        "product": ids(graph, "Product", 8),
        "post": ids(graph, "Post", 6),
        "intention": ids(graph, "Intention", 4, "text"),
        "relation": ["UsedFor", "xWant"],
        "head": ["CoBuy", "Product"],
        "boolean": [True],
        "number": [0.5],
        "integer": [1],
        "category": ["c1"],
        "concept": ["tent", "thing"],
        "string": ["model-a", "model-b"],
    }

    def values(parameter: Parameter) -> list[Any]:
        found = [] if parameter.name == "limit" else some[parameter.type]
        return found if parameter.required else [..., *found]

    names = [parameter.name for parameter in query.parameters]
    combined = itertools.product(*map(values, query.parameters))
    given = [{k: v for k, v in zip(names, one, strict=True) if v is not ...} for one in combined]
    return [one for one in given if one.get("a") is None or one["a"] != one["b"]][:60]


@pytest.mark.parametrize("query", list_queries(), ids=lambda query: query.name)
def test_named_queries_give_the_same_rows(embedded: Base, served: Base, query: NamedQuery) -> None:
    answered = 0
    for given in asked(embedded, query):
        try:
            want = embedded.query(query.name, given)
        except QueryError as error:
            with pytest.raises(QueryError) as same:
                served.query(query.name, given)
            assert str(same.value) == str(error)
            continue
        got = served.query(query.name, given)
        assert (got.columns, got.rows, got.notes) == (want.columns, want.rows, want.notes), given
        answered += bool(want.rows)
    assert answered, "nothing was answered, so this test proves nothing"


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"relations": ["UsedFor", "CapableOf", "xWant"][:2]},
        {"accepted": True},
        {"min_plausibility": 0.5, "top_k": 1},
        {"source": "test", "limit": 3},
    ],
    ids=str,
)
def test_pulls_give_the_same_edges(embedded: Base, served: Base, filters: dict[str, Any]) -> None:
    products = ids(embedded._graph, "Product", 30)
    found = embedded.cobuy(products, **filters)
    assert found and served.cobuy(products, **filters) == found
    for a, b in embedded._graph.read("MATCH (c:CoBuy) RETURN c.a, c.b LIMIT 15").rows:
        assert served.cobuy(a, **filters) == embedded.cobuy(a, **filters)
        assert served.cobuy(b, a, **filters) == embedded.cobuy(a, b, **filters)
        assert served.titles([a, b]) == embedded.titles([a, b])
        assert served.cobuy_note(a, b) == embedded.cobuy_note(a, b)


@pytest.mark.parametrize("index", ["faiss", "neo4j"])
@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"relations": "UsedFor", "k": 3},
        {"head_type": "Post", "accepted": True},
        {"head_type": "Product", "min_typicality": 0.3, "heads": 1},
        {"source": "people"},
    ],
    ids=str,
)
def test_searches_find_the_same(
    embedded: Base, served: Base, index: Any, filters: dict[str, Any]
) -> None:
    for text in ("wish 7", "a thing", "what nobody wishes"):
        want = embedded.search(text, **filters)
        got = served.search(text, index=index, **filters)
        assert [round(hit.score, 4) for hit in got] == pytest.approx(
            [round(hit.score, 4) for hit in want], abs=2e-4
        )
        # Of equal scores either may be cut off.
        last = min(hit.score for hit in want)
        sure = {hit.intention_id: hit for hit in want if hit.score > last + 2e-4}
        found = {hit.intention_id: hit for hit in got}
        for identifier, hit in sure.items():
            assert (found[identifier].text, found[identifier].heads) == (hit.text, hit.heads)


def test_an_unknown_source_is_told_with_those_there_are(embedded: Base, served: Base) -> None:
    for base in (embedded, served):
        with pytest.raises(UsageError, match="'peple'") as error:
            base.search("wish 7", source="peple")
        assert "did you mean people?" in str(error.value.fix)


@pytest.mark.parametrize(
    "query",
    [
        "MATCH (p:Product {id: 'P001'})-[r]->(i) RETURN p, r, i ORDER BY r.id",
        "MATCH (p:Product)-[r:UsedFor]->(:Intention) RETURN r ORDER BY r.id",
        "MATCH (c:CoBuy)-[:OF]->(p) RETURN labels(c), labels(p)[0], c.id, p.id ORDER BY c.id, p.id",
        "MATCH (h)-[r]->(:Intention) WHERE h:Post OR h:Product "
        "RETURN CASE WHEN h:Post THEN 'post' ELSE 'product' END AS kind, count(*) AS n ORDER BY n",
        "MATCH (i:Intention) RETURN {Post: i.text, labels: labels(i)} AS map ORDER BY i.id LIMIT 3",
        "MATCH (p:Product) WHERE EXISTS { MATCH (p)<-[:OF]-(:CoBuy) } RETURN count(p) AS n",
        "MATCH (p:Product) RETURN p.id AS labels, p.categories AS list ORDER BY p.id LIMIT 3",
        "RETURN 1 AS one, 0.5 AS half, null AS nothing, [1, 'a', {b: true}] AS list",
        "MATCH (i:Intention) RETURN properties(i) AS p, i {.*} AS all, i {.text} AS t "
        "ORDER BY i.id LIMIT 3",
        "MATCH (c:CoBuy) CALL (c) { MATCH (c)-[r]->(:Intention) RETURN count(r) AS n } "
        "RETURN c.id, n ORDER BY n DESC, c.id LIMIT 3",
        "MATCH (c:CoBuy) RETURN c.id, COUNT { (c)-[:OF]->() } AS n ORDER BY c.id LIMIT 3",
        "MATCH (c:CoBuy) WHERE (c)-[:UsedFor]->() "
        "RETURN c.id AS id, size([(c)-[:OF]->(p) | p.id]) AS n ORDER BY id",
        "RETURN [x IN range(1, 5) WHERE x % 2 = 0 | x * 10] AS l, "
        "reduce(s = 0, x IN [1, 2] | s + x) AS s, any(x IN [1, 2] WHERE x > 1) AS a, "
        "[1, 2, 3, 4][1..3] AS some, 1 IN [2, null] AS i",
        "MATCH (i:Intention) WHERE i.text =~ 'wish 1.*' RETURN count(i) AS n",
        "MATCH (:Product {id: 'P001'})-[:CO_BUY*1..2]-(q:Product) RETURN count(DISTINCT q) AS n",
        "MATCH p = shortestPath((:Product {id: 'P001'})-[:CO_BUY*..6]-(:Product {id: 'P005'})) "
        "RETURN length(p) AS n",
        "MATCH (:CoBuy)-[r:UsedFor|CapableOf]->() RETURN count(r) AS n",
        "MATCH (n) WHERE n:Post OR n:Product RETURN count(n) AS n",
        "MATCH (p:Post) RETURN count(p) AS n UNION ALL MATCH (p:Product) RETURN count(p) AS n",
        "MATCH ()-[r]->(:Intention) RETURN r.plausibility AS p ORDER BY p DESC LIMIT 3",
        "MATCH ()-[r]->(:Intention) RETURN percentileCont(r.plausibility, 0.5) AS p",
        "RETURN 7 / 2 AS a, 7 % 2 AS b, 2 ^ 3 AS c, null = null AS d, true XOR false AS e, "
        "toUpper('a') AS f, substring('hello', 1, 2) AS g, split('a,b', ',') AS h, round(2.5) AS i",
        "MATCH (c:CoBuy)-[r:OF]->(p) RETURN startNode(r).id = c.id AS a, type(r) AS b LIMIT 1",
        "MATCH (p:Product) RETURN p.id ORDER BY p.title, p.id SKIP 2 LIMIT 2",
    ],
)
def test_cypher_gives_the_same_values(embedded: Base, served: Base, query: str) -> None:
    want, got = embedded.cypher(query), served.cypher(query)
    assert want.rows and got.columns == want.columns

    def plain(value: Any) -> Any:
        """Labels bear their prefix where a whole node is shown."""
        if isinstance(value, dict) and "labels" in value and "properties" in value:
            return {**value, "labels": [label.removeprefix("ikg_") for label in value["labels"]]}
        return value

    assert [[plain(value) for value in row] for row in got.rows] == want.rows


@pytest.mark.parametrize("one", DIFFERENCES, ids=lambda one: one.what)
def test_what_only_neo4j_reads_is_said_by_the_other(
    embedded: Base, served: Base, one: Difference
) -> None:
    assert served.cypher(one.example).rows
    for timeout in (30.0, 0):
        with pytest.raises(CypherSyntaxError) as error:
            embedded._graph.read(one.example, timeout=timeout or None)
        assert str(error.value.fix).startswith(f"{one.what}: Neo4j reads it")
        assert one.instead in str(error.value.fix)
    page = (Path(intentkg.__file__).parents[1] / "docs" / "neo4j.md").read_text(encoding="utf-8")
    assert f"| {one.what} | `{one.example}` | {one.instead} |" in page.replace("\\|", "|")


def test_what_only_the_embedded_engine_has_is_said_by_neo4j(embedded: Base, served: Base) -> None:
    query = "CALL grafeo.pagerank() YIELD node_id, score RETURN count(*) > 0 AS some"
    assert embedded.cypher(query).rows == [[True]]
    with pytest.raises(QueryError, match="no procedure with the name") as error:
        served.cypher(query)
    assert "embedded engine" in str(error.value.fix)


def test_nodes_of_others_are_not_counted(embedded: Base, served: Base) -> None:
    want, got = embedded._graph.counts(), served._graph.counts()
    assert got.nodes == {kind: count for kind, count in want.nodes.items() if count}
    assert got.edges == {kind: count for kind, count in want.edges.items() if count}


def test_rows_are_cut_and_it_is_said(served: Base) -> None:
    table = served.cypher("MATCH (i:Intention) RETURN i.id", limit=3)
    assert len(table.rows) == 3 and table.truncated
    assert not served.cypher("MATCH (i:Intention) RETURN i.id LIMIT 3", limit=3).truncated
    # A stream: the first rows of an answer that would never end come at once.
    table = served.cypher("UNWIND range(1, 100000000) AS n RETURN n", limit=5, timeout=20)
    assert [n for (n,) in table.rows] == [1, 2, 3, 4, 5]


def test_the_time_limit_ends_a_query_and_the_next_one_works(served: Base) -> None:
    endless = "UNWIND range(1, 1000000) AS a UNWIND range(1, 1000000) AS b RETURN sum(a * b) AS s"
    with pytest.raises(QueryTimeoutError, match=r"0\.5 seconds"):
        served.cypher(endless, timeout=0.5)
    assert served.cypher("RETURN 1 AS one").rows == [[1]]


def test_the_server_itself_refuses_to_write(served: Base) -> None:
    graph = served._graph
    assert isinstance(graph, ServedGraph)
    for query in ("CREATE (:Post {id: 'x'})", "MATCH (n) SET n.x = 1", "MATCH (n) DETACH DELETE n"):
        with pytest.raises(WriteRefusedError):
            served.cypher(query)
        with pytest.raises(WriteRefusedError, match="would change the graph"):
            graph.ask(query)  # which no guard reads first
    assert graph.ask("MATCH (n) WHERE n.x = 1 OR n.id = 'x' RETURN count(n)") == [[0]]


@pytest.mark.parametrize(
    ("query", "error", "message"),
    [
        ("MATCH (p:Product RETURN p", CypherSyntaxError, r"line 1, column \d+"),
        ("RETURN $missing AS x", CypherSyntaxError, r"uses \$missing"),
        ("RETURN 1 / 0 AS x", QueryError, "zero"),
    ],
)
def test_what_is_wrong_is_said(
    served: Base, query: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        served.cypher(query)


def test_a_slip_of_the_pen_is_noted(served: Base) -> None:
    (note,) = served.cypher("MATCH (p:Produkt) RETURN p.id").notes
    assert "did you mean Product?" in note


def test_a_server_alone_is_enough(where: Address, embedded: Base) -> None:
    with intentkg.open(
        neo4j=where.uri, password=where.password, embedder=HashingEmbedder()
    ) as base:
        assert base.query("top-intentions").rows == embedded.query("top-intentions").rows
        assert base.search("wish 7", k=1)[0].text == "wish 7"
        with pytest.raises(UsageError, match="no FAISS index"):
            base.search("wish 7", index="faiss")
        with pytest.raises(UnknownQueryError):
            base.query("no-such")


def test_an_index_of_another_embedder_is_refused(where: Address) -> None:
    with (
        intentkg.open(
            neo4j=where.uri, password=where.password, embedder=HashingEmbedder(dimension=8)
        ) as base,
        pytest.raises(UsageError, match="the vectors on the server are of"),
    ):
        base.search("wish 7")


def test_what_is_not_there_is_said(where: Address, tmp_path: Path, embedded: Base) -> None:
    with pytest.raises(NotBuiltError, match="no knowledge base was pushed") as error:
        open_served(where, prefix="other")
    assert "intentkg push KB" in str(error.value.fix)
    nobody = Address("bolt://127.0.0.1:1")
    with pytest.raises(ServerUnavailableError):
        open_served(nobody)
    with pytest.raises(UsageError, match="no knowledge base is named"):
        intentkg.open()  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="read from disk"):
        embedded.search("wish 7", index="neo4j")
