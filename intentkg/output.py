"""How commands speak: results to stdout (a table or one JSON object), progress to stderr."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
import orjson

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars

    from queries.results import Table
    from schema.errors import IntentKGError

Progress = Callable[[str, int, int | None], None]

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout, nothing else."
)

_PIPED_WIDTH = 120


def _one_form(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    other = {"as_json": "as_csv", "as_csv": "as_json"}[str(param.name)]
    if value and ctx.params.get(other):
        raise click.UsageError("--json and --csv exclude each other; give one of them", ctx)
    return value


def form_options[F: Callable[..., Any]](command: F) -> F:
    """Add ``--json`` and ``--csv``, of which one may be given."""
    for words in (
        (
            "--csv",
            "as_csv",
            "Print CSV (RFC 4180) with a header on stdout; text stays as it is, formulas too.",
        ),
        ("--json", "as_json", "Print one JSON object on stdout, nothing else."),
    ):
        option, name, text = words
        command = click.option(option, name, is_flag=True, help=text, callback=_one_form)(command)
    return command


def emit_json(value: Any) -> None:
    """Print one JSON object to stdout."""
    data = orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2)
    click.echo(data.decode("utf-8"))


def error_dict(error: IntentKGError) -> dict[str, Any]:
    """Give an error as plain values, for JSON."""
    return {"type": type(error).__name__, "message": str(error), "fix": error.fix}


def complain(message: object, fix: str | None, *, word: str = "error") -> None:
    """Print what went wrong and what mends it, to stderr."""
    click.echo(click.style(f"{word}: ", fg="red", bold=True) + str(message), err=True)
    if fix:
        click.echo(f"  fix: {fix}", err=True)


def emit_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows as RFC 4180 has them: a header, CRLF, quotes where needed, UTF-8.

    Null is an empty field, a truth value ``true`` or ``false``, a list its items joined by
    ``"; "``, a map JSON; numbers keep all their digits. Text is not altered, so that it can be
    read back: what begins with ``=``, ``+``, ``-`` or ``@`` is a formula to some spreadsheets.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_field(value) for value in row] for row in rows)
    click.echo(text.getvalue(), nl=False)


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "; ".join(_field(item) for item in value)
    if isinstance(value, Mapping):
        return orjson.dumps(value, default=str).decode("utf-8")
    return str(value)


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
    whole: Sequence[str] = (),
) -> None:
    """Print a table to stdout.

    Columns of ids (their heading ends in ``_id``) are left out if the table is wider than the
    screen with them, and a line on stderr says so; headings are not broken where there is room.

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
    whole
        Headings of the columns whose cells are never broken, because people copy them.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.table import Table as Grid
    from rich.text import Text

    out = console()
    shown = [[cell(value) for value in row] for row in rows]
    chosen, hidden = _fitting(columns, shown, out.width)
    # Two more, because rich counts the margins of the outer columns in.
    least = [
        max([len(columns[i]), *(cell_len(row[i]) for row in shown if columns[i] in whole)])
        for i in chosen
    ]
    roomy = _width([[" " * width for width in least]]) + 2 <= out.width
    grid = Grid(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for index, width in zip(chosen, least, strict=True):
        name = columns[index]
        grid.add_column(
            name,
            justify="right" if name in right else "left",
            overflow="fold",
            no_wrap=name in whole,
            min_width=width if roomy or name in whole else None,
        )
    for row in shown:
        grid.add_row(*(Text(row[index]) for index in chosen))
    out.print(grid)
    if hidden:
        say(f"left out for want of room: {', '.join(hidden)} (ids: --json)")


def _fitting(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int
) -> tuple[list[int], list[str]]:
    """Positions of the columns to show, and the names of those to leave out."""
    ids = [index for index, name in enumerate(columns) if name.endswith("_id")]
    every = list(range(len(columns)))
    if not ids or len(ids) == len(every) or _width([columns, *rows]) <= width:
        return every, []
    return [index for index in every if index not in ids], [columns[index] for index in ids]


def _width(rows: Sequence[Sequence[str]]) -> int:
    """Characters that a table of these cells takes, unfolded, with its margins."""
    from rich.cells import cell_len

    widest = (
        max(cell_len(line) for value in column for line in (value.splitlines() or [""]))
        for column in zip(*rows, strict=True)
    )
    return sum(width + 3 for width in widest) - 1


def record(fields: Mapping[str, Any], *, title: str) -> None:
    """Print one thing, a line for each of its fields that says something; nothing is folded."""
    click.echo(title)
    told = {name: cell(value) for name, value in fields.items() if value not in (None, [], "")}
    width = max(map(len, told), default=0)
    for name, text in told.items():
        plain = "".join(c if c.isprintable() else " " for c in text)
        click.echo(f"  {name:<{width}}  {plain}")


def usage(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print what was spent on models, by stage and model."""
    names = ["stage", "model", "requests", "failed", "tokens in", "cached", "out"]
    names += ["price", "latency"]
    keys = ["stage", "model", "requests", "failed", "prompt_tokens", "cached_tokens"]
    keys += ["completion_tokens", "price", "mean_latency"]
    shown = [[row[key] for key in keys] for row in rows]
    for line in shown:
        line[2:7] = [f"{count:,}" for count in line[2:7]]
        line[7] = None if line[7] is None else f"{line[7]:,.4f}"
    table(names, shown, title="requests to models", right=names[2:])


def show(answer: Table, *, as_json: bool, as_csv: bool = False) -> None:
    """Print the answer to a Cypher or a named query; its notes go to stderr."""
    for note in answer.notes:
        say(f"note: {note}")
    if as_json:
        emit_json({"columns": answer.columns, "rows": answer.rows, "truncated": answer.truncated})
        return
    if as_csv:
        emit_csv(answer.columns, answer.rows)
    elif answer.rows:
        numbers = [
            name
            for name, *values in zip(answer.columns, *answer.rows, strict=True)
            if any(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
        ]
        table(answer.columns, answer.rows, right=numbers)
    else:
        say("no rows")
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
    with bars_on_stderr() as bars:
        tasks: dict[str, Any] = {}

        def report(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield report


def bars_on_stderr(*, word: str | None = None) -> Bars:
    """Make rich's bars: what is done, of how much, and for how long.

    Parameters
    ----------
    word
        The field of a task that stands at the end of its line, behind the time that is left.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    more = (
        ()
        if word is None
        else (TextColumn("left"), TimeRemainingColumn(), TextColumn(f"{{task.fields[{word}]}}"))
    )
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        *more,
        console=console(stderr=True),
        transient=True,
    )
