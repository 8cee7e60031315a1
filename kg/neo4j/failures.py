"""What a Neo4j server or its driver says when something fails, as errors that say what to do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from kg.neo4j.address import PASSWORD, Address
from schema.errors import (
    GraphClashError,
    IntentKGError,
    ServerAccessError,
    ServerError,
    ServerUnavailableError,
    ServerVersionError,
    UsageError,
)


@contextlib.contextmanager
def server_errors(address: Address) -> Iterator[None]:
    """Turn what the driver raises into errors that say what to do (see :func:`translate`)."""
    import neo4j.exceptions as raised

    try:
        yield
    except (raised.Neo4jError, raised.DriverError) as error:
        raise translate(error, address) from None


def translate(error: Exception, address: Address) -> IntentKGError:
    """Give the error of ours that says the same as an error of the driver.

    Parameters
    ----------
    error
        A ``Neo4jError`` or ``DriverError``.
    address
        For the message.
    """
    import neo4j.exceptions as raised

    code = str(getattr(error, "code", "") or "")
    said = _first_line(error)
    if isinstance(error, raised.AuthError):
        if address.password is None:
            return ServerAccessError(
                f"{address} asks for a password, and none is set",
                fix=f"set the environment variable {PASSWORD}",
            )
        if code.endswith("AuthenticationRateLimit"):
            return ServerAccessError(
                f"{address} refuses {address.user!r} for a while: too many wrong passwords",
                fix="wait for some seconds, then try again with the right one",
            )
        return ServerAccessError(
            f"{address} refuses the password of {address.user!r}",
            fix=f"check {PASSWORD} and the user (--user, INTENTKG_NEO4J_USER)",
        )
    if code.endswith("CredentialsExpired"):
        return ServerAccessError(
            f"{address} wants {address.user!r} to choose a new password first",
            fix="ALTER CURRENT USER SET PASSWORD FROM 'old' TO 'new', in cypher-shell or a browser",
        )
    if code.endswith("DatabaseUnavailable"):
        return ServerUnavailableError(
            f"{address} has stopped the database, or not started it yet",
            fix="wait for it, or start it: SHOW DATABASES shows its state",
        )
    if code.endswith("DatabaseNotFound"):
        wanted = "its home database" if address.database is None else repr(address.database)
        return ServerAccessError(
            f"{address} has no running database {wanted}",
            fix="name one with --database; SHOW DATABASES lists them (Community has only 'neo4j')",
        )
    if isinstance(error, raised.Forbidden) or code.endswith("Security.Forbidden"):
        return ServerAccessError(
            f"{address} does not allow {address.user!r} to do this: {said}",
            fix="use a user with the rights to it, or grant them",
        )
    if isinstance(error, raised.UnsupportedServerProduct):
        return ServerVersionError(f"{address} is not a server that can be used: {said}")
    if isinstance(error, raised.ServiceUnavailable | raised.SessionExpired):
        return ServerUnavailableError(
            f"no Neo4j server answers at {address}: {said}",
            fix="start it, or check host, port and scheme (bolt:// and its port, usually 7687)",
        )
    if isinstance(error, raised.ConstraintError):
        return GraphClashError(
            f"{address} refuses what would break a constraint of its own: {said}",
            fix="remove what stands in the way, or push under labels of your own, with --prefix",
        )
    if ".Schema." in code:
        return GraphClashError(
            f"{address} refuses a constraint or index: {said}",
            fix="push under labels of your own, with --prefix NAME, or make room first",
        )
    if "OutOfMemory" in code or "MemoryPool" in code:
        return ServerError(
            f"{address} has not enough memory for this: {said}",
            fix="raise dbms.memory.transaction.total.max or server.memory.heap.max_size there",
        )
    if isinstance(error, raised.ConfigurationError):
        return UsageError(f"{address} cannot be used: {said}", fix="check the address")
    return ServerError(f"{address} failed: {said}", fix="see the server's logs")


def _first_line(error: BaseException) -> str:
    text = str(getattr(error, "message", None) or error).strip()
    return text.splitlines()[0].rstrip(".: ") if text else type(error).__name__
