"""Search intentions by meaning, with conditions on the edges that lead to them.

The answer is the one that ranking *every* intention with a passing edge would give (as far as
the vector index is exact): the index is asked for more and more neighbours until enough of them
pass, and where few intentions pass at all, the passing ones are collected from the graph and
ranked alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from kg.store import GraphReader
from queries.filters import ORDER, EdgeFilter, check_count, check_text
from queries.results import Head, Results, SearchHit
from schema.errors import UsageError
from schema.identity import normalise_text
from schema.relations import NodeType

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from kg.embed import Embedder

MAX_K = 10_000
_SPARE = 16  # neighbours fetched beyond k, so that equal scores are cut in one order
_GROWTH = 8
_PATIENCE = 4096  # neighbours of one query looked at before the graph is asked who passes

_START: dict[NodeType | None, str] = {
    None: "(h)",
    **{kind: f"(h:{kind.value})" for kind in NodeType},
}


class Index(Protocol):
    """Finds the nearest vectors; see ``kg.vector_index``."""

    def search(
        self,
        queries: npt.NDArray[np.float32],
        k: int,
        *,
        allowed: Sequence[str] | None = None,
    ) -> tuple[npt.NDArray[np.float32], list[list[str]]]:
        """Scores (n, k) and, for each query, ids: best first, perhaps fewer than k."""
        ...

    def __len__(self) -> int: ...


def search(
    graph: GraphReader,
    index: Index,
    embedder: Embedder,
    text: str,
    *,
    k: int = 10,
    relations: str | Sequence[str] | None = None,
    min_plausibility: float | None = None,
    min_typicality: float | None = None,
    accepted: bool | None = None,
    head_type: str | None = None,
    source: str | None = None,
    heads: int = 5,
) -> Results[SearchHit]:
    """Intentions nearest in meaning to a text, with what they are about.

    Parameters
    ----------
    graph, index, embedder
        Where to read; of one knowledge base.
    text
        Anything: a word, a sentence, a question.
    k
        Intentions at most.
    relations
        Only edges with these relations.
    min_plausibility, min_typicality
        In [0, 1], inclusive; unscored edges do not pass.
    accepted
        Only edges with this verdict of the filter.
    head_type
        Only edges from a ``Post``, a ``CoBuy`` or a ``Product``.
    source
        Only edges that this source gave.
    heads
        Heads at most per intention, the most typical first.

    Returns
    -------
    Results of SearchHit
        Best first, ties by id. An intention is there only if an edge to it passes, and its heads
        are those of passing edges.

    Raises
    ------
    UnknownRelationError, UsageError
        If an argument is wrong.
    """
    (found,) = search_many(
        graph,
        index,
        embedder,
        [text],
        k=k,
        relations=relations,
        min_plausibility=min_plausibility,
        min_typicality=min_typicality,
        accepted=accepted,
        head_type=head_type,
        source=source,
        heads=heads,
    )
    return found


def search_many(
    graph: GraphReader,
    index: Index,
    embedder: Embedder,
    texts: Sequence[str],
    *,
    k: int = 10,
    relations: str | Sequence[str] | None = None,
    min_plausibility: float | None = None,
    min_typicality: float | None = None,
    accepted: bool | None = None,
    head_type: str | None = None,
    source: str | None = None,
    heads: int = 5,
) -> list[Results[SearchHit]]:
    """Like :func:`search` for many texts, embedded and looked up together; one answer each."""
    check_count("k", k, most=MAX_K)
    check_count("heads", heads, least=0, most=MAX_K)
    if isinstance(texts, str):
        raise UsageError("one text was given where several are expected", fix="use search()")
    checked = [check_text("the text", text) for text in texts]
    edge_filter = EdgeFilter.make(
        relations=relations,
        min_plausibility=min_plausibility,
        min_typicality=min_typicality,
        accepted=accepted,
        source=source,
        head_type=head_type,
    )
    size = len(index)
    if not checked or not size:
        return [Results(SearchHit, []) for _ in checked]
    passing = _Passing(graph, edge_filter)
    # In the form in which the intentions were embedded, so that the same words score 1.
    asked = [normalise_text(text) or text for text in checked]
    ranked = _rank(index, size, embedder.encode(asked), k, passing)
    wanted = list(dict.fromkeys(identifier for found in ranked for _, identifier in found))
    about = _heads(graph, wanted, edge_filter, heads)
    return [
        Results(
            SearchHit,
            [
                SearchHit(identifier, passing.text(identifier), score, about.get(identifier, []))
                for score, identifier in found
            ],
        )
        for found in ranked
    ]


class _Passing:
    """Knows which intentions an edge leads to that passes, asking the graph once for each."""

    def __init__(self, graph: GraphReader, edge_filter: EdgeFilter) -> None:
        self._graph = graph
        self._parameters = edge_filter.parameters()
        start = _START[edge_filter.head_type]
        where = edge_filter.where()
        self._some = (
            f"UNWIND $ids AS id MATCH (i:Intention {{id: id}})<-[r]-{start} {where} "
            "RETURN DISTINCT i.id, i.text"
        )
        self._all = f"MATCH {start}-[r]->(i:Intention) {where} RETURN DISTINCT i.id, i.text"
        self._known: dict[str, str | None] = {}
        self._complete: list[str] | None = None

    def learn(self, ids: Sequence[str]) -> None:
        new = [identifier for identifier in dict.fromkeys(ids) if identifier not in self._known]
        if not new or self._complete is not None:
            return
        rows = self._graph.read(self._some, {**self._parameters, "ids": new}).rows
        self._known.update(dict.fromkeys(new))
        self._known.update((row[0], row[1]) for row in rows)

    def all(self) -> list[str]:
        if self._complete is None:
            rows = self._graph.read(self._all, self._parameters).rows
            self._known = {row[0]: row[1] for row in rows}
            self._complete = sorted(self._known)
        return self._complete

    def __contains__(self, identifier: str) -> bool:
        return self._known.get(identifier) is not None

    def text(self, identifier: str) -> str:
        return self._known[identifier] or ""


def _rank(
    index: Index, size: int, vectors: npt.NDArray[np.float32], k: int, passing: _Passing
) -> list[list[tuple[float, str]]]:
    """For each vector the k best (score, id) whose id passes."""
    ranked: list[list[tuple[float, str]]] = [[] for _ in vectors]
    pending = list(range(len(vectors)))
    fetch = min(k + _SPARE, size)
    while pending:
        scores, ids = index.search(vectors[pending], fetch)
        passing.learn([identifier for row in ids for identifier in row])
        for position, row_scores, row_ids in zip(pending, scores, ids, strict=True):
            ranked[position] = _cut(row_scores.tolist(), row_ids, k, passing)
        seen = dict(zip(pending, map(len, ids), strict=True))
        pending = [p for p in pending if len(ranked[p]) < k and seen[p] < size]
        if fetch >= min(max(_PATIENCE, k + _SPARE), size):
            break
        fetch = min(fetch * _GROWTH, max(_PATIENCE, k + _SPARE), size)
    if pending and (allowed := passing.all()):
        scores, ids = index.search(vectors[pending], min(k + _SPARE, len(allowed)), allowed=allowed)
        for position, row_scores, row_ids in zip(pending, scores, ids, strict=True):
            ranked[position] = _cut(row_scores.tolist(), row_ids, k, passing)
    return ranked


def _cut(scores: list[float], ids: list[str], k: int, passing: _Passing) -> list[tuple[float, str]]:
    # A row of scores may be padded where there are fewer ids. Digits beyond the sixth depend on
    # how many texts were looked up together.
    found = [(round(s, 6), i) for s, i in zip(scores, ids, strict=False) if i in passing]
    found.sort(key=lambda pair: (-pair[0], pair[1]))
    return found[:k]


def _heads(
    graph: GraphReader, ids: list[str], edge_filter: EdgeFilter, most: int
) -> dict[str, list[Head]]:
    if not ids or not most:
        return {}
    start = _START[edge_filter.head_type]
    where = edge_filter.where()
    rows = graph.read(
        f"UNWIND $ids AS id CALL {{ WITH id MATCH (:Intention {{id: id}})<-[r]-{start} {where} "
        f"RETURN h, r ORDER BY {ORDER} LIMIT $most }} "
        "RETURN id, labels(h)[0], h.id, h.text, h.a, h.b, type(r), r.id, r.plausibility, "
        "r.typicality, r.accepted",
        {**edge_filter.parameters(), "ids": ids, "most": most},
    ).rows
    titles = _titles(graph, rows)
    found: dict[str, list[Head]] = {}
    for (
        intention,
        kind,
        head,
        text,
        a,
        b,
        relation,
        edge,
        plausibility,
        typicality,
        accepted,
    ) in rows:
        products = [a, b] if kind == "CoBuy" else [head] if kind == "Product" else []
        label = text if kind == "Post" else " + ".join(titles.get(p) or p for p in products)
        found.setdefault(intention, []).append(
            Head(kind, head, label, relation, edge, plausibility, typicality, accepted, products)
        )
    return found


def _titles(graph: GraphReader, rows: list[list[object]]) -> dict[object, str | None]:
    wanted = {p for row in rows for p in ([row[4], row[5]] if row[1] == "CoBuy" else [row[2]])}
    if not wanted:
        return {}
    read = graph.read(
        "UNWIND $ids AS id MATCH (p:Product {id: id}) RETURN p.id, p.title",
        {"ids": sorted(map(str, wanted))},
    )
    return {row[0]: row[1] for row in read.rows}
