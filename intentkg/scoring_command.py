"""``intentkg generate KB --pipeline critic``: scores by the critic, on the command line."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from intentkg import output
from schema.errors import UsageError

if TYPE_CHECKING:
    from intentkg.generating.scoring import OnScored, Scored
    from kg.directory import Directory

# What the critic takes of the command's options; everything else is about models that are asked.
_TAKEN = frozenset(
    {"kb", "pipeline", "sources", "heads", "limit", "relations", "rescore", "run", "as_json"}
)


def score(directory: Directory, options: Mapping[str, Any], *, as_json: bool) -> int:
    """Score what lacks a score, and print what came of it."""
    from intentkg.generating.scoring import Choice
    from intentkg.generating.scoring import score as give

    _check()
    choice = Choice(
        sources=options["sources"],
        heads=options["heads"],
        limit=options["limit"],
        relations=options["relations"] or None,
        rescore=options["rescore"],
        run=options["run"],
    )
    with _progress() as told:
        report = give(directory, choice, progress=told)
    if as_json:
        output.emit_json(report.to_dict())
    else:
        _show(report, directory)
    return 0


def _check() -> None:
    """Refuse an option that would do nothing."""
    context = click.get_current_context()
    for parameter in context.command.params:
        name = parameter.name or ""
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and name not in _TAKEN:
            raise UsageError(
                f"the critic is a model of its own and has no option {parameter.opts[0]}",
                fix="leave it out, or put the critic's questions to a model with --judge BACKEND",
            )


def _show(report: Scored, directory: Directory) -> None:
    click.echo(f"critic {report.model}, which comes with IntentKG: a small model, and no person")
    click.echo(
        f"  intentions: {report.intentions:,}, of which {report.lacking:,} lacked a score; "
        f"{report.scored:,} scored"
    )
    if report.speechless:
        click.echo(f"  without words (an empty title or tail), left alone: {report.speechless:,}")
    rows = report.written
    click.echo(f"  evidence:   {rows.added:,} new, {rows.changed:,} changed, {rows.known:,} known")
    if report.scored:
        click.echo(f"  rate:       {report.scored / max(report.seconds, 1e-3):,.0f} intentions/s")
    if rows.added + rows.changed:
        click.echo(f"next: intentkg build {directory.root}")


@contextlib.contextmanager
def _progress() -> Iterator[OnScored | None]:
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import Progress

    with Progress(console=output.console(stderr=True), transient=True) as bars:
        task = bars.add_task("intentions", total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
