"""How much a knowledge base holds, and whether graph and vectors are up to date with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kg import rejections
from kg.directory import Directory
from kg.manifest import GraphState, Manifest, VectorState
from kg.sql import connect, store_errors
from schema.layers import LAYERS
from schema.records import TABLES, Table

GRAPH_TABLES: tuple[str, ...] = (*TABLES, *LAYERS)
"""The tables and layers whose rows the graph shows."""

VECTOR_TABLES: tuple[str, ...] = ("assertions",)
"""The tables whose rows the vector index holds."""

_SOURCES: tuple[Table, ...] = ("posts", "products", "cobuys", "assertions")
_FOLDERS = ("records", "assertions", "layers", "graph", "vectors")
_FILES = {"requests": "requests.sqlite", "rejected": rejections.FILE}


def counts(directory: Directory, manifest: Manifest | None = None) -> dict[str, int]:
    """Count what a knowledge base holds.

    Returns
    -------
    dict
        ``posts``, ``products``, ``cobuys`` (pairs, whatever the number of sources), ``images``,
        ``intentions``, ``assertions``, ``evidence``, ``concepts``, and ``rejected`` (rows refused
        so far).

    Notes
    -----
    Rows are counted from the manifest alone; only distinct pairs, intentions and assertions are
    looked for in the parts.
    """
    manifest = manifest or directory.manifest()
    with store_errors(f"reading {directory.root}"):
        connection = connect(directory, manifest, tables=("cobuys", "assertions"))
        try:
            found = connection.execute(
                "SELECT (SELECT count(DISTINCT id) FROM cobuys), "
                "count(DISTINCT intention_id), count(DISTINCT assertion_id) FROM assertions"
            ).fetchone()
        finally:
            connection.close()
        cobuys, intentions, assertions = found or (0, 0, 0)
        return {
            "posts": rows(manifest, "posts"),
            "products": rows(manifest, "products"),
            "cobuys": cobuys,
            "images": rows(manifest, "images"),
            "intentions": intentions,
            "assertions": assertions,
            "evidence": rows(manifest, "assertions"),
            "concepts": rows(manifest, "concepts"),
            "rejected": rejections.count(directory),
        }


def rows(manifest: Manifest, table: str) -> int:
    """Rows of a table or layer as it stands: those of its parts, less those that were replaced."""
    return sum(part.rows - part.supersedes for part in manifest.parts(table))


def pending(
    manifest: Manifest, state: GraphState | VectorState | None, tables: Sequence[str]
) -> list[str]:
    """Parts of `tables` that a projection was not built from yet; empty if it is current."""
    built = state.parts if state else ()
    return [p.file for table in tables for p in manifest.parts(table) if p.file not in built]


def status(directory: Directory) -> dict[str, Any]:
    """Describe a knowledge base.

    Returns
    -------
    dict
        ``path``, ``format``, ``revision``, ``counts`` (see :func:`counts`), ``graph`` and
        ``vectors`` (each with ``state``: ``missing``, ``stale`` or ``current``), ``sizes`` in
        bytes by folder, ``sources`` (rows by table and source), ``models`` (evidence by model)
        and ``relations`` (evidence by relation), ``notes`` (what a person should know or do).
    """
    manifest = directory.manifest()
    with store_errors(f"reading {directory.root}"):
        connection = connect(directory, manifest, tables=_SOURCES)
        try:
            sources = {
                table: dict(
                    connection.execute(
                        f"SELECT source, count(*) FROM {table} GROUP BY ALL ORDER BY ALL"
                    ).fetchall()
                )
                for table in _SOURCES
            }
            models, relations = (
                dict(
                    connection.execute(
                        f"SELECT {column}, count(*) AS n FROM assertions "
                        f"WHERE {column} IS NOT NULL GROUP BY ALL ORDER BY n DESC, {column}"
                    ).fetchall()
                )
                for column in ("model", "relation")
            )
        finally:
            connection.close()
        counted = counts(directory, manifest)
        graph = _projection(manifest, manifest.graph, GRAPH_TABLES)
        vectors = _projection(manifest, manifest.vectors, VECTOR_TABLES)
        return {
            "path": str(directory.root),
            "format": manifest.format,
            "revision": manifest.revision,
            "counts": counted,
            "graph": graph,
            "vectors": vectors,
            "sizes": _sizes(directory),
            "sources": sources,
            "models": models,
            "relations": relations,
            "notes": _notes(directory, counted, graph, vectors),
        }


def _notes(
    directory: Directory, counted: dict[str, int], graph: dict[str, Any], vectors: dict[str, Any]
) -> list[str]:
    """Sentences on what a person should know or do."""
    notes = []
    build = f"intentkg build {directory.root}"
    for name, projection in (("graph", graph), ("vectors", vectors)):
        verb = "is" if name == "graph" else "are"
        if projection["state"] == "missing" and projection["pending"]:
            notes.append(f"the {name} {verb} not built yet: {build}")
        elif projection["state"] == "stale":
            notes.append(f"the {name} {verb} behind the records: {build}")
    if counted["rejected"]:
        listed = directory.path(rejections.FILE)
        n = counted["rejected"]
        refused = "1 row was" if n == 1 else f"{n:,} rows were"
        notes.append(f"{refused} refused so far; see {listed}")
    return notes


def _projection(
    manifest: Manifest, state: GraphState | VectorState | None, tables: Sequence[str]
) -> dict[str, Any]:
    waiting = pending(manifest, state, tables)
    there = {part.file for parts in manifest.tables.values() for part in parts}
    gone = state is not None and not set(state.parts) <= there  # a layer was taken away
    if state is None:
        return {"state": "missing", "pending": len(waiting)}
    shown: dict[str, Any] = {
        "state": "stale" if waiting or gone else "current",
        "pending": len(waiting),
    }
    if isinstance(state, GraphState):
        return shown | {"engine": state.engine, "nodes": state.nodes, "edges": state.edges}
    return shown | {"model": state.model, "dimension": state.dimension, "count": state.count}


def _sizes(directory: Directory) -> dict[str, int]:
    sizes = {folder: _bytes(directory.root / folder) for folder in _FOLDERS}
    sizes |= {name: _bytes(directory.root / file) for name, file in _FILES.items()}
    return sizes | {"total": sum(sizes.values())}


def _bytes(path: Path) -> int:
    """Bytes of a file, or of all files below a directory; 0 if there is none."""
    try:
        if path.is_dir():
            return sum(_bytes(child) for child in path.iterdir())
        return path.stat().st_size
    except FileNotFoundError:  # swept by a writer meanwhile
        return 0
