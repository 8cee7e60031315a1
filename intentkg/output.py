"""How commands speak: results to stdout (a table or one JSON object), progress to stderr."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
import orjson

if TYPE_CHECKING:
    from rich.console import Console

    from queries.results import Table

Progress = Callable[[str, int, int | None], None]

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout, nothing else."
)

_PIPED_WIDTH = 120


def emit_json(value: Any) -> None:
    """Print one JSON object to stdout."""
    data = orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2)
    click.echo(data.decode("utf-8"))


def console(*, stderr: bool = False) -> Console:
    """Return a rich console; a pipe gets a fixed width, so that lines do not depend on a screen."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _PIPED_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, soft_wrap=False)


def say(text: str = "") -> None:
    """Tell the person something that is not the result."""
    click.echo(text, err=True)


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    title: str | None = None,
    right: Sequence[str] = (),
) -> None:
    """Print a table to stdout.

    Parameters
    ----------
    columns
        Headings.
    rows
        Cells; None is shown as an empty cell, a float with two decimals.
    title
        A line above it.
    right
        Headings of the columns to align right.
    """
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    shown = Grid(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for name in columns:
        shown.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(cell(value)) for value in row))
    console().print(shown)


def usage(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print what was spent on models, by stage and model."""
    names = ["stage", "model", "requests", "failed", "tokens in", "cached", "out"]
    names += ["price", "latency"]
    keys = ["stage", "model", "requests", "failed", "prompt_tokens", "cached_tokens"]
    keys += ["completion_tokens", "price", "mean_latency"]
    shown = [[row[key] for key in keys] for row in rows]
    for line in shown:
        line[7] = None if line[7] is None else f"{line[7]:,.4f}"
    table(names, shown, title="requests to models", right=names[2:])


def show(answer: Table, *, as_json: bool) -> None:
    """Print the answer to a Cypher or a named query."""
    if as_json:
        emit_json({"columns": answer.columns, "rows": answer.rows, "truncated": answer.truncated})
        return
    if not answer.rows:
        say("no rows")
    numbers = [
        name
        for name, *values in zip(answer.columns, *answer.rows, strict=True)
        if any(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    ]
    table(answer.columns, answer.rows, right=numbers)
    if answer.truncated:
        say(f"only the first {len(answer.rows):,} rows are shown; --limit shows more")


def cell(value: Any) -> str:
    """One value as a person reads it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {cell(item)}" for key, item in value.items())
    return str(value)


@contextlib.contextmanager
def progress(*, quiet: bool = False) -> Iterator[Progress]:
    """Show progress on stderr; yields a callback ``(stage, done, total)``.

    Drawn only on a screen: a log file is not the place for a moving bar.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda stage, done, total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    with Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console(stderr=True),
        transient=True,
    ) as bars:
        tasks: dict[str, Any] = {}

        def report(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield report
