"""Counting: what a database holds, and what a push would do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from kg import sql
from kg.directory import Directory
from kg.manifest import Manifest
from kg.neo4j import embeddings, statements
from kg.neo4j.names import Names
from kg.neo4j.patience import Patient
from kg.neo4j.plan import Plan, restricted
from kg.neo4j.prune import leftovers
from kg.neo4j.report import PushReport
from kg.neo4j.schema import LABELS
from kg.neo4j.state import State
from kg.projection import Projection

if TYPE_CHECKING:
    import duckdb
    import neo4j


def counts_in(patient: Patient, names: Names, *, new: bool = False) -> dict[str, int]:
    """Count nodes by label (``Post``), and edges by the label that they begin at (``Post *``).

    Parameters
    ----------
    patient, names
        The database, and what our part of it is called.
    new
        Whether nothing may be there at all, which is seen at once.
    """
    query = statements.counts(names, LABELS)

    def read(tx: neo4j.ManagedTransaction) -> list[int]:
        if new and not tx.run("MATCH (n) RETURN count(n)").single(strict=True)[0]:
            return [0] * 2 * len(LABELS)  # to plan the other query takes longer
        return list(tx.run(query).single(strict=True)["counts"])

    keys = [*LABELS, *(f"{label} *" for label in LABELS)]
    return dict(zip(keys, patient.read(read), strict=True))


def totals(counts: Mapping[str, int]) -> tuple[int, int]:
    """Nodes and edges altogether."""
    return (
        sum(number for key, number in counts.items() if " " not in key),
        sum(number for key, number in counts.items() if " " in key),
    )


class Tally:
    """Counts what a push would do, for a dry run; writes nothing.

    Parameters
    ----------
    directory, manifest
        The knowledge base.
    names, patient
        What our part of the database is called, and the database.
    """

    def __init__(
        self, directory: Directory, manifest: Manifest, names: Names, patient: Patient
    ) -> None:
        self._directory = directory
        self._manifest = manifest
        self._names = names
        self._patient = patient

    def graph(self, report: PushReport, plan: Plan) -> PushReport:
        """Nodes and edges that the plan would write."""
        if plan.graph == "current":
            return report
        manifest = restricted(self._manifest, plan.target)
        with sql.connect(self._directory, manifest) as connection:
            known = plan.known(manifest)
            changes = Projection(connection, self._directory, manifest, known=known)
            nodes = sum(_rows(connection, changes.node_query(n)) for n in changes.labels())
            edges = sum(_rows(connection, query) for query in changes.edge_queries().values())
        if plan.graph == "resumed":
            there = totals(counts_in(self._patient, self._names))
            nodes, edges = max(0, nodes - there[0]), max(0, edges - there[1])
        return replace(report, nodes=nodes, edges=edges)

    def leftovers(self, report: PushReport) -> PushReport:
        """What would be removed."""
        with leftovers(self._directory, self._manifest, self._patient, self._names) as left:
            return replace(report, removed_nodes=left.nodes, removed_edges=left.edges)

    def vectors(self, report: PushReport, state: State) -> PushReport:
        """How many intentions would get their vector."""
        vectors = self._manifest.vectors
        if vectors is None:
            return report
        query = statements.with_vectors(self._names.label("Intention"))
        have = self._patient.read(
            lambda tx: tx.run(query, mark=self._names.mark).single(strict=True)["written"]
        )
        same = state.vector_model == embeddings.model_of(vectors)
        return replace(report, embedded=vectors.count - (have if same else 0))


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    ((found,),) = connection.sql(f"SELECT count(*) FROM ({query})").fetchall()
    return int(found)
