"""Cutting what is to be written into transactions of a sensible size, by rows and by bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kg.store import EdgeKind

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

ROWS = 4_000
"""Rows of a transaction at most. More gain nothing, and the server holds all of them in memory."""

BYTES = 4 << 20
"""Bytes of a transaction at most, unless a single row has more."""


def pieces(
    batch: pa.RecordBatch, *, rows: int = ROWS, size: int = BYTES
) -> Iterator[pa.RecordBatch]:
    """Cut a batch into slices of at most so many rows and bytes, but of a row at least."""
    import numpy as np

    if batch.num_rows <= rows and batch.nbytes <= size:
        if batch.num_rows:
            yield batch
        return
    ends = np.cumsum(_sizes(batch))
    start = 0
    while start < batch.num_rows:
        before = ends[start - 1] if start else 0
        fits = int(np.searchsorted(ends, before + size, side="right"))
        stop = min(max(fits, start + 1), start + rows, batch.num_rows)
        yield batch.slice(start, stop - start)
        start = stop


def evenly(rows: list[int], most: int = ROWS) -> Iterator[list[int]]:
    """Cut a list of rows into parts of about the same size."""
    parts = -(-len(rows) // most)
    for part in range(parts):
        yield rows[part * len(rows) // parts : (part + 1) * len(rows) // parts]


def columns_of(batch: pa.RecordBatch) -> dict[str, list[Any]]:
    """Columns as the driver takes them; a list's null members, which Neo4j has not, are left out.

    Of rows with the same `id` the last one stands.
    """
    import pyarrow.types as types

    found = {name: batch.column(name).to_pylist() for name in batch.schema.names}
    for column in batch.schema:
        if types.is_list(column.type) and batch.column(column.name).flatten().null_count:
            found[column.name] = [
                value if value is None else [item for item in value if item is not None]
                for value in found[column.name]
            ]
    return found


def last_of_each(columns: dict[str, list[Any]], keys: list[Any]) -> dict[str, list[Any]]:
    """Leave out rows whose key comes again later."""
    last = {key: row for row, key in enumerate(keys)}
    if len(last) == len(keys):
        return columns
    chosen = sorted(last.values())
    return {name: [values[row] for row in chosen] for name, values in columns.items()}


@dataclass(slots=True)
class EdgeRows:
    """Edges of several kinds, column by column; what a kind has not is None.

    Attributes
    ----------
    kinds
        The kind of each row.
    columns
        `start`, `end` and the properties.
    """

    kinds: list[EdgeKind] = field(default_factory=list)
    columns: dict[str, list[Any]] = field(default_factory=lambda: {"start": [], "end": []})

    def __len__(self) -> int:
        return len(self.kinds)

    def extend(self, kind: EdgeKind, more: dict[str, list[Any]]) -> None:
        """Add rows of one kind."""
        before, new = len(self.kinds), len(more["start"])
        self.kinds.extend([kind] * new)
        for name, values in more.items():
            self.columns.setdefault(name, [None] * before).extend(values)
        for name, kept in self.columns.items():
            if name not in more:
                kept.extend([None] * new)

    def take(self, rows: list[int]) -> EdgeRows:
        """Some of the rows."""
        return EdgeRows(
            [self.kinds[row] for row in rows],
            {name: [values[row] for row in rows] for name, values in self.columns.items()},
        )

    def by_bucket(self, buckets: int) -> dict[frozenset[int], list[int]]:
        """Rows by the buckets of their ends, in as few groups as let disjoint ones run at once.

        Edges within a bucket go with those between it and its neighbour.
        """
        groups: dict[frozenset[int], list[int]] = {}
        table = [[frozenset((a, b)) for b in range(buckets)] for a in range(buckets)]
        for a in range(buckets):
            table[a][a] = frozenset((a, a ^ 1))
        ends = zip(self.columns["start"], self.columns["end"], strict=True)
        for row, (start, end) in enumerate(ends):
            pair = table[hash(start) % buckets][hash(end) % buckets]
            groups.setdefault(pair, []).append(row)
        return groups


def _sizes(batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """About how many bytes each row has."""
    import numpy as np
    import pyarrow.types as types

    found = np.full(batch.num_rows, 8 * batch.num_columns, np.int64)
    for column in batch.columns:
        if types.is_string(column.type):
            offsets = np.frombuffer(column.buffers()[1], np.int32)
            found += np.diff(offsets[column.offset : column.offset + len(column) + 1])
        elif types.is_list(column.type):
            found += column.nbytes // max(batch.num_rows, 1)
    return found
