"""Say clearly when a thing that a query asks about is not in the knowledge base."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from kg.store import GraphReader
from schema.errors import QueryError
from schema.relations import NodeType

# Constant texts: a label never comes from outside.
_PRESENT = {
    NodeType.PRODUCT: "UNWIND $ids AS id MATCH (n:Product {id: id}) RETURN n.id AS id",
    NodeType.POST: "UNWIND $ids AS id MATCH (n:Post {id: id}) RETURN n.id AS id",
    NodeType.INTENTION: "UNWIND $ids AS id MATCH (n:Intention {id: id}) RETURN n.id AS id",
    NodeType.CONCEPT: "UNWIND $ids AS id MATCH (n:Concept {id: id}) RETURN n.id AS id",
}
_ALIKE = {
    NodeType.PRODUCT: "MATCH (n:Product) WHERE n.id STARTS WITH $start "
    "RETURN n.id AS id ORDER BY id LIMIT 2000",
    NodeType.POST: "MATCH (n:Post) WHERE n.id STARTS WITH $start "
    "RETURN n.id AS id ORDER BY id LIMIT 2000",
    NodeType.INTENTION: "MATCH (n:Intention) WHERE n.text STARTS WITH $start "
    "RETURN n.text AS id ORDER BY id LIMIT 2000",
    NodeType.CONCEPT: "MATCH (n:Concept) WHERE n.name STARTS WITH $start "
    "RETURN n.name AS id ORDER BY id LIMIT 2000",
}
# A post's id begins with its source, which people leave out.
_ENDING = "MATCH (n:Post) WHERE n.id ENDS WITH $end RETURN n.id AS id ORDER BY id LIMIT 3"
_FIXES = {
    NodeType.PRODUCT: "look one up with: intentkg cypher KB "
    '"MATCH (p:Product) RETURN p.id, p.title LIMIT 20"',
    NodeType.POST: "a post's id is source:external-id; look one up with: intentkg cypher KB "
    '"MATCH (p:Post) RETURN p.id, p.text LIMIT 20"',
    NodeType.INTENTION: "find intentions by meaning with: intentkg search KB TEXT",
    NodeType.CONCEPT: "see those there are with: intentkg query KB top-concepts; "
    "if there are none: intentkg analyse KB hypernyms --write, then intentkg build KB",
}


def missing(graph: GraphReader, label: NodeType, ids: Iterable[str]) -> list[str]:
    """Ids that no node of that label has, in the order given."""
    wanted = list(dict.fromkeys(ids))
    present = {row[0] for row in graph.read(_PRESENT[label], {"ids": wanted}).rows}
    return [identifier for identifier in wanted if identifier not in present]


def require(
    graph: GraphReader,
    label: NodeType,
    ids: Iterable[str],
    *,
    typed: Mapping[str, str] | None = None,
) -> None:
    """Do nothing if every id is in the graph.

    `typed` holds, by id, the words a person gave in its place.

    Raises
    ------
    QueryError
        If one is not; names ids that look alike.
    """
    absent = missing(graph, label, ids)
    if not absent:
        return
    words = [(typed or {}).get(identifier, identifier) for identifier in absent]
    named = ", ".join(repr(_shorten(word)) for word in words[:5])
    if len(absent) > 5:
        named += f" and {len(absent) - 5} more"
    kind = label.value.lower()
    alike = _alike(graph, label, words[0])
    hint = f"did you mean {' or '.join(alike)}? " if alike else ""
    raise QueryError(
        f"no {kind} {named} in this knowledge base",
        fix=hint + _FIXES[label],
    )


def _alike(graph: GraphReader, label: NodeType, identifier: str) -> list[str]:
    if label not in _ALIKE:
        return []
    if label is NodeType.POST:
        found = graph.read(_ENDING, {"end": f":{identifier}"}).rows
        if found:
            return [row[0] for row in found]
    starts = [identifier, identifier.upper(), identifier.lower()]
    lengths = (len(identifier) - 1, len(identifier) // 2, 4, 1)
    starts += [form[:n] for n in lengths for form in (identifier, identifier.lower())]
    for start in dict.fromkeys(filter(None, starts)):
        rows = graph.read(_ALIKE[label], {"start": start}).rows
        close = get_close_matches(identifier, [row[0] for row in rows], n=3, cutoff=0.6)
        close += [row[0] for row in rows[:1] if row[0].casefold() == identifier.casefold()]
        if close:
            return list(dict.fromkeys(close))
    return []


def _shorten(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
