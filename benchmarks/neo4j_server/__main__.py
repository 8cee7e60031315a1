"""Run a server in the foreground: ``python -m benchmarks.neo4j_server``."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path

import click

from benchmarks.neo4j_server.jars import KEPT, VERSIONS
from benchmarks.neo4j_server.server import Neo4jServer
from schema.errors import IntentKGError


@click.command()
@click.option("--port", default=7687, show_default=True, help="For Bolt.")
@click.option("--password", help="Of the user neo4j; no authentication without it.")
@click.option("--release", type=click.Choice(list(VERSIONS)), default="5.26", show_default=True)
@click.option("--heap", default="1g", show_default=True, help="Memory of the Java machine.")
@click.option("--apoc", is_flag=True, help="With APOC's procedures; IntentKG needs none of them.")
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where its data is kept; .bench/neo4j/home-RELEASE if not given.",
)
def main(
    port: int, password: str | None, release: str, heap: str, apoc: bool, home: Path | None
) -> None:
    """Run a Neo4j Community server on this machine until Ctrl-C."""
    server = Neo4jServer(
        home or KEPT / f"home-{release}",
        release=release,
        password=password,
        heap=heap,
        port=port,
        apoc=apoc,
    )
    click.echo(f"Neo4j {VERSIONS[release]} starts; the first time its jars are fetched", err=True)
    try:
        with server:
            click.echo(f"it answers at {server.uri}; Ctrl-C stops it")
            if password:
                click.echo(f"export INTENTKG_NEO4J_PASSWORD={shlex.quote(password)}")
            click.echo(f"intentkg push demo.kg {server.uri}")
            with contextlib.suppress(KeyboardInterrupt):
                server.join()
    except IntentKGError as error:
        raise click.ClickException(f"{error}\n  fix: {error.fix}") from None


if __name__ == "__main__":
    main()
