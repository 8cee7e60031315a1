"""Strangers' Cypher: what is refused, what passes, and that the engine reads it as we do."""

from __future__ import annotations

from pathlib import Path

import grafeo
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kg import cypher_guard
from schema.errors import CypherSyntaxError, QueryError, WriteRefusedError

WRITES = [
    "CREATE (n:Product {id: 'x'})",
    "create (n)",
    "CrEaTe (n)",
    "MERGE (n:Product {id: 'x'})",
    "MATCH (n) DELETE n",
    "MATCH (n) DETACH DELETE n",
    "MATCH (n) NODETACH DELETE n",
    "MATCH (n) SET n.title = 'x'",
    "MATCH (n) SET n:Other",
    "MATCH (n)\nSET\nn += {a: 1}",
    "MATCH (n) REMOVE n.title",
    "MATCH (n) WITH n LIMIT 1 FOREACH (x IN [1] | SET n.t = 1)",
    "MATCH (n) CALL { WITH n DETACH DELETE n } RETURN 1",
    "CALL { CREATE (n) RETURN n } RETURN n",
    "UNWIND [1] AS x CREATE (n)",
    "EXPLAIN CREATE (n)",
    "PROFILE MATCH (n) DELETE n",
    "RETURN 1 UNION CREATE (n) RETURN 1",
    "MATCH (n) WHERE n.a = $b SET n.x = 1",
    "MATCH (n) WHERE n.a = $`b` SET n.x = 1",
    "CREATE INDEX foo FOR (n:Product) ON (n.id)",
    "CREATE CONSTRAINT FOR (n:Product) REQUIRE n.id IS UNIQUE",
    "DROP INDEX foo",
    "DROP GRAPH x",
    "ALTER USER a SET PASSWORD 'b'",
    "GRANT ROLE admin TO bob",
    "DENY READ {*} ON GRAPH g TO r",
    "REVOKE ROLE admin FROM bob",
    "INSERT (:Product {id: 'x'})",
    "USE other MATCH (n) RETURN n",
    "CALL { USE other MATCH (n) RETURN n } RETURN n",
    "MATCH (n) /* hidden */ SET /**/ n.x = 1",
    "MATCH (n) // a comment\nDELETE n",
    "MATCH (n) // 'a quote in a comment\nDELETE n // '",
    "MATCH (n) /* ' */ DELETE n /* ' */",
    "MATCH (n) WHERE n.text = 'it\\'s' DELETE n",
    'MATCH (n) WHERE n.text = "a\\\\" DELETE n',
    "MATCH (n) WHERE n.`a` = '`' DELETE n",
    "MATCH (n) \u017fET n.x = 1",  # a long s folds to s
    "MATCH (n) \uff33\uff25\uff34 n.x = 1",  # full-width SET
    "MATCH (n) \\u0053ET n.x = 1",
    "MATCH (n) \\uuu0053ET n.x = 1",
    "MATCH (n) WHERE n.a = '\\u0027 DELETE n // '",
    "MATCH (n) `SET` n.x = 1",
    "MATCH (n) TERMINATE TRANSACTION 'x'",
    "TERMINATE TRANSACTION 'x'",
]

