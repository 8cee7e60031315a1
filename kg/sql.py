"""SQL over the truth: a DuckDB connection whose views show each row as it stands now.

A table's parts are immutable; a row in a later part replaces the one with the same key in an
earlier part. The views resolve that. Parts that replace nothing, which is the usual case, cost
nothing extra: the manifest says of each part how many rows it replaces.

The connection reaches exactly the committed parts (and a writer's staging directory), never the
network: DuckDB's extensions are neither installed nor loaded.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pyarrow as pa

from kg.directory import Directory
from kg.manifest import Manifest, Part
from schema.errors import CorruptError, DiskFullError, IntentKGError, StoreError
from schema.layers import LAYER_KEYS, LAYER_SCHEMAS, LAYERS, Layer
from schema.records import SCHEMAS, TABLES, Table

if TYPE_CHECKING:
    import duckdb

KEYS: dict[Table, tuple[str, ...]] = {
    "posts": ("id",),
    "products": ("id",),
    "cobuys": ("id", "source"),
    "images": ("id",),
    "assertions": ("id",),
}
"""The columns that identify a row of a table."""

ORDER: dict[Table, tuple[str, ...]] = {**KEYS, "assertions": ("assertion_id", "id")}
"""How the rows of a part are sorted, so that statistics find a row quickly."""

USUAL_FORM = "arg_min(text, struct_pack(n := -n, l := length(text), t := text))"
"""Of the forms in which an intention was written (`text`, `n` times): the most frequent, then the
shortest, then the first in code point order."""

_ALL: tuple[Table | Layer, ...] = (*TABLES, *LAYERS)
_COLUMNS: dict[str, pa.Schema] = dict((*SCHEMAS.items(), *LAYER_SCHEMAS.items()))
_KEYS: dict[str, tuple[str, ...]] = dict((*KEYS.items(), *LAYER_KEYS.items()))


def connect(
    directory: Directory,
    manifest: Manifest | None = None,
    *,
    tables: Iterable[Table | Layer] | None = None,
    memory: str = "1GB",
    scratch: Path | None = None,
) -> duckdb.DuckDBPyConnection:
    """Open a connection with one view per table: ``posts``, ``products``, ``cobuys``, …

    Each view gives exactly one row per key (see :data:`KEYS`), the latest, with the columns of
    ``SCHEMAS[table]``. Times are in UTC. Layers have views too, ``concepts``, ``mentions``, …

    Parameters
    ----------
    directory, manifest
        The knowledge base, and the state of it to look at (default: the current one).
    tables
        Which views to make (default: all).
    memory
        DuckDB's memory limit; what needs more spills to disk.
    scratch
        A directory that the connection may read and write, and spills into. Default: it may
        write nowhere and spills into the system's temporary directory.

    Raises
    ------
    CorruptError
        If a part that the manifest names is missing.
    """
    import duckdb

    if manifest is None:
        manifest = directory.manifest()
    for table in _ALL:
        for part in manifest.parts(table):
            if not directory.path(part.file).is_file():
                raise CorruptError(
                    f"{directory.path(part.file)} is missing; {directory.root}/kb.json names it",
                    fix="restore it from a backup, or ingest the sources into a new directory",
                )
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "memory_limit": memory,
            "threads": str(os.cpu_count() or 1),
        },
    )
    if scratch is not None:
        scratch = scratch.absolute()
    spill = scratch or Path(tempfile.gettempdir())
    readable = [
        directory.path(part.file).absolute() for table in _ALL for part in manifest.parts(table)
    ]
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET temp_directory = {quote(spill / f'intentkg-spill-{uuid4().hex}')}")
    connection.execute(f"SET allowed_paths = {_names(readable)}")
    if scratch is not None:
        connection.execute(f"SET allowed_directories = {_names([scratch])}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    for table in _ALL if tables is None else tables:
        part_view(connection, directory, table, manifest.parts(table), name=table)
    return connection


def part_view(
    connection: duckdb.DuckDBPyConnection,
    directory: Directory,
    table: Table | Layer,
    parts: Sequence[Part],
    *,
    name: str,
) -> None:
    """Make (or replace) a view of some parts of a table only, the latest row per key among them.

    An incremental build asks so what the parts hold that it has not seen yet::

        fresh = [p for p in manifest.parts("assertions") if p.file not in state.parts]
        part_view(connection, directory, "assertions", fresh, name="fresh")

    `parts` must be parts of the manifest that the connection was opened with, oldest first.
    """
    query = _latest(directory, table, parts)
    connection.execute(f"CREATE OR REPLACE VIEW {identifier(name)} AS {query}")


def schema_of(table: Table | Layer) -> pa.Schema:
    """The columns of a table or layer."""
    return _COLUMNS[table]


def stream(
    connection: duckdb.DuckDBPyConnection, query: str, *, rows: int = 8192
) -> Iterator[pa.RecordBatch]:
    """Yield a query's result in Arrow batches, without holding all of it."""
    with connection.cursor() as cursor:
        yield from cursor.sql(query).to_arrow_reader(rows)


