"""Layers that analyses add to a knowledge base (:mod:`schema.layers`): written, asked, removed.

A layer is one Parquet file under ``layers/``. A group of them is replaced as a whole, in the same
commit; the next build brings it into the graph. The truth is not touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace as changed
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from kg import sql
from kg.directory import Directory, settle
from kg.manifest import Manifest, Part, sha256_file
from schema.errors import StoreError, UsageError
from schema.layers import GROUPS, LAYER_KEYS, LAYER_SCHEMAS, LAYERS, REFERENCES, Layer

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_MADE_BY = b"intentkg"
_GROUP_ROWS = 65_536


def replace(
    directory: Directory,
    layers: Mapping[Layer, Iterable[pa.RecordBatch]],
    *,
    made_by: Mapping[str, Any],
) -> dict[Layer, int]:
    """Write the layers of one or several groups, in place of what was there.

    Parameters
    ----------
    directory
        The knowledge base.
    layers
        Batches by layer, columns as in :data:`schema.layers.LAYER_SCHEMAS`; a group has to be
        given whole. They are read before the writer's lock is taken, and may be generators that
        read the same knowledge base.
    made_by
        How they were computed (method, taxonomy, threshold, …), as JSON can hold it; kept in each
        file, see :func:`made_by`.

    Returns
    -------
    dict
        Rows by layer.

    Raises
    ------
    UsageError
        If a group is not whole.
    StoreError
        If a row comes twice, names an intention that the truth does not have or a row that the
        group does not have, a hypernym leads back to itself, or the disk fails. Nothing was
        changed then.
    """
    _check_groups(layers)
    with (
        directory.write("analyse") as staging,
        sql.store_errors(f"writing to {directory.root}"),
    ):
        manifest = directory.manifest()
        files = {name: staging / f"{name}.parquet" for name in layers}
        rows = {name: _write(name, layers[name], files[name], made_by) for name in layers}
        with sql.connect(directory, manifest, tables=["assertions"], scratch=staging) as connection:
            _check(connection, files)
        tables = dict(manifest.tables)
        for name, file in files.items():
            part = Part(
                file=f"layers/{name}-{manifest.revision + 1:06d}.parquet",
                rows=rows[name],
                bytes=file.stat().st_size,
                sha256=sha256_file(file),
            )
            settle(file, directory.path(part.file))
            tables[name] = (part,)
        directory.commit(changed(manifest, tables=tables))
    return rows


def remove(directory: Directory, group: str) -> dict[Layer, int]:
    """Take a group of layers away; the truth stays.

    Returns
    -------
    dict
        Rows that each layer had; empty if there was none.

    Raises
    ------
    UsageError
        If there is no such group.
    """
    if group not in GROUPS:
        raise UsageError(f"no layers are called {group!r}", fix=f"use one of {', '.join(GROUPS)}")
    with directory.write("analyse"):
        manifest = directory.manifest()
        had = {name: parts[0].rows for name in GROUPS[group] if (parts := manifest.parts(name))}
        if had:
            kept = {name: parts for name, parts in manifest.tables.items() if name not in had}
            directory.commit(changed(manifest, tables=kept))
    return had


def made_by(directory: Directory, layer: Layer) -> dict[str, Any] | None:
    """How a layer was computed, or None if there is none."""
    import pyarrow.parquet as pq

    parts = directory.manifest().parts(layer)
    if not parts:
        return None
    metadata = pq.read_schema(directory.path(parts[0].file)).metadata or {}
    found: dict[str, Any] = orjson.loads(metadata.get(_MADE_BY, b"{}"))
    return found


def parts(manifest: Manifest) -> list[Part]:
    """The files of all layers."""
    return [part for name in LAYERS for part in manifest.parts(name)]


def _check_groups(layers: Mapping[Layer, object]) -> None:
    for group, members in GROUPS.items():
        given = [name for name in members if name in layers]
        if given and len(given) != len(members):
            raise UsageError(
                f"{', '.join(given)}: not the whole of {group}",
                fix=f"give {', '.join(members)} together",
            )


def _write(
    name: Layer, batches: Iterable[pa.RecordBatch], file: Path, made_by: Mapping[str, Any]
) -> int:
    import pyarrow.parquet as pq

    schema = LAYER_SCHEMAS[name].with_metadata({_MADE_BY: orjson.dumps(dict(made_by))})
    rows = 0
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch.select(schema.names).cast(schema), row_group_size=_GROUP_ROWS)
            rows += batch.num_rows
    return rows


def _check(connection: duckdb.DuckDBPyConnection, files: Mapping[Layer, Path]) -> None:
    """See that every row is there once, and what it names is there too."""
    for name, file in files.items():
        table = sql.parquet(file)
        keys = ", ".join(LAYER_KEYS[name])
        twice = f"SELECT {keys} FROM {table} GROUP BY ALL HAVING count(*) > 1 LIMIT 1"
        if found := connection.execute(twice).fetchone():
            raise _broken(name, f"{' to '.join(found)} comes twice")
        for column, target in REFERENCES[name]:
            known = (
                "(SELECT DISTINCT intention_id AS id FROM assertions)"
                if target == "assertions"
                else sql.parquet(files[target])
            )
            lost = (
                f"SELECT {column} FROM {table} t ANTI JOIN {known} k ON k.id = t.{column} LIMIT 1"
            )
            if found := connection.execute(lost).fetchone():
                raise _broken(name, f"{column} {found[0]} is not there")
    if "same_as" in files:
        table = sql.parquet(files["same_as"])
        both = f"SELECT intention_id FROM {table} SEMI JOIN (SELECT canonical_id AS intention_id "
        if found := connection.execute(f"{both} FROM {table}) USING (intention_id)").fetchone():
            raise _broken("same_as", f"{found[0]} is canonical and is not")
    if "hypernyms" in files:
        _check_circles(connection, sql.parquet(files["hypernyms"]))


def _check_circles(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """See that no chain of hypernyms leads back to where it began.

    A row whose end begins no row is no part of a circle: such rows are taken off, time by time;
    what is left in the end goes round.
    """
    make = "CREATE OR REPLACE TEMP TABLE chain AS"
    connection.execute(f"{make} SELECT narrower_id AS a, broader_id AS b FROM {table}")
    ((left,),) = connection.execute("SELECT count(*) FROM chain").fetchall()
    before = left + 1
    while 0 < left < before:
        before = left
        starts = "(SELECT DISTINCT a AS b FROM chain)"
        connection.execute(f"{make} SELECT a, b FROM chain SEMI JOIN {starts} USING (b)")
        ((left,),) = connection.execute("SELECT count(*) FROM chain").fetchall()
    if left:
        found = connection.execute("SELECT min(a) FROM chain").fetchone() or ("",)
        raise _broken("hypernyms", f"{found[0]} is its own hypernym, by others or at once")


def _broken(name: str, what: str) -> StoreError:
    return StoreError(
        f"the layer {name} cannot be written: {what}",
        fix="this is a bug in what computed it; nothing was changed",
    )
