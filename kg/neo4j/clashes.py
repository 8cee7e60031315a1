"""What of other people's stands in the way of a push: it is named before anything is written.

Nodes of theirs under our labels, and constraints of theirs on our labels; a prefix is the way out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kg.neo4j.connection import Server
from kg.neo4j.failures import server_errors
from kg.neo4j.names import MARKER, Names, quoted
from kg.neo4j.schema import LABELS, node_constraints
from schema.errors import GraphClashError

if TYPE_CHECKING:
    import neo4j

_SHOWN = 3
_OTHERWISE = "push under labels of your own, with --prefix NAME, or make room first"


def check_clashes(server: Server, names: Names) -> None:
    """See that nobody else's data or constraints are in the way; changes nothing.

    Raises
    ------
    GraphClashError
        Naming what is.
    """
    with server_errors(server.address), server.session() as session:
        for label in LABELS:
            _check_nodes(session, server, names, names.label(label))
        ours = {names.label(label) for label in LABELS}
        for row in session.run("SHOW CONSTRAINTS YIELD name, type, labelsOrTypes, properties"):
            wanted = "UNIQUENESS" in row["type"] and row["properties"] == ["id"]
            if ours & set(row["labelsOrTypes"]) and not wanted and "KEY" not in row["type"]:
                raise _clash(server, "constraint", row)
        query = (
            "SHOW INDEXES YIELD name, type, labelsOrTypes, properties, owningConstraint "
            "WHERE owningConstraint IS NULL AND type = 'RANGE' AND properties = ['id'] "
            "AND NOT name IN $ours"  # what a constraint of ours left, whose making was broken off
        )
        for row in session.run(query, ours=list(node_constraints(names))):
            if ours & set(row["labelsOrTypes"]):
                raise _clash(server, "index", row)


def _check_nodes(session: neo4j.Session, server: Server, names: Names, label: str) -> None:
    found = session.run(
        f"MATCH (n:{quoted(label)}) WHERE n.{MARKER} IS NULL OR n.{MARKER} <> $mark "
        "RETURN toStringOrNull(n.id) AS id LIMIT 1000",
        mark=names.mark,
    ).value("id")
    if found:
        many = "1,000 or more nodes" if len(found) == 1000 else _count(len(found), "node")
        shown = sorted({str(i) for i in found if i is not None})[:_SHOWN]
        such = f", such as {', '.join(map(repr, shown))}" if shown else ""
        raise GraphClashError(
            f"{server.address} holds {many} :{label} that IntentKG did not write{such}",
            fix=_OTHERWISE,
        )


def _clash(server: Server, what: str, row: Any) -> GraphClashError:
    on = f"{':'.join(row['labelsOrTypes'])} ({', '.join(row['properties'])})"
    return GraphClashError(
        f"{server.address} has the {what} {row['name']} on {on}, which IntentKG did not make and "
        "its nodes may not meet",
        fix=_OTHERWISE,
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
