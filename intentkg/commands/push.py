"""``intentkg push``: into a Neo4j database."""

from __future__ import annotations

from pathlib import Path

import click

from intentkg import output
from intentkg.server_options import advise, server_options


@click.command("push", epilog="Example: intentkg push my.kg bolt://localhost:7687")
@click.argument("kb", type=click.Path(path_type=Path))
@click.argument("uri", required=False)
@server_options
@click.option("--prune", is_flag=True, help="Remove what the knowledge base no longer holds.")
@click.option("--dry-run", is_flag=True, help="Count what would be done, and do nothing.")
@click.option("--no-vectors", is_flag=True, help="Leave the vectors of intentions as they are.")
@output.json_option
def command(
    kb: Path,
    uri: str | None,
    user: str | None,
    database: str | None,
    prefix: str | None,
    prune: bool,
    dry_run: bool,
    no_vectors: bool,
    as_json: bool,
) -> None:
    """Bring the Neo4j database at URI up to date; only what is new goes there.

    Without URI, INTENTKG_NEO4J_URI is taken; the password is INTENTKG_NEO4J_PASSWORD. A push that
    was stopped goes on where it was. Other people's nodes are not touched.
    """
    import intentkg

    advise(uri)
    with intentkg.open(kb) as base, output.progress(quiet=as_json) as progress:
        report = base.push(
            uri,
            user=user,
            database=database,
            prefix=prefix,
            prune=prune,
            dry_run=dry_run,
            vectors=not no_vectors,
            progress=progress,
        )
    for note in report.notes:
        output.say(f"note: {note}")
    if as_json:
        output.emit_json(report.to_dict())
    else:
        click.echo(str(report))
