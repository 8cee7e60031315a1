"""Options of commands that go to a Neo4j server."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from intentkg import output

_URI = "INTENTKG_NEO4J_URI"


@dataclass(frozen=True, slots=True)
class Where:
    """The server that a reading command is told to ask.

    Attributes
    ----------
    uri
        None: the graph is read from disk.
    """

    uri: str | None = None
    user: str | None = None
    database: str | None = None
    prefix: str | None = None

    def settings(self) -> dict[str, Any]:
        """Give them as `intentkg.open` takes them."""
        if self.uri is None:
            return {}
        return {
            "neo4j": self.uri,
            "user": self.user,
            "database": self.database,
            "prefix": self.prefix,
        }


def server_options[F: Callable[..., Any]](command: F) -> F:
    """Add who asks, for which database, and what stands in front of labels."""
    for option in reversed(
        (
            click.option(
                "--user", metavar="NAME", help="Who; default INTENTKG_NEO4J_USER, or neo4j."
            ),
            click.option(
                "--database",
                metavar="NAME",
                help="Which database; default INTENTKG_NEO4J_DATABASE, or the user's home one.",
            ),
            click.option(
                "--prefix", metavar="NAME", help="Stands in front of each label: NAME_Post, …"
            ),
        )
    ):
        command = option(command)
    return command


def on_server(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--on`` and what belongs to it; the command gets all of it as `where`."""

    @functools.wraps(command)
    def wrapped(
        *args: Any,
        on: str | None,
        user: str | None,
        database: str | None,
        prefix: str | None,
        **more: Any,
    ) -> Any:
        uri = os.environ.get(_URI) if on is None else on
        if uri:
            advise(uri)
            if on is None:
                from kg.neo4j.address import Address

                output.say(f"note: read from {Address.read(uri)} ({_URI}); --on '' reads the disk")
        return command(*args, where=Where(uri or None, user, database, prefix), **more)

    return click.option(
        "--on",
        metavar="URI",
        help=f"Ask this Neo4j server (bolt://…), not the disk; default {_URI}. KB may then be -.",
    )(server_options(wrapped))


def advise(uri: str | None) -> None:
    """Tell a person who put a password into an address not to."""
    from kg.neo4j.address import Address

    advice = Address.read(uri).advice
    if advice:
        output.say(f"note: {advice}")
