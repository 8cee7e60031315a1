"""Writing a graph into Neo4j, in batches, by several threads, whatever happens meanwhile.

Nodes go in before edges; rows of the same kind together. Every statement can be repeated, so a
transaction whose fate is unknown is simply run again, in the form that looks first
(:mod:`kg.neo4j.statements`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from kg.cypher_names import LABELS, TYPES
from kg.neo4j import statements
from kg.neo4j.batches import ROWS, EdgeRows, columns_of, evenly, last_of_each, pieces
from kg.neo4j.crew import BUCKETS, Crew, Task
from kg.neo4j.names import Names
from kg.neo4j.patience import Patient, Progress, TooLargeError
from kg.neo4j.schema import Schema
from kg.store import EdgeKind
from schema.errors import ServerError

if TYPE_CHECKING:
    import neo4j
    import pyarrow as pa

MANY_EDGES = 10_000
"""Edges in a database from which on it plans well for types that it learns of only later."""

# Edges that are divided into buckets together: enough for full batches in each.
_SLICE_ROWS = 12 * ROWS
_SLICE_BYTES = 32 << 20
_FEW = ROWS // 2  # edges that are not worth dividing


class Neo4jWriter:
    """Writes nodes and edges (a :class:`kg.store.GraphWriter`).

    Parameters
    ----------
    patient, names, schema
        Runs transactions; what our part is called; makes constraints for types that come up.
    crew
        The threads, already at work.
    progress
        Told how many nodes and edges are written.
    fresh
        Whether everything is known to be new: then it is created, not looked for.
    resumed
        Whether a part of it may be there as it is to be: that part is passed over.
    settled
        Whether the database has many edges already, so that it plans well.

    Attributes
    ----------
    nodes, edges
        How many were written.
    nodes_done
        When the last node was written, by ``time.perf_counter``.
    """

    def __init__(
        self,
        patient: Patient,
        names: Names,
        schema: Schema,
        crew: Crew,
        progress: Progress,
        *,
        fresh: bool = False,
        resumed: bool = False,
        settled: bool = False,
    ) -> None:
        self._patient = patient
        self._names = names
        self._schema = schema
        self._crew = crew
        self._progress = progress
        self._fresh = fresh and not resumed
        self._resumed = resumed
        self._settled = settled
        self.nodes = self.edges = 0
        self.nodes_done = 0.0
        self._lock = threading.Lock()
        self._places: dict[str, dict[str, str]] = {}
        self._columns: dict[EdgeKind, list[str]] = {}
        self._present: dict[str | EdgeKind, set[Any]] = {}
        self._gathered: list[tuple[EdgeKind, pa.RecordBatch]] = []

    def write_nodes(self, label: str, batch: pa.RecordBatch) -> None:
        """Write nodes (see :meth:`kg.store.GraphWriter.write_nodes`)."""
        if label not in LABELS:
            raise ValueError(f"{label!r} is not a label of the graph")
        for piece in pieces(batch):
            columns = columns_of(piece)
            columns = last_of_each(columns, columns["id"])
            if self._resumed:
                columns = _without(columns, columns["id"], self._there(label))
            if columns["id"]:
                self._crew.add(Task(partial(self._write_nodes, label, columns)))

    def write_edges(self, kind: EdgeKind, batch: pa.RecordBatch) -> None:
        """Write edges (see :meth:`kg.store.GraphWriter.write_edges`)."""
        if kind.type not in TYPES or not {kind.start, kind.end} <= set(LABELS):
            raise ValueError(f"{kind} is not a kind of edge of the graph")
        self._columns[kind] = [n for n in batch.schema.names if n not in ("start", "end")]
        self._gathered.append((kind, batch))
        rows = sum(piece.num_rows for _, piece in self._gathered)
        if rows >= _SLICE_ROWS or sum(p.nbytes for _, p in self._gathered) >= _SLICE_BYTES:
            self._send_edges()

    def finish(self) -> None:
        """Wait until everything is durable; nothing can be written afterwards."""
        self._send_edges()
        self._finish_nodes()
        self._crew.drain()
        self._places.clear()

    def constrain_edges(self) -> None:
        """Make the ids of the edges that came unique.

        Where everything is new that follows the edges: a constraint that is made over what is
        there costs a fifth of one that each transaction has to keep.
        """
        self._schema.constrain_edges(
            sorted({kind.type for kind, columns in self._columns.items() if "id" in columns})
        )

    def _write_nodes(self, label: str, columns: dict[str, list[Any]]) -> None:
        name, wanted = self._names.label(label), len(columns["id"])
        create = statements.create_nodes(name, list(columns))
        merge = statements.merge_nodes(name, list(columns))

        def work(tx: neo4j.ManagedTransaction, attempt: int) -> list[str]:
            query = create if self._fresh and not attempt else merge
            places: list[str] = self._run(tx, query, columns, wanted, "nodes")["places"]
            return places

        try:
            places = self._patient.write(work)
        except TooLargeError:
            for half in _halves(columns, f"a {label}"):
                self._write_nodes(label, half)
            return
        if self._fresh:
            with self._lock:
                here = self._places.setdefault(label, {})
                here.update(zip(columns["id"], places, strict=True))
        self._count(nodes=wanted)

    def _send_edges(self) -> None:
        """Give the crew what was gathered, divided by buckets."""
        gathered, self._gathered = self._gathered, []
        if not gathered:
            return
        if not self._fresh:
            self.constrain_edges()
        edges = EdgeRows()
        for kind, batch in gathered:
            columns = columns_of(batch)
            keys = _keys(columns)
            columns = last_of_each(columns, keys)
            if self._resumed:
                columns = _without(columns, _keys(columns), self._there(kind))
            edges.extend(kind, columns)
        if len(edges) <= _FEW:
            tasks = [Task(partial(self._write_edges, edges), frozenset(range(BUCKETS)))]
        else:
            tasks = [
                Task(partial(self._write_edges, edges.take(some)), buckets)
                for buckets, rows in edges.by_bucket(BUCKETS).items()
                for some in evenly(rows)
            ]
        self._finish_nodes()
        for task in tasks:
            self._crew.add(task)

    def _finish_nodes(self) -> None:
        """Wait until the nodes are there: nodes come before edges."""
        if not self.nodes_done:
            self._crew.drain()
            self.nodes_done = time.perf_counter()

    def _write_edges(self, edges: EdgeRows) -> None:
        turn = self._crew.turn()

        def work(tx: neo4j.ManagedTransaction, attempt: int) -> None:
            if self._fresh and not attempt:
                self._create_edges(tx, edges)
            else:
                self._merge_edges(tx, edges)
            turn.take()

        try:
            self._patient.write(work, finally_=turn.give)
        except TooLargeError:
            if len(edges) == 1:
                raise _too_large(str(edges.kinds[0])) from None
            middle = len(edges) // 2
            for half in (range(middle), range(middle, len(edges))):
                self._write_edges(edges.take(list(half)))
            return
        self._count(edges=len(edges))

    def _create_edges(self, tx: neo4j.ManagedTransaction, edges: EdgeRows) -> None:
        places = self._places
        kinds = edges.kinds
        columns = {
            **edges.columns,
            "start": [
                places[k.start][i] for k, i in zip(kinds, edges.columns["start"], strict=True)
            ],
            "end": [places[k.end][i] for k, i in zip(kinds, edges.columns["end"], strict=True)],
            "type": [kind.type for kind in kinds],
        }
        names = [name for name in edges.columns if name not in ("start", "end")]
        self._run(tx, statements.create_edges(names), columns, len(edges), "edges")

    def _merge_edges(self, tx: neo4j.ManagedTransaction, edges: EdgeRows) -> None:
        groups: dict[tuple[str, str, str | None, tuple[str, ...]], list[int]] = {}
        for row, kind in enumerate(edges.kinds):
            one = None if self._settled else kind.type
            group = kind.start, kind.end, one, tuple(self._columns[kind])
            groups.setdefault(group, []).append(row)
        for (start, end, one, names), rows in groups.items():
            some = edges.take(rows)
            columns = {name: some.columns[name] for name in ("start", "end", *names)}
            if one is None:
                columns["type"] = [kind.type for kind in some.kinds]
            query = statements.merge_edges(self._names, start, end, names, kind=one)
            self._run(tx, query, columns, len(rows), "edges")

    def _run(
        self,
        tx: neo4j.ManagedTransaction,
        query: str,
        columns: dict[str, list[Any]],
        wanted: int,
        what: str,
    ) -> neo4j.Record:
        result = tx.run(
            query,
            {**columns, "rows": wanted, "mark": self._names.mark},
        )
        record = result.single(strict=True)
        if record["written"] != wanted:
            raise ServerError(
                f"{record['written']:,} of {wanted:,} {what} found their place: nodes of ours "
                "have been removed meanwhile",
                fix="push again: it brings them back",
            )
        return record

    def _there(self, key: str | EdgeKind) -> set[Any]:
        """Ids of nodes, or keys of edges, that are in the database already; read once."""
        if key not in self._present:
            mark = self._names.mark
            if isinstance(key, EdgeKind):
                query = statements.present_edges(self._names, key.start, key.type)

                def pick(row: neo4j.Record) -> Any:
                    return row["id"] or (row["start"], row["end"])
            else:
                query = statements.present_nodes(self._names.label(key))

                def pick(row: neo4j.Record) -> Any:
                    return row["id"]

            self._present[key] = self._patient.read(
                lambda tx: set(map(pick, tx.run(query, mark=mark)))
            )
        return self._present[key]

    def _count(self, *, nodes: int = 0, edges: int = 0) -> None:
        with self._lock:
            self.nodes += nodes
            self.edges += edges
            if nodes:
                self._progress("neo4j: nodes", self.nodes, None)
            if edges:
                self._progress("neo4j: edges", self.edges, None)


def _keys(columns: dict[str, list[Any]]) -> list[Any]:
    """What tells edges of a kind apart: the id, or the ends."""
    if "id" in columns:
        return columns["id"]
    return list(zip(columns["start"], columns["end"], strict=True))


def _without(
    columns: dict[str, list[Any]], keys: Sequence[Any], present: set[Any]
) -> dict[str, list[Any]]:
    """Leave out rows whose key is present."""
    if not present:
        return columns
    rows = [row for row, key in enumerate(keys) if key not in present]
    return {name: [values[row] for row in rows] for name, values in columns.items()}


def _halves(columns: dict[str, list[Any]], what: str) -> Iterator[dict[str, list[Any]]]:
    rows = len(next(iter(columns.values())))
    if rows == 1:
        longest = max((v for (v,) in columns.values() if isinstance(v, str)), key=len)
        raise _too_large(f"{what} ({columns['id'][0]!r:.80}, {len(longest):,} characters)")
    for part in (slice(rows // 2), slice(rows // 2, rows)):
        yield {name: values[part] for name, values in columns.items()}


def _too_large(what: str) -> ServerError:
    return ServerError(
        f"the server has not the memory to take in {what}",
        fix="give it more: dbms.memory.transaction.total.max, server.memory.heap.max_size",
    )
