"""Pull the intentions of co-bought pairs: for one product, a pair, or a list of products."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from kg.store import GraphReader
from queries.filters import EdgeFilter, check_count, check_text
from queries.lookup import require
from queries.results import CobuyEdge, Results
from schema.errors import UsageError
from schema.identity import cobuy_id, product_id
from schema.relations import Family, NodeType

_ONE = "MATCH (:Product {id: $product})<-[:OF]-(c:CoBuy)"
_PAIR = "MATCH (c:CoBuy {id: $cobuy})"
_MANY = "UNWIND $products AS asked MATCH (:Product {id: asked})<-[:OF]-(c:CoBuy)"
_RETURN = (
    "RETURN c.id, c.a, c.b, type(r), i.id, i.text, r.plausibility, r.typicality, r.accepted, "
    "r.models, r.id"
)

_CHUNK = 500  # products in one query: bounds what a reply holds at a time


def pull(
    graph: GraphReader,
    product: str | Sequence[str],
    other: str | None = None,
    *,
    relations: str | Sequence[str] | None = None,
    top_k: int | None = None,
    min_plausibility: float | None = None,
    min_typicality: float | None = None,
    accepted: bool | None = None,
    source: str | None = None,
    limit: int | None = None,
) -> Results[CobuyEdge]:
    """Intentions of co-buys, the most typical first.

    Order: typicality, then plausibility, unscored edges last, ties by the edge's id; so the
    answer is the same each time and on every store.

    Parameters
    ----------
    graph
        Where to read.
    product
        A product's id, or several: then the edges of all of them, each edge once.
    other
        The pair's other product, in either order. Only with one `product`.
    relations
        Only these (co-buy relations of the registry).
    top_k
        At most so many edges per relation: of the product, of the pair, or of each product of
        a list.
    min_plausibility, min_typicality
        In [0, 1], inclusive; unscored edges do not pass.
    accepted
        Only edges with this verdict of the filter.
    source
        Only edges that this source gave.
    limit
        At most so many edges altogether.

    Returns
    -------
    Results of CobuyEdge
        Empty if the products exist but no edge passes, or the two were never bought together.

    Raises
    ------
    QueryError
        If a product is not in the knowledge base.
    UnknownRelationError, UsageError
        If an argument is wrong.
    """
    edge_filter = _filter(
        relations, min_plausibility, min_typicality, accepted, source, top_k, limit
    )
    if not isinstance(product, str):
        if other is not None:
            raise UsageError(
                "a list of products and another product were given",
                fix="give one product and the other one, or only the list",
            )
        pulled = _pull_many(graph, _ids(product), edge_filter, top_k)
        merged = {edge.assertion_id: edge for edges in pulled.values() for edge in edges}
        return Results(CobuyEdge, sorted(merged.values(), key=_rank)[:limit])
    first = _id("product", product)
    if other is None:
        rows = _read(graph, _ONE, edge_filter, product=first)
        asked = [first]
    else:
        second = _id("other", other)
        if first == second:
            raise UsageError(
                f"the pair is twice the same product, {first!r}", fix="name two products"
            )
        rows = _read(graph, _PAIR, edge_filter, cobuy=cobuy_id(first, second))
        asked = [first, second]
    if not rows:
        require(graph, NodeType.PRODUCT, asked)
    return Results(CobuyEdge, _best([CobuyEdge(*row) for row in rows], top_k)[:limit])


def pull_each(
    graph: GraphReader,
    products: Sequence[str],
    *,
    relations: str | Sequence[str] | None = None,
    top_k: int | None = None,
    min_plausibility: float | None = None,
    min_typicality: float | None = None,
    accepted: bool | None = None,
    source: str | None = None,
    limit: int | None = None,
) -> dict[str, Results[CobuyEdge]]:
    """Like :func:`pull` for each product of a list, in one query per 500; `limit` is per product.

    Returns
    -------
    dict
        By product id, in the order asked, empty results included.
    """
    edge_filter = _filter(
        relations, min_plausibility, min_typicality, accepted, source, top_k, limit
    )
    pulled = _pull_many(graph, _ids(products), edge_filter, top_k)
    return {product: Results(CobuyEdge, edges[:limit]) for product, edges in pulled.items()}


def _filter(
    relations: str | Sequence[str] | None,
    min_plausibility: float | None,
    min_typicality: float | None,
    accepted: bool | None,
    source: str | None,
    top_k: int | None,
    limit: int | None,
) -> EdgeFilter:
    for name, value in (("top_k", top_k), ("limit", limit)):
        if value is not None:
            check_count(name, value)
    return EdgeFilter.make(
        relations=relations,
        min_plausibility=min_plausibility,
        min_typicality=min_typicality,
        accepted=accepted,
        source=source,
        family=Family.COBUY,
    )


def _read(
    graph: GraphReader, start: str, edge_filter: EdgeFilter, *, more: str = "", **values: Any
) -> list[list[Any]]:
    text = f"{start}-[r]->(i:Intention) {edge_filter.where()} {_RETURN}{more}"
    return graph.read(text, {**edge_filter.parameters(), **values}).rows


def _pull_many(
    graph: GraphReader, products: list[str], edge_filter: EdgeFilter, top_k: int | None
) -> dict[str, list[CobuyEdge]]:
    found: dict[str, list[CobuyEdge]] = {product: [] for product in products}
    for start in range(0, len(products), _CHUNK):
        chunk = products[start : start + _CHUNK]
        for row in _read(graph, _MANY, edge_filter, more=", asked", products=chunk):
            found[row[-1]].append(CobuyEdge(*row[:-1]))
    if empty := [product for product, edges in found.items() if not edges]:
        require(graph, NodeType.PRODUCT, empty)
    return {product: _best(edges, top_k) for product, edges in found.items()}


def _best(edges: list[CobuyEdge], top_k: int | None) -> list[CobuyEdge]:
    edges.sort(key=_rank)
    if top_k is None:
        return edges
    seen: Counter[str] = Counter()
    kept = []
    for edge in edges:
        seen[edge.relation] += 1
        if seen[edge.relation] <= top_k:
            kept.append(edge)
    return kept


def _rank(edge: CobuyEdge) -> tuple[float, float, str]:
    typicality = -1.0 if edge.typicality is None else edge.typicality
    plausibility = -1.0 if edge.plausibility is None else edge.plausibility
    return -typicality, -plausibility, edge.assertion_id


def _ids(products: object) -> list[str]:
    if isinstance(products, str) or not isinstance(products, Iterable):
        return [_id("product", products)]
    ids = list(dict.fromkeys(_id("product", product) for product in products))
    if not ids:
        raise UsageError("no product was given", fix="name at least one product")
    return ids


def _id(name: str, value: object) -> str:
    return product_id(check_text(name, value))
