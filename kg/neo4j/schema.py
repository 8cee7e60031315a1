"""Constraints and indexes of our part of a database, and what of other people's is in their way.

- The `id` of every label is unique: the constraint comes before the first node.
- The `id` of every relationship type that has one is unique among edges of ours (together with
  the marker, so that other people's edges of the same type, and another prefix, are free). The
  constraint comes before the first edge of the type. Edges without an id (``OF``, ``HAS_IMAGE``)
  are unique by the way they are written (:mod:`kg.neo4j.statements`).
- A full-text index spans intentions, titles of products and posts; a vector index the intentions.
  They follow the first load, since they are filled faster at once.

Labels that other people use for nodes of their own, or constraints of theirs on our labels, are a
clash: it is named before anything is written, and a prefix is the way out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from kg.neo4j.connection import Server, server_errors
from kg.neo4j.names import MARKER, VECTOR, Names, quoted
from kg.neo4j.state import SCHEMA, State
from schema.errors import GraphClashError, ServerError, ServerVersionError
from schema.relations import NodeType

if TYPE_CHECKING:
    import neo4j

Migration = Callable[[Server, Names], None]

MIGRATIONS: Mapping[int, Migration] = {}
"""What turns a part of an older schema version into one of the next, by the older version."""

TEXTS = (("Intention", "Product", "Post"), ("text", "title"))
"""Labels and properties of the full-text index."""

LABELS = tuple(kind.value for kind in NodeType)

_SHOWN = 3
_OTHERWISE = "push under labels of your own, with --prefix NAME, or make room first"


def check_version(server: Server, state: State) -> None:
    """See that this intentkg knows the schema that the database has.

    Raises
    ------
    ServerVersionError
        If a newer one wrote it.
    """
    if state.schema > SCHEMA:
        raise ServerVersionError(
            f"the graph at {server.address} has schema version {state.schema}; this intentkg "
            f"knows {SCHEMA}",
            fix="upgrade intentkg, or push under another --prefix",
        )


def migrate(server: Server, names: Names, state: State) -> None:
    """Bring an older schema up to date, a version at a time."""
    for version in range(state.schema, SCHEMA):
        step = MIGRATIONS.get(version)
        if step is not None:
            with server_errors(server.address):
                step(server, names)


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
            "WHERE owningConstraint IS NULL AND type = 'RANGE' AND properties = ['id']"
        )
        for row in session.run(query):
            if ours & set(row["labelsOrTypes"]):
                raise _clash(server, "index", row)


class Schema:
    """Makes the constraints and indexes that are not there yet.

    Parameters
    ----------
    server, names
        The database, and what our part of it is called.
    """

    def __init__(self, server: Server, names: Names) -> None:
        self._server = server
        self._names = names
        self._known: set[str] | None = None
        self._filling = 0  # indexes that were begun and not waited for

    def constrain_nodes(self) -> None:
        """Make ids of nodes unique, those that keep the state among them."""
        self._make(node_constraints(self._names))

    def constrain_edges(self, types: Iterable[str]) -> None:
        """Make ids of edges unique, for some relationship types."""
        self._make(edge_constraints(types))

    def index_texts(self) -> None:
        """Make the full-text index."""
        self._filling += self._make(text_index(self._names))

    def index_vectors(self, dimension: int) -> None:
        """Make the vector index, for cosine similarity."""
        name = self._names.vector_index
        self._filling += self._make(
            {
                name: f"CREATE VECTOR INDEX {quoted(name)} IF NOT EXISTS "
                f"FOR (n:{quoted(self._names.label('Intention'))}) ON n.{VECTOR} "
                f"OPTIONS {{indexConfig: {{`vector.dimensions`: {dimension:d}, "
                "`vector.similarity_function`: 'cosine'}}"
            }
        )

    def drop_vectors(self) -> None:
        """Drop the vector index, for one of another dimension."""
        self._run([f"DROP INDEX {quoted(self._names.vector_index)} IF EXISTS"])
        if self._known is not None:
            self._known.discard(self._names.vector_index)

    def wait(self, progress: Callable[[str, int, int | None], None]) -> None:
        """Wait until new indexes are filled; the server goes on with it if nobody waits.

        Raises
        ------
        ServerError
            If one of them failed.
        """
        wanted = [self._names.text_index, self._names.vector_index]
        query = (
            "SHOW INDEXES YIELD name, state, populationPercent WHERE name IN $names "
            "RETURN name, state, populationPercent AS percent"
        )
        delay = 0.005
        while self._filling:
            with server_errors(self._server.address), self._server.session() as session:
                found = list(session.run(query, names=wanted))
            failed = [row["name"] for row in found if row["state"] == "FAILED"]
            if failed:
                raise ServerError(
                    f"{self._server.address} could not fill the index {failed[0]}",
                    fix=f"DROP INDEX {failed[0]}, then push again; the server's logs say more",
                )
            if all(row["state"] == "ONLINE" for row in found):
                self._filling = 0
                return
            least = min(row["percent"] for row in found if row["state"] != "ONLINE")
            progress("neo4j: indexes", int(least), 100)
            time.sleep(delay)
            delay = min(2 * delay, 1.0)

    def _make(self, wanted: Mapping[str, str]) -> int:
        """Make what is not there yet, by name, in one transaction; returns how many."""
        if self._known is None:
            # The index behind a constraint has its name.
            with server_errors(self._server.address), self._server.session() as session:
                self._known = set(session.run("SHOW INDEXES YIELD name").value("name"))
        missing = {name: text for name, text in wanted.items() if name not in self._known}
        self._run(missing.values())
        self._known |= missing.keys()
        return len(missing)

    def _run(self, statements: Iterable[str]) -> None:
        from neo4j.exceptions import Neo4jError

        texts = list(statements)
        if not texts:
            return

        def work(tx: neo4j.ManagedTransaction) -> None:
            for text in texts:
                tx.run(text).consume()

        with server_errors(self._server.address), self._server.session("write") as session:
            try:
                session.execute_write(work)
            except Neo4jError as error:
                if ".Schema." not in str(error.code):
                    raise
                raise GraphClashError(
                    f"{self._server.address} refuses a constraint or index: {error.message}",
                    fix=_OTHERWISE,
                ) from None


def node_constraints(names: Names) -> dict[str, str]:
    """Statements that make ids of nodes unique, by the names of the constraints."""
    return {
        (name := names.index(f"id_{label}")): f"CREATE CONSTRAINT {quoted(name)} "
        f"IF NOT EXISTS FOR (n:{quoted(label)}) REQUIRE n.id IS UNIQUE"
        for label in [*map(names.label, LABELS), names.home]
    }


def edge_constraints(types: Iterable[str]) -> dict[str, str]:
    """The same for edges. One constraint serves all prefixes: the marker is part of it."""
    return {
        (name := f"intentkg_id_{kind}"): f"CREATE CONSTRAINT {quoted(name)} IF NOT EXISTS "
        f"FOR ()-[r:{quoted(kind)}]-() REQUIRE (r.id, r.{MARKER}) IS UNIQUE"
        for kind in types
    }


def text_index(names: Names) -> dict[str, str]:
    """The statement that makes the full-text index, by its name."""
    labels, properties = TEXTS
    shown = "|".join(quoted(names.label(label)) for label in labels)
    fields = ", ".join(f"n.{name}" for name in properties)
    name = names.text_index
    text = f"CREATE FULLTEXT INDEX {quoted(name)} IF NOT EXISTS FOR (n:{shown}) ON EACH [{fields}]"
    return {name: text}


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
