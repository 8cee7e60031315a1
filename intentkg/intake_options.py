"""Options that `ingest` and `import` share, and how both print what became of their files."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intentkg import output
from schema.errors import InputError

if TYPE_CHECKING:
    from intentkg.intake import FileReport, Kind
    from kg.truth import Summary, TableSummary

_SHOWN = 3


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
                help="The files' format; `intentkg formats` lists them.",
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
                help="amazon-2018, amazon-2023, amazon-snap: links to products that the file does "
                "not describe; intentions: heads that are not known. Keep: as products with "
                "nothing but an id.  [default: the format's own, drop]",
            ),
            click.option(
                "--max-basket",
                type=click.IntRange(min=2),
                default=1000,
                show_default=True,
                help="baskets, bundlerec: one of more different items is left out.",
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
    nothing = _nothing(reports, kb)
    if as_json:
        answer: dict[str, Any] = {"files": [report.to_dict() for report in reports]}
        if nothing is not None:
            answer["error"] = output.error_dict(nothing)
        output.emit_json(answer)
    else:
        for report in reports:
            show(report, kb)
        if nothing is not None:
            output.complain(nothing, nothing.fix)
        if any(report.changed for report in reports):
            click.echo(f"next: intentkg build {shlex.quote(str(kb))}")
    return 1 if nothing is not None or any(report.error for report in reports) else 0


def _nothing(reports: Sequence[FileReport], kb: Path) -> InputError | None:
    """The error to end with if rows were refused and not one went in or was known."""
    refused = sum(report.summary.rejected for report in reports if report.summary)
    if not refused or any(report.rows for report in reports):
        return None
    return InputError(
        f"nothing went in: {'the only row was' if refused == 1 else f'all {refused:,} rows were'} "
        "refused",
        fix=f"see the reasons, all of them in {kb / 'rejected.parquet'}; if the rows are another "
        "layout, name it with --format or --column (`intentkg formats` lists them)",
    )


def show(report: FileReport, kb: Path) -> None:
    """Print what became of one file."""
    if report.error is not None:
        output.complain(report.error, report.error.fix)
        return
    summary = report.summary
    assert summary is not None
    click.echo(f"{report.file} ({report.format})")
    shown = {table: _figures(t) for table, t in summary.tables.items()}
    for table, figures in shown.items():
        if figures:
            click.echo(f"  {table + ':':<12} {figures}")
    if not any(shown.values()) and not summary.rejected:
        click.echo("  0 rows")
    for label, count in summary.notes.items():
        if count:
            click.echo(f"  {label}: {count:,}")
    if summary.rejected:
        _show_refused(summary, kb / "rejected.parquet")


def _figures(table: TableSummary) -> str:
    """How many rows were new, changed and known; what there was none of is left out."""
    parts = {"new": table.added, "changed": table.changed, "known": table.unchanged}
    return ", ".join(f"{count:,} {what}" for what, count in parts.items() if count)


def _show_refused(summary: Summary, listed: Path) -> None:
    what = "1 row or image" if summary.rejected == 1 else f"{summary.rejected:,} rows or images"
    click.echo(f"  refused: {what}, listed in {listed}")
    for rejection in summary.rejections[:_SHOWN]:
        place = "" if rejection.row is None else f"row {rejection.row}: "
        click.echo(f"    {place}{rejection.reason} (fix: {rejection.fix})")
    if summary.rejected > _SHOWN:
        click.echo(f"    and {summary.rejected - _SHOWN:,} more")
