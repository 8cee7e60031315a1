"""``intentkg cobuy``: why is this product bought, with what?"""

from __future__ import annotations

from pathlib import Path

import click

from intentkg import output
from intentkg.filters import edge_filters, reading
from intentkg.server_options import Where, on_server
from schema.identity import product_id


@click.command("cobuy", epilog="Example: intentkg cobuy my.kg SMP0001 --top-k 1 --accepted")
@click.argument("kb", type=click.Path(path_type=Path))
@click.argument("a")
@click.argument("b", required=False)
@click.option("--top-k", type=click.IntRange(min=1), help="Best intentions per relation.")
@click.option("--limit", type=click.IntRange(min=1), help="Most edges in all.")
@edge_filters
@on_server
@output.form_options
def command(
    kb: Path,
    a: str,
    b: str | None,
    top_k: int | None,
    limit: int | None,
    relations: tuple[str, ...],
    min_plausibility: float | None,
    min_typicality: float | None,
    accepted: bool | None,
    as_json: bool,
    as_csv: bool,
    where: Where,
) -> None:
    """Pull the intentions of product A's co-buys, or of the pair A and B."""
    with reading(kb, where) as base:
        edges = base.cobuy(
            a,
            b,
            relations=relations or None,
            top_k=top_k,
            limit=limit,
            min_plausibility=min_plausibility,
            min_typicality=min_typicality,
            accepted=accepted,
        )
        note = "" if edges else base.cobuy_note(a, b)
        plain = as_json or as_csv
        titles = {} if plain else base.titles(p for e in edges for p in (e.a, e.b))
    if note:
        output.say(note)
    if as_json:
        output.emit_json({"edges": edges.to_dicts()})
        return
    if as_csv:
        from dataclasses import astuple, fields

        from queries.results import CobuyEdge

        output.emit_csv([f.name for f in fields(CobuyEdge)], map(astuple, edges))
        return
    if not edges:
        return
    pair = b is not None
    given = product_id(a)
    columns = ["relation", "intention", "plausible", "typical", "accepted"]
    rows = []
    for e in edges:
        others = [_name(p, titles) for p in (e.a, e.b) if p != given]
        row = [e.relation, e.text, e.plausibility, e.typicality, e.accepted]
        rows.append(row if pair else [" + ".join(others), *row])
    output.table(
        columns if pair else ["bought with", *columns],
        rows,
        title=f"{_name(given, titles)} + {_name(product_id(b), titles)}" if b is not None else None,
        right=["plausible", "typical"],
    )


def _name(product: str, titles: dict[str, str]) -> str:
    return f"{product} {titles.get(product, '')}".strip()
