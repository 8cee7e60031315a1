"""``intentkg bench``: does the graph help models downstream?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from intentkg import output


class _Names(click.ParamType[str]):
    """A benchmark's name; which there are is looked up only when it is needed."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from benchmarks.downstream import NAMES

        return str(click.Choice(NAMES).convert(value, param, ctx))


@click.command("bench", epilog="Example: intentkg bench intentionqa --quick")
@click.argument("name", type=_Names(), required=False)
@click.option("--quick", is_flag=True, help="The small size: under two minutes on two cores.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="A TOML file with settings to change; each benchmark's default.toml names them.",
)
@click.option("--seed", type=click.IntRange(min=0), help="In place of the configured one.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Folder with the published data; default: INTENTKG_SHARED_DATA, or ../shared/data.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The run's folder: results, pictures, what is done so far. Default: bench/NAME, with the "
    "name of the configuration's file behind it.",
)
@output.json_option
def command(
    name: str | None,
    quick: bool,
    config: Path | None,
    seed: int | None,
    data: Path | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Run a downstream benchmark, or list them.

    Models take intentions retrieved from a graph as features, beside a control that takes as many
    random ones. What is done is kept in the run's folder: the same command goes on from there, to
    the same result.
    """
    from benchmarks.downstream import harness

    if name is None:
        found = harness.summaries()
        if as_json:
            output.emit_json({"benchmarks": found})
        else:
            output.table(["benchmark", "what it asks"], [list(item) for item in found.items()])
        return
    folder = out or default_folder(name, config, quick=quick)
    with output.progress(quiet=as_json) as progress:
        report, written = harness.execute(
            name,
            out=folder,
            data=data,
            config=config,
            seed=seed,
            quick=quick,
            progress=_one_by_one(progress),
        )
    if as_json:
        output.emit_json({**report.to_dict(), "files": [str(file) for file in written]})
        return
    for table in report.tables:
        rows = [[_shown(value) for value in row] for row in table.rows]
        output.table(list(table.columns), rows, title=table.title)
        if table.note:
            output.say(table.note)
    for sentence in report.findings:
        output.say(sentence)
    output.say("written: " + ", ".join(str(file) for file in written))


def default_folder(name: str, config: Path | None, *, quick: bool) -> Path:
    """A run's folder, another for each configuration: their results are not mixed."""
    parts = [name, *([config.stem] if config else []), *(["quick"] if quick else [])]
    return Path("bench", "-".join(parts))


def _one_by_one(progress: output.Progress) -> Callable[[str], None]:
    """Show each part as begun, and the one before it as done."""
    begun: list[str] = []

    def begin(what: str) -> None:
        if begun:
            progress(begun.pop(), 1, 1)
        begun.append(what)
        progress(what, 0, 1)

    return begin


def _shown(value: object) -> object:
    return f"{value:.2f}" if isinstance(value, float) else value
