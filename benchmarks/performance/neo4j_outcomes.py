"""What is in a Neo4j database after a second write, in which two values are corrected.

Each way of :mod:`benchmarks.performance.neo4j_load` writes a graph, then the same graph with
another title of one product and another score of one edge. After that each node and edge should be
there once, and both corrections too.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.performance import recombine
from benchmarks.performance.loaders import write_rows
from benchmarks.performance.neo4j_place import Place
from kg.directory import Directory
from kg.truth import Transaction
from schema import identity
from schema.records import SCHEMAS, Rows, Table

TITLE, SCORE = "A corrected title", 1.0

Write = Callable[[Directory, Path], object]
"""Writes a knowledge base, or the rows in a folder, to where the server is."""


class Corrected:
    """A knowledge base, and the same with two values corrected.

    Parameters
    ----------
    work
        Where both are kept, with the rows that the tools read.
    size
        Assertions.
    """

    def __init__(self, work: Path, size: int) -> None:
        source = recombine.knowledge_base(work / f"recombined-{size}.kg", size)
        self._before = work / f"neo4j-rows-{size}"
        self._after = work / f"neo4j-rows-{size}-corrected"
        self._source = source
        self._copy = Directory(work / f"corrected-{size}.kg")
        self.size = write_rows(source, self._before)
        shutil.rmtree(self._copy.root, ignore_errors=True)
        shutil.copytree(source.root, self._copy.root)
        self.product, self.edge = _correct(self._copy, size)
        write_rows(self._copy, self._after)

    def outcome(self, here: Place, write: Write) -> dict[str, Any]:
        """Write both, one after the other; returns what is there.

        Returns
        -------
        dict
            ``nodes`` and ``edges``: how many times as many as there should be; ``title`` and
            ``score``: ``corrected``, ``stale``, or ``both`` where the old value is there, too.
        """
        here.wipe()
        write(self._source, self._before)
        write(self._copy, self._after)
        nodes, edges = here.count()
        titles = here.value(
            f"MATCH (n:Product {{id: '{self.product}'}}) RETURN collect(DISTINCT n.title)"
        )
        scores = here.value(
            f"MATCH ()-[r {{id: '{self.edge}'}}]->() RETURN collect(DISTINCT r.plausibility)"
        )
        return {
            "nodes": round(nodes / self.size[0], 3),
            "edges": round(edges / self.size[1], 3),
            "title": _said(titles, TITLE),
            "score": _said(scores, SCORE),
        }


def _said(found: list[object], wanted: object) -> str:
    if wanted not in found:
        return "stale"
    return "corrected" if found == [wanted] else "both"


def _correct(directory: Directory, size: int) -> tuple[str, str]:
    """Commit another title of a product, and a better score of an edge; returns their ids."""
    first: dict[Table, dict[str, Any]] = {}
    for item in islice(recombine.rows(size), 5):  # products, and an assertion about a post
        first.setdefault(item.table, item.batch.slice(0, 1).to_pylist()[0])
    product, said = first["products"], first["assertions"]
    product["title"] = TITLE
    said["plausibility"] = SCORE
    said["id"] = identity.evidence_id(
        said["assertion_id"], source="recombined", model=said["model"], request="corrected"
    )
    with Transaction(directory, "benchmark", update=True) as transaction:
        transaction.add(_rows("products", product))
        transaction.add(_rows("assertions", said))
        transaction.commit()
    return product["id"], said["assertion_id"]


def _rows(table: Table, row: dict[str, Any]) -> Rows:
    import pyarrow as pa

    batch = pa.RecordBatch.from_pylist([row], schema=SCHEMAS[table])
    return Rows(table, batch, pa.array([1], pa.int64()), "corrected")


def table(outcomes: dict[str, dict[str, Any]]) -> str:
    """Format the outcomes as a Markdown table."""
    lines = [
        "| written twice | nodes | edges | a title | a score |",
        "|---|--:|--:|---|---|",
    ]
    for name, found in outcomes.items():
        cells = [f"x {found['nodes']:g}", f"x {found['edges']:g}", found["title"], found["score"]]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)
