"""Constraints and indexes of our part of a database, and what of other people's is in their way.

- The `id` of every label is unique: the constraint comes before the first node.
- The `id` of every relationship type that has one is unique among edges of ours (together with
  the marker, so that other people's edges of the same type, and another prefix, are free). A
  first load, into an empty place, is followed by the constraint, which proves it; any later push
  is preceded by it. Edges without an id (``OF``, ``HAS_IMAGE``) are unique by the way they are
  written (:mod:`kg.neo4j.statements`).
- A full-text index spans intentions, titles of products and posts; a vector index the intentions.
  They follow the first load, since they are filled faster at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

from kg.neo4j.connection import Server
from kg.neo4j.failures import server_errors
from kg.neo4j.names import MARKER, VECTOR, Names, quoted
from kg.neo4j.patience import Patient, Progress
from kg.neo4j.state import SCHEMA, State
from schema.errors import ServerError, ServerVersionError
from schema.relations import NodeType

if TYPE_CHECKING:
    import neo4j

Migration = Callable[[Server, Names], None]

MIGRATIONS: Mapping[int, Migration] = {}
"""What turns a part of an older schema version into one of the next, by the older version."""

TEXTS = (("Intention", "Product", "Post"), ("text", "title"))
"""Labels and properties of the full-text index."""

LABELS = tuple(kind.value for kind in NodeType)


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


_AT_ONCE = 8  # transactions; each constraint waits for an index, for its file and for a thread

# A server that dies while it makes a constraint keeps the index that was to be behind it, and
# never fills it. None of ours is of this type but for those behind constraints.
_ABANDONED = "type = 'RANGE' AND owningConstraint IS NULL"


class Schema:
    """Makes the constraints and indexes that are not there yet.

    Parameters
    ----------
    patient, names
        The database, and what our part of it is called.
    """

    def __init__(self, patient: Patient, names: Names) -> None:
        self._patient = patient
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
        name = self._names.vector_index
        self._run({name: f"DROP INDEX {quoted(name)} IF EXISTS"})
        if self._known is not None:
            self._known.discard(self._names.vector_index)

    def wait(self, progress: Progress) -> None:
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
            found = self._patient.read(lambda tx: list(tx.run(query, names=wanted)))
            failed = [row["name"] for row in found if row["state"] == "FAILED"]
            if failed:
                raise ServerError(
                    f"{self._patient.address} could not fill the index {failed[0]}",
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
        """Make what is not there yet, by name, several at the same time; returns how many."""
        if self._known is None:
            # The index behind a constraint has its name.
            query = f"SHOW INDEXES YIELD name, type, owningConstraint WHERE NOT ({_ABANDONED})"
            self._known = self._patient.read(
                lambda tx: set(tx.run(f"{query} RETURN name").value("name"))
            )
        missing = {name: text for name, text in wanted.items() if name not in self._known}
        shares = [dict(islice(missing.items(), n, None, _AT_ONCE)) for n in range(_AT_ONCE)]
        with ThreadPoolExecutor(_AT_ONCE, "neo4j-schema") as threads:
            try:
                list(threads.map(self._run, filter(None, shares)))
            except BaseException:
                self._patient.stop()
                raise
        self._known |= missing.keys()
        return len(missing)

    def _run(self, statements: Mapping[str, str]) -> None:
        """Run statements, each by the name of what it is about, in one transaction."""
        query = (
            "SHOW INDEXES YIELD name, type, owningConstraint "
            f"WHERE name IN $names AND {_ABANDONED} RETURN name"
        )

        def work(tx: neo4j.ManagedTransaction, _: int) -> None:
            for name in tx.run(query, names=list(statements)).value("name"):
                tx.run(f"DROP INDEX {quoted(name)}").consume()
            for text in statements.values():
                tx.run(text).consume()

        if statements:
            self._patient.write(work)


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
