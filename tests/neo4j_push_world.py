"""What tests of pushing share: a database to push into, and what is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from kg.directory import Directory
from kg.neo4j.address import Address
from kg.neo4j.connection import connect
from kg.neo4j.names import OURS, Names
from kg.neo4j.push import push
from kg.neo4j.report import PushReport
from kg.neo4j.state import State

Content = tuple[list[str], list[str]]


class Stoppable(Protocol):
    """A server of a test's own, which it may stop."""

    address: Address

    def start(self) -> object: ...

    def stop(self) -> None: ...


class Database:
    """The database of a server that runs, emptied before each test.

    Parameters
    ----------
    address
        Where it is.
    """

    def __init__(self, address: Address) -> None:
        self.address = address

    def push(self, directory: Directory, **options: Any) -> PushReport:
        """Push, without vectors unless they are asked for."""
        return push(directory, self.address, **{"vectors": False, **options})

    def run(self, query: str, **parameters: Any) -> list[list[Any]]:
        """Rows of any query, also one that writes."""
        with connect(self.address) as server, server.session("write") as session:
            return [list(row) for row in session.run(query, parameters)]  # type: ignore[arg-type]

    def value(self, query: str, **parameters: Any) -> Any:
        """The one value that a query gives."""
        ((value,),) = self.run(query, **parameters)
        return value

    def state(self, prefix: str | None = None) -> State | None:
        """What the database says of itself."""
        with connect(self.address) as server, server.session() as session:
            return session.execute_read(lambda tx: State.read(tx, Names(prefix)))

    def schema(self) -> list[str]:
        """Names of constraints and indexes."""
        constraints = self.run("SHOW CONSTRAINTS YIELD name")
        indexes = self.run("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP' RETURN name")
        return sorted(name for (name,) in constraints + indexes)

    def wipe(self, *, schema: bool = True) -> None:
        """Remove all nodes, and constraints and indexes too if they are not to stay."""
        for what in ("MATCH ()-[x]->()", "MATCH (x)"):
            self.run(f"{what} CALL (x) {{ DELETE x }} IN TRANSACTIONS OF 10000 ROWS")
        if not schema:
            return
        for (name,) in self.run("SHOW CONSTRAINTS YIELD name"):
            self.run(f"DROP CONSTRAINT `{name}`")
        for (name,) in self.run("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP' RETURN name"):
            self.run(f"DROP INDEX `{name}`")

    def content(self, prefix: str | None = None) -> Content:
        """Everything of ours in the database, comparable with :func:`embedded_content`."""
        names = Names(prefix)
        mark = names.mark
        nodes = self.run(
            f"MATCH (n) WHERE n.intentkg = $mark AND NOT n:{names.home} "
            "RETURN labels(n), properties(n)",
            mark=mark,
        )
        edges = self.run(
            "MATCH (a)-[r]->(b) WHERE r.intentkg = $mark "
            "RETURN labels(a), a.id, type(r), labels(b), b.id, properties(r)",
            mark=mark,
        )
        return (
            sorted(repr((labels, plain(found))) for labels, found in nodes),
            sorted(repr((*ends, plain(found))) for *ends, found in edges),
        )

    def everything(self) -> Content:
        """Everything whatsoever in the database, to see that nothing was touched."""
        nodes = self.run("MATCH (n) RETURN labels(n), properties(n)")
        edges = self.run("MATCH (a)-[r]->(b) RETURN a.id, type(r), b.id, properties(r)")
        return sorted(map(repr, nodes)), sorted(map(repr, edges)) + self.schema()


def plain(properties: dict[str, Any]) -> list[tuple[str, Any]]:
    """Properties without those that only this store has."""
    return sorted((k, v) for k, v in properties.items() if k not in OURS)


def embedded_content(directory: Directory) -> Content:
    """Everything in the embedded graph, built from nothing."""
    from kg.build import build
    from kg.embedded import open_graph

    build(directory, vectors=False, fresh=True)
    with open_graph(directory) as graph:
        nodes = graph.read("MATCH (n) RETURN labels(n), n").rows
        edges = graph.read(
            "MATCH (a)-[r]->(b) RETURN labels(a), a.id, type(r), labels(b), b.id, r"
        ).rows
    return (
        sorted(repr((labels, plain(node["properties"]))) for labels, node in nodes),
        sorted(repr((*ends, plain(edge["properties"]))) for *ends, edge in edges),
    )


def interrupt_at(stage: str, done: int = 0) -> Callable[[str, int, int | None], None]:
    """A progress that is broken off, as by Ctrl-C, in a stage."""

    def progress(name: str, number: int, total: int | None) -> None:
        if name == stage and number >= done:
            raise KeyboardInterrupt

    return progress


def databases(address: Address) -> Iterator[Database]:
    """Yield a database without nodes; constraints that others made stay, which saves time."""
    database = Database(address)
    database.wipe(schema=False)
    yield database
