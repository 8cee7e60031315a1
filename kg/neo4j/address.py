"""Where a Neo4j server is, and who wants what from it.

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

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from schema.errors import UsageError

SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")
PASSWORD = "INTENTKG_NEO4J_PASSWORD"


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
