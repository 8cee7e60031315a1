"""Text in any field never becomes Cypher, and Cypher that writes is refused at every door.

Hostile texts go into every text field that the readers have, come back byte for byte by every way
of reading, and leave a graph with exactly the nodes, edges, labels and types that were meant.
"""

from __future__ import annotations

import csv
import json
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from door import answer, call, committed, quick, rejected, run, write_json_lines

import intentkg
from schema.errors import IntentKGError

HOSTILE = [
    "'",
    '"',
    "`",
    "``",
    "\\",
    "\\'",
    "it's 5\" `wide`",
    "' OR 1=1 //",
    "'}) DETACH DELETE n //",
    '"}) DETACH DELETE n //',
    "x'}) RETURN 1 AS x UNION MATCH (n) DETACH DELETE n //",
    "`) DETACH DELETE n //",
    "`]->() SET n.x = 1 //",
    "Evil`:Admin {id: 'root'}) CREATE (m:`Owned",
    "x'}) CREATE (:Owned {id: 'x'}) //",
    "MATCH (n) DETACH DELETE n",
    "CREATE (:Owned)",
    "LOAD CSV FROM 'file:///etc/passwd' AS row RETURN row",
    "CALL dbms.shutdown()",
    "$id",
    "${id}",
    "{{id}}",
    "{0}",
    "%s %d %(id)s",
    "\\u0027}) DETACH DELETE n //",
    "\uff07 OR 1=1",
    "/* */ DELETE */",
    "// DELETE",
    "-- ; DROP TABLE posts; --",
    "'; DROP TABLE posts; ATTACH 'x.db' AS y; --",
    "x' UNION SELECT * FROM read_csv('/etc/passwd') --",
    "null",
    "None",
    "NaN",
    "true",
    "[1, 2]",
    '{"$gt": ""}',
    "=1+1",
    "@SUM(A1)",
    "a,b\tc;d|e",
    "[bold red]not markup[/bold red]",
    "<script>alert(1)</script>",
    "../../../etc/passwd",
    "\u202eDELETE",
    "a\u2028b",
    "\U0001f600 smile",
    "e\u0301 and \u00e9",
    "\u4e0b\u96e8 \u0645\u0637\u0631 \u05d2\u05e9\u05dd",
    "x" * 5_000,
]
# An id holds no control characters, is not that long, and is brought to one Unicode form.
IDS = [
    t for t in HOSTILE if t.isprintable() and len(t) < 400 and t == unicodedata.normalize("NFKC", t)
]


def tagged(n: int) -> str:
    """A hostile text that has a word in it and is like no other one."""
    return f"w{n} {HOSTILE[n]}"


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    kb = folder / "my.kg"
    posts = [
        {
            "id": f"p{n}",
            "text": tagged(n),
            "language": HOSTILE[n][:20],
            "more": HOSTILE[n],
            HOSTILE[n]: "a column of that name",
        }
        for n in range(len(HOSTILE))
    ]
    posts += [{"id": key, "text": "a post of a hostile id"} for key in IDS]
    products = [
        {
            "id": f"B{n:02}",
            "title": tagged(n),
            "brand": HOSTILE[n],
            "categories": [HOSTILE[n], tagged(n)],
            "description": HOSTILE[n],
            "features": [HOSTILE[n]],
        }
        for n in range(len(HOSTILE))
    ]
    products += [{"id": key, "title": "a product of a hostile id"} for key in IDS]
    with (folder / "pairs.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b"])
        writer.writerows([f"B{n:02}", key] for n, key in enumerate(IDS))
    intentions = [
        {
            "a": f"B{n:02}",
            "b": key,
            "relation": "UsedFor",
            "text": tagged(n),
            "model": HOSTILE[n],
            "rationale": HOSTILE[n],
            "typicality": 0.5,
        }
        for n, key in enumerate(IDS)
    ]
    intentions += [
        {"post": f"p{n}", "post_source": "posts", "relation": "xWant", "text": tagged(n)}
        for n in range(len(HOSTILE))
    ]
    for verb, name, path in (
        ("ingest", "posts", write_json_lines(folder / "posts.jsonl", posts)),
        ("ingest", "products", write_json_lines(folder / "products.jsonl", products)),
        ("ingest", "cobuys", folder / "pairs.csv"),
        ("import", "intentions", write_json_lines(folder / "intentions.jsonl", intentions)),
    ):
        answer(verb, kb, "-f", name, path)
    assert rejected(kb) == []
    answer("build", kb)
    return kb


@pytest.fixture(autouse=True)
def nothing_changes(kb: Path) -> Iterator[None]:
    before = committed(kb)
    yield
    assert committed(kb) == before


