"""``intentkg analyse``: how good is the graph? One file per analysis in this folder."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

ANALYSES = (
    "hypernyms",
    "concepts",
    "statistics",
    "rejections",
    "duplicates",
    "robustness",
    "annotate",
    "generators",
)


class Analyses(click.Group):
    """Analyses, each imported when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all analyses, in the order in which they are usually run."""
        return list(ANALYSES)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import one analysis."""
        if name not in ANALYSES:
            return None
        module = importlib.import_module(f"intentkg.commands.analyse.{name}")
        command: click.Command = module.command
        return command


@click.group(
    "analyse",
    cls=Analyses,
    subcommand_metavar="WHAT [ARGS]...",
    epilog="Example: intentkg analyse my.kg hypernyms",
)
@click.argument("kb", type=click.Path(path_type=Path))
@click.pass_context
def command(ctx: click.Context, kb: Path) -> None:
    """Measure how good the intentions of a knowledge base are.

    Nothing is written into the knowledge base unless an option says so.
    """
    ctx.obj = kb
