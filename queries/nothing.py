"""Why an answer is empty: an honest nothing, or a word that the knowledge base does not know."""

from __future__ import annotations

from difflib import get_close_matches

from kg.store import GraphReader
from schema.errors import UsageError
from schema.identity import cobuy_id, product_id

_SHOWN = 12

# Constant texts; each finds one row at most.
_ANY = "MATCH (:CoBuy)-[r]->(:Intention) RETURN 1 LIMIT 1"
_PAIRED = "MATCH (:Product {id: $product})<-[:OF]-(c:CoBuy) RETURN 1 LIMIT 1"
_PAIR = "MATCH (c:CoBuy {id: $cobuy}) RETURN 1 LIMIT 1"
_MEANT = "MATCH (:Product {id: $product})<-[:OF]-(:CoBuy)-[r]->(:Intention) RETURN 1 LIMIT 1"
_PAIR_MEANT = "MATCH (:CoBuy {id: $cobuy})-[r]->(:Intention) RETURN 1 LIMIT 1"

_SOURCES = (
    "MATCH ()-[r]->(:Intention) UNWIND r.sources AS source "
    "RETURN source, count(*) AS edges ORDER BY edges DESC, source"
)
_CATEGORIES = (
    "MATCH (p:Product) WHERE p.categories IS NOT NULL UNWIND p.categories AS category "
    "RETURN DISTINCT category ORDER BY category LIMIT 5000"
)


def cobuy_note(graph: GraphReader, kb: str, product: str, other: str | None = None) -> str:
    """Say why a pull that found nothing did so, and what to do.

    Parameters
    ----------
    graph
        Where the pull was made.
    kb
        The knowledge base as a person names it, for the commands.
    product, other
        What was asked for; both exist.
    """
    first = product_id(product)
    generate = (
        f"let a model write them: intentkg generate {kb} --pipeline mind --model MODEL "
        f"--base-url URL, or read ready ones: intentkg import {kb} FILE; then intentkg build {kb}"
    )
    loosen = "; loosen --relation, --min-plausibility, --min-typicality or --accepted"
    if other is None:
        if _some(graph, _MEANT, product=first):
            return f"no intention of {first}'s co-buys passes the filters{loosen}"
        if not _some(graph, _PAIRED, product=first):
            return (
                f"{first} was not bought together with anything in this knowledge base; "
                f"pairs come from: intentkg ingest {kb} FILE"
            )
        asked = f"the co-buys of {first}"
    else:
        second = product_id(other)
        pair = cobuy_id(first, second)
        if _some(graph, _PAIR_MEANT, cobuy=pair):
            return f"no intention of {first} and {second} passes the filters{loosen}"
        if not _some(graph, _PAIR, cobuy=pair):
            return (
                f"{first} and {second} were never bought together in this knowledge base; what "
                f"{first} was bought with: intentkg query {kb} top-cobuys -p product={first}"
            )
        asked = f"{first} and {second}"
    if not _some(graph, _ANY):
        return f"this knowledge base holds no intentions of co-buys yet; {generate}"
    return f"{asked} have no intentions yet; {generate}"


def require_source(graph: GraphReader, source: str) -> None:
    """Do nothing if some edge came from the source.

    Raises
    ------
    UsageError
        If none did; names the sources there are.
    """
    known = [row[0] for row in graph.read(_SOURCES).rows]
    if source in known:
        return
    have = f"sources of intentions: {_few(known)}" if known else "it holds no intentions yet"
    raise UsageError(
        f"no intention in this knowledge base came from a source {source!r:.80}",
        fix=alike(source, known) + have,
    )


def category_note(graph: GraphReader, category: str) -> str | None:
    """Say that no product is of a category, and which are near; None if there are such products."""
    known = [row[0] for row in graph.read(_CATEGORIES).rows]
    if category in known:
        return None
    have = f"categories: {_few(known)}" if known else "no product has a category"
    return f"no product of the category {category!r:.80}: {alike(category, known)}{have}"


def alike(word: str, known: list[str]) -> str:
    """``did you mean …? `` with what is spelled nearly so, or nothing."""
    folded = {each.casefold(): each for each in reversed(known)}
    close = get_close_matches(word.casefold(), folded, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(folded[each] for each in close)}? " if close else ""


def _few(known: list[str]) -> str:
    more = f" and {len(known) - _SHOWN:,} more" if len(known) > _SHOWN else ""
    return ", ".join(known[:_SHOWN]) + more


def _some(graph: GraphReader, text: str, **values: str) -> bool:
    return bool(graph.read(text, values).rows)