FILES = [
    "LOAD CSV FROM '/etc/passwd' AS row RETURN row",
    "load csv from '/etc/passwd' as row return row",
    "LoAd\tCsV WITH HEADERS FROM '/etc/passwd' AS row RETURN row",
    "LOAD/**/CSV FROM '/etc/passwd' AS row RETURN row",
    "LOAD /* x */ CSV FROM '/etc/passwd' AS row RETURN row",
    "LOAD // x\nCSV FROM '/etc/passwd' AS row RETURN row",
    "\n\n  LOAD\n\nCSV FROM 'file:///etc/passwd' AS row RETURN row",
    "`LOAD` CSV FROM '/etc/passwd' AS row RETURN row",
    "`LOAD` `CSV` FROM '/etc/passwd' AS row RETURN row",
    "\\u004cOAD CSV FROM '/etc/passwd' AS row RETURN row",
    "MATCH (n) WITH n LIMIT 1 LOAD CSV FROM '/etc/passwd' AS row RETURN row",
    "UNWIND ['/etc/passwd'] AS f LOAD CSV FROM f AS row RETURN row",
    "CALL { LOAD CSV FROM '/etc/passwd' AS row RETURN row } RETURN row",
    "EXPLAIN LOAD CSV FROM '/etc/passwd' AS row RETURN row",
    "LOAD DATA FROM '/etc/passwd' FORMAT CSV AS row RETURN row",
    "RETURN 1 UNION LOAD CSV FROM '/etc/passwd' AS row RETURN row",
    "WITH 1 AS load LOAD CSV FROM '/etc/passwd' AS row RETURN row",
    "MATCH (n) WHERE EXISTS { LOAD CSV FROM '/etc/passwd' AS r RETURN r } RETURN n",
]

CALLS = [
    "CALL apoc.load.json('file:///etc/passwd')",
    "CALL apoc.cypher.runWrite('CREATE (n)', {})",
    "CALL dbms.listConfig()",
    "CALL dbms.setConfigValue('a', 'b')",
    "CALL db.createLabel('x')",
    "CALL db.index.fulltext.drop('x')",
    "CALL `db`.`createLabel`('x')",
    "CALL db . createLabel ('x')",
    "CALL db./**/createLabel('x')",
    "MATCH (n) CALL apoc.create.node(['x'], {}) YIELD node RETURN node",
    "OPTIONAL CALL apoc.load.csv('x') YIELD map RETURN map",
    "CALL grafeo.unknown()",
    "CALL grafeo.pagerank.evil()",
    "RETURN apoc.load.json('x')",
    "RETURN apoc . load . json ('x')",
    "RETURN `apoc`.`util`.`sleep`(1)",
    "RETURN genai.vector.encode('text', 'OpenAI', {token: 'x'})",
    "MATCH (n) WHERE apoc.util.sleep(1000) IS NULL RETURN n",
]

NOT_CYPHER = [
    "",
    "   ",
    "// nothing but a comment",
    ";",
    "RETURN 1; RETURN 2",
    "MATCH (n) RETURN n; MATCH (m) RETURN m;",
    "SELECT * FROM products",
    "SHOW USERS",
    "SESSION RESET",
    "START n=node(*) RETURN n",
    "RETURN 'never closed",
    'RETURN "never closed',
    "RETURN `never closed",
    "RETURN /* never closed",
    "RETURN 'ends in a backslash\\",
    "RETURN 1 AS `a``b`",
    "RETURN \\x",
    "RETURN 1\x00",
    "RETURN 1 \x1b[31m",
    "{} RETURN 1",
    "(n) RETURN n",
    "RETURN " + "1+" * 60_000 + "1",
]

