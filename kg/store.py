"""What every graph store can do: be written in batches and be read with Cypher.

The shape of the graph is the same on every store (see :mod:`kg.projection`), so that one Cypher
text runs on all of them. :class:`kg.embedded.EmbeddedGraph` reads the file in a knowledge base,
:class:`kg.neo4j.reader.ServedGraph` what was pushed into a server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class EdgeKind:
    """One kind of edge: ``(:start)-[:type]->(:end)``.

    `type` is a fixed name of :mod:`kg.projection` or a relation of :mod:`schema.relations`;
    never a text that came from outside.
    """

    start: str
    type: str
    end: str

    def __str__(self) -> str:
        return f"(:{self.start})-[:{self.type}]->(:{self.end})"


@dataclass(frozen=True, slots=True)
class Result:
    """A query's answer, in values that JSON can hold.

    A node is ``{"labels": [...], "properties": {...}}``; an edge is ``{"type": ..., "start": ...,
    "end": ..., "properties": {...}}``, where start and end are the `id` properties of its nodes;
    a path is ``{"nodes": [...], "edges": [...]}``. Dates and times are ISO 8601 text; a number
    that is not finite is None.

    Attributes
    ----------
    columns
        Names as the query's RETURN gives them.
    rows
        One list per row, in the order of `columns`.
    truncated
        Whether rows beyond the caller's limit were left off.
    """

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool = False

    def records(self) -> list[dict[str, Any]]:
        """Rows as dictionaries."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True)
class GraphCounts:
    """How many nodes by label, and how many edges by type."""

    nodes: dict[str, int]
    edges: dict[str, int]


class GraphReader(Protocol):
    """The reading side of a store. Safe to use from several threads."""

    def read(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        limit: int | None = None,
    ) -> Result:
        """Answer one Cypher query that only reads.

        Parameters
        ----------
        query
            Cypher. Values belong into `parameters`.
        parameters
            Values that JSON can hold, by name without ``$``.
        timeout
            Seconds. With a time limit the query is treated as a stranger's: it can be stopped,
            whatever it does. None is for our own bounded queries, and faster.
        limit
            Most rows to return; `Result.truncated` tells whether there were more.

        Raises
        ------
        CypherSyntaxError
            If the store cannot understand it.
        WriteRefusedError
            If it would write, read a file, or call a procedure that is not known to be harmless.
        QueryTimeoutError
            If it ran past `timeout`.
        QueryError
            If it failed while running.
        """
        ...

    def counts(self) -> GraphCounts:
        """Count nodes and edges."""
        ...

    def close(self) -> None:
        """Let go of files, connections and processes; twice does no harm."""
        ...


class GraphWriter(Protocol):
    """The writing side of a store: nodes first, then edges, then :meth:`finish`.

    Writing the same row again changes nothing; a row with a known id replaces what was there.
    """

    def write_nodes(self, label: str, batch: pa.RecordBatch) -> None:
        """Write nodes: column ``id`` (string) and one column per property; null means absent."""
        ...

    def write_edges(self, kind: EdgeKind, batch: pa.RecordBatch) -> None:
        """Write edges: columns ``start`` and ``end`` (node ids) and one per property.

        Nodes at both ends must have been written. An edge is identified by its kind, its ends
        and its ``id``, where it has one.
        """
        ...

    def finish(self) -> None:
        """Make everything durable and readable; nothing can be written afterwards."""
        ...
