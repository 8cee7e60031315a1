"""Search by meaning with Neo4j's own vector index, in place of the FAISS index on disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kg.neo4j.names import VECTOR, quoted
from kg.neo4j.reader import ServedGraph
from kg.neo4j.state import vector_model
from schema.errors import NotBuiltError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from kg.embed import Embedder

    type Vectors = npt.NDArray[np.float32]

_LEAST_MORE = 16  # neighbours beyond those that are asked for


class ServedIndex:
    """The vector index of a served graph, as :func:`queries.search.search` asks it.

    Its neighbours are approximate (HNSW, over vectors that Neo4j rounds), so some more are taken
    than are asked for, and compared anew with the vectors as they are.

    Raises
    ------
    NotBuiltError
        If the graph was pushed without vectors.
    UsageError
        If another embedder made them.
    """

    def __init__(self, graph: ServedGraph, embedder: Embedder) -> None:
        model = graph.state.vector_model
        if not model:
            raise NotBuiltError(
                "the graph on the server has no vectors",
                fix="intentkg build KB, then intentkg push KB without --no-vectors",
            )
        mine = vector_model(embedder.name, embedder.dimension)
        if model != mine:
            raise UsageError(
                f"the vectors on the server are of {model}, this is {mine}",
                fix="search with the embedder that made them, or push again",
            )
        self._graph = graph
        self._label = quoted(graph.names.label("Intention"))

    def __len__(self) -> int:
        ((count,),) = self._graph.ask(f"MATCH (i:{self._label}) RETURN count(i)")
        return int(count)

    def search(
        self, queries: Vectors, k: int, *, allowed: Sequence[str] | None = None
    ) -> tuple[Vectors, list[list[str]]]:
        """Find the nearest vectors; see :meth:`kg.vector_index.VectorIndex.search`."""
        import numpy as np

        scores = np.full((len(queries), k), -1.0, np.float32)
        ids: list[list[str]] = []
        for row, vector in enumerate(queries.tolist()):
            found = self._nearest(vector, k) if allowed is None else self._of(vector, k, allowed)
            # Neo4j gives (1 + cosine) / 2.
            scores[row, : len(found)] = [2 * score - 1 for _, score in found]
            ids.append([identifier for identifier, _ in found])
        return scores, ids

    def _nearest(self, vector: list[float], k: int) -> list[list[Any]]:
        return self._graph.ask(
            "CALL db.index.vector.queryNodes($index, $more, $vector) YIELD node "
            f"WITH node, vector.similarity.cosine(node.{VECTOR}, $vector) AS score "
            "RETURN node.id, score ORDER BY score DESC, node.id LIMIT $k",
            index=self._graph.names.vector_index,
            more=k + max(_LEAST_MORE, k // 4),
            k=k,
            vector=vector,
        )

    def _of(self, vector: list[float], k: int, allowed: Sequence[str]) -> list[list[Any]]:
        return self._graph.ask(
            f"UNWIND $ids AS id MATCH (i:{self._label} {{id: id}}) WHERE i.{VECTOR} IS NOT NULL "
            f"RETURN i.id, vector.similarity.cosine(i.{VECTOR}, $vector) AS score "
            "ORDER BY score DESC, i.id LIMIT $k",
            ids=list(allowed),
            vector=vector,
            k=k,
        )
