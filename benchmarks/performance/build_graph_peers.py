"""What :mod:`benchmarks.performance.build_graph` compares: our build, and the engine's loads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb  # noqa: F401  (before the clock starts, as the peers' packages are)
import grafeo
import pyarrow as pa

from kg import graph_build, sql
from kg.build import build
from kg.directory import Directory
from kg.embedded_writer import rows_of
from kg.projection import Projection


def ours(directory: Directory, rows: Path) -> dict[str, Any]:
    """`intentkg build --fresh`, without the vectors."""
    report = build(directory, fresh=True, vectors=False)
    state = directory.manifest().graph
    assert state is not None
    count = report.nodes + report.edges
    return {"swap": report.seconds["swap"], "rows": count, "bytes": state.bytes}


def update(directory: Directory, rows: Path) -> dict[str, Any]:
    """`intentkg build`, made to add whatever the share of what is new."""
    graph_build._UPDATE_SHARE = 1.0
    assert build(directory, vectors=False).graph == "updated"
    return {}


def export(directory: Directory, folder: Path) -> None:
    """Write the rows of the graph as Arrow files, with the engine's numbers as ends."""
    numbers: dict[str, dict[str, int]] = {}
    files = 0
    manifest = directory.manifest()
    with sql.connect(directory, manifest, scratch=folder) as connection:
        projection = Projection(connection, directory, manifest)
        total = 0
        for label, batch in projection.nodes():
            ids = batch.column("id").to_pylist()
            known = numbers.setdefault(label, {})
            known.update(zip(ids, range(total, total + len(ids)), strict=True))
            total += len(ids)
            _write(folder / f"{files:06d}-nodes-{label}.arrow", batch)
            files += 1
        for kind, batch in projection.edges():
            for name, label in (("start", kind.start), ("end", kind.end)):
                ends = pa.array(map(numbers[label].__getitem__, batch.column(name).to_pylist()))
                batch = batch.set_column(batch.schema.get_field_index(name), name, ends)
            _write(folder / f"{files:06d}-edges-{kind.type}.arrow", batch)
            files += 1


def batch_memory(directory: Directory, folder: Path) -> None:
    """The batch calls into memory, then one save."""
    database = grafeo.GrafeoDB()
    _batches(database, folder)
    target = folder / "peer.grafeo"
    target.unlink(missing_ok=True)
    database.save(str(target))
    _sync(target)


def batch_file(directory: Directory, folder: Path) -> None:
    """The batch calls into a file."""
    target = folder / "peer.grafeo"
    target.unlink(missing_ok=True)
    database = grafeo.GrafeoDB(str(target))
    _batches(database, folder)
    database.wal_checkpoint()
    database.close()
    _sync(target)


def import_df(directory: Directory, folder: Path) -> None:
    """Data frames into memory, then one save."""
    database = grafeo.GrafeoDB()
    for kind, name, batch in _read(folder):
        frame = batch.to_pandas()
        if kind == "nodes":
            database.import_df(frame, "nodes", label=name)
        else:
            database.import_df(frame, "edges", edge_type=name, source="start", target="end")
    database.create_property_index("id")
    target = folder / "peer.grafeo"
    target.unlink(missing_ok=True)
    database.save(str(target))
    _sync(target)


def _batches(database: grafeo.GrafeoDB, folder: Path) -> None:
    for kind, name, batch in _read(folder):
        if kind == "nodes":
            database.batch_create_nodes_with_props(name, rows_of(batch, batch.schema.names))
            continue
        columns = [column for column in batch.schema.names if column not in ("start", "end")]
        rows = rows_of(batch, columns) if columns else [{}] * batch.num_rows
        starts, ends = batch.column("start").to_pylist(), batch.column("end").to_pylist()
        database.batch_create_edges(
            [(a, b, name, row) for a, b, row in zip(starts, ends, rows, strict=True)]
        )
    database.create_property_index("id")


def _read(folder: Path) -> Iterator[tuple[str, str, pa.RecordBatch]]:
    for file in sorted(folder.glob("*.arrow")):
        _, kind, name = file.stem.split("-")
        with pa.memory_map(str(file)) as source:
            yield kind, name, pa.ipc.open_file(source).get_batch(0)


def _write(path: Path, batch: pa.RecordBatch) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
