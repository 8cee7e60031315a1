"""Names in a query that the graph does not have are told, and only those."""

from __future__ import annotations

from pathlib import Path

import pytest
from query_world import random_world

from kg import projection
from kg.cypher_names import LABELS, PROPERTIES, TYPES, hints
from queries.named import list_queries


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("MATCH (p:Produkt) RETURN p", "no label Produkt in the graph: did you mean Product?"),
        ("MATCH (c:Cobuy) RETURN c", "no label Cobuy in the graph: did you mean CoBuy?"),
        ("MATCH (:Post|Video) RETURN 1", "no label Video"),
        ("MATCH (n) WHERE (n:Gadget) RETURN n", "no label Gadget"),
        ("MATCH (c)-[r:usedFor]->(i) RETURN r", "relationship type usedFor in the graph: did you"),
        ("MATCH (c)-[:IsA|Likes]->(i) RETURN i", "no relationship type Likes"),
        ("MATCH (c)-[:IsA|:Likes]->(i) RETURN i", "no relationship type Likes"),
        ("MATCH (c)<-[r:`co_buy`]-(d) RETURN r", "type co_buy in the graph: did you mean CO_BUY?"),
        ("MATCH (p:Product) RETURN p.titel", "no property titel in the graph: did you mean title?"),
        ("MATCH (p)-[r]->(i) RETURN r.typicallity", "did you mean typicality?"),
        ("MATCH (p:Product {asin: 'B1'}) RETURN p", "no property asin"),
        ("CALL { MATCH (p:Produkt) RETURN p } RETURN p", "no label Produkt"),
        ("MATCH (i) WHERE EXISTS { (i)<-[:Wants]-() } RETURN i", "no relationship type Wants"),
    ],
)
def test_a_slip_is_told_with_what_comes_close(query: str, said: str) -> None:
    (hint,) = hints(query)
    assert said in hint
    assert "; labels: " in hint or "; relationship types: " in hint or "; properties: " in hint


@pytest.mark.parametrize(
    "query",
    [
        "MATCH (p:Product) // (q:Produkt)\nRETURN p.id /* p.titel */",
        "MATCH (p:Product) WHERE p.title = '(x:Produkt)' RETURN p",
        "RETURN {titel: 1, name: {x: 2}} AS map",
        "WITH {titel: 1} AS row RETURN row.titel",
        "UNWIND $rows AS row MATCH (p:Product {id: row.asin}) RETURN count(row), row.asin, p.id",
        "MATCH (p:Product) RETURN p {.id, price: p.price, andere: 1}",
        "MATCH (p:Product WHERE p.price > 1) RETURN p.title AS titel ORDER BY titel",
        "MATCH (p)-[r]->(i) WHERE type(r) = 'Likes' RETURN date.truncate('day', p.created_at)",
        "MATCH (p:Product) RETURN [x IN p.categories WHERE x <> 'a' | x] AS c, p.categories[0..2]",
        "MATCH (a)-[:OF*0..1]->(b) RETURN CASE WHEN (a = b) THEN {k: 1} ELSE {k: 2} END",
        "MATCH (:Post)-[:xWant]->(i:Intention)-[:MENTIONS]->(:Concept)-[h:HYPERNYM]->() "
        "RETURN h.weight",
        "this is 'no Cypher",
    ],
)
def test_nothing_is_said_where_nothing_is_wrong_for_certain(query: str) -> None:
    assert hints(query) == []


def test_no_named_query_has_a_name_that_the_graph_lacks() -> None:
    assert {query.name: hints(query.cypher) for query in list_queries()} == {
        query.name: [] for query in list_queries()
    }


def test_the_names_are_those_of_the_graph(tmp_path: Path) -> None:
    with random_world(3).open(tmp_path / "kb") as graph:
        counts = graph.counts()
        assert set(counts.nodes) <= set(LABELS)
        assert set(counts.edges) <= set(TYPES)
    named = projection.__doc__ or ""
    shape = named[named.index("(:Post") : named.index("What several rows")]
    words = {
        word.strip() for part in shape.split("{")[1:] for word in part.split("}")[0].split(",")
    }
    assert words <= set(PROPERTIES)
    for kind in (projection.OF, projection.CO_BUY, projection.POST_IMAGE):
        assert kind.type in TYPES
