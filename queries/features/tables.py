"""Features as Arrow tables and tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schema.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa
    import torch

    from queries.features.retrieved import Pooling, Retrieved

TIME = "event_timestamp"


def as_tensors(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, torch.Tensor]:
    """Arrays as tensors, without a copy where torch can share them."""
    try:
        import torch
    except ImportError:
        raise MissingExtraError("torch is not installed", fix="pip install torch") from None
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def entity_table(found: Retrieved, key: str, pooling: Pooling, origins: Sequence[str]) -> pa.Table:
    """See :meth:`queries.features.Retrieved.to_arrow`."""
    import numpy as np
    import pyarrow as pa

    check_key(key, ("origin", "intention_ids", "scores", "embedding"))
    mask = found.mask
    ends = np.concatenate([[0], mask.sum(1).cumsum()]).astype(np.int32)
    flat = found.places[mask]
    names = pa.array(found.intention_ids, pa.string()).take(pa.array(flat))
    scores = pa.array(found.scores[mask], pa.float32(), from_pandas=True)
    return pa.table(
        {
            key: pa.array(found.keys, pa.string()),
            TIME: pa.array(found.times).cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC")),
            "origin": pa.array(origins, pa.string()).take(pa.array(found.origins)),
            "intention_ids": pa.ListArray.from_arrays(ends, names),
            "scores": pa.ListArray.from_arrays(ends, scores),
            "embedding": vectors_column(found.pooled(pooling), found.missing),
        }
    )


def vectors_column(rows: npt.NDArray[Any], missing: npt.NDArray[Any]) -> pa.ListArray:
    """Rows (n, d) as lists; null where `missing`."""
    import numpy as np
    import pyarrow as pa

    here = ~missing
    lengths = np.where(here, rows.shape[1], 0)
    ends = np.concatenate([[0], lengths.cumsum()])
    offsets = pa.array(ends, pa.int64()) if ends[-1] > 2**31 - 1 else pa.array(ends, pa.int32())
    kind = pa.LargeListArray if ends[-1] > 2**31 - 1 else pa.ListArray
    values = pa.array(rows[here].reshape(-1), pa.float32())
    return kind.from_arrays(offsets, values, mask=pa.array(missing))


def check_key(key: str, taken: Sequence[str]) -> None:
    """Refuse a key column's name that another column has."""
    if not key or key in (*taken, TIME):
        raise UsageError(
            f"{key!r} cannot name the key's column", fix="choose a name such as post_id"
        )


def write(table: pa.Table, path: Path) -> None:
    """Write a Parquet file, whole or not at all."""
    import pyarrow.parquet as pq

    from kg.sql import store_errors

    with store_errors(f"writing {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(path.name + ".part")
        pq.write_table(table, beside, compression="zstd")
        beside.replace(path)
