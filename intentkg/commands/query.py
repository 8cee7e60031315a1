"""``intentkg query``: run a named query, or list them."""

from __future__ import annotations

from pathlib import Path

import click

from intentkg import output
from intentkg.filters import limits, reading
from intentkg.server_options import Where, on_server


@click.command(
    "query",
    epilog="Example: intentkg query my.kg why-bought-together -p a=SMP0001 -p b=SMP0002",
)
@click.argument("kb", type=click.Path(path_type=Path))
@click.argument("name", required=False)
@click.option(
    "-p",
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the query.",
)
@limits
@on_server
@output.form_options
def command(
    kb: Path,
    name: str | None,
    params: tuple[str, ...],
    timeout: float,
    limit: int | None,
    as_json: bool,
    as_csv: bool,
    where: Where,
) -> None:
    """Run the query NAME; without NAME, list the queries there are."""
    from queries.cypher import split_parameters
    from queries.named import get_query

    if name is None:
        list_them(as_json=as_json, as_csv=as_csv)
        return
    given = split_parameters(params)
    if limit is not None and any(p.name == "limit" for p in get_query(name).parameters):
        given.setdefault("limit", str(limit))
    with reading(kb, where) as base:
        table = base.query(name, given, timeout=timeout)
    output.show(table, as_json=as_json, as_csv=as_csv)


def list_them(*, as_json: bool, as_csv: bool) -> None:
    """Print what named queries there are."""
    from queries.named import list_queries

    queries = list_queries()
    if as_json:
        listed = [
            {
                "name": q.name,
                "title": q.title,
                "description": q.description,
                "parameters": [
                    {"name": p.name, "type": p.type, "required": p.required, "default": p.default}
                    for p in q.parameters
                ],
                "columns": [name for name, _ in q.columns],
            }
            for q in queries
        ]
        output.emit_json({"queries": listed})
        return
    columns = ["name", "parameters", "what it answers"]
    rows = [
        (q.name, [p.name if p.required else f"[{p.name}]" for p in q.parameters], q.title)
        for q in queries
    ]
    if as_csv:
        output.emit_csv(columns, rows)
    else:
        output.table(columns, rows)
