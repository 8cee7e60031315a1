"""``intentkg cypher``: run a read-only Cypher query."""

from __future__ import annotations

from pathlib import Path

import click

from intentkg import output
from intentkg.filters import limits, reading
from intentkg.server_options import Where, on_server


@click.command(
    "cypher",
    epilog=(
        'Example: intentkg cypher my.kg "MATCH (c:CoBuy)-[r:UsedFor]->(i:Intention) '
        'WHERE r.typicality >= $t RETURN i.text, r.typicality" -p t=0.8'
    ),
)
@click.argument("kb", type=click.Path(path_type=Path))
@click.argument("query")
@click.option(
    "-p",
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter, used as $NAME; VALUE is JSON or else a string.",
)
@limits
@on_server
@output.form_options
def command(
    kb: Path,
    query: str,
    params: tuple[str, ...],
    timeout: float,
    limit: int | None,
    as_json: bool,
    as_csv: bool,
    where: Where,
) -> None:
    """Run a Cypher QUERY; it can read, not change."""
    from queries.cypher import parse_parameters

    with reading(kb, where) as base:
        table = base.cypher(query, parse_parameters(params), timeout=timeout, limit=limit or 10_000)
    output.show(table, as_json=as_json, as_csv=as_csv)
