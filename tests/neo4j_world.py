"""The Neo4j servers of the tests: one that all share, and one that a test may stop and kill."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.neo4j_server import Neo4jServer
from kg.neo4j.address import Address

PASSWORD = "correct-horse-9"


def address(server: Neo4jServer) -> Address:
    """Where a server is, and as whom one speaks to it."""
    user = None if server.password is None else "neo4j"
    return Address(server.uri, user, server.password)


def shared_server() -> Iterator[Neo4jServer]:
    """Yield a server with authentication."""
    with Neo4jServer(password=PASSWORD, short=True) as server:
        yield server


class OwnServer:
    """A server without authentication, with little memory for a transaction.

    Parameters
    ----------
    server
        It runs.
    """

    def __init__(self, server: Neo4jServer) -> None:
        self.address = address(server)
        self.start, self.stop, self.kill = server.start, server.stop, server.kill


def own_servers() -> Iterator[OwnServer]:
    """Yield one."""
    settings = ["dbms.memory.transaction.total.max=128m"]
    with Neo4jServer(heap="400m", settings=settings, short=True) as server:
        yield OwnServer(server)
