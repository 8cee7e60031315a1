"""Writing the embedded graph: into a new file in bulk, or into a copy of an older one.

Nobody reads the file while it is written: :mod:`kg.build` writes it in the staging directory and
moves it to its place when it is finished.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import grafeo

from kg.store import EdgeKind
from schema.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa

# Rows that the engine gets at once; larger batches gain nothing and hold more Python objects.
_ROWS = 16_384


def rows_of(batch: pa.RecordBatch, columns: list[str]) -> list[dict[str, Any]]:
    """Rows as dictionaries of the named columns; the engine itself leaves nulls out."""
    values = [batch.column(name).to_pylist() for name in columns]
    return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]


class BulkWriter:
    """Writes a graph from nothing (a :class:`kg.store.GraphWriter`).

    The graph is put together in memory, which is faster than through the engine's log, and saved
    to `path` in the end. Each id may come once: the projection sees to that.

    Parameters
    ----------
    path
        The file to make; it must not exist.

    Attributes
    ----------
    counts
        Nodes and edges, after :meth:`finish`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.counts = (0, 0)
        self._database = grafeo.GrafeoDB()
        self._internal: dict[str, dict[str, int]] = {}

    def write_nodes(self, label: str, batch: pa.RecordBatch) -> None:
        """Write nodes (see :meth:`kg.store.GraphWriter.write_nodes`)."""
        known = self._internal.setdefault(label, {})
        for piece in _pieces(batch):
            rows = rows_of(piece, piece.schema.names)
            numbers = self._database.batch_create_nodes_with_props(label, rows)
            known.update(zip(piece.column("id").to_pylist(), numbers, strict=True))

    def write_edges(self, kind: EdgeKind, batch: pa.RecordBatch) -> None:
        """Write edges (see :meth:`kg.store.GraphWriter.write_edges`)."""
        starts, ends = self._internal[kind.start], self._internal[kind.end]
        columns = [name for name in batch.schema.names if name not in ("start", "end")]
        for piece in _pieces(batch):
            start = map(starts.__getitem__, piece.column("start").to_pylist())
            end = map(ends.__getitem__, piece.column("end").to_pylist())
            rows = rows_of(piece, columns) if columns else [{}] * piece.num_rows
            edges = [(a, b, kind.type, row) for a, b, row in zip(start, end, rows, strict=True)]
            self._database.batch_create_edges(edges)

    def finish(self) -> None:
        """Index the ids and write the file."""
        self._internal.clear()
        self._database.create_property_index("id")
        self.counts = (self._database.node_count, self._database.edge_count)
        self._database.save(str(self._path))
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(grafeo.GrafeoError):
            self._database.close()


class UpdateWriter:
    """Writes into a graph that exists (a :class:`kg.store.GraphWriter`).

    Nodes are matched by label and id, edges by kind, ends and id; what is found is replaced.

    Parameters
    ----------
    path
        A file that a :class:`BulkWriter` made and that nobody else has open.

    Attributes
    ----------
    counts
        Nodes and edges, after :meth:`finish`.
    """

    def __init__(self, path: Path) -> None:
        self.counts = (0, 0)
        self._database = grafeo.GrafeoDB(str(path))

    def write_nodes(self, label: str, batch: pa.RecordBatch) -> None:
        """Write nodes (see :meth:`kg.store.GraphWriter.write_nodes`)."""
        self._run(
            f"UNWIND $rows AS row MERGE (node:{_name(label)} {{id: row.id}}) SET node = row "
            "RETURN count(*) AS written",
            batch,
            lambda piece: rows_of(piece, piece.schema.names),
        )

    def write_edges(self, kind: EdgeKind, batch: pa.RecordBatch) -> None:
        """Write edges (see :meth:`kg.store.GraphWriter.write_edges`)."""
        columns = [name for name in batch.schema.names if name not in ("start", "end")]
        identity = " {id: row.properties.id}" if "id" in columns else ""
        self._run(
            f"UNWIND $rows AS row MATCH (start:{_name(kind.start)} {{id: row.start}}) "
            f"MATCH (end:{_name(kind.end)} {{id: row.end}}) "
            f"MERGE (start)-[edge:{_name(kind.type)}{identity}]->(end) "
            + ("SET edge = row.properties " if columns else "")
            + "RETURN count(*) AS written",
            batch,
            lambda piece: [
                {"start": start, "end": end, "properties": row}
                for start, end, row in zip(
                    piece.column("start").to_pylist(),
                    piece.column("end").to_pylist(),
                    rows_of(piece, columns) if columns else [{}] * piece.num_rows,
                    strict=True,
                )
            ],
        )

    def finish(self) -> None:
        """Move everything from the engine's log into the file."""
        self.counts = (self._database.node_count, self._database.edge_count)
        self._database.wal_checkpoint()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(grafeo.GrafeoError):
            self._database.close()

    def _run(self, query: str, batch: pa.RecordBatch, rows: Any) -> None:
        for piece in _pieces(batch):
            result = self._database.execute_cypher(query, {"rows": rows(piece)}).to_list()
            if result[0]["written"] != piece.num_rows:
                raise StoreError(
                    f"{result[0]['written']:,} of {piece.num_rows:,} rows found their place in "
                    "the old graph",
                    fix="write the graph anew: intentkg build KB --fresh",
                )


def _pieces(batch: pa.RecordBatch) -> list[pa.RecordBatch]:
    return [batch.slice(start, _ROWS) for start in range(0, batch.num_rows, _ROWS)]


def _name(name: str) -> str:
    """A label or type in Cypher; they come from the registry, this makes sure of it."""
    if not name.isidentifier() or not name.isascii():
        raise ValueError(f"{name!r} is not a label or relation of the registry")
    return f"`{name}`"
