"""How well an option fits a question, given how well it fits all others.

An intention that fits every pair explains none, and has a high cosine with all of them. Each norm
takes a matrix of cosines and that of a pool of other heads with the same options, and corrects for
that; ``pmi`` is the pointwise mutual information of head and option under
p(option | head) ~ exp(cosine / temperature).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    type Array = npt.NDArray[np.float32]

Norm = Literal["none", "z", "csls", "pmi"]

NORMS: tuple[Norm, ...] = ("none", "z", "csls", "pmi")
_NEAREST = 10


def normed(cosines: Array, pool: Array, norm: Norm, temperature: float) -> Array:
    """Correct cosines for how common an option is.

    Parameters
    ----------
    cosines
        Of heads and options, shape (n, m).
    pool
        Of other heads and the same options, shape (p, m).
    norm
        ``z``: standard deviations above the pool's mean. ``csls``: less half of the mean of the
        ten nearest of the pool (Lample et al., ICLR 2018). ``pmi``: less
        ``temperature * log(mean(exp(pool / temperature)))``.
    temperature
        Of ``pmi``; near 0 only the nearest of the pool counts, at infinity its mean.

    Returns
    -------
    ndarray
        Shape (n, m).

    Examples
    --------
    >>> cosines = np.array([[0.5, 0.4]], np.float32)
    >>> pool = np.array([[0.5, 0.1], [0.5, 0.1]], np.float32)
    >>> normed(cosines, pool, "pmi", 0.05).argmax(), normed(cosines, pool, "none", 1).argmax()
    (np.int64(1), np.int64(0))
    """
    if norm == "none":
        return cosines
    if norm == "z":
        spread = np.maximum(pool.std(0), 1e-6)
        scaled: Array = (cosines - pool.mean(0)) / spread
        return scaled
    if norm == "csls":
        most = min(_NEAREST, len(pool))
        nearest = np.partition(pool, len(pool) - most, axis=0)[-most:]
        less: Array = cosines - nearest.mean(0) / 2
        return less
    return (cosines - generality(pool, temperature)).astype(np.float32)


def generality(pool: Array, temperature: float) -> Array:
    """How well an option fits a pool of heads on the whole: a soft maximum, shape (m,)."""
    top = pool.max(0)
    mean = np.exp((pool - top) / temperature).mean(0)
    found: Array = top + temperature * np.log(mean)
    return found
