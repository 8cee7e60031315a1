"""The Neo4j servers that :mod:`benchmarks.performance.neo4j_load` measures on, and its importer."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.neo4j_server import Neo4jServer, admin

_EMPTY = ("MATCH ()-[x]->()", "MATCH (x)")


class Place:
    """A server without authentication, and the folder where things are kept meanwhile.

    Parameters
    ----------
    work
        The folder.
    server
        One that runs.
    """

    def __init__(self, work: Path, server: Neo4jServer) -> None:
        self.work = work
        self.uri = server.uri
        self._server = server

    def run(self, *queries: str) -> list[list[object]]:
        """Run queries, each a transaction of its own; returns the rows of the last."""
        import neo4j

        rows: list[list[object]] = []
        with (
            neo4j.GraphDatabase.driver(self.uri, notifications_min_severity="OFF") as driver,
            driver.session() as session,
        ):
            for query in queries:
                rows = [list(record.values()) for record in session.run(query)]
        return rows

    def value(self, query: str) -> Any:
        """The one value that a query gives."""
        ((value,),) = self.run(query)
        return value

    def wipe(self) -> None:
        """Remove everything, constraints and indexes too."""
        batches = "CALL (x) { DELETE x } IN TRANSACTIONS OF 20000 ROWS"
        self.run(*(f"{what} {batches}" for what in _EMPTY))
        constraints = self.run("SHOW CONSTRAINTS YIELD name")
        self.run(*(f"DROP CONSTRAINT `{name}`" for (name,) in constraints))
        indexes = self.run("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP' RETURN name")
        self.run(*(f"DROP INDEX `{name}`" for (name,) in indexes))

    def count(self) -> tuple[int, int]:
        """Nodes and edges that are there, but for those that keep our state."""
        ((nodes, edges),) = self.run(
            "RETURN COUNT { MATCH (n) WHERE NOT n:IntentKG }, COUNT { ()-->() }"
        )
        return int(str(nodes)), int(str(edges))


@contextlib.contextmanager
def place(work: Path, home: Path, *, apoc: bool = False, heap: str = "2g") -> Iterator[Place]:
    """Run a server on `home` while the block lasts."""
    with Neo4jServer(home, apoc=apoc, heap=heap) as server:
        yield Place(work, server)


def import_offline(command: str, folder: Path, home: Path) -> str:
    """Run the command that an export gives, for the database below `home`; returns what it says.

    Raises
    ------
    InputError
        If the importer fails; says why.
    """
    words = shlex.split(command)
    return admin(words[words.index("neo4j-admin") + 1 :], home, folder=folder)
