"""What several reading commands share: their options, and how they open a knowledge base."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from schema.errors import IntentKGError, UsageError

if TYPE_CHECKING:
    from intentkg.api import KnowledgeBase
    from intentkg.reading import Reading
    from intentkg.server_options import Where

_COMMAND = re.compile(r"(intentkg \w+) KB\b")
_SCORE = click.FloatRange(0, 1)


@contextlib.contextmanager
def opened(kb: Path) -> Iterator[KnowledgeBase]:
    """Open a knowledge base; commands that an error advises name it as the person did."""
    import intentkg

    with naming(kb), intentkg.open(kb) as base:
        yield base


@contextlib.contextmanager
def reading(kb: Path, where: Where) -> Iterator[Reading]:
    """Open what a question is put to: a knowledge base, or where `kb` is ``-`` a server alone."""
    import intentkg

    path = None if str(kb) == "-" else kb
    if path is None and where.uri is None:
        raise UsageError(
            "there is no knowledge base called -",
            fix="- stands for one that is only on a server: add --on bolt://…",
        )
    with naming(kb), intentkg.open(path, **where.settings()) as base:
        yield base


@contextlib.contextmanager
def naming(kb: Path) -> Iterator[None]:
    """Let the commands that an error advises name the knowledge base."""
    try:
        yield
    except IntentKGError as error:
        if error.fix:
            name = shlex.quote(str(kb))
            error.fix = _COMMAND.sub(lambda found: f"{found[1]} {name}", error.fix)
        raise


def edge_filters[F: Callable[..., Any]](command: F) -> F:
    """Add the options that choose intention edges by relation, score and verdict."""
    for option in reversed(
        (
            click.option(
                "--relation",
                "relations",
                multiple=True,
                help="Only this relation; may be repeated.",
            ),
            click.option("--min-plausibility", type=_SCORE, help="At least this plausible."),
            click.option("--min-typicality", type=_SCORE, help="At least this typical."),
            click.option(
                "--accepted/--rejected", default=None, help="Only what the filter let through."
            ),
        )
    ):
        command = option(command)
    return command


def limits[F: Callable[..., Any]](command: F) -> F:
    """Add the time limit and the row limit of Cypher commands."""
    for option in reversed(
        (
            click.option(
                "--timeout",
                type=click.FloatRange(min=0, min_open=True),
                default=30.0,
                show_default=True,
                help="Seconds after which the query is stopped.",
            ),
            click.option(
                "--limit",
                type=click.IntRange(min=1),
                help="Most rows to print (10,000 if not given; a named query has its own).",
            ),
        )
    ):
        command = option(command)
    return command
