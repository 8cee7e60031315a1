"""The truth into a Neo4j database: what it gained since the last push, or all of it.

The database itself keeps what is in it (:mod:`kg.neo4j.state`), and learns of something new only
when that is durable. So a push can be stopped at any moment, on either side; the next one goes on.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from kg import sql
from kg.directory import Directory
from kg.graph_build import SHAPE
from kg.manifest import Manifest
from kg.neo4j import embeddings, imported
from kg.neo4j.address import Address
from kg.neo4j.clashes import check_clashes
from kg.neo4j.connection import Server, connect
from kg.neo4j.crew import Crew
from kg.neo4j.lock import Lock
from kg.neo4j.names import Names
from kg.neo4j.patience import Patient, Progress
from kg.neo4j.plan import Plan, decide, restricted
from kg.neo4j.prune import leftovers
from kg.neo4j.report import PushReport, Vectors
from kg.neo4j.schema import Schema, check_version, migrate
from kg.neo4j.state import SCHEMA, State, base_of
from kg.neo4j.tally import Tally, counts_in, totals
from kg.neo4j.writer import MANY_EDGES, Neo4jWriter
from kg.projection import Projection, reaches


def push(
    directory: Directory,
    address: Address,
    *,
    prefix: str | None = None,
    prune: bool = False,
    dry_run: bool = False,
    vectors: bool = True,
    progress: Progress | None = None,
    patience: float | None = None,
) -> PushReport:
    """Bring our part of a Neo4j database up to date with a knowledge base.

    Parameters
    ----------
    directory
        The knowledge base. Its truth is pushed, whether it was built or not; vectors are those
        of the last build.
    address
        The server and the database.
    prefix
        What stands in front of each label; the database holds one knowledge base for each.
    prune
        Remove what is there of ours and the truth no longer holds; also what another knowledge
        base left.
    dry_run
        Count only.
    vectors
        False leaves the vectors as they are.
    progress
        Called with a stage, how much of it is done, and its total where that is known.
    patience
        Seconds to wait for a server that goes away in the middle.

    Raises
    ------
    ServerError
        If the server is not there, refuses us, or holds what is in the way.
    LockedError
        If another push is at work there.
    NotAKnowledgeBaseError, CorruptError
        As :class:`kg.directory.Directory` and :func:`kg.sql.connect` say.
    """
    manifest = directory.manifest()
    begun = time.perf_counter()
    # Our own patience shows what it waits for; the driver's would wait in silence.
    with connect(address, max_transaction_retry_time=0) as server:
        work = _Push(directory, manifest, server, Names(prefix), progress or _silent, patience)
        work.seconds["connect"] = time.perf_counter() - begun
        with sql.store_errors(f"reading {directory.root}"):
            report = work.run(prune=prune, dry_run=dry_run, vectors=vectors)
        report.seconds["total"] = time.perf_counter() - begun
        return report


@dataclass(slots=True)
class _Push:
    """One push, on an open connection."""

    directory: Directory
    manifest: Manifest
    server: Server
    names: Names
    progress: Progress
    patience: float | None
    state: State = field(default_factory=State)
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def run(self, *, prune: bool, dry_run: bool, vectors: bool) -> PushReport:
        patient = Patient(self.server, self.progress, patience=self.patience)
        plan = self._look(patient, prune)
        report = PushReport(
            str(self.server.address),
            self.server.database,
            self.names.prefix,
            graph=plan.graph,
            seconds=self.seconds,
            dry_run=dry_run,
        )
        embed = vectors and not embeddings.is_current(self.manifest, self.state)
        if self.manifest.vectors is None and any(p.rows for p in self.manifest.parts("assertions")):
            self.notes.append(f"no vectors yet: intentkg build {self.directory.root}")
        older = 0 < self.state.schema < SCHEMA
        whole = plan.graph == "current" and not older and not imported.is_unfinished(self.state)
        clean = whole and (self.state.exact or not prune)
        if dry_run:
            count = Tally(self.directory, self.manifest, self.names, patient)
            report = count.graph(report, plan)
            if prune:
                report = count.leftovers(report)
            if embed:
                report = count.vectors(report, self.state)
        elif not clean or embed:
            schema = Schema(patient, self.names)
            with self._timed("schema"):
                if plan.graph in ("written", "rewritten"):
                    check_clashes(self.server, self.names)
                schema.constrain_nodes()
            with Lock(self.server, self.names) as lock, Crew(patient.stop) as crew:
                patient.renew = lock.renew
                if imported.is_unfinished(self.state):
                    self._finish_import(patient, schema)
                if older:
                    migrate(self.server, self.names, self.state)
                    self._save(patient, replace(self.state, schema=SCHEMA))
                plan = self._look(patient, prune)  # as it is now that nobody else changes it
                report = replace(report, graph=plan.graph)
                while plan.graph != "current":
                    report = self._write(report, plan, patient, schema, crew)
                    plan = self._decide(self.state.counts, prune)
                if prune and not self.state.exact:
                    report = self._prune(report, patient)
                if vectors and not embeddings.is_current(self.manifest, self.state):
                    report = self._embed(report, patient, schema, crew)
        if not self.state.exact and not prune:
            self.notes.append("the database may hold what the truth no longer does: use --prune")
        nodes, edges = (-1, -1) if dry_run else totals(self.state.counts)
        return replace(
            report,
            vectors=self._vectors(report, vectors),
            total_nodes=nodes,
            total_edges=edges,
            notes=tuple(self.notes),
        )

    def _look(self, patient: Patient, prune: bool) -> Plan:
        """Read the state of the database, and decide what has to be done."""
        self.state = patient.read(lambda tx: State.read(tx, self.names)) or State()
        check_version(self.server, self.state)
        return self._decide(self._counts(patient), prune)

    def _decide(self, counts: Mapping[str, int], prune: bool) -> Plan:
        return decide(self.server, self.manifest, self.state, counts, prune=prune)

    def _write(
        self, report: PushReport, plan: Plan, patient: Patient, schema: Schema, crew: Crew
    ) -> PushReport:
        """Write what the plan says, then tell the database that it has it."""
        manifest = restricted(self.manifest, plan.target)
        begun = replace(self.state, schema=SCHEMA, shape=SHAPE, base=base_of(self.manifest))
        if plan.graph == "written":
            self._save(patient, replace(begun, loading=plan.target))
        elif plan.graph == "rewritten":
            begun = replace(begun, parts=(), loading=(), exact=False, vector_parts=())
            self._save(patient, begun)
        writer = Neo4jWriter(
            patient,
            self.names,
            schema,
            crew,
            self.progress,
            fresh=plan.graph == "written",
            resumed=plan.graph == "resumed",
            settled=plan.graph == "updated" and totals(self.state.counts)[1] >= MANY_EDGES,
        )
        exact = plan.exact
        with sql.connect(self.directory, manifest) as connection:
            known = plan.known(manifest)
            if known and not reaches(connection, self.directory, manifest, known):
                exact = False
            changes = Projection(connection, self.directory, manifest, known=known)
            started = time.perf_counter()
            for label, batch in changes.nodes():
                writer.write_nodes(label, batch)
            for kind, batch in changes.edges():
                writer.write_edges(kind, batch)
            writer.finish()
        self._spent("nodes", writer.nodes_done - started)
        self._spent("edges", time.perf_counter() - writer.nodes_done)
        with self._timed("indexes"):
            schema.index_texts()  # fills itself while constraints are made
            writer.constrain_edges()
            schema.wait(self.progress)
        counts = self._counts(patient)
        self._save(
            patient,
            replace(begun, parts=plan.target, loading=(), exact=exact, counts=counts),
        )
        return replace(report, nodes=report.nodes + writer.nodes, edges=report.edges + writer.edges)

    def _finish_import(self, patient: Patient, schema: Schema) -> None:
        """Do what the offline importer could not."""
        with self._timed("indexes"):
            imported.finish(self.server, self.names, schema, self.progress)
        self._save(patient, replace(self.state, schema=SCHEMA))

    def _prune(self, report: PushReport, patient: Patient) -> PushReport:
        with (
            self._timed("prune"),
            leftovers(self.directory, self.manifest, patient, self.names) as left,
        ):
            left.remove(self.progress)
        self._save(
            patient,
            replace(self.state, exact=True, counts=self._counts(patient)),
        )
        return replace(report, removed_nodes=left.nodes, removed_edges=left.edges)

    def _embed(
        self, report: PushReport, patient: Patient, schema: Schema, crew: Crew
    ) -> PushReport:
        if self.manifest.vectors is None:
            return report
        with self._timed("vectors"):
            self.state, embedded = embeddings.push_vectors(
                self.directory,
                self.manifest,
                self.manifest.vectors,
                patient=patient,
                names=self.names,
                schema=schema,
                crew=crew,
                state=self.state,
                save=lambda state: self._save(patient, state),
                progress=self.progress,
            )
            schema.wait(self.progress)
        return replace(report, embedded=embedded)

    def _counts(self, patient: Patient) -> dict[str, int]:
        return counts_in(patient, self.names, new=not self.state.schema)

    def _save(self, patient: Patient, state: State) -> None:
        """Let the database know of a newer state."""
        patient.write(lambda tx, _: state.write(tx, self.names))
        self.state = state

    def _vectors(self, report: PushReport, wanted: bool) -> Vectors:
        if not wanted:
            return "left out"
        if self.manifest.vectors is None:
            return "none"
        return "written" if report.embedded else "current"

    @contextlib.contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self._spent(step, time.perf_counter() - begun)

    def _spent(self, step: str, seconds: float) -> None:
        self.seconds[step] = self.seconds.get(step, 0.0) + seconds


def _silent(stage: str, done: int, total: int | None) -> None:
    """Report to nobody."""
