"""``intentkg export``: files for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from intentkg import output


@click.command("export", epilog="Example: intentkg export my.kg --to neo4j-admin out")
@click.argument("kb", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--to", required=True, metavar="FORMAT", help="neo4j-admin: for an offline import.")
@click.option("--prefix", metavar="NAME", help="Stands in front of each label: NAME_Post, …")
@click.option("--database", metavar="NAME", help="Database to import into; neo4j if not given.")
@click.option("--gzip", is_flag=True, default=None, help="Compress the files.")
@output.json_option
def command(kb: Path, out: Path, to: str, as_json: bool, **options: Any) -> None:
    """Write the whole graph to the folder OUT, in the files that another tool reads.

    neo4j-admin: CSV files and the command that makes a Neo4j database of them, offline, which is
    the fastest way for a large graph. `intentkg push` then keeps it current.
    """
    import intentkg

    chosen = {name: value for name, value in options.items() if value is not None}
    with intentkg.open(kb) as base, output.progress(quiet=as_json) as progress:
        report = base.export(out, to=to, progress=progress, **chosen)
    if as_json:
        output.emit_json(report.to_dict())
        return
    click.echo(str(report))
    for note in report.notes:
        output.say(f"note: {note}")
