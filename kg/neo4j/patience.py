"""Transactions that outlast a server which goes away for a while.

A transaction that fails for a passing reason (the server stops, a leader changes) is run again. It
may have gone in nevertheless: a commit whose answer is lost. So whatever runs here must be of the
kind that can be repeated, and is told the number of the attempt.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from kg.neo4j.connection import Mode, Server
from kg.neo4j.failures import translate
from schema.errors import ServerUnavailableError

if TYPE_CHECKING:
    import neo4j

Progress = Callable[[str, int, int | None], None]

PATIENCE = 300.0
"""Seconds to wait for a server that went away."""

_FIRST, _LONGEST = 0.05, 2.0  # seconds between two looks


class TooLargeError(Exception):
    """A transaction needs more memory than the server grants; a smaller one may do."""


class Patient:
    """Runs transactions on a server, again where that helps. Safe to use from several threads.

    Parameters
    ----------
    server
        The database.
    progress
        Told how long a missing server has been waited for.
    patience
        Seconds to wait for it, from when it was last there.

    Attributes
    ----------
    address
        Where the server is, for messages.
    """

    def __init__(
        self, server: Server, progress: Progress, *, patience: float | None = None
    ) -> None:
        self.address = server.address
        self._server = server
        self._progress = progress
        self._patience = PATIENCE if patience is None else patience
        self._stopped = threading.Event()
        self.renew: Callable[[], None] = lambda: None
        """What to see to before a transaction is run again: a lock may be lost with the server."""

    def write[T](
        self,
        work: Callable[[neo4j.ManagedTransaction, int], T],
        *,
        finally_: Callable[[], None] = lambda: None,
    ) -> T:
        """Run `work` in a write transaction, as often as it takes.

        Parameters
        ----------
        work
            Gets the transaction and the number of the attempt, from 0.
        finally_
            Called after each attempt, when it was committed or has failed.

        Raises
        ------
        TooLargeError
            If the server's memory does not hold it.
        ServerUnavailableError
            If the server stayed away for longer than our patience.
        IntentKGError
            As :func:`kg.neo4j.failures.translate` says.
        """
        return self._run("write", work, finally_)

    def read[T](self, work: Callable[[neo4j.ManagedTransaction], T]) -> T:
        """Run `work` in a read transaction; as :meth:`write`."""
        return self._run("read", lambda tx, _: work(tx), lambda: None)

    def stop(self) -> None:
        """Let nobody wait any longer."""
        self._stopped.set()

    def _run[T](
        self,
        mode: Mode,
        work: Callable[[neo4j.ManagedTransaction, int], T],
        finally_: Callable[[], None],
    ) -> T:
        from neo4j.exceptions import DriverError, Neo4jError

        attempt, delay, since = 0, _FIRST, None

        def counted(tx: neo4j.ManagedTransaction) -> T:
            nonlocal attempt
            attempt += 1
            return work(tx, attempt - 1)

        while True:
            try:
                if since is not None:
                    self.renew()
                with self._server.session(mode) as session:
                    try:
                        if mode == "write":
                            return session.execute_write(counted)
                        return session.execute_read(counted)
                    finally:
                        finally_()
            except (Neo4jError, DriverError, OSError) as error:
                if is_too_large(error):
                    raise TooLargeError(str(error)) from None
                if not is_passing(error):
                    raise translate(error, self._server.address) from None
                since = since or time.monotonic()
                waited = time.monotonic() - since
                if waited > self._patience or self._stopped.wait(delay):
                    raise self._gone(error, waited) from None
                self._progress("neo4j: waiting for the server", int(waited), int(self._patience))
                delay = min(2 * delay, _LONGEST)

    def _gone(self, error: Exception, waited: float) -> ServerUnavailableError:
        found = translate(error, self.address)
        return ServerUnavailableError(
            f"{found.message}; waited {waited:.0f} s",
            fix="start the server, then run the same push: it goes on where it stopped",
        )


def is_passing(error: Exception) -> bool:
    """Whether the same transaction may well succeed later."""
    from neo4j.exceptions import DriverError, IncompleteCommit, Neo4jError

    if isinstance(error, IncompleteCommit | OSError):
        return True  # whoever runs it can repeat it
    code = str(getattr(error, "code", "") or "")
    if code.endswith(("DatabaseUnavailable", "Transaction.Terminated")):
        return True  # the server stops, or has just started
    return isinstance(error, Neo4jError | DriverError) and error.is_retryable()


def is_too_large(error: Exception) -> bool:
    """Whether the server had not the memory for it."""
    code = str(getattr(error, "code", "") or "")
    return "OutOfMemory" in code or "MemoryPool" in code
