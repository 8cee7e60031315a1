"""What Neo4j reads and the embedded engine does not, and how to say it so that both do.

Only looked at where the engine has refused a query: a hint, no parser. docs/neo4j.md shows the
list, and tests hold both engines to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kg.cypher_guard import _tokens
from schema.errors import CypherSyntaxError


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is in Neo4j's Cypher 5 only.

    Attributes
    ----------
    what
        Its name.
    example
        A query that Neo4j answers.
    instead
        How to write it for both.
    """

    what: str
    example: str
    instead: str
    pattern: re.Pattern[str]


def _difference(what: str, example: str, instead: str, pattern: str) -> Difference:
    return Difference(what, example, instead, re.compile(pattern, re.IGNORECASE))


DIFFERENCES = (
    _difference(
        "subqueries with COLLECT",
        "MATCH (c:CoBuy) RETURN COLLECT { MATCH (c)-[:OF]->(p) RETURN p.id } AS ids",
        "CALL { WITH c MATCH (c)-[:OF]->(p) RETURN collect(p.id) AS ids }",
        r"\bCOLLECT\s*\{",
    ),
    _difference(
        "label expressions",
        "MATCH (n:Post|Product) RETURN count(n) AS n",
        "MATCH (n) WHERE n:Post OR n:Product (AND, NOT)",
        r"\(\s*\w*\s*:[^(){}\[\]]*[|&!]",
    ),
    _difference(
        "labels and types from parameters",
        "MATCH (n:$('Post')) RETURN count(n) AS n",
        "$label IN labels(n), type(r) = $relation",
        r":\s*\$\s*\(",
    ),
    _difference(
        "WHERE within a pattern",
        "MATCH (n:Post WHERE n.language = 'en') RETURN count(n) AS n",
        "WHERE after the pattern",
        r"[(\[]\s*\w*\s*(:\s*\w+\s*)?\bWHERE\b",
    ),
    _difference(
        "SHORTEST",
        "MATCH p = SHORTEST 1 (a:Product)-[:CO_BUY]-+(b:Product) RETURN length(p) AS n",
        "shortestPath((a)-[:CO_BUY*..6]-(b))",
        r"\b(ANY|ALL)?\s*SHORTEST\b",
    ),
    _difference(
        "quantified paths",
        "MATCH (p:Product) ((a)-[:CO_BUY]-(b)){1,2} (q:Product) RETURN count(q) AS n",
        "-[:CO_BUY*1..2]-",
        r"\)\s*\{\s*\d*\s*,|\)\s*\+|\]-[>]?\s*[+{]",
    ),
    _difference(
        "OFFSET",
        "MATCH (p:Product) RETURN p.id AS id ORDER BY id OFFSET 2 LIMIT 2",
        "SKIP",
        r"\bOFFSET\b",
    ),
    _difference(
        "predicates on types and normal forms",
        "RETURN 1 IS :: INTEGER AS n",
        "a comparison of values: toInteger(x) = x",
        r"\bIS\s+(NOT\s+)?(::|TYPED\b|\w*\s*NORMALIZED\b)",
    ),
    _difference(
        "parts of dates and times",
        "RETURN date('2024-01-02').year AS year",
        "created_at is ISO 8601 text: substring(p.created_at, 0, 4)",
        r"\)\s*\.\s*(year|quarter|month|week|day|hour|minute|second|epoch)\w*\b",
    ),
    _difference(
        "round() with a precision",
        "RETURN round(3.14159, 2) AS x",
        "round(x * 100) / 100.0",
        r"\bround\s*\(",
    ),
    _difference(
        "randomUUID()", "RETURN randomUUID() AS id", "ids that the graph has", r"\brandomUUID\b"
    ),
)


def elsewhere(query: str) -> str | None:
    """Say how to write a query that the embedded engine has refused; None if nothing is known.

    Examples
    --------
    >>> elsewhere("MATCH (p:Product) RETURN p.id ORDER BY p.id OFFSET 2")
    'OFFSET: Neo4j reads it, the graph on disk does not; write SKIP'
    """
    try:
        code = "".join(
            "''" if token.kind == "string" else " " if token.kind == "comment" else token.text
            for token in _tokens(query)
        )
    except CypherSyntaxError:
        return None
    for one in DIFFERENCES:
        if one.pattern.search(code):
            return f"{one.what}: Neo4j reads it, the graph on disk does not; write {one.instead}"
    return None
