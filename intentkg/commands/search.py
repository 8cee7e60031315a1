"""``intentkg search``: find intentions by meaning."""

from __future__ import annotations

from pathlib import Path

import click

from intentkg import output
from intentkg.filters import edge_filters


@click.command(
    "search", epilog='Example: intentkg search my.kg "keep a phone safe in the rain" -k 5'
)
@click.argument("kb", type=click.Path(path_type=Path))
@click.argument("text")
@click.option("-k", default=10, show_default=True, help="How many intentions.")
@click.option("--heads", default=5, show_default=True, help="How many heads to show of each.")
@click.option("--head-type", type=click.Choice(["Post", "CoBuy", "Product"]), help="Whose.")
@click.option("--source", help="Only heads from this source.")
@edge_filters
@output.json_option
def command(
    kb: Path,
    text: str,
    k: int,
    heads: int,
    head_type: str | None,
    source: str | None,
    relations: tuple[str, ...],
    min_plausibility: float | None,
    min_typicality: float | None,
    accepted: bool | None,
    as_json: bool,
) -> None:
    """Find intentions that mean something like TEXT, and who has them."""
    import intentkg

    with intentkg.open(kb) as base:
        hits = base.search(
            text,
            k=k,
            heads=heads,
            head_type=head_type,
            source=source,
            relations=relations or None,
            min_plausibility=min_plausibility,
            min_typicality=min_typicality,
            accepted=accepted,
        )
    if as_json:
        output.emit_json({"results": hits.to_dicts()})
        return
    if not hits:
        output.say("nothing found; loosen the filters, or see what is there: intentkg status")
    output.table(
        ["score", "intention", "relation", "head"],
        (
            (
                hit.score if first else None,
                hit.text if first else None,
                head.relation,
                f"{head.type} {head.label}",
            )
            for hit in hits
            for first, head in zip((True, *[False] * heads), hit.heads, strict=False)
        ),
        right=["score"],
    )
