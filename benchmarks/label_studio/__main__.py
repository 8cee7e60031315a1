"""Run a server in the foreground: ``python -m benchmarks.label_studio``."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from benchmarks.label_studio.server import KEPT, PASSWORD, USER, LabelStudio
from schema.errors import IntentKGError


@click.command()
@click.option("--port", default=8080, show_default=True)
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=KEPT / "home",
    show_default=True,
    help="Where its data is kept.",
)
def main(port: int, home: Path) -> None:
    """Run Label Studio on this machine until Ctrl-C."""
    click.echo("Label Studio starts; the first time it is installed (800 MB)", err=True)
    try:
        with LabelStudio(home, port=port) as server:
            click.echo(f"it answers at {server.url}; Ctrl-C stops it")
            click.echo(f"user {USER}, password {PASSWORD}, API token {server.token}")
            with contextlib.suppress(KeyboardInterrupt):
                server.join()
    except IntentKGError as error:
        raise click.ClickException(f"{error}\n  fix: {error.fix}") from None


if __name__ == "__main__":
    main()
