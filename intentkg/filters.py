"""Options that several reading commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

_SCORE = click.FloatRange(0, 1)


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
