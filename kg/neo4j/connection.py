"""Where a Neo4j server is, and a connection to it whose failures say what to do.

The address is a URI; user, password and database come from options or the environment:

=========================  ===========================================================
``INTENTKG_NEO4J_URI``       ``bolt://host:7687``, ``neo4j+s://…`` (Aura)
``INTENTKG_NEO4J_USER``      default ``neo4j``
``INTENTKG_NEO4J_PASSWORD``  none for a server without authentication
``INTENTKG_NEO4J_DATABASE``  default: the user's home database
=========================  ===========================================================

A password in the URI is understood, taken out of it, and advised against: command lines are
visible to others. It is never part of a message or of a ``repr``.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import unquote, urlsplit

from schema.errors import (
    GraphClashError,
    IntentKGError,
    MissingExtraError,
    ServerAccessError,
    ServerError,
    ServerUnavailableError,
    ServerVersionError,
    UsageError,
)

if TYPE_CHECKING:
    import neo4j

SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")
OLDEST = (5, 26)
"""The oldest server that is supported: the long-term release."""

PASSWORD = "INTENTKG_NEO4J_PASSWORD"
_PATIENCE = 10.0  # seconds to wait for a server to answer at first

Mode = Literal["read", "write"]


@dataclass(frozen=True, slots=True)
class Address:
    """A server, and who wants what from it.

    Attributes
    ----------
    uri
        Without user and password.
    user, password
        None for a server without authentication.
    database
        None for the user's home database.
    careless
        Whether the password stood in the URI.
    """

    uri: str
    user: str = "neo4j"
    password: str | None = field(default=None, repr=False)
    database: str | None = None
    careless: bool = False

    @classmethod
    def read(
        cls,
        uri: str | None = None,
        *,
        user: str | None = None,
        password: str | None = None,
        database: str | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Address:
        """Put an address together: what is given, then what the URI holds, then the environment.

        Raises
        ------
        UsageError
            If there is no URI, or it is none of a Neo4j server.
        """
        world = os.environ if environ is None else environ
        text = uri or world.get("INTENTKG_NEO4J_URI", "")
        if not text:
            raise UsageError(
                "no Neo4j server is named",
                fix="give its address, such as bolt://localhost:7687, or set INTENTKG_NEO4J_URI",
            )
        plain, name, secret = _split(text)
        return cls(
            uri=plain,
            user=user or name or world.get("INTENTKG_NEO4J_USER") or "neo4j",
            password=password or secret or world.get(PASSWORD) or None,
            database=database or world.get("INTENTKG_NEO4J_DATABASE") or None,
            careless=secret is not None,
        )

    @property
    def advice(self) -> str | None:
        """What to tell a person who put the password into the URI; None for the others."""
        return (
            f"others can read a password in a command line: set {PASSWORD} instead"
            if self.careless
            else None
        )

    def __str__(self) -> str:
        return self.uri


class Server:
    """An open connection to a server; a context manager. Made by :func:`connect`.

    Attributes
    ----------
    address
        Where it is.
    driver
        The official driver's object.
    version
        Such as ``(5, 26, 12)`` or ``(2025, 10, 1)``.
    edition
        ``community`` or ``enterprise`` (Aura too).
    database
        Name of the database.
    """

    def __init__(
        self,
        address: Address,
        driver: neo4j.Driver,
        version: tuple[int, ...],
        edition: str,
        database: str,
    ) -> None:
        self.address = address
        self.driver = driver
        self.version = version
        self.edition = edition
        self.database = database

    def session(self, mode: Mode = "read", **settings: Any) -> neo4j.Session:
        """Open a session; in mode ``read`` the server refuses to write.

        Parameters
        ----------
        mode
            ``read`` or ``write``.
        **settings
            Of the driver's ``Driver.session``.
        """
        import neo4j

        access = neo4j.READ_ACCESS if mode == "read" else neo4j.WRITE_ACCESS
        return self.driver.session(database=self.database, default_access_mode=access, **settings)

    def close(self) -> None:
        """Close all connections; twice does no harm."""
        self.driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        version = ".".join(map(str, self.version))
        return f"<Neo4j {version} {self.edition} at {self.address}, database {self.database}>"


def connect(address: Address, **settings: Any) -> Server:
    """Connect to a server, and see that it is there, lets us in, and is new enough.

    Parameters
    ----------
    address
        Where and who.
    **settings
        Of the driver's ``GraphDatabase.driver``.

    Raises
    ------
    MissingExtraError
        If the driver is not installed.
    ServerUnavailableError, ServerAccessError, ServerVersionError
        If nothing answers, it refuses us, or it is too old.
    """
    try:
        import neo4j
    except ImportError:
        raise MissingExtraError(
            "Neo4j needs its driver, which is not installed",
            fix="pip install 'intentkg[neo4j]'",
        ) from None
    # What it would say to a log that nobody set up is said by our errors.
    logger = logging.getLogger("neo4j")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    auth = None if address.password is None else (address.user, address.password)
    with server_errors(address):
        driver = neo4j.GraphDatabase.driver(
            address.uri,
            auth=auth,
            **{
                "connection_timeout": _PATIENCE,
                "telemetry_disabled": True,
                # What the server thinks of our queries is for our tests, not for people's logs.
                "notifications_min_severity": "OFF",
                "user_agent": "intentkg",
                **settings,
            },
        )
        try:
            return _greet(address, driver)
        except BaseException:
            driver.close()
            raise


def _greet(address: Address, driver: neo4j.Driver) -> Server:
    """Ask a server what it is, and whether the database is there."""
    with driver.session(database=address.database, default_access_mode="READ") as session:
        record = session.run(
            "CALL dbms.components() YIELD name, versions, edition "
            "WHERE name STARTS WITH 'Neo4j' RETURN versions[0] AS version, edition LIMIT 1"
        ).single()
        named = session.run("CALL db.info() YIELD name RETURN name").single()
    if record is None or named is None:
        raise ServerVersionError(f"{address} is not a Neo4j server", fix="name a Neo4j server")
    version = tuple(int(number) for number in re.findall(r"\d+", record["version"])[:3])
    if version < OLDEST:
        raise ServerVersionError(
            f"{address} is Neo4j {record['version']}; IntentKG needs "
            f"{'.'.join(map(str, OLDEST))} or newer",
            fix="upgrade the server; the data can stay",
        )
    return Server(address, driver, version, record["edition"], named["name"])


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


def _split(text: str) -> tuple[str, str | None, str | None]:
    """A URI without user and password, and these two."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in SCHEMES or not parts.hostname or parts.path.strip("/"):
        # Not the text itself: there may be a password in it.
        shown = re.sub(r"//.*@", "//…@", text)
        raise UsageError(
            f"{shown!r} is not the address of a Neo4j server",
            fix="such as bolt://localhost:7687 or neo4j+s://xxxx.databases.neo4j.io",
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    plain = f"{parts.scheme}://{host}" + ("" if port is None else f":{port}")
    if parts.query:
        plain += f"?{parts.query}"  # the routing context of neo4j://
    name = None if parts.username is None else unquote(parts.username)
    return plain, name or None, None if parts.password is None else unquote(parts.password)


def _first_line(error: BaseException) -> str:
    text = str(getattr(error, "message", None) or error).strip()
    return text.splitlines()[0].rstrip(".: ") if text else type(error).__name__