def ask(kb: Path, query: str, **parameters: Any) -> list[list[Any]]:
    words = [w for k, v in parameters.items() for w in ("-p", f"{k}={json.dumps(v)}")]
    rows: list[list[Any]] = quick("cypher", kb, query, *words)["rows"]
    return rows


def test_the_graph_holds_what_was_meant_and_nothing_else(kb: Path) -> None:
    n, ids = len(HOSTILE), len(IDS)
    assert ids > 30
    counts = quick("status", kb)["counts"]
    expected = {"posts": n + ids, "products": n + ids, "cobuys": ids, "assertions": n + ids}
    assert {key: counts[key] for key in expected} == expected
    labels = dict(ask(kb, "MATCH (x) UNWIND labels(x) AS l RETURN l, count(*) AS n"))
    assert labels == {
        "Post": n + ids,
        "Product": n + ids,
        "CoBuy": ids,
        "Intention": counts["intentions"],
    }
    types = dict(ask(kb, "MATCH ()-[r]->() RETURN type(r) AS t, count(*) AS n"))
    assert types == {"OF": 2 * ids, "CO_BUY": ids, "UsedFor": ids, "xWant": n}
    assert quick("verify", kb) == {"ok": True, "findings": []}


def test_every_text_comes_back_as_it_was_given(kb: Path) -> None:
    posts = {row[0]: row[1:] for row in ask(kb, "MATCH (p:Post) RETURN p.external_id, p.text")}
    assert {f"p{n}": [tagged(n)] for n in range(len(HOSTILE))}.items() <= posts.items()
    assert set(IDS) <= posts.keys()
    products = {
        key: (title, brand, categories)
        for key, title, brand, categories in ask(
            kb, "MATCH (p:Product) RETURN p.id, p.title, p.brand, p.categories"
        )
    }
    for n, text in enumerate(HOSTILE):
        assert products[f"B{n:02}"] == (tagged(n), text, [text, tagged(n)])
    assert set(IDS) <= products.keys()
    edges = ask(kb, "MATCH (c:CoBuy)-[r:UsedFor]->(i:Intention) RETURN c.a, c.b, i.text, r.models")
    assert {(frozenset(row[:2]), row[2], *row[3]) for row in edges} == {
        (frozenset((f"B{n:02}", key)), tagged(n), HOSTILE[n]) for n, key in enumerate(IDS)
    }


@pytest.mark.parametrize("n", range(len(HOSTILE)), ids=lambda n: ascii(HOSTILE[n][:20]))
def test_a_hostile_text_asked_for_finds_what_bears_it(n: int, kb: Path) -> None:
    text = HOSTILE[n]
    assert ask(kb, "RETURN $t AS t", t=text) == [[text]]
    [[key]] = ask(kb, "MATCH (p:Product) WHERE p.brand = $t RETURN p.id", t=text)
    assert key == f"B{n:02}"
    pair = f"B{IDS.index(text):02}" if text in IDS else None
    one, both = (
        call("cobuy", "--json", "--", kb, text, *other) for other in ((), (pair or "B00",))
    )
    if pair:
        [edge] = json.loads(one.stdout)["edges"]
        assert {edge["a"], edge["b"]} == {pair, text}
        assert json.loads(both.stdout)["edges"] == [edge]
    else:
        assert json.loads(one.stdout)["error"]["fix"]
        assert json.loads(both.stdout)["error"]["fix"]
    for words in (
        ("cobuy", f"--relation={text}", "--json", "--", kb, "B00"),
        ("query", "--json", "--", kb, text),
        ("query", f"--param=relation={text}", "--json", "--", kb, "top-intentions"),
        ("query", f"--param={text}=1", "--json", "--", kb, "top-intentions"),
    ):
        if "--param=relation=null" in words:
            continue  # which says that no relation is meant
        result = call(*words)
        assert result.returncode in (1, 2), words
        assert "Traceback" not in result.stderr
        assert json.loads(result.stdout)["error"]["fix"], words


def test_hostile_text_searched_for_finds_itself(kb: Path) -> None:
    with intentkg.open(kb) as base:
        for n, text in enumerate(HOSTILE):
            hits = base.search(tagged(n), k=1)
            assert hits[0].text == tagged(n)
            assert hits[0].score > 0.99
            base.search(text, k=3, heads=3)
            with pytest.raises(IntentKGError):
                base.search(text, k=3, source=text)
            with pytest.raises(IntentKGError):
                base.search("x", relations=[text])


# Cypher that writes ---------------------------------------------------------------------------

