"""A connection to a Neo4j server (:mod:`kg.neo4j.address`), looked at before it is used."""

from __future__ import annotations

import logging
import re
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from kg.neo4j.address import Address
from kg.neo4j.failures import server_errors
from schema.errors import MissingExtraError, ServerVersionError

if TYPE_CHECKING:
    import neo4j

OLDEST = (5, 26)
"""The oldest server that is supported: the long-term release."""

_PATIENCE = 10.0  # seconds to wait for a server to answer at first

Mode = Literal["read", "write"]


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