def quote(text: str | Path) -> str:
    """Write text as an SQL string literal."""
    return "'" + str(text).replace("'", "''") + "'"


def parquet(*files: Path, options: str = "") -> str:
    """Write the SQL table function that reads Parquet files, whatever their names.

    DuckDB takes a name for a pattern, so what is special in one is put in brackets. Names become
    absolute, because a connection outlives a change of the working directory.
    """
    names = ", ".join(quote(_literal(file.absolute())) for file in files)
    return f"read_parquet([{names}]{options})"


def identifier(name: str) -> str:
    """Write a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@contextlib.contextmanager
def store_errors(doing: str) -> Iterator[None]:
    """Turn what the file system, DuckDB or Arrow raise into a :class:`StoreError`.

    A full disk becomes a :class:`DiskFullError`.

    Parameters
    ----------
    doing
        What was going on, for the message: ``"writing to my.kg"``.
    """
    import duckdb
    import pyarrow as pa

    try:
        yield
    except IntentKGError:
        raise
    except duckdb.OutOfMemoryException as error:
        raise StoreError(
            f"{doing} needs more memory: {_first_line(error)}",
            fix="free memory or disk space, or work on smaller files; nothing was changed",
        ) from error
    except (OSError, duckdb.Error, pa.ArrowException) as error:
        if getattr(error, "errno", None) == errno.ENOSPC or os.strerror(errno.ENOSPC) in str(error):
            raise DiskFullError(
                f"{doing} failed: no space is left",
                fix="free some space, then run this again; nothing was changed",
            ) from error
        raise StoreError(
            f"{doing} failed: {_first_line(error)}",
            fix="check the free space and the permissions there; nothing was changed",
        ) from error


def _latest(directory: Directory, table: Table | Layer, parts: Sequence[Part]) -> str:
    columns = ", ".join(_COLUMNS[table].names)
    if not parts:
        return _nothing(table)
    if not any(part.supersedes for part in parts[1:]):
        return f"SELECT {columns} FROM {_read(directory, [p.file for p in parts])}"
    # Neighbours that replace nothing share a number; a part that replaces rows has its own.
    runs: list[tuple[int, list[str]]] = []
    for index, part in enumerate(parts):
        if runs and not part.supersedes and not parts[index - 1].supersedes:
            runs[-1][1].append(part.file)
        else:
            runs.append((index, [part.file]))
    keys = ", ".join(_KEYS[table])
    everything = " UNION ALL ".join(
        f"SELECT {index} AS _part, {columns} FROM {_read(directory, files)}"
        for index, files in runs
    )
    replacing = " UNION ALL ".join(
        f"SELECT {index} AS _last, {keys} FROM {_read(directory, [part.file])}"
        for index, part in enumerate(parts)
        if index and part.supersedes
    )
    return (
        f"SELECT {columns} FROM ({everything}) LEFT JOIN "
        f"(SELECT {keys}, max(_last) AS _last FROM ({replacing}) GROUP BY ALL) USING ({keys}) "
        "WHERE _last IS NULL OR _part >= _last"
    )


def _literal(path: Path) -> str:
    """The pattern that only this very path meets."""
    return re.sub(r"([*?[])", r"[\1]", str(path))


def _names(paths: Sequence[Path]) -> str:
    """Paths to be allowed: as they are, and as DuckDB meets them before it expands them."""
    names = {str(path) for path in paths} | {_literal(path) for path in paths}
    return "[" + ", ".join(quote(name) for name in sorted(names)) + "]"


def _read(directory: Directory, files: Sequence[str]) -> str:
    return parquet(*(directory.path(file) for file in files))


def _nothing(table: Table | Layer) -> str:
    columns = ", ".join(f"NULL::{_type(f.type)} AS {f.name}" for f in _COLUMNS[table])
    return f"SELECT {columns} WHERE false"


def _type(kind: pa.DataType) -> str:
    """DuckDB's name of an Arrow type."""
    import pyarrow.types as types

    if types.is_list(kind):
        return f"{_type(kind.value_type)}[]"
    if types.is_struct(kind):
        return "STRUCT(" + ", ".join(f"{identifier(f.name)} {_type(f.type)}" for f in kind) + ")"
    if types.is_timestamp(kind):
        return "TIMESTAMPTZ"
    names = {"string": "VARCHAR", "double": "DOUBLE", "bool": "BOOLEAN"}
    return names.get(str(kind), {"int64": "BIGINT", "int32": "INTEGER"}.get(str(kind), ""))


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
