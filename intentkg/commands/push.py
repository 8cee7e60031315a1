"""``intentkg push``: into a Neo4j database."""

from __future__ import annotations

from pathlib import Path

import click

from intentkg import output


@click.command("push", epilog="Example: intentkg push my.kg bolt://localhost:7687")
@click.argument("kb", type=click.Path(path_type=Path))
@click.argument("uri", required=False)
@click.option("--user", metavar="NAME", help="Who; default INTENTKG_NEO4J_USER, or neo4j.")
@click.option(
    "--database",
    metavar="NAME",
    help="Which database; default INTENTKG_NEO4J_DATABASE, or the user's home database.",
)
@click.option("--prefix", metavar="NAME", help="Stands in front of each label: NAME_Post, …")
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
    from kg.neo4j.connection import Address

    advice = Address.read(uri).advice
    if advice:
        output.say(f"note: {advice}")
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
