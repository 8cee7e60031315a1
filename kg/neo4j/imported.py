"""What is left to do in a database that Neo4j's offline importer has filled.

The importer makes no constraints and indexes in the store formats of the Community edition, and
does not read empty lists: an edge of which no model is known comes without its `models`. A push
does both (:func:`finish`); who does not push runs the script that lies beside the files
(:mod:`kg.exports.neo4j_admin`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kg.neo4j.connection import Server
from kg.neo4j.failures import server_errors
from kg.neo4j.names import MARKER, Names, quoted
from kg.neo4j.schema import edge_constraints, node_constraints, text_index
from kg.neo4j.state import GRAPH, SCHEMA, State
from schema import relations

if TYPE_CHECKING:
    from kg.neo4j.patience import Progress
    from kg.neo4j.schema import Schema

IDENTIFIED = ("CO_BUY", *relations.names())
"""Types of relationship that have an id."""

_ROWS = 10_000  # edges that are changed in a transaction


def is_unfinished(state: State) -> bool:
    """Whether a database was imported, and nothing done since."""
    return bool(state.parts) and not state.schema


def finish(server: Server, names: Names, schema: Schema, progress: Progress) -> None:
    """Do it; can be repeated. Constraints on nodes are there already."""
    with server_errors(server.address), server.session() as session:
        found = session.run("CALL db.relationshipTypes() YIELD relationshipType AS type")
        types = set(IDENTIFIED) & set(found.value("type"))
    schema.constrain_edges(sorted(types))
    schema.index_texts()
    with server_errors(server.address), server.session("write") as session:
        session.run(_empty_lists(names)).consume()
    schema.wait(progress)


def script(names: Names, types: Iterable[str]) -> str:
    """Write the same in Cypher, for ``cypher-shell --file``.

    Parameters
    ----------
    names
        What our part of the database is called.
    types
        Types of relationship that there are.
    """
    made = {
        **node_constraints(names),
        **edge_constraints(sorted(set(IDENTIFIED) & set(types))),
        **text_index(names),
    }
    done = (
        f"MATCH (s:{quoted(names.home)} {{id: '{GRAPH}', {MARKER}: '{names.mark}'}}) "
        f"SET s.schema = {SCHEMA}"
    )
    return "".join(f"{text};\n" for text in [*made.values(), _empty_lists(names), done])


def _empty_lists(names: Names) -> str:
    return (
        f"MATCH (:{quoted(names.label('Intention'))})<-[r]-() "
        f"WHERE r.{MARKER} = '{names.mark}' AND r.models IS NULL "
        f"CALL (r) {{ SET r.models = [] }} IN TRANSACTIONS OF {_ROWS} ROWS"
    )
