"""A FAISS index with ids inside: exact while it is small, scanned in two steps above.

Up to :data:`FLAT_LIMIT` vectors the index compares with all of them in fp32; above, with coarse
codes of all of them and then with finer ones of the best (:mod:`kg.vector_forms`, where the
choice is measured). Vectors come and go without new training.

On disk an index is a directory of three or four files (:mod:`kg.vector_files`), one of which says
how to read the others and carries their checksums. :meth:`VectorIndex.open` refuses an index that
does not agree with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from kg import vector_files as files
from kg.vector_forms import SAMPLE, Flat, Form, Scan
from kg.vector_ids import IdTable
from schema.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    type Vectors = npt.NDArray[np.float32]

FLAT_LIMIT = 20_000  # vectors; an exact scan takes a millisecond or two there


class VectorIndex:
    """Vectors by id, searched by cosine similarity.

    Make one with :meth:`create` or :meth:`open`. Vectors have length 1.

    Attributes
    ----------
    dimension
        Length of a vector.
    model
        Name of the embedder that makes them.
    """

    def __init__(self, model: str, form: Form, ids: IdTable) -> None:
        self.dimension = form.dimension
        self.model = model
        self._form = form
        self._ids = ids

    @classmethod
    def create(
        cls, dimension: int, model: str, *, sample: Vectors | None = None, count: int = 0
    ) -> Self:
        """Begin an empty index.

        Parameters
        ----------
        dimension, model
            Length of a vector, and name of the embedder that makes them.
        sample
            Vectors drawn at random from those to come, :data:`kg.vector_forms.SAMPLE` of them if
            there are so many. Without them the index is exact, whatever its size.
        count
            How many vectors are to come.
        """
        if sample is None or count <= FLAT_LIMIT:
            return cls(model, Flat(dimension), IdTable())
        return cls(model, Scan.train(_rows(sample, dimension, model)), IdTable())

    @classmethod
    def open(cls, path: Path, *, expected: str | None = None, model: str | None = None) -> Self:
        """Open the index in a directory. Changes stay in memory until they are saved elsewhere.

        Parameters
        ----------
        path
            The directory that :meth:`save` wrote.
        expected
            The checksum that :meth:`save` returned, as the knowledge base recorded it.
        model
            The embedder's name, if it is to be the one that made the vectors.

        Raises
        ------
        CorruptError
            If anything in the directory is missing, cut short or altered, or the index is of
            another model.
        """
        header = files.check(path, expected=expected, model=model)
        return cls(header.model, *files.read(path, header))

    @property
    def form(self) -> str:
        """``flat`` (exact) or ``scan-pq4``."""
        return self._form.name

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, identifier: object) -> bool:
        return isinstance(identifier, str) and bool(self._ids.has([identifier])[0])

    def ids(self) -> list[str]:
        """Every id, ascending."""
        return self._ids.all()

    def missing(self, ids: Sequence[str]) -> list[str]:
        """Those of `ids` that have no vector here."""
        return [i for i, here in zip(ids, self._ids.has(ids), strict=True) if not here]

    def add(self, ids: Sequence[str], vectors: Vectors) -> None:
        """Add vectors.

        Parameters
        ----------
        ids
            Ids that are not here yet: a prefix, ``_`` and 32 hexadecimal digits.
        vectors
            Shape (len(ids), dimension), each of length 1.

        Raises
        ------
        UsageError
            If an id is here already or is of another form, or the vectors are of another shape or
            not of length 1.
        """
        rows = _rows(vectors, self.dimension, self.model)
        if len(rows) != len(ids):
            raise UsageError(f"{len(ids)} ids came with {len(rows)} vectors")
        if not _unit_length(rows):
            raise UsageError("a vector is not of length 1", fix="normalise the vectors")
        if len(ids):
            self._form.add(self._ids.add(ids), rows)

    def remove(self, ids: Sequence[str]) -> int:
        """Remove the vectors of `ids`; those that are not here do not matter.

        Returns
        -------
        int
            How many were removed.
        """
        keys = self._ids.find(ids)
        if len(keys):
            self._form.remove(keys)
            self._ids.remove(keys)
        return len(keys)

    def search(
        self, queries: Vectors, k: int, *, allowed: Sequence[str] | None = None
    ) -> tuple[Vectors, list[list[str]]]:
        """Find the nearest vectors.

        Parameters
        ----------
        queries
            Shape (n, dimension), each of length 1.
        k
            How many to find for each.
        allowed
            Look only at these ids; those that are not here do not matter.

        Returns
        -------
        scores : ndarray
            Shape (n, k), float32: cosine similarity, best first; -inf where nothing was found.
        ids : list of list of str
            For each query the ids that belong to the scores; fewer than `k` if there are fewer.
        """
        import numpy as np

        rows = _rows(queries, self.dimension, self.model)
        if k < 1:
            raise UsageError(f"cannot look for {k} neighbours", fix="ask for 1 or more")
        keys = None if allowed is None else self._ids.find(allowed)
        most = min(k, len(self) if keys is None else len(keys))
        scores = np.full((len(rows), k), -np.inf, np.float32)
        if not most or not len(rows):
            return scores, [[] for _ in rows]
        near, found = self._form.search(rows, most, keys)
        scores[:, :most] = np.where(found >= 0, near, -np.inf)
        names = iter(self._ids.names(found[found >= 0]))
        return scores, [[next(names) for key in row if key >= 0] for row in found]

    def vectors(self, ids: Sequence[str]) -> Vectors:
        """Vectors of `ids`, in their order: exact if the index is flat, else rounded.

        Raises
        ------
        UsageError
            If one of them is not here.
        """
        absent = self.missing(ids)
        if absent:
            raise UsageError(f"{absent[0]} has no vector", fix="intentkg build KB")
        return self._form.vectors(self._ids.keys_of(ids))

    def grown(self, count: int) -> Self:
        """Return this index, or one of the same vectors that suits `count` of them better."""
        if self.form != Flat.name or count <= FLAT_LIMIT or not len(self):
            return self
        ids = self.ids()
        vectors = self.vectors(ids)
        # Ids are hashes, so the first ones are as good a sample as any.
        other = self.create(self.dimension, self.model, sample=vectors[:SAMPLE], count=count)
        other.add(ids, vectors)
        return other

    def save(self, directory: Path) -> str:
        """Write the index into `directory`, which must not exist.

        It appears there as a whole, on stable storage, or not at all.

        Returns
        -------
        str
            The checksum that :meth:`open` can be told to expect.
        """
        return files.save(directory, self._form, self._ids, model=self.model)


def _rows(vectors: Vectors, dimension: int, model: str) -> Vectors:
    """Vectors as FAISS takes them."""
    import numpy as np

    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    if rows.ndim != 2 or rows.shape[1] != dimension:
        raise UsageError(
            f"vectors of shape {rows.shape} do not fit an index of dimension {dimension}",
            fix=f"embed with the model {model}",
        )
    return rows


def _unit_length(vectors: Vectors) -> bool:
    """Whether every vector has length 1, within what half precision rounds."""
    import numpy as np

    squares = np.einsum("ij,ij->i", vectors, vectors)
    return bool(np.all(np.abs(squares - 1) < 0.02))  # NaN is not
