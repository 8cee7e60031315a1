"""Other people's ways of writing a graph into Neo4j, each in an environment of its own.

They are installed and started as :mod:`benchmarks.performance.peers` says::

    python load_NAME.py URI FOLDER PASSES

FOLDER holds ``nodes.jsonl`` (``label``, ``id``, ``properties``) and ``edges.jsonl`` (``type``,
``start``, ``end``, ``start_label``, ``end_label``, ``properties``): see :func:`write_rows`. The
script reads them into memory, makes the tool's own objects, writes them PASSES times, and prints
``{"seconds", "prepare", "peak_mb"}``. The clock of ``seconds`` runs while the tool writes: what it
takes to read the files and to make the objects does not count.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from benchmarks.performance.peers import Peer
from kg import sql
from kg.directory import Directory
from kg.projection import Projection

_DRIVER = "neo4j==6.4.1"

LOADERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer(
            "graphrag",
            ("neo4j-graphrag==1.22.0", _DRIVER),
            "Neo4jWriter, batches of 5,000 (its default is 1,000)",
            "load_graphrag.py",
        ),
        Peer(
            "llamaindex",
            ("llama-index-graph-stores-neo4j==0.8.0",),
            "Neo4jPropertyGraphStore.upsert_nodes and upsert_relations, which write 1,000 at once",
            "load_llamaindex.py",
        ),
        Peer(
            "langchain",
            ("langchain-neo4j==0.11.0", _DRIVER),
            "Neo4jGraph.add_graph_documents, baseEntityLabel on, documents of 5,000",
            "load_langchain.py",
        ),
        Peer(
            "plain",
            (_DRIVER,),
            "the driver alone: constraints, one thread, UNWIND and MERGE of 5,000 rows",
            "load_plain.py",
        ),
    )
}
"""The tools; ``plain`` is none, but what anyone would write."""


def write_rows(directory: Directory, folder: Path) -> tuple[int, int]:
    """Write the graph of a knowledge base as JSON lines; returns how many nodes and edges."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = directory.manifest()
    nodes = edges = 0
    with (
        sql.connect(directory, manifest) as connection,
        (folder / "nodes.jsonl").open("wb") as node_file,
        (folder / "edges.jsonl").open("wb") as edge_file,
    ):
        projection = Projection(connection, directory, manifest)
        for label, batch in projection.nodes():
            for row in map(_said, batch.to_pylist()):
                node_file.write(_line({"label": label, "id": row["id"], "properties": row}))
            nodes += batch.num_rows
        for kind, batch in projection.edges():
            labels = {"type": kind.type, "start_label": kind.start, "end_label": kind.end}
            for row in map(_said, batch.to_pylist()):
                ends = {"start": row.pop("start"), "end": row.pop("end")}
                edge_file.write(_line({**labels, **ends, "properties": row}))
            edges += batch.num_rows
    return nodes, edges


def size_of(directory: Directory) -> tuple[int, int]:
    """Count the nodes and the edges of the graph that the truth makes."""
    manifest = directory.manifest()
    with sql.connect(directory, manifest) as connection:
        projection = Projection(connection, directory, manifest)
        node_queries = map(projection.node_query, projection.labels())
        nodes, edges = (
            sum(len(connection.sql(f"SELECT 1 FROM ({query})")) for query in queries)
            for queries in (node_queries, projection.edge_queries().values())
        )
    return nodes, edges


def _said(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def _line(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
