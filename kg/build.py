"""Truth to graph and vectors: written beside the old ones, swapped in together.

What the truth gained since the last build is written into a copy of the graph; it is built from
nothing only where that is asked for, faster, or the only way. Readers keep the old generation
while this runs and as long as they like afterwards; the next writer removes its files.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from kg import sql
from kg.directory import Directory, settle
from kg.graph_build import Progress, plan_graph, write_graph
from kg.manifest import Manifest, VectorState
from schema.errors import StoreError
from schema.records import TABLES

if TYPE_CHECKING:
    from kg.embed import Embedder

# Bytes of graph and vectors per byte of Parquet, generously: to tell early that a disk is full.
_GROWTH = 8


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did.

    Attributes
    ----------
    graph
        ``current`` (nothing to do), ``updated`` (what is new was added) or ``built`` (from
        nothing).
    vectors
        The same, or ``none`` where there are none.
    nodes, edges
        Size of the graph.
    intentions
        How many intentions have a vector.
    seconds
        Time by step: ``graph``, ``vectors``, ``swap`` and ``total``.
    revision
        The knowledge base's revision afterwards.
    """

    graph: str
    vectors: str
    nodes: int
    edges: int
    intentions: int
    seconds: dict[str, float]
    revision: int

    @property
    def changed(self) -> bool:
        """Whether there is a new generation."""
        return not {self.graph, self.vectors} <= {"current", "none"}

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {**asdict(self), "seconds": {k: round(v, 3) for k, v in self.seconds.items()}}

    def __str__(self) -> str:
        graph = f"graph {self.graph}: {self.nodes:,} nodes, {self.edges:,} edges"
        vectors = f"vectors {self.vectors}: {self.intentions:,} intentions"
        if not self.changed:
            return f"nothing to do; {graph}; {vectors}"
        return f"{graph}; {vectors}; {self.seconds['total']:.1f} s"


def build(
    directory: Directory,
    *,
    fresh: bool = False,
    embedder: Embedder | None = None,
    progress: Progress | None = None,
    vectors: bool = True,
) -> BuildReport:
    """Bring the graph and the vectors of a knowledge base up to date with its truth.

    Parameters
    ----------
    directory
        The knowledge base.
    fresh
        From nothing, instead of adding what is new.
    embedder
        What turns text into vectors; by default the installed sentence model.
    progress
        Called with a stage, how much of it is done, and its total where that is known.
    vectors
        False leaves the vectors as they are.

    Raises
    ------
    NotAKnowledgeBaseError, LockedError, CorruptError
        As :class:`kg.directory.Directory` and :func:`kg.sql.connect` say.
    StoreError
        If the disk is full or fails; the old generation stays then.
    """
    begun = time.perf_counter()
    seconds = {"graph": 0.0, "vectors": 0.0, "swap": 0.0}
    report = progress or _silent
    directory.manifest()  # refuses what is no knowledge base before anything is written there
    with directory.write("build") as staging, sql.store_errors(f"building {directory.root}"):
        manifest = directory.manifest()
        plan = plan_graph(directory, manifest, fresh=fresh)
        embed = vectors and _vectors_needed(directory, manifest, fresh, embedder)
        if embed and embedder is None:
            from kg.embed import load_embedder

            embedder = load_embedder()  # may fail: better now than after the graph's work
        graph, graph_done = manifest.graph, "current"
        index, vectors_done = manifest.vectors, "current" if manifest.vectors else "none"
        file = staging / "graph.grafeo"
        if plan != "current" or embed:
            _check_space(directory, manifest)
            with sql.connect(directory, manifest, scratch=staging) as connection:
                if plan != "current":
                    started = time.perf_counter()
                    graph_done, graph = write_graph(
                        connection, directory, manifest, plan, file, report
                    )
                    seconds["graph"] = time.perf_counter() - started
                if embed and embedder is not None:
                    from kg.vectors import build_vectors

                    started = time.perf_counter()
                    index = build_vectors(
                        directory,
                        manifest,
                        staging,
                        embedder=embedder,
                        fresh=fresh,
                        progress=report,
                        connection=connection,
                    )
                    vectors_done = _vectors_done(manifest.vectors, index, fresh)
                    seconds["vectors"] = time.perf_counter() - started
            started = time.perf_counter()
            if graph is not None and graph != manifest.graph:
                settle(file, directory.path(graph.file))
            manifest = directory.commit(replace(manifest, graph=graph, vectors=index))
            seconds["swap"] = time.perf_counter() - started
    seconds["total"] = time.perf_counter() - begun
    return BuildReport(
        graph=graph_done,
        vectors=vectors_done,
        nodes=graph.nodes if graph else 0,
        edges=graph.edges if graph else 0,
        intentions=index.count if index else 0,
        seconds=seconds,
        revision=manifest.revision,
    )


def _vectors_needed(
    directory: Directory, manifest: Manifest, fresh: bool, embedder: Embedder | None
) -> bool:
    parts = manifest.parts("assertions")
    state = manifest.vectors
    if not any(part.rows for part in parts):
        return False
    if fresh or state is None or not directory.path(state.directory).is_dir():
        return True
    if embedder is not None and embedder.name != state.model:
        return True
    return not {part.file for part in parts} <= set(state.parts)


def _vectors_done(before: VectorState | None, after: VectorState | None, fresh: bool) -> str:
    if after is None:
        return "none"
    if before is not None and after.directory == before.directory:
        return "current"  # what is new says nothing that was not said before
    return "built" if fresh or before is None or before.model != after.model else "updated"


def _check_space(directory: Directory, manifest: Manifest) -> None:
    """Refuse to begin what would fill the disk."""
    truth = sum(part.bytes for table in TABLES for part in manifest.parts(table))
    needed = truth * _GROWTH + (16 << 20)
    free = shutil.disk_usage(directory.root).free
    if free < needed:
        raise StoreError(
            f"the disk of {directory.root} has {free >> 20:,} MB left; a build may need "
            f"{needed >> 20:,} MB",
            fix="free some space, then run this again; nothing was changed",
        )


def _silent(stage: str, done: int, total: int | None) -> None:
    """Report to nobody."""
