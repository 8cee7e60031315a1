"""What the database holds of ours beyond the truth: found by comparing ids, and removed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from kg import sql
from kg.directory import Directory
from kg.manifest import Manifest
from kg.neo4j import statements
from kg.neo4j.names import Names
from kg.neo4j.patience import Patient, Progress
from kg.neo4j.schema import LABELS
from kg.projection import Projection

if TYPE_CHECKING:
    import duckdb
    import neo4j

_READ = 50_000  # rows that are taken into SQL at once
_REMOVE = 2_000  # in a transaction


@contextlib.contextmanager
def leftovers(
    directory: Directory, manifest: Manifest, patient: Patient, names: Names
) -> Iterator[Leftovers]:
    """Find what is there of ours and not in the truth."""
    with sql.connect(directory, manifest) as connection:
        found = Leftovers(connection, Projection(connection, directory, manifest), patient, names)
        found.find()
        yield found


class Leftovers:
    """Nodes and edges of ours that the truth does not have.

    Parameters
    ----------
    connection, projection
        The truth, and the whole graph that it makes.
    patient, names
        The database, and what our part of it is called.

    Attributes
    ----------
    nodes, edges
        How many there are, after :meth:`find`.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        projection: Projection,
        patient: Patient,
        names: Names,
    ) -> None:
        self._sql = connection
        self._projection = projection
        self._patient = patient
        self._names = names
        self._stale_nodes: list[str] = []
        self._stale_edges: list[str] = []

    @property
    def nodes(self) -> int:
        """Nodes that are left over."""
        return len(self._stale_nodes)

    @property
    def edges(self) -> int:
        """Edges that are left over."""
        return len(self._stale_edges)

    def find(self) -> None:
        """Compare every id in the database with the truth."""
        truth = self._projection.edge_queries()
        for label in LABELS:
            mine = [
                f"""SELECT start, {f"'{kind}'" if kind else "relation"} AS type, "end" FROM ({q})"""
                for (start, kind, _), q in truth.items()
                if start == label
            ]
            self._stale_edges += self._compare(
                statements.present_edges(self._names, label),
                ("start", "type", "end"),
                " UNION ALL ".join(mine),
            )
        known = self._projection.labels()
        for label in LABELS:
            self._stale_nodes += self._compare(
                statements.present_nodes(self._names.label(label)),
                ("id",),
                f"SELECT id FROM ({self._projection.node_query(label)})" if label in known else "",
            )

    def remove(self, progress: Progress) -> None:
        """Remove them, edges first."""
        self._delete(statements.remove_edges(), self._stale_edges, "edges", progress)
        self._delete(statements.remove_nodes(), self._stale_nodes, "nodes", progress)

    def _compare(self, cypher: str, keys: tuple[str, ...], query: str) -> list[str]:
        """Ids in the server of what `cypher` finds and the SQL `query` does not."""
        import pyarrow as pa

        table = sql.identifier(f"present_{uuid4().hex}")
        columns = (*keys, "place")
        kinds = ", ".join(f'"{name}" VARCHAR' for name in columns)

        def copy(tx: neo4j.ManagedTransaction) -> None:
            self._sql.execute(f"CREATE OR REPLACE TEMP TABLE {table} ({kinds})")
            rows = tx.run(cypher, mark=self._names.mark)
            for some in _chunks(iter(rows), _READ):
                batch = pa.table(
                    {name: pa.array([row[name] for row in some], pa.string()) for name in columns}
                )
                self._sql.register("arrived", batch)
                self._sql.execute(f"INSERT INTO {table} SELECT * FROM arrived")
                self._sql.unregister("arrived")

        self._patient.read(copy)
        names = ", ".join(f'"{name}"' for name in keys)
        lacking = f"ANTI JOIN ({query}) USING ({names})" if query else ""
        found = self._sql.sql(f"SELECT place FROM {table} {lacking} ORDER BY place").fetchall()
        self._sql.execute(f"DROP TABLE {table}")
        return [place for (place,) in found]

    def _delete(self, cypher: str, places: list[str], what: str, progress: Progress) -> None:
        def remove(tx: neo4j.ManagedTransaction, _: int, some: list[str]) -> None:
            tx.run(cypher, places=some, mark=self._names.mark).consume()

        for start in range(0, len(places), _REMOVE):
            self._patient.write(partial(remove, some=places[start : start + _REMOVE]))
            done = min(start + _REMOVE, len(places))
            progress(f"neo4j: removing {what}", done, len(places))


def _chunks(rows: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while some := list(islice(rows, size)):
        yield some
