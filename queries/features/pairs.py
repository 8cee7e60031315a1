"""Features of pairs of products: what they share, and what their co-buy says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from queries.features import edges
from queries.features.building import Builder, latest_times
from queries.features.tables import check_key, write
from schema.errors import UsageError
from schema.identity import cobuy_id
from schema.relations import NodeType

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa
    import torch

    from kg.vector_index import VectorIndex

PAIR_FEATURES = {
    "shared": "intentions that both have, leaving out those of this very pair",
    "jaccard": "the same, over the intentions that either has",
    "cosine_min": "least cosine between an intention of the one and one of the other",
    "cosine_mean": "mean cosine of all such",
    "cosine_max": "greatest cosine",
    "edges": "intentions of this pair itself",
    "score_min": "least typicality (else plausibility) of its edges",
    "score_mean": "mean",
    "score_max": "greatest",
    "evidence": "pieces of evidence behind its edges",
    "support": "how often the two were bought together (no moment says when: NaN with `before`)",
    "npmi": "normalised pointwise mutual information of the two, in [-1, 1]; as support",
}
"""Columns of :class:`PairFeatures`. From `edges` on they speak of the pair itself. The first five
leave its own edges out; but leaving them out is to know that it was bought: where products have
few other intentions, their absence tells. To learn which pairs are bought, build a graph without
the pairs that are to be predicted (and take `before`)."""

_CHUNK = 1_024  # pairs whose vectors are compared at a time
_ALL = 100_000  # edges of a pair: no pair has as many

_BOUGHT = """
    SELECT place, max(support), max(npmi) FROM asked JOIN cobuys USING (id) GROUP BY place
"""


@dataclass(frozen=True, slots=True, eq=False)
class PairFeatures:
    """Figures about n pairs.

    Attributes
    ----------
    pairs
        As they were asked for.
    names
        Of the columns; see :data:`PAIR_FEATURES`.
    values
        Shape (n, len(names)), float32; NaN where there is nothing to tell from.
    times
        Shape (n,), datetime64[us] in UTC: of the latest evidence used; NaT if none states one.
    """

    pairs: Sequence[tuple[str, str]]
    names: Sequence[str]
    values: npt.NDArray[np.float32]
    times: npt.NDArray[np.datetime64]

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Shape of `values`: True where there is a figure."""
        import numpy as np

        return ~np.isnan(self.values)

    def to_torch(self) -> dict[str, torch.Tensor]:
        """``values`` (zeros for missing) and ``mask`` as tensors."""
        import numpy as np

        from queries.features.tables import as_tensors

        return as_tensors({"values": np.nan_to_num(self.values), "mask": self.mask})

    def to_arrow(self, *, key: str = "entity_id") -> pa.Table:
        """A row for each pair: `key` (the co-buy's id), a, b, event_timestamp, the columns."""
        import pyarrow as pa

        check_key(key, ("a", "b", *self.names))
        first, second = (pa.array([pair[side] for pair in self.pairs]) for side in (0, 1))
        columns = {
            key: pa.array([cobuy_id(*pair) for pair in self.pairs], pa.string()),
            "a": first.cast(pa.string()),
            "b": second.cast(pa.string()),
            "event_timestamp": pa.array(self.times).cast(pa.timestamp("us", tz="UTC")),
        }
        for column, name in enumerate(self.names):
            columns[name] = pa.array(self.values[:, column], from_pandas=True)
        return pa.table(columns)

    def write_parquet(self, path: Path, *, key: str = "entity_id") -> None:
        """Write :meth:`to_arrow` as one Parquet file, whole or not at all."""
        write(self.to_arrow(key=key), path)


def pair_features(
    connection: duckdb.DuckDBPyConnection,
    index: VectorIndex | None,
    pairs: Sequence[tuple[str, str]],
    *,
    k: int,
    dated: bool = False,
) -> PairFeatures:
    """See :meth:`queries.features.Features.of_pairs`.

    Parameters
    ----------
    dated
        Whether only what was known before a moment counts: how often two were bought together
        is known for all time only.
    """
    import numpy as np

    if wrong := [pair for pair in pairs if len(pair) != 2 or pair[0] == pair[1]]:
        raise UsageError(f"{wrong[0]!r} is no pair of products", fix="give two ids for each pair")
    n = len(pairs)
    ids = [cobuy_id(*pair) for pair in pairs]
    asked = edges.asked_table(ids)
    found = {name: np.full(n, np.nan, np.float32) for name in PAIR_FEATURES}
    for name in ("shared", "edges", "evidence", "support"):
        found[name][:] = 0.0
    if dated:
        found["support"][:] = np.nan
    with connection.cursor() as cursor:
        cursor.register("asked", asked)
        for place, support, npmi in [] if dated else cursor.sql(_BOUGHT).fetchall():
            found["support"][place] = support
            found["npmi"][place] = np.nan if npmi is None else npmi
    times = np.full(n, "NaT", "datetime64[us]")
    if index is not None and n:
        itself = edges.own(connection, NodeType.COBUY, asked, _ALL)
        _of_itself(found, itself)
        sides = [pair[side] for side in (0, 1) for pair in pairs]
        both = Builder(sides, k)
        twice = edges.asked_table(sides, [*ids, *ids])
        both.put_own(edges.own(connection, NodeType.PRODUCT, twice, k))
        if both.names:
            _of_both(found, both.places[:n], both.places[n:], index.vectors(both.names))
        latest = latest_times(itself["place"], itself["time"], n)
        times = np.fmax(np.fmax(both.times[:n], both.times[n:]), latest)
    values = np.stack(list(found.values()), 1)
    return PairFeatures(list(pairs), tuple(PAIR_FEATURES), values, times)


def _of_itself(found: dict[str, Any], edge: dict[str, Any]) -> None:
    """Figures about the pair's own edges."""
    import numpy as np

    place = edge["place"]
    np.add.at(found["edges"], place, 1)
    np.add.at(found["evidence"], place, edge["support"])
    scored = np.isfinite(edge["score"])
    place, score = place[scored], edge["score"][scored].astype(np.float32)
    np.fmin.at(found["score_min"], place, score)
    np.fmax.at(found["score_max"], place, score)
    n = len(found["edges"])
    count = np.bincount(place, minlength=n)
    total = np.bincount(place, weights=score, minlength=n)
    np.divide(total, count, out=found["score_mean"], where=count > 0, casting="same_kind")


def _of_both(found: dict[str, Any], one: Any, other: Any, table: Any) -> None:
    """Figures about the intentions of both products."""
    import numpy as np

    for start in range(0, len(one), _CHUNK):
        part = slice(start, start + _CHUNK)
        a, b = one[part], other[part]
        there = (a >= 0)[:, :, None] & (b >= 0)[:, None, :]
        shared = ((a[:, :, None] == b[:, None, :]) & there).sum((1, 2))
        either = (a >= 0).sum(1) + (b >= 0).sum(1) - shared
        found["shared"][part] = shared
        np.divide(shared, either, out=found["jaccard"][part], where=either > 0, casting="unsafe")
        cosines = np.einsum("nid,njd->nij", table[a], table[b])
        any_there = there.any((1, 2))
        pairs = there.sum((1, 2))
        least = np.where(there, cosines, np.inf).min((1, 2))
        most = np.where(there, cosines, -np.inf).max((1, 2))
        mean = np.where(there, cosines, 0.0).sum((1, 2)) / np.maximum(pairs, 1)
        for name, value in (("cosine_min", least), ("cosine_mean", mean), ("cosine_max", most)):
            found[name][part] = np.where(any_there, value, np.nan)
