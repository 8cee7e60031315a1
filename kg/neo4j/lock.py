"""One push at a time: a lock on a node, which the server lets go when its holder is gone.

A transaction changes the node and stays open; who comes second waits for it, for a moment. When
the client dies, or the server, the transaction dies too.
"""

from __future__ import annotations

import contextlib
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from kg.neo4j.connection import Server
from kg.neo4j.failures import server_errors
from kg.neo4j.names import MARKER, Names
from kg.neo4j.state import LOCK
from schema.errors import LockedError

if TYPE_CHECKING:
    import neo4j

_MOMENT = 3.0  # seconds to wait for another push that is just ending


class Lock:
    """The right to write our part of a database; a context manager.

    The constraint on the ids of the nodes that keep the state must be there already.

    Raises
    ------
    LockedError
        On entry, and by :meth:`renew`, if another push has it.
    """

    def __init__(self, server: Server, names: Names) -> None:
        self._server = server
        self._names = names
        self._mutex = threading.Lock()
        self._session: neo4j.Session | None = None
        self._held: neo4j.Transaction | None = None

    def __enter__(self) -> Self:
        with server_errors(self._server.address):
            self._take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._let_go()

    def renew(self) -> None:
        """See that the lock is still held, and take it again where the server has lost it.

        Raises
        ------
        LockedError
            If someone else took it meanwhile.
        neo4j.exceptions.DriverError, neo4j.exceptions.Neo4jError
            If the server is still away.
        """
        with self._mutex:
            if self._held is not None:
                try:
                    self._held.run("RETURN 1").consume()
                except _driver_errors():
                    self._let_go()
                else:
                    return
            self._take()

    def _take(self) -> None:
        name, key = self._names.home, {"id": LOCK, "mark": self._names.mark}
        make = f"MERGE (l:`{name}` {{id: $id}}) ON CREATE SET l.{MARKER} = $mark"
        change = f"MATCH (l:`{name}` {{id: $id}}) SET l.held = true"
        session = self._server.session("write")
        begun = time.monotonic()
        try:
            session.run(make, key).consume()
            # A first one that does not wait for long, and so cannot be kept for long either.
            with session.begin_transaction(timeout=_MOMENT) as probe:
                probe.run(change, key).consume()
            held = session.begin_transaction()
            held.run(change, key).consume()
        except BaseException as error:
            with contextlib.suppress(Exception):
                session.close()
            # The server has several names for it, some of which it also uses when it stops.
            waited = time.monotonic() - begun >= _MOMENT
            if waited and ".ClientError.Transaction." in str(getattr(error, "code", "")):
                raise LockedError(
                    f"another push is writing to {self._server.address}",
                    fix="wait until it has finished, then push again",
                ) from None
            raise
        self._session, self._held = session, held

    def _let_go(self) -> None:
        held, session, self._held, self._session = self._held, self._session, None, None
        with contextlib.suppress(Exception):
            if held is not None:
                held.rollback()
        with contextlib.suppress(Exception):
            if session is not None:
                session.close()


def _driver_errors() -> tuple[type[Exception], ...]:
    from neo4j.exceptions import DriverError, Neo4jError

    return DriverError, Neo4jError, OSError
