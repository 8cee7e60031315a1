"""The two forms of a vector index, by what they do with FAISS.

:class:`Flat`
    Every vector in fp32; a search compares with each. Exact.
:class:`Scan`
    Every vector twice: as codes of four bits for four dimensions, which FAISS compares with a
    query at some 500 million vectors a second and core, and as :mod:`kg.vector_rows`. A search
    scans all codes and compares the best :data:`CANDIDATES` of them with the rows. Nothing is
    left out unseen, so that recall does not depend on how the vectors cluster, and vectors come
    and go without new training.

What was tried on recombined intentions, 98,304 x 384, for the ten nearest of 500 queries, on two
busy cores (exact scan in the same run: 38 ms):

==================  ==========  ========  =======================================================
form                recall@10   ms        remarks
==================  ==========  ========  =======================================================
IVF1024,SQ8         0.86-0.93   -         in 64 clusters; half of all clusters for 0.97-0.99
HNSW32,SQ8          0.98-0.99   0.2-0.35  107 s to build, nothing can be removed, 656 bytes each
RaBitQfs + rows     0.995       0.8       needs no training
PQ64x4fs + rows     0.99-0.995  0.25      424 bytes each
PQ96x4fs + rows     0.995       0.35      chosen: a few seconds to train, 460 bytes each
==================  ==========  ========  =======================================================

At a million (``benchmarks.performance.vector_search``, beside an exact scan of 58 ms): with 150
candidates recall@10 is 0.993 and p50 2.7 ms, with 500 it is 0.997 and 3.4 ms; 460 MB on disk (0.30
of fp32), 7 s to train, add and save, 0.2 s to open.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from schema.errors import CorruptError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from kg.vector_rows import Rows

    type Vectors = npt.NDArray[np.float32]
    type Keys = npt.NDArray[np.int64]

INDEX = "index.faiss"
ROWS = "rows.i8"
CANDIDATES = 500  # compared with the rows, for each query
CANDIDATES_OF_MANY = 150  # the same in an index of MANY vectors, whose scan takes long enough
MANY = 500_000
SAMPLE = 20_000  # vectors that training makes use of; more change nothing measurable

_LISTS = 16  # of which each search scans all; removal moves the codes of one list only
_FEW = 20_000  # allowed keys that are compared one by one, without the scan
_SEED = 1234
_ROUNDS = 10  # of k-means


class Flat:
    """Every vector in fp32."""

    name: ClassVar[str] = "flat"
    files: ClassVar[tuple[str, ...]] = (INDEX,)

    def __init__(self, dimension: int, index: Any = None) -> None:
        faiss = _faiss()
        self.dimension = dimension
        self._index = index or faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))

    @classmethod
    def read(cls, directory: Path, dimension: int, keys: Keys) -> Flat:
        """Read the files."""
        index = _read(directory / INDEX, _faiss().IndexIDMap2, dimension, len(keys))
        return cls(dimension, index)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, keys: Keys, vectors: Vectors) -> None:
        """Add vectors whose keys are not here yet."""
        self._index.add_with_ids(vectors, keys)

    def remove(self, keys: Keys) -> None:
        """Take vectors out."""
        self._index.remove_ids(_faiss().IDSelectorBatch(keys))

    def search(self, queries: Vectors, k: int, keys: Keys | None) -> tuple[Vectors, Keys]:
        """Find the `k` best, among `keys` only if they are given; exact.

        Returns
        -------
        scores, keys : ndarray
            Shape (n, k), best first; the key -1 stands where nothing was found.
        """
        chosen = {} if keys is None else {"sel": _faiss().IDSelectorBatch(keys)}
        settings = _faiss().SearchParameters(**chosen)
        with _threads_for(queries):
            found: tuple[Vectors, Keys] = self._index.search(queries, k, params=settings)
        return found

    def vectors(self, keys: Keys) -> Vectors:
        """Vectors of keys, all of which are here, in their order."""
        import numpy as np

        found = np.empty((len(keys), self.dimension), np.float32)
        for row, key in zip(found, keys.tolist(), strict=True):
            self._index.reconstruct(key, row)
        return found

    def write(self, directory: Path) -> None:
        """Write the files."""
        _faiss().write_index(self._index, str(directory / INDEX))


class Scan:
    """Codes that are scanned, and rows that the best candidates are compared with."""

    name: ClassVar[str] = "scan-pq4"
    files: ClassVar[tuple[str, ...]] = (INDEX, ROWS)

    def __init__(self, dimension: int, index: Any, rows: Rows) -> None:
        self.dimension = dimension
        self._index = index
        self._rows = rows
        index.nprobe = index.nlist

    @classmethod
    def train(cls, sample: Vectors) -> Scan:
        """Begin an empty index with codes made for vectors like these."""
        from kg.vector_rows import Rows

        dimension = sample.shape[1]
        codes = dimension // next(size for size in (4, 3, 2, 1) if dimension % size == 0)
        lists = min(_LISTS, len(sample))
        index = _faiss().index_factory(
            dimension, f"IVF{lists},PQ{codes}x4fs", _faiss().METRIC_INNER_PRODUCT
        )
        for clustering in (index.cp, index.pq.cp):
            clustering.seed = _SEED
            clustering.niter = _ROUNDS
            clustering.min_points_per_centroid = 1
        index.train(sample[:SAMPLE])
        return cls(dimension, index, Rows(dimension))

    @classmethod
    def read(cls, directory: Path, dimension: int, keys: Keys) -> Scan:
        """Read the codes, and map the rows into memory."""
        from kg.vector_rows import Rows

        index = _read(directory / INDEX, _faiss().IndexIVFPQFastScan, dimension, len(keys))
        return cls(dimension, index, Rows.read(directory / ROWS, dimension, keys))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, keys: Keys, vectors: Vectors) -> None:
        """Add vectors whose keys are not here yet."""
        self._index.add_with_ids(vectors, keys)
        self._rows.add(keys, vectors)

    def remove(self, keys: Keys) -> None:
        """Take vectors out."""
        self._index.remove_ids(_faiss().IDSelectorBatch(keys))
        _clear_free_slots(self._index)
        self._rows.remove(keys)

    def search(self, queries: Vectors, k: int, keys: Keys | None) -> tuple[Vectors, Keys]:
        """See :meth:`Flat.search`; exact up to rounding among 20,000 `keys` or fewer."""
        import numpy as np

        scores = np.full((len(queries), k), -np.inf, np.float32)
        found = np.full((len(queries), k), -1, np.int64)
        candidates: Any
        among = self._rows.keys if keys is None else keys
        most = max(CANDIDATES if len(self) < MANY else CANDIDATES_OF_MANY, 4 * k)
        if len(among) <= (most if keys is None else max(most, _FEW)):
            candidates = [among] * len(queries)
        else:
            settings: dict[str, Any] = {"nprobe": self._index.nlist}
            if keys is not None:
                settings["sel"] = _faiss().IDSelectorBatch(keys)
            with _threads_for(queries):
                candidates = self._index.search(
                    queries, most, params=_faiss().SearchParametersIVF(**settings)
                )[1]
        for row, (query, near) in enumerate(zip(queries, candidates, strict=True)):
            near = near[near >= 0]
            if len(near):
                best, names = self._rows.best(query, near, k)
                scores[row, : len(best)], found[row, : len(best)] = best, names
        return scores, found

    def vectors(self, keys: Keys) -> Vectors:
        """Vectors of keys, all of which are here, in their order; rounded."""
        return self._rows.vectors(keys)

    def write(self, directory: Path) -> None:
        """Write the files."""
        _faiss().write_index(self._index, str(directory / INDEX))
        self._rows.write(directory / ROWS)


type Form = Flat | Scan

FORMS: dict[str, type[Flat] | type[Scan]] = {form.name: form for form in (Flat, Scan)}


@contextlib.contextmanager
def _threads_for(queries: Vectors) -> Iterator[None]:
    """Search for one query on one thread.

    FAISS divides queries among threads, not the work for one; on a busy machine the idle ones
    cost thirty times what the search does. (The number belongs to the calling thread.)
    """
    before = _faiss().omp_get_max_threads()
    if len(queries) == 1:
        _faiss().omp_set_num_threads(1)
    try:
        yield
    finally:
        _faiss().omp_set_num_threads(before)


def _clear_free_slots(index: Any) -> None:
    """Zero the free slots of each list's last block of codes.

    FAISS (1.15) leaves removed codes there and combines what is added later with them by OR.
    """
    import numpy as np

    lists = _faiss().downcast_InvertedLists(index.invlists)
    nothing = np.zeros(lists.packer.code_size, np.uint8)
    for number in range(lists.nlist):
        size = lists.list_size(number)
        if size % lists.n_per_block:
            blocks = -(-size // lists.n_per_block)
            codes = _faiss().rev_swig_ptr(lists.get_codes(number), blocks * lists.block_size)
            last = codes.reshape(blocks, -1)[-1:]
            for slot in range(size % lists.n_per_block, lists.n_per_block):
                lists.packer.pack_1(nothing, slot, last)


def _read(path: Path, kind: Any, dimension: int, count: int) -> Any:
    try:
        index: Any = _faiss().read_index(str(path))
    except RuntimeError as error:
        raise CorruptError(
            f"FAISS {_faiss().__version__} cannot read {path}: {str(error).splitlines()[0]}",
            fix="intentkg build KB --fresh",
        ) from None
    if not isinstance(index, kind) or index.d != dimension or index.ntotal != count:
        raise CorruptError(
            f"{path} holds another index than its manifest says", fix="intentkg build KB --fresh"
        )
    return index


def _faiss() -> Any:
    """FAISS; its own type hints do not know all that it accepts."""
    import faiss

    return faiss
