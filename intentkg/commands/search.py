"""``intentkg search``: find intentions by meaning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from intentkg import output
from intentkg.filters import edge_filters, reading
from intentkg.server_options import Where, on_server

if TYPE_CHECKING:
    from intentkg.reading import IndexKind
    from queries.results import Head, SearchHit

_HEAD = ["head_type", "head_id", "label", "relation", "assertion_id"]
_HEAD += ["plausibility", "typicality", "accepted", "products"]


@click.command(
    "search", epilog='Example: intentkg search my.kg "keep a phone safe in the rain" -k 5'
)
@click.argument("kb", type=click.Path(path_type=Path))
@click.argument("text")
@click.option("-k", default=10, show_default=True, help="How many intentions.")
@click.option("--heads", default=5, show_default=True, help="How many heads to show of each.")
@click.option("--head-type", type=click.Choice(["Post", "CoBuy", "Product"]), help="Whose.")
@click.option("--source", help="Only heads from this source.")
@click.option(
    "--index",
    type=click.Choice(["faiss", "neo4j"]),
    help="Whose vectors: those on disk (faiss), or the server's own.",
)
@edge_filters
@on_server
@output.form_options
def command(
    kb: Path,
    text: str,
    k: int,
    heads: int,
    head_type: str | None,
    source: str | None,
    index: IndexKind | None,
    relations: tuple[str, ...],
    min_plausibility: float | None,
    min_typicality: float | None,
    accepted: bool | None,
    as_json: bool,
    as_csv: bool,
    where: Where,
) -> None:
    """Find intentions that mean something like TEXT, and who has them."""
    with reading(kb, where) as base:
        hits = base.search(
            text,
            k=k,
            heads=heads,
            head_type=head_type,
            source=source,
            index=index,
            relations=relations or None,
            min_plausibility=min_plausibility,
            min_typicality=min_typicality,
            accepted=accepted,
        )
    if as_json:
        output.emit_json({"results": hits.to_dicts()})
        return
    if not hits:
        output.say(f"nothing passes the filters; loosen them, or see: intentkg status {kb}")
    if as_csv:
        output.emit_csv(
            ["intention_id", "text", "score", *_HEAD],
            (
                (hit.intention_id, hit.text, hit.score, *_fields(head))
                for hit in hits
                for head in _heads(hit)
            ),
        )
    elif hits:
        output.table(
            ["score", "intention", "relation", "head"],
            (
                (
                    hit.score if first else None,
                    hit.text if first else None,
                    head.relation if head else None,
                    _named(head) if head else None,
                )
                for hit in hits
                for first, head in zip((True, *[False] * heads), _heads(hit), strict=False)
            ),
            right=["score"],
        )


def _heads(hit: SearchHit) -> Sequence[Head | None]:
    """Its heads; a hit of which none is shown still has a line."""
    return hit.heads or [None]


def _named(head: Head) -> str:
    """What an intention is about, with the ids that other commands take."""
    ids = " + ".join(head.products) or head.id
    return f"{head.type} {ids}" if head.label in ("", ids) else f"{head.type} {ids}: {head.label}"


def _fields(head: Head | None) -> list[object]:
    if head is None:
        return [None] * len(_HEAD)
    return [
        head.type,
        head.id,
        head.label,
        head.relation,
        head.assertion_id,
        head.plausibility,
        head.typicality,
        head.accepted,
        head.products,
    ]
