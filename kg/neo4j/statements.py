"""The Cypher that writes nodes and edges: fixed texts, made of names of ours alone.

Values travel as parameters, a list for each column, which takes less room and time than a map for
each row. There are two forms of each statement:

- ``create`` makes what is known to be new, and is the faster one; edges find their ends by the
  server's own ids, which the making of the nodes gave back.
- ``merge`` makes what is missing and brings what is there up to date: it is right whatever the
  state. A property that has become null is removed; properties of other people on our nodes stay.

Relationship types are parameters too where that is safe, so that one statement, planned once,
serves all relations. :class:`kg.neo4j.writer.Neo4jWriter` lets none in that is not of the registry.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kg.neo4j.names import MARKER, VECTOR, Names, quoted

_EACH = "UNWIND range(0, $rows - 1) AS i "
# A plan stays right while a database fills; otherwise a server makes it anew when it has grown.
_PLANNED_ONCE = f"CYPHER replan=skip {_EACH}"
_MARK = f"{MARKER}: $mark"


def create_nodes(label: str, columns: Sequence[str]) -> str:
    """Make nodes; gives back their ids in the server, in the order of the rows."""
    properties = _map(columns)
    return (
        f"{_EACH}CREATE (n:{quoted(label)} {{{properties}, {_MARK}}}) "
        "RETURN collect(elementId(n)) AS places, count(*) AS written"
    )


def merge_nodes(label: str, columns: Sequence[str]) -> str:
    """Make or update nodes; gives back as :func:`create_nodes`."""
    return (
        f"{_PLANNED_ONCE}MERGE (n:{quoted(label)} {{id: $id[i], {_MARK}}}) "
        f"{_set('n', columns)}RETURN collect(elementId(n)) AS places, count(*) AS written"
    )


def create_edges(columns: Sequence[str]) -> str:
    """Make edges between nodes that are named by their ids in the server."""
    properties = "".join(f"{text}, " for text in [_map(columns)] if text)
    return (
        f"{_EACH}MATCH (a) WHERE elementId(a) = $start[i] "
        "MATCH (b) WHERE elementId(b) = $end[i] "
        f"CREATE (a)-[r:$($type[i]) {{{properties}{_MARK}}}]->(b) RETURN count(*) AS written"
    )


def merge_edges(
    names: Names, start: str, end: str, columns: Sequence[str], *, kind: str | None = None
) -> str:
    """Make or update edges; one is known by its ends, its type and its `id`, if it has one.

    With `kind` the statement is for one type, else the types are a parameter: one plan for all of
    them, but a bad one in a database with few edges, of which the server then means to look at
    all for each row.
    """
    identity = f"id: $id[i], {_MARK}" if "id" in columns else _MARK
    shown = quoted(kind) if kind else "$($type[i])"
    return (
        f"{_PLANNED_ONCE}MATCH (a:{quoted(names.label(start))} {{id: $start[i], {_MARK}}}) "
        f"MATCH (b:{quoted(names.label(end))} {{id: $end[i], {_MARK}}}) "
        f"MERGE (a)-[r:{shown} {{{identity}}}]->(b) "
        f"{_set('r', columns)}RETURN count(*) AS written"
    )


def present_nodes(label: str) -> str:
    """Ids of the nodes of ours with a label."""
    return (
        f"MATCH (n:{quoted(label)}) WHERE n.{MARKER} = $mark "
        "RETURN n.id AS id, elementId(n) AS place"
    )


def present_edges(names: Names, start: str, kind: str | None = None) -> str:
    """Edges of ours that begin at a label, of one type or of all of them."""
    shown = f":{quoted(kind)}" if kind else ""
    return (
        f"MATCH (a:{quoted(names.label(start))})-[r{shown}]->(b) WHERE r.{MARKER} = $mark "
        "RETURN a.id AS start, type(r) AS type, b.id AS end, r.id AS id, elementId(r) AS place"
    )


def remove_edges() -> str:
    """Remove edges of ours, by their ids in the server."""
    return (
        "UNWIND $places AS place MATCH ()-[r]->() "
        f"WHERE elementId(r) = place AND r.{MARKER} = $mark DELETE r RETURN count(*) AS removed"
    )


def remove_nodes() -> str:
    """Remove nodes of ours, by their ids in the server, and what hangs on them."""
    return (
        "UNWIND $places AS place MATCH (n) "
        f"WHERE elementId(n) = place AND n.{MARKER} = $mark DETACH DELETE n "
        "RETURN count(*) AS removed"
    )


def counts(names: Names, labels: Sequence[str]) -> str:
    """Count nodes by label, then edges by the label that they begin at; scans nothing."""
    nodes = [f"(:{quoted(names.label(label))})" for label in labels]
    patterns = [*nodes, *(f"{node}-->()" for node in nodes)]
    return f"RETURN [{', '.join(f'COUNT {{ {pattern} }}' for pattern in patterns)}] AS counts"


def set_vectors(label: str) -> str:
    """Give intentions their vectors, in 32-bit floats."""
    return (
        f"{_EACH}MATCH (n:{quoted(label)} {{id: $id[i], {_MARK}}}) "
        f"CALL db.create.setNodeVectorProperty(n, '{VECTOR}', $vectors[i]) "
        "RETURN count(*) AS written"
    )


def remove_vectors(label: str) -> str:
    """Take the vectors of some intentions away."""
    return (
        f"MATCH (n:{quoted(label)}) WHERE n.{MARKER} = $mark AND n.{VECTOR} IS NOT NULL "
        f"WITH n LIMIT $rows REMOVE n.{VECTOR} RETURN count(*) AS removed"
    )


def with_vectors(label: str) -> str:
    """Count the intentions that have a vector."""
    return (
        f"MATCH (n:{quoted(label)}) WHERE n.{MARKER} = $mark AND n.{VECTOR} IS NOT NULL "
        "RETURN count(n) AS written"
    )


def without_vectors(label: str, *, among: bool = False) -> str:
    """Ids of the intentions that have no vector: of all, or of those in ``$ids``."""
    find = "UNWIND $ids AS id MATCH" if among else "MATCH"
    wanted = " {id: id}" if among else ""
    return (
        f"{find} (n:{quoted(label)}{wanted}) WHERE n.{MARKER} = $mark AND n.{VECTOR} IS NULL "
        "RETURN n.id AS id"
    )


def _map(columns: Iterable[str]) -> str:
    return ", ".join(f"{quoted(name)}: ${quoted(name)}[i]" for name in columns)


def _set(variable: str, columns: Sequence[str]) -> str:
    pairs = [f"{variable}.{quoted(c)} = ${quoted(c)}[i]" for c in columns if c != "id"]
    return f"SET {', '.join(pairs)} " if pairs else ""
