"""Text never becomes Cypher: injection strings in every field and id come back byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kg.directory import Directory
from schema.errors import UsageError
from schema.identity import cobuy_id
from tests.graph_samples import IMAGE, cobuy, commit, evidence, new_directory, post, product
from tests.neo4j_push_world import Database, embedded_content

_QUOTES = [
    "'",
    '"',
    "`",
    "``",
    "\\",
    "\\'",
    '\\"',
    "\\`",
    "'''",
    '"""',
    "\u2019",
    "\uff07",
    "\u0060",
]
_ESCAPES = ["\\u0060", "\\u0027", "\\u0022", "\\U00000060", "\\x60", "%60", "&#96;", "\\\\u0060"]
_ENDINGS = [
    "{}) DETACH DELETE n //",
    "{}}}) DETACH DELETE n //",
    "{}]->() DELETE r //",
    "{}) SET n.owned = true //",
    "{}: 1}}) CREATE (:Owned) //",
    "{} RETURN 1 UNION MATCH (n) DETACH DELETE n //",
    "{} OR 1=1 //",
]
_STATEMENTS = [
    "MATCH (n) DETACH DELETE n",
    "CREATE (:Owned {id: 'x'})",
    "MERGE (n:Owned) SET n.x = 1",
    "LOAD CSV FROM 'file:///etc/passwd' AS row RETURN row",
    "CALL dbms.listConfig()",
    "CALL apoc.load.json('file:///etc/passwd')",
    "CALL db.index.fulltext.queryNodes('intentkg_text', '*')",
    "DROP CONSTRAINT intentkg_id_Post",
    "DROP INDEX intentkg_text",
    "CREATE USER eve SET PASSWORD 'password'",
    "SHOW DATABASES",
    ":use system",
    "CYPHER 25 RETURN 1",
    "EXPLAIN MATCH (n) RETURN n",
    "FOREACH (x IN [1] | CREATE (:Owned))",
    "$id",
    "$rows",
    "$mark",
    "${id}",
    "{{id}}",
    "{0}",
    "%s",
    "$($type[i])",
    "Owned`:Admin {id: 'root'}) CREATE (m:`Owned",
    "Post:Owned",
    "xWant|DELETE",
    "*",
    "_",
    "null",
    "NaN",
    "true",
    "[1, 2]",
    '{"id": "x"}',
    "/* */ DELETE */",
    "// DELETE",
    "-- x",
    ";",
    "; MATCH (n) DELETE n;",
]
_SHAPES = [
    "\x00",
    "a\x00b",
    "\x01\x1f\x7f",
    "line\nbreak\r\n",
    "\t tab ",
    " ",
    "\u202eDELETE",
    "a\u2028b\u2029",
    "\ufeffmark",
    "\U0001f600 \U0001f468\u200d\U0001f469",
    "e\u0301 and \u00e9",
    "\u4e0b\u96e8 \u0645\u0637\u0631",
    "\uffff\ufffd",
    "x" * 70_000,
]
HOSTILE = [
    *_QUOTES,
    *_ESCAPES,
    *(ending.format(quote) for ending in _ENDINGS for quote in ("'", '"', "`", "\\u0060")),
    *_STATEMENTS,
    *_SHAPES,
]
# The uniqueness constraint keeps ids in an index, whose keys end at eight thousand bytes.
IDS = [text for text in HOSTILE if len(text) < 2_000]


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return new_directory(tmp_path)


def fill(directory: Directory) -> None:
    """Every hostile text in every text field and id; intentions have ids of their own."""
    posts: list[dict[str, Any]] = []
    products: list[dict[str, Any]] = []
    cobuys, assertions = [], []
    images = [{"ref": "a", "id": IMAGE.id, "error": None}]
    for number, text in enumerate(HOSTILE):
        key = text if text in IDS else str(number)
        posts.append(
            {**post(number, text, language=text, images=images), "id": f"p {key}", "source": text}
        )
        products.append(
            {
                **product(f"q {key}", text, brand=text, categories=[text, "x", text]),
                "source": text,
            }
        )
        cobuys.append(cobuy(f"q {key}", "other", source=text))
        more = {"source": text, "model": text, "request": text, "accepted": True}
        assertions.append(evidence("Post", f"p {key}", "xWant", f"t {number} {text}", **more))
        assertions.append(evidence("Product", f"q {key}", "UsedFor", f"u {number} {text}", **more))
        pair = cobuy_id(f"q {key}", "other")
        assertions.append(evidence("CoBuy", pair, "IsA", f"v {number} {text}", **more))
    products.append(product("other"))
    commit(
        directory,
        blobs=[IMAGE],
        posts=posts,
        products=products,
        cobuys=cobuys,
        assertions=assertions,
    )


def test_there_are_a_hundred_of_them() -> None:
    assert len(set(HOSTILE)) >= 100 and len(IDS) >= 99


def test_no_text_becomes_code_whether_created_or_merged(
    neo4j: Database, directory: Directory
) -> None:
    fill(directory)
    neo4j.run("CREATE (:Theirs {id: 'x'})")
    neo4j.push(directory)
    nodes, edges = embedded_content(directory)
    assert neo4j.content() == (nodes, edges)
    # The other form of each statement.
    neo4j.run("MATCH (s:IntentKG {id: 'graph'}) SET s.shape = 0")
    assert neo4j.push(directory, prune=True).graph == "rewritten"
    assert neo4j.content() == (nodes, edges)
    texts = {text for (text,) in neo4j.run("MATCH (p:Post) RETURN p.text")}
    assert {text.encode() for text in texts} == {text.encode() for text in HOSTILE}
    ids = {text for (text,) in neo4j.run("MATCH (p:Product) RETURN p.id")}
    assert {f"q {text}" for text in IDS} <= ids
    assert neo4j.run("MATCH (n:Theirs) RETURN properties(n)") == [[{"id": "x"}]]
    labels = {label for (label,) in neo4j.run("MATCH (n) UNWIND labels(n) AS l RETURN DISTINCT l")}
    assert labels == {"Post", "Product", "CoBuy", "Intention", "Image", "IntentKG", "Theirs"}
    types = {kind for (kind,) in neo4j.run("MATCH ()-[r]->() RETURN DISTINCT type(r)")}
    assert types == {"xWant", "UsedFor", "IsA", "OF", "CO_BUY", "HAS_IMAGE"}
    assert neo4j.value("MATCH (n) WHERE n.owned IS NOT NULL RETURN count(n)") == 0


@pytest.mark.parametrize("prefix", ["", "1a", "a b", "a`b", "a:b", "a-b", "é", "a\n", "IntentKG"])
def test_a_prefix_is_plain_or_refused(neo4j: Database, directory: Directory, prefix: str) -> None:
    commit(directory, posts=[post(1)])
    before = neo4j.everything()
    with pytest.raises(UsageError, match="in front of labels"):
        neo4j.push(directory, prefix=prefix)
    assert neo4j.everything() == before