READS = [
    "MATCH (p:Product) RETURN p",
    "match (p:Product {id: 'p1'}) return p.title",
    "MATCH (p:Product {id: $id})<-[:OF]-(c:CoBuy)-[r]->(i:Intention) RETURN type(r), i.text",
    "OPTIONAL MATCH (n:Nothing) RETURN n",
    "UNWIND [1, 2] AS x RETURN x",
    "WITH 1 AS x RETURN x",
    "RETURN 'CREATE (n) SET x LOAD CSV' AS text",
    'RETURN "it\'s; DELETE" AS text',
    "RETURN 'http://example.org/*not a comment*/' AS text",
    "RETURN 1 AS x // DELETE everything",
    "RETURN /* DROP GRAPH */ 1 AS x",
    "RETURN 1 AS x;",
    "MATCH (p:Product) WHERE p.title CONTAINS 'Set of' RETURN p",
    "CALL db.labels() YIELD label RETURN label",
    "CALL grafeo.pagerank() YIELD node_id, score RETURN count(*) AS n",
    "CALL { MATCH (p:Product) RETURN count(p) AS n } RETURN n",
    "MATCH (p:Product) RETURN count(DISTINCT p) AS n, collect(p.id) AS ids, toUpper('a') AS a",
    "MATCH (p:Product) RETURN p.title AS created, p.id AS settings, p.id AS loaded",
    "RETURN date('2020-01-01') AS d, size('abc') AS n",
    "EXPLAIN MATCH (n) RETURN n",
    "MATCH (a:Product) RETURN a.id UNION MATCH (b:CoBuy) RETURN b.id AS `a.id`",
    "MATCH (n) WHERE n.title =~ '.*\\\\d+.*' RETURN n",
    "RETURN '\\u00e9' AS e, 'caf\u00e9' AS f",
    "MATCH (p) RETURN CASE WHEN p:Product THEN 'product' ELSE 'else' END AS kind",
]


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> grafeo.GrafeoDB:
    path = tmp_path_factory.mktemp("guard") / "graph.grafeo"
    database = grafeo.GrafeoDB(str(path))
    database.batch_create_nodes_with_props("Product", [{"id": "p1", "title": "Set of 3 cables"}])
    database.close()
    return grafeo.GrafeoDB.open_read_only(str(path))


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "secret.csv"
    path.write_text("canary\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("query", WRITES + FILES + CALLS)
def test_what_may_do_harm_is_refused(query: str) -> None:
    with pytest.raises((WriteRefusedError, CypherSyntaxError)) as caught:
        cypher_guard.check(query)
    assert caught.value.fix


@pytest.mark.parametrize("query", FILES)
def test_reading_files_is_named_as_such(query: str) -> None:
    with pytest.raises(WriteRefusedError, match="LOAD reads files"):
        cypher_guard.check(query)


@pytest.mark.parametrize("query", NOT_CYPHER)
def test_what_is_no_single_query_is_refused(query: str) -> None:
    with pytest.raises(CypherSyntaxError) as caught:
        cypher_guard.check(query)
    assert caught.value.fix


@pytest.mark.parametrize("query", READS)
def test_reads_pass_and_run(query: str, graph: grafeo.GrafeoDB) -> None:
    graph.execute_cypher(cypher_guard.check(query), {"id": "p1"}).to_list()


def test_comments_are_blanked_so_that_positions_stay() -> None:
    text = "MATCH (n) /* one\ntwo */ RETURN n // three"
    checked = cypher_guard.check(text)
    assert "one" not in checked and "three" not in checked
    assert len(checked) == len(text) and checked.index("RETURN") == text.index("RETURN")
    assert checked.count("\n") == 1


def test_the_engine_would_read_files_without_the_guard(graph: grafeo.GrafeoDB) -> None:
    # If this fails, the engine has become stricter and the comment in the module is out of date.
    rows = graph.execute_cypher(f"LOAD CSV FROM '{Path(__file__)}' AS row RETURN row LIMIT 1")
    assert rows.to_list()


@given(text=st.text(max_size=30))
def test_the_engine_ends_a_literal_where_the_guard_does(text: str) -> None:
    """Whatever stands in a literal, both see one literal, or neither takes the query."""
    database = grafeo.GrafeoDB()
    for quote in "'\"":
        query = f"RETURN {quote}{text}{quote} AS x"
        try:
            checked = cypher_guard.check(query)
        except QueryError:
            continue
        kinds = [token.kind for token in cypher_guard._tokens(query)]
        try:
            rows = database.execute_cypher(checked).to_list()
        except grafeo.GrafeoError:
            continue
        if kinds.count("string") == 1 and "comment" not in kinds:
            assert len(rows) == 1 and isinstance(rows[0]["x"], str)


_PIECES = [
    "LOAD CSV",
    "load",
    "CSV",
    "FROM",
    "@file",
    "AS r",
    "RETURN r",
    "RETURN 1 AS r",
    "WITH 1",
]
_PIECES += [
    "AS q",
    "//",
    "/*",
    "*/",
    "\n",
    "\r",
    "'",
    '"',
    "`",
    "\\",
    "\\'",
    "''",
    "{",
    "}",
    "CALL",
    "x",
]


@given(pieces=st.lists(st.sampled_from(_PIECES), max_size=14))
@example(pieces=["LOAD CSV", "FROM", "@file", "AS r", "RETURN r"])
@example(pieces=["WITH 1", "AS q", "LOAD CSV", "FROM", "@file", "AS r", "RETURN r"])
@example(pieces=["//", "\r", "'", "\n", "LOAD CSV", "FROM", "@file", "AS r", "RETURN r", "//", "'"])
@settings(max_examples=400, deadline=None)
def test_no_text_reaches_a_file(canary: Path, graph: grafeo.GrafeoDB, pieces: list[str]) -> None:
    query = " ".join(pieces).replace("@file", f"'{canary}'")
    try:
        checked = cypher_guard.check(query)
        rows = graph.execute_cypher(checked).to_list()
    except (QueryError, grafeo.GrafeoError):
        return
    assert "canary" not in str(rows)


@pytest.mark.parametrize(
    ("query", "kind", "part"),
    [
        ("RETRN 1", CypherSyntaxError, "RETRN"),
        ("MATCH (p:Product) RETRN p", CypherSyntaxError, "line 1"),
        ("RETURN $nope", CypherSyntaxError, "nope"),
        ("RETURN nofunction(1)", CypherSyntaxError, "nofunction"),
        ("RETURN 1/0 AS x", QueryError, "division"),
    ],
)
def test_errors_of_the_engine_are_translated(
    query: str, kind: type[QueryError], part: str, graph: grafeo.GrafeoDB
) -> None:
    with pytest.raises(kind, match=part) as caught:
        try:
            graph.execute_cypher(cypher_guard.check(query))
        except grafeo.GrafeoError as error:
            raise cypher_guard.translate(error) from None
    assert "GRAFEO" not in str(caught.value) and caught.value.fix


def refused(graph: grafeo.GrafeoDB, query: str) -> QueryError:
    try:
        graph.execute_cypher(cypher_guard.check(query))
    except grafeo.GrafeoError as error:
        return cypher_guard.translate(error)
    raise AssertionError("the engine took it")


def test_the_place_of_an_error_is_marked(graph: grafeo.GrafeoDB) -> None:
    for query in (
        "MATCH (n) RETRN n",
        "MATCH (n)\nWHERE n.x = 1\n\tRETRN n",
        "MATCH (n) WHERE n.x = 'é€' RETRN n",
        "MATCH (n) WHERE " + "n.x = 1 AND " * 20 + "n.y = 2 RETRN n" + ", n.z" * 50,
    ):
        _, line, mark = str(refused(graph, query)).split("\n")
        assert len(line) < 80
        assert line[mark.index("^") :].startswith("RETRN n"), (line, mark)
    _, line, mark = str(refused(graph, "MATCH (n) WHERE n.x = '雨雨' RETRN n")).split("\n")
    assert mark.index("^") == line.index("RETRN") + 2  # two wide characters stand before it


def test_the_fix_names_commands_that_exist(graph: grafeo.GrafeoDB) -> None:
    fix = refused(graph, "MATCH (n:Post RETURN n").fix or ""
    assert "intentkg query KB" in fix and "--list" not in fix and "docs/queries.md" in fix
    assert "-p w=VALUE" in (refused(graph, "MATCH (n) WHERE n.id = $w RETURN n").fix or "")


def test_a_write_that_only_the_engine_sees_is_refused(graph: grafeo.GrafeoDB) -> None:
    with pytest.raises(grafeo.GrafeoError) as caught:
        graph.execute_cypher("MATCH (n) SET n.x = 1")
    assert isinstance(cypher_guard.translate(caught.value), WriteRefusedError)
