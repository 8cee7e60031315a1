"""Pairs to clusters: union–find, then each cluster gathered around one canonical member."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    type Pairs = npt.NDArray[np.int32]
    type Rows = npt.NDArray[np.int32]

Similar = Callable[[int, Sequence[int]], Sequence[float]]
"""How similar a row is to others; -1 where a guard tells them apart."""


def components(count: int, pairs: Pairs) -> list[Rows]:
    """Sets of rows that pairs connect, of two or more, ordered by their first rows.

    Parameters
    ----------
    count
        How many rows there are.
    pairs
        Shape (n, 2).
    """
    import numpy as np
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if not len(pairs):
        return []
    # Only rows that a pair names, so that a few pairs among millions of rows cost little.
    rows, places = np.unique(pairs, return_inverse=True)
    places = places.reshape(-1, 2)
    ones = np.ones(len(pairs), np.int8)
    links = coo_matrix((ones, (places[:, 0], places[:, 1])), shape=(len(rows), len(rows)))
    _, labels = connected_components(links, directed=False)
    order = np.argsort(labels, kind="stable")
    cuts = np.flatnonzero(np.diff(labels[order])) + 1
    found = [part.astype(np.int32) for part in np.split(rows[order], cuts)]
    return sorted((part for part in found if len(part) > 1), key=lambda part: int(part[0]))


def gather(
    members: Sequence[int],
    rank: Callable[[int], tuple[float, ...] | tuple[object, ...]],
    similar: Similar,
    threshold: float,
) -> list[tuple[int, list[tuple[int, float]]]]:
    """Divide a component into clusters whose members are all similar to their canonical one.

    Union–find alone chains: a is like b, b is like c, and a is not like c. So the member of the
    least rank takes those that are similar to it, and the rest is divided again.

    Parameters
    ----------
    members
        Rows of one component.
    rank
        Orders them; the least is canonical.
    similar
        Compares one row with others.
    threshold
        From which similarity on a row joins.

    Returns
    -------
    list of tuple
        Canonical row, and the other rows with their similarity to it; rows alone are left out.
    """
    left = sorted((int(row) for row in members), key=rank)
    found = []
    while len(left) > 1:
        canonical, *others = left
        scores = similar(canonical, others)
        taken = [(row, s) for row, s in zip(others, scores, strict=True) if s >= threshold]
        left = [row for row, s in zip(others, scores, strict=True) if s < threshold]
        if taken:
            found.append((canonical, taken))
    return found
