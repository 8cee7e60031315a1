"""Options that `ingest` and `import` share, and how both print what became of their files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intentkg import output

if TYPE_CHECKING:
    from intentkg.intake import FileReport, Kind


def intake_options[F: Callable[..., Any]](command: F) -> F:
    """Add the options of a command that reads files."""
    for option in reversed(
        (
            click.argument("kb", type=click.Path(path_type=Path)),
            click.argument("files", nargs=-1, required=True, metavar="FILE..."),
            click.option(
                "--format",
                "-f",
                default="auto",
                show_default=True,
                help="The files' format; a wrong name lists them all.",
            ),
            click.option("--source", help="Source name of the rows, in place of the format's own."),
            click.option(
                "--column",
                "columns",
                multiple=True,
                metavar="FIELD=COLUMN",
                help="Which column of the file is which field; may be repeated.",
            ),
            click.option(
                "--dangling",
                type=click.Choice(["drop", "keep"]),
                default="drop",
                show_default=True,
                help="What to do with links to products that are not described.",
            ),
            click.option(
                "--max-line",
                type=click.IntRange(min=1),
                default=16 * 1024 * 1024,
                show_default=True,
                help="Longest line, in bytes; longer ones are refused.",
            ),
            click.option("--language", help="Language of texts that state none, such as en."),
            click.option(
                "--update", is_flag=True, help="Let differing values replace what is stored."
            ),
        )
    ):
        command = option(command)
    return output.json_option(command)


def parse_columns(pairs: Sequence[str]) -> dict[str, str]:
    """Parse ``field=column`` pairs."""
    parsed = {}
    for pair in pairs:
        field, equals, column = pair.partition("=")
        if not equals or not field.strip() or not column.strip():
            raise click.BadParameter(f"{pair!r} is not FIELD=COLUMN", param_hint="--column")
        parsed[field.strip()] = column.strip()
    return parsed


def take_in_and_report(
    kb: Path, files: Sequence[str], *, kind: Kind, as_json: bool, **options: Any
) -> int:
    """Read the files and print what became of each; returns the exit code."""
    from intentkg.intake import take_in
    from kg.directory import Directory

    directory = Directory.create(kb)
    with output.progress(quiet=as_json) as progress:
        reports = take_in(directory, files, kind=kind, progress=progress, **options)
    failed = any(report.error for report in reports)
    if as_json:
        output.emit_json({"files": [report.to_dict() for report in reports]})
    else:
        for report in reports:
            show(report, kb)
    return 1 if failed else 0


def show(report: FileReport, kb: Path) -> None:
    """Print what became of one file."""
    if report.error is not None:
        click.echo(click.style("error: ", fg="red", bold=True) + str(report.error), err=True)
        if report.error.fix:
            click.echo(f"  fix: {report.error.fix}", err=True)
        return
    summary = report.summary
    assert summary is not None
    click.echo(f"{report.file} ({report.format})")
    for table, t in summary.tables.items():
        parts = [f"{t.added:,} new"]
        parts += [f"{t.changed:,} changed"] if t.changed else []
        parts += [f"{t.unchanged:,} known"] if t.unchanged else []
        click.echo(f"  {table + ':':<12} {', '.join(parts)}")
    for label, count in summary.notes.items():
        click.echo(f"  {label}: {count:,}")
    if summary.rejected:
        listed = kb / "rejected.parquet"
        click.echo(f"  refused: {summary.rejected:,} rows or images, listed in {listed}")
        for rejection in summary.rejections[:3]:
            place = "" if rejection.row is None else f"row {rejection.row}: "
            click.echo(f"    {place}{rejection.reason} (fix: {rejection.fix})")
