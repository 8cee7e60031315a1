"""Vectors of a corpus's intentions: those that the knowledge base has, the others embedded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from kg import vectors
from kg.directory import Directory
from schema.errors import NotBuiltError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from kg.embed import Embedder
    from kg.vector_index import VectorIndex

    type Rows = npt.NDArray[np.int32]
    type Half = npt.NDArray[np.float16]

Progress = Callable[[str, int, int | None], None]

STAGE = "vectors"

_AT_ONCE = 16_384  # texts or vectors fetched together
_COMPARED = 65_536  # pairs compared together


class Meanings:
    """Vectors by row, fetched when they are needed and kept in half precision.

    Parameters
    ----------
    directory
        The knowledge base whose vectors are used as far as it has them.
    ids, texts
        Intentions, and their normalised texts.
    """

    def __init__(
        self, directory: Directory, ids: Sequence[str], texts: Sequence[str], progress: Progress
    ) -> None:
        import numpy as np

        self._ids, self._texts = ids, texts
        self._progress = progress
        self._index = _stored(directory)
        self._named = None if self._index is None else self._index.model
        self._made: Embedder | None = None
        self._places = np.full(len(ids), -1, np.int32)
        self._rows: Half = np.empty((0, 0), np.float16)
        self.embedded = 0

    @property
    def model(self) -> str:
        """Name of the embedder that the vectors are of."""
        return self._named or self._embedder().name

    def all(self) -> Half:
        """Vectors of every row, in order."""
        import numpy as np

        everything = np.arange(len(self._ids), dtype=np.int32)
        self.need(everything)
        # A copy would double what a million vectors take.
        self._index = None  # nothing is left to fetch, and it takes as much again
        in_order = np.array_equal(self._places, everything)
        return self._rows if in_order else self._rows[self._places]

    def need(self, rows: Rows) -> None:
        """Fetch or embed the vectors of rows that are not here yet."""
        import numpy as np

        rows = np.unique(rows)
        rows = rows[self._places[rows] < 0]
        if not len(rows):
            return
        first = len(self._rows)
        dimension = (self._index or self._embedder()).dimension
        grown = np.empty((first + len(rows), dimension), np.float16)
        grown[:first] = self._rows.reshape(first, dimension)
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            grown[first + start : first + start + len(some)] = self._fetch(some)
            self._progress(STAGE, start + len(some), len(rows))
        self._rows = grown
        self._places[rows] = np.arange(first, first + len(rows), dtype=np.int32)

    def cosines(self, a: Rows, b: Rows) -> npt.NDArray[np.float32]:
        """Cosine similarity of rows, pair by pair; their vectors are here."""
        import numpy as np

        found = np.empty(len(a), np.float32)
        for start in range(0, len(a), _COMPARED):
            end = start + _COMPARED
            left = self._rows[self._places[a[start:end]]].astype(np.float32)
            right = self._rows[self._places[b[start:end]]].astype(np.float32)
            found[start:end] = np.einsum("ij,ij->i", left, right)
        return found

    def _fetch(self, rows: Rows) -> npt.NDArray[np.float32]:
        import numpy as np

        ids = [self._ids[row] for row in rows]
        missing = set(ids if self._index is None else self._index.missing(ids))
        new = [place for place, identifier in enumerate(ids) if identifier in missing]
        old = [place for place, identifier in enumerate(ids) if identifier not in missing]
        dimension = (self._index or self._embedder()).dimension
        found = np.empty((len(rows), dimension), np.float32)
        if old and self._index is not None:
            found[old] = self._index.vectors([ids[place] for place in old])
        if new:
            found[new] = self._embedder().encode([self._texts[rows[place]] for place in new])
            self.embedded += len(new)
        return found

    def _embedder(self) -> Embedder:
        if self._made is None:
            from kg.embed import load_embedder

            self._made = load_embedder(self._named)
        return self._made


def _stored(directory: Directory) -> VectorIndex | None:
    try:
        return vectors.open_index(directory)
    except NotBuiltError:
        return None
