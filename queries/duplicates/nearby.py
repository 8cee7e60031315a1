"""Candidates by meaning: pairs of vectors whose cosine reaches a threshold.

Few vectors are all compared with each other, which misses nothing. Many are divided among the
centres of k-means, each into the two that are nearest, and compared within these blocks; a pair
that shares no block is missed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    type Vectors = npt.NDArray[np.floating[Any]]
    type Pairs = npt.NDArray[np.int32]
    type Rows = npt.NDArray[np.int32]

EXACT = 20_000  # vectors that are all compared

_BLOCKS = 2  # to which each vector belongs
_SAMPLE = 39  # vectors a centre, for k-means; FAISS wants no fewer
_ROUNDS = 4
_SEED = 1234
_ROWS, _COLUMNS = 256, 8_192  # compared at once


def candidates(vectors: Vectors, threshold: float, *, exact: int = EXACT) -> Iterator[Pairs]:
    """Yield the pairs of rows whose cosine is at least `threshold`, each pair once.

    Parameters
    ----------
    vectors
        Shape (n, dimension), each of length 1; half precision will do.
    exact
        Up to how many vectors every pair is compared.

    Yields
    ------
    ndarray
        Shape (n, 2), int32: rows, the smaller first.
    """
    import numpy as np

    if len(vectors) < 2:
        return
    if len(vectors) <= exact:
        yield from _within(vectors, np.arange(len(vectors), dtype=np.int32), threshold)
        return
    homes = _homes(vectors)
    blocks = homes.ravel()
    order = np.argsort(blocks, kind="stable")
    ends = np.searchsorted(blocks[order], np.arange(blocks.max() + 2))
    for block, (start, end) in enumerate(itertools.pairwise(ends)):
        members = np.sort(order[start:end] // _BLOCKS).astype(np.int32)
        for pairs in _within(vectors, members, threshold):
            # Of two blocks that a pair shares, the first has it.
            mine = _first_shared(homes[pairs[:, 0]], homes[pairs[:, 1]]) == block
            if mine.any():
                yield pairs[mine]


def _within(vectors: Vectors, members: Rows, threshold: float) -> Iterator[Pairs]:
    """Compare all members of a block, each pair once."""
    import numpy as np

    for start in range(0, len(members), _ROWS):
        left = members[start : start + _ROWS]
        some = vectors[left].astype(np.float32)
        for first in range(start, len(members), _COLUMNS):
            right = members[first : first + _COLUMNS]
            a, b = np.nonzero(some @ vectors[right].astype(np.float32).T >= threshold)
            once = left[a] < right[b]
            if once.any():
                yield np.column_stack((left[a[once]], right[b[once]]))


def _homes(vectors: Vectors) -> npt.NDArray[np.int32]:
    """The nearest centres of each vector; shape (n, _BLOCKS)."""
    import faiss
    import numpy as np

    count = max(2, round(2 * len(vectors) ** 0.5))
    chance = np.random.default_rng(_SEED)
    drawn = np.sort(chance.permutation(len(vectors))[: count * _SAMPLE])
    kmeans: Any = faiss.Kmeans(
        vectors.shape[1], count, niter=_ROUNDS, seed=_SEED, spherical=True,
        min_points_per_centroid=1, max_points_per_centroid=_SAMPLE,
    )  # fmt: skip
    kmeans.train(vectors[drawn].astype(np.float32))
    homes = np.empty((len(vectors), _BLOCKS), np.int32)
    for start in range(0, len(vectors), 16_384):
        rows = vectors[start : start + 16_384].astype(np.float32)
        homes[start : start + len(rows)] = kmeans.index.search(rows, _BLOCKS)[1]
    return homes


def _first_shared(a: npt.NDArray[np.int32], b: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """For each row the least block that is in both."""
    import numpy as np

    shared = (a[:, :, None] == b[:, None, :]).any(2)
    found: npt.NDArray[np.int32] = np.where(shared, a, np.iinfo(np.int32).max).min(1)
    return found
