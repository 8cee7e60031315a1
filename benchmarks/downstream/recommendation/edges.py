"""Edges of the graph that a recommender learns on: items, and what joins them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from queries.features import Retrieved

    type Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Undirected edges, each stated once.

    Attributes
    ----------
    ends
        Shape (2, m), int64: items are numbered from 0, other nodes after them.
    weights
        Shape (m,), float32.
    others
        Shape (o, dimension): vectors of the nodes that are no items.
    """

    ends: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    others: Vectors


def bought_together(bundles: list[list[int]], dimension: int) -> Edges:
    """Items of one bundle, weighted by the number of bundles that have both."""
    import numpy as np

    counts = Counter(pair for bundle in bundles for pair in combinations(sorted(set(bundle)), 2))
    ends = np.array(sorted(counts), np.int64).reshape(-1, 2).T
    weights = np.array([counts[pair] for pair in sorted(counts)], np.float32)
    return Edges(ends, weights, np.zeros((0, dimension), np.float32))


def chosen(retrieved: Retrieved, k: int, least: float) -> Retrieved:
    """The first `k` intentions of each item; one found by meaning only from a cosine of `least`."""
    import numpy as np

    from queries.features import NEAREST

    far = (retrieved.origins == NEAREST)[:, None] & ~(retrieved.scores >= least)
    places = np.where(far, -1, retrieved.places)[:, :k].astype(np.int32)
    return replace(
        retrieved,
        places=places,
        scores=retrieved.scores[:, :k],
        relations=retrieved.relations[:, :k],
    )


def intentions(retrieved: Retrieved, weight: float) -> Edges:
    """Each item with its intentions, which become nodes."""
    import numpy as np

    places = retrieved.places
    items, columns = (places >= 0).nonzero()
    used, row = np.unique(places[items, columns], return_inverse=True)
    n = len(retrieved)
    ends = np.stack([items.astype(np.int64), n + row.astype(np.int64)])
    return Edges(ends, np.full(len(items), weight, np.float32), retrieved.table[used])


def alike(vectors: Vectors, k: int, weight: float, least: float) -> Edges:
    """Each item with the `k` items whose titles are nearest: what a title says without a graph."""
    import numpy as np

    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1.0)
    k = min(k, len(vectors) - 1)
    near = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
    items, columns = (np.take_along_axis(cosines, near, 1) >= least).nonzero()
    pairs = np.stack([items, near[items, columns]])
    ends = np.unique(np.sort(pairs, axis=0), axis=1).astype(np.int64)
    nothing = np.zeros((0, vectors.shape[1]), np.float32)
    return Edges(ends, np.full(ends.shape[1], weight, np.float32), nothing)


def joined(*parts: Edges) -> Edges:
    """All edges; at most one part may have nodes that are no items."""
    import numpy as np

    return Edges(
        np.concatenate([part.ends for part in parts], 1),
        np.concatenate([part.weights for part in parts]),
        np.concatenate([part.others for part in parts]),
    )