WRITES = [
    "CREATE (:Owned)",
    "create (:Owned)",
    "MATCH (n) DETACH DELETE n",
    "MATCH (n:Post) DELETE n",
    "MATCH (n:Post) SET n.text = 'x' RETURN n",
    "MATCH (n:Post) SET n:Owned RETURN n",
    "MATCH (n:Post) REMOVE n.text RETURN n",
    "MERGE (n:Post {id: 'new'}) RETURN n",
    "MATCH (n:Post) WITH n CREATE (m:Owned {id: n.id}) RETURN m",
    "MATCH (n) FOREACH (x IN [1] | SET n.x = x)",
    "MATCH (n) RETURN n UNION CREATE (m:Owned) RETURN m",
    "CALL { CREATE (:Owned) RETURN 1 AS x } RETURN x",
    "RETURN 1 AS x; CREATE (:Owned)",
    "/* harmless */ CREATE (:Owned) // RETURN",
    "// a comment\nCREATE (:Owned)",
    "CR/**/EATE (:Owned)",
    "\\u0043REATE (:Owned)",
    "EXPLAIN CREATE (:Owned)",
    "PROFILE CREATE (:Owned)",
    "LOAD CSV FROM '/etc/passwd' AS row RETURN row",
    "LOAD CSV WITH HEADERS FROM 'http://127.0.0.1/' AS row RETURN row",
    "MATCH (n) CALL apoc.create.node(['Owned'], {}) YIELD node RETURN node",
    "CALL dbms.shutdown()",
    "CREATE INDEX FOR (n:Post) ON (n.id)",
    "DROP INDEX x",
    "CREATE CONSTRAINT FOR (n:Post) REQUIRE n.id IS UNIQUE",
    "INSERT (:Owned)",
    "COPY Post FROM 'x.csv'",
]


@pytest.mark.parametrize("query", WRITES)
def test_cypher_that_writes_is_refused_at_every_door(query: str, kb: Path) -> None:
    error = quick("cypher", kb, query, code=1)["error"]
    assert error["type"] in ("WriteRefusedError", "CypherSyntaxError", "QueryError")
    assert error["fix"]
    with intentkg.open(kb) as base:
        with pytest.raises(IntentKGError) as caught:
            base.cypher(query)
        assert caught.value.fix
        # As a value it is only a value.
        assert base.cypher("RETURN $q AS q", {"q": query}).rows == [[query]]
        with pytest.raises(IntentKGError):
            base.cobuy(f"no {query}")
        with pytest.raises(IntentKGError):
            base.query("why-bought-together", a=f"no {query}", b=query)
        with pytest.raises(IntentKGError):
            base.query(query)
        with pytest.raises(IntentKGError):
            base.evidence(query)


def test_a_write_is_refused_as_such_in_a_process_of_its_own(kb: Path) -> None:
    result = run("cypher", kb, "MATCH (n) DETACH DELETE n")
    assert result.returncode == 1
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert "fix:" in result.stderr
    assert run("search", kb, "x'}) DETACH DELETE n //").returncode == 0
    assert run("cobuy", kb, "x'}) DETACH DELETE n //", "B00").returncode == 1


def test_hostile_files_of_relations_and_sources_are_refused_row_by_row(
    kb: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(kb, tmp_path / "my.kg"))
    before = quick("status", copy)["counts"]
    rows = [{"a": "B00", "b": IDS[0], "relation": text, "text": "x"} for text in HOSTILE]
    rows += [
        {"head_type": text, "head_id": "B00", "relation": "UsedFor", "text": "x"}
        for text in HOSTILE
    ]
    rows += [
        {"a": "B00", "b": IDS[0], "relation": "UsedFor", "text": "x", "source": text}
        for text in HOSTILE
    ]
    path = write_json_lines(tmp_path / "x.jsonl", rows)
    [report] = quick("import", copy, "-f", "intentions", path)["files"]
    named = [t for t in HOSTILE if t.islower() and t.isalpha() and t.isascii()]
    assert report["rejected"] == len(rows) - len(named)  # "null", "true" are lawful names
    assert len(rejected(copy)) == report["rejected"]
    assert quick("build", copy)["graph"] in ("updated", "built")
    after = quick("status", copy)["counts"]
    assert after["assertions"] == before["assertions"] + 1  # one edge, by several sources
    types = dict(ask(copy, "MATCH ()-[r]->() RETURN type(r) AS t, count(*) AS n"))
    assert types.keys() == {"OF", "CO_BUY", "UsedFor", "xWant"}
    assert quick("verify", copy)["ok"]
