"""Vectors at one byte a dimension, by key: what the best candidates are compared with.

Each vector is rounded to whole numbers from -127 to 127 and one factor that fits it best; nothing
is trained, so that no later vector fits worse than the first ones. The error of a cosine is about
0.0005.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    type Vectors = npt.NDArray[np.float32]
    type Keys = npt.NDArray[np.int64]

_AT_ONCE = 4096  # rows decoded together


class Rows:
    """Rounded vectors by key.

    Parameters
    ----------
    dimension
        Length of a vector.
    keys, records
        What a file holds: ascending keys, and their records.

    Attributes
    ----------
    keys
        Every key, ascending.
    """

    def __init__(
        self, dimension: int, keys: Keys | None = None, records: npt.NDArray[Any] | None = None
    ) -> None:
        self._type = record(dimension)
        self.keys = np.empty(0, np.int64) if keys is None else keys
        self._places = np.arange(len(self.keys))
        self._segments = [np.empty(0, self._type) if records is None else records]

    @classmethod
    def read(cls, path: Path, dimension: int, keys: Keys) -> Self:
        """Map a file into memory; its rows belong to `keys`, in order."""
        if not len(keys):  # nothing cannot be mapped
            return cls(dimension)
        return cls(dimension, keys, np.memmap(path, record(dimension), "r", shape=(len(keys),)))

    def write(self, path: Path) -> None:
        """Write the records in ascending order of their keys."""
        with path.open("wb") as file:
            for start in range(0, len(self), _AT_ONCE):
                file.write(self._take(self._places[start : start + _AT_ONCE]).tobytes())

    def __len__(self) -> int:
        return len(self.keys)

    def add(self, keys: Keys, vectors: Vectors) -> None:
        """Add vectors whose keys are not here yet."""
        first = sum(map(len, self._segments))
        self._segments.append(_rounded(vectors, self._type))
        order = np.argsort(keys)
        where = np.searchsorted(self.keys, keys[order])
        self.keys = np.insert(self.keys, where, keys[order])
        self._places = np.insert(self._places, where, first + order)

    def remove(self, keys: Keys) -> None:
        """Forget vectors; their room is given back when the rows are written."""
        kept = ~np.isin(self.keys, keys)
        self.keys, self._places = self.keys[kept], self._places[kept]

    def vectors(self, keys: Keys) -> Vectors:
        """Vectors of keys, all of which are here, in their order."""
        rows = self._rows_of(keys)
        found: Vectors = rows["code"].astype(np.float32) * rows["factor"][:, None]
        return found

    def best(self, query: Vectors, keys: Keys, k: int) -> tuple[Vectors, Keys]:
        """Compare one query with the vectors of `keys`; the `k` best, best first.

        Equal scores come in the order of their keys.
        """
        keys = np.sort(keys)  # neighbours in memory one after the other
        scores = np.concatenate(
            [
                _cosines(self._rows_of(keys[start : start + _AT_ONCE]), query)
                for start in range(0, len(keys), _AT_ONCE)
            ]
        )
        if len(keys) > k:
            near = np.argpartition(-scores, k - 1)[:k]
            keys, scores = keys[near], scores[near]
        order = np.lexsort((keys, -scores))
        return scores[order], keys[order]

    def _rows_of(self, keys: Keys) -> npt.NDArray[Any]:
        """Records of keys, all of which are here, in their order."""
        return self._take(self._places[np.searchsorted(self.keys, keys)])

    def _take(self, places: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        if len(self._segments) == 1:
            # As plain bytes: numpy copies structures field by field, four times slower.
            flat = self._segments[0].view(np.uint8).reshape(-1, self._type.itemsize)
            taken: npt.NDArray[Any] = np.take(flat, places, axis=0).view(self._type)[:, 0]
            return taken
        found = np.empty(len(places), self._type)
        ends = np.cumsum([len(segment) for segment in self._segments])
        owners = np.searchsorted(ends, places, side="right")
        for owner in np.unique(owners):
            mine = owners == owner
            segment = self._segments[owner]
            found[mine] = segment[places[mine] - (ends[owner] - len(segment))]
        return found


def record(dimension: int) -> np.dtype[Any]:
    """What one vector is on disk: a factor, and a signed byte per dimension."""
    return np.dtype([("factor", "<f4"), ("code", "i1", (dimension,))])


def _cosines(rows: npt.NDArray[Any], query: Vectors) -> Vectors:
    cosines: Vectors = (rows["code"].astype(np.float32) @ query) * rows["factor"]
    return cosines


def _rounded(vectors: Vectors, kind: np.dtype[Any]) -> npt.NDArray[Any]:
    rows = np.empty(len(vectors), kind)
    largest = np.abs(vectors).max(axis=1, initial=0)
    step = np.where(largest > 0, largest, 1)[:, None] / 127
    code = np.rint(vectors / step)
    rows["code"] = code
    # The factor that leaves the smallest error, which is not quite the step.
    squares = np.einsum("ij,ij->i", code, code)
    rows["factor"] = np.einsum("ij,ij->i", vectors, code) / np.where(squares > 0, squares, 1)
    return rows
