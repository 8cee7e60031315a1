"""The graph's part of a build: from nothing, or into a copy of the current graph."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kg import layers
from kg.directory import Directory
from kg.manifest import GraphState, Manifest, sha256_file
from kg.store import EdgeKind
from schema.errors import StoreError
from schema.records import TABLES

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from kg.embedded_writer import BulkWriter, UpdateWriter
    from kg.projection import Projection

Plan = Literal["current", "update", "build"]
Progress = Callable[[str, int, int | None], None]

SHAPE = 1
"""Changed whenever :mod:`kg.projection` gives another graph for the same truth."""

# Up to this share of new rows an update is faster than a fresh build; see
# benchmarks/performance/build_graph.py for the measurement.
_UPDATE_SHARE = 0.4


def engine() -> str:
    """What made a graph file; a file that another engine or shape made is built anew."""
    import grafeo

    return f"grafeo {grafeo.__version__}, shape {SHAPE}"


def all_parts(manifest: Manifest) -> tuple[str, ...]:
    """Every committed part of the truth, and every layer."""
    truth = (part for table in TABLES for part in manifest.parts(table))
    return tuple(part.file for part in (*truth, *layers.parts(manifest)))


def plan_graph(directory: Directory, manifest: Manifest, *, fresh: bool = False) -> Plan:
    """Decide what has to be done; reads nothing but the manifest and the file's size."""
    state = manifest.graph
    if fresh or state is None or state.engine != engine():
        return "build"
    path = directory.path(state.file)
    if not path.is_file() or path.stat().st_size != state.bytes:
        return "build"
    known = set(state.parts)
    if not known <= set(all_parts(manifest)):
        return "build"
    if any(part.file not in known for part in layers.parts(manifest)):
        return "build"  # a layer is replaced as a whole, and so may be most of the graph's edges
    parts = [part for table in TABLES for part in manifest.parts(table)]
    added = sum(part.rows for part in parts if part.file not in known)
    if not any(part.file not in known for part in parts):
        return "current"
    return "update" if added <= _UPDATE_SHARE * sum(part.rows for part in parts) else "build"


def write_graph(
    connection: duckdb.DuckDBPyConnection,
    directory: Directory,
    manifest: Manifest,
    plan: Plan,
    file: Path,
    progress: Progress,
) -> tuple[Literal["updated", "built"], GraphState]:
    """Write the graph to `file`, durably, and tell how it was done and what to call it.

    An update that turns out not to be possible becomes a build from nothing.

    Parameters
    ----------
    connection
        From :func:`kg.sql.connect`, for `manifest`.
    file
        A path in the staging directory; nothing is there yet.

    Raises
    ------
    StoreError
        If the engine or the disk fails.
    """
    import grafeo

    from kg.embedded_writer import BulkWriter, UpdateWriter
    from kg.projection import Projection, reaches

    state = manifest.graph
    writer: BulkWriter | UpdateWriter
    try:
        if plan == "update" and state is not None:
            known = frozenset(state.parts)
            if reaches(connection, directory, manifest, known) and _copy(directory, state, file):
                with UpdateWriter(file) as writer:
                    changes = Projection(connection, directory, manifest, known=known)
                    counts = _write(writer, changes, progress)
                return "updated", _state(manifest, file, counts)
            file.unlink(missing_ok=True)
        with BulkWriter(file) as writer:
            everything = Projection(connection, directory, manifest)
            counts = _write(writer, everything, progress)
        return "built", _state(manifest, file, counts)
    except grafeo.GrafeoError as error:
        raise StoreError(
            f"the graph cannot be written: {error}",
            fix=f"write it anew: intentkg build {directory.root} --fresh",
        ) from error


def _write(
    writer: BulkWriter | UpdateWriter, projection: Projection, progress: Progress
) -> tuple[int, int]:
    nodes = edges = 0
    batches: Iterator[tuple[str | EdgeKind, pa.RecordBatch]] = itertools.chain(
        projection.nodes(), projection.edges()
    )
    for kind, batch in _ahead(batches):
        if isinstance(kind, EdgeKind):
            writer.write_edges(kind, batch)
            edges += batch.num_rows
            progress("graph: edges", edges, None)
        else:
            writer.write_nodes(kind, batch)
            nodes += batch.num_rows
            progress("graph: nodes", nodes, None)
    progress("graph: file", 0, None)
    writer.finish()
    return writer.counts


def _ahead[T](items: Iterator[T]) -> Iterator[T]:
    """Fetch each item in a thread while the caller is busy with the one before."""
    end = object()
    with ThreadPoolExecutor(1) as pool:
        coming: Future[Any] = pool.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, items, end)
            yield item


def _state(manifest: Manifest, file: Path, counts: tuple[int, int]) -> GraphState:
    with file.open("rb+") as written:
        os.fsync(written.fileno())  # here, so that the swap has nothing left to wait for
    nodes, edges = counts
    return GraphState(
        file=f"graph/graph-{manifest.revision + 1:08d}.grafeo",
        engine=engine(),
        bytes=file.stat().st_size,
        sha256=sha256_file(file),
        nodes=nodes,
        edges=edges,
        parts=all_parts(manifest),
    )


def _copy(directory: Directory, state: GraphState, target: Path) -> bool:
    """Copy the current graph; False if it is not what was written (then it is built anew)."""
    digest = hashlib.sha256()
    with directory.path(state.file).open("rb") as source, target.open("wb") as copy:
        while piece := source.read(1 << 22):
            digest.update(piece)
            copy.write(piece)
    return digest.hexdigest() == state.sha256
