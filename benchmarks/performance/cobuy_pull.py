"""How long one product's pull takes, beside SQLite with the right indexes on the same rows.

    python -m benchmarks.performance.cobuy_pull [--quick] [--sizes 10000,100000,1000000]

Measured is what ``kb.cobuy(product)`` calls, :func:`queries.cobuy.pull`: arguments checked, query
answered, edges ranked, typed rows made. SQLite gets the layout that suits this question best: both
tables clustered by what is looked up, everything in the page cache, the ranking done in SQL, and
the same typed rows made from its answer. Both see the same products in the same order, take turns
within one run, and have to agree on every answer.

Goal: p50 of at most 1 ms at a million assertions.
"""

from __future__ import annotations

import json
import random
import sqlite3
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks.performance.recombine import knowledge_base
from kg.build import build
from kg.embedded import open_graph
from kg.store import GraphReader
from queries.cobuy import pull
from queries.results import CobuyEdge

SIZES: tuple[int, ...] = (10_000, 100_000, 1_000_000)
GOAL_MS = 1.0

_SCHEMA = """
CREATE TABLE of (product TEXT, cobuy TEXT, PRIMARY KEY (product, cobuy)) WITHOUT ROWID;
CREATE TABLE cobuys (id TEXT PRIMARY KEY, a TEXT, b TEXT) WITHOUT ROWID;
CREATE TABLE intentions (id TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID;
CREATE TABLE edges (cobuy TEXT, id TEXT, relation TEXT, intention TEXT, plausibility REAL,
    typicality REAL, accepted INTEGER, models TEXT, PRIMARY KEY (cobuy, id)) WITHOUT ROWID;
"""
_PULL = """
SELECT c.id, c.a, c.b, e.relation, e.intention, i.text, e.plausibility, e.typicality, e.accepted,
       e.models, e.id
FROM of AS o JOIN cobuys AS c ON c.id = o.cobuy JOIN edges AS e ON e.cobuy = o.cobuy
     JOIN intentions AS i ON i.id = e.intention
WHERE o.product = ?{conditions}
ORDER BY coalesce(e.typicality, -1) DESC, coalesce(e.plausibility, -1) DESC, e.id
"""
_SOME = " AND e.plausibility >= 0.5 AND e.accepted = 1 AND e.relation IN ('UsedFor', 'CapableOf')"
_FILTERS: dict[str, Any] = {
    "min_plausibility": 0.5,
    "accepted": True,
    "relations": ["UsedFor", "CapableOf"],
}
_EXPORT = """
MATCH (c:CoBuy)-[r]->(i:Intention)
RETURN c.id, c.a, c.b, type(r), i.id, i.text, r.plausibility, r.typicality, r.accepted, r.models,
       r.id
"""


def load_sqlite(graph: GraphReader, path: Path) -> sqlite3.Connection:
    """Put the graph's co-buy edges into SQLite, settled and analysed."""
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path)
    database.executescript(_SCHEMA)
    rows = graph.read(_EXPORT).rows
    database.executemany("INSERT OR IGNORE INTO cobuys VALUES (?, ?, ?)", (row[:3] for row in rows))
    database.executemany("INSERT OR IGNORE INTO intentions VALUES (?, ?)", (r[4:6] for r in rows))
    database.executemany(
        "INSERT INTO edges VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        ((r[0], r[10], r[3], r[4], r[6], r[7], r[8], json.dumps(r[9])) for r in rows),
    )
    database.execute("INSERT INTO of SELECT a, id FROM cobuys UNION SELECT b, id FROM cobuys")
    database.commit()
    database.executescript(
        "ANALYZE; VACUUM; PRAGMA mmap_size=4294967296; PRAGMA cache_size=-524288"
    )
    return database


def pull_sqlite(database: sqlite3.Connection, product: str, *, some: bool) -> list[CobuyEdge]:
    """Answer what :func:`queries.cobuy.pull` answers, from SQLite."""
    text = _PULL.format(conditions=_SOME if some else "")
    return [
        CobuyEdge(
            cobuy_id=row[0],
            a=row[1],
            b=row[2],
            relation=row[3],
            intention_id=row[4],
            text=row[5],
            plausibility=row[6],
            typicality=row[7],
            accepted=None if row[8] is None else bool(row[8]),
            models=json.loads(row[9]),
            assertion_id=row[10],
        )
        for row in database.execute(text, (product,))
    ]


def measure(size: int, folder: Path, *, products: int = 2000, seed: int = 0) -> dict[str, Any]:
    """Measure at one size.

    Returns
    -------
    dict
        ``assertions``; per case (``all``: a product's every edge, ``filtered``: three conditions)
        milliseconds ``p50``, ``p95`` and ``p99`` of ours and SQLite's and the mean of ``rows``.
    """
    directory = knowledge_base(folder / f"recombined-{size}.kg", size)
    if directory.manifest().graph is None:
        build(directory, vectors=False)
    database_file = folder / f"cobuy-{size}.sqlite"
    with open_graph(directory) as graph:
        ids = [
            row[0] for row in graph.read("MATCH (p:Product)<-[:OF]-() RETURN DISTINCT p.id").rows
        ]
        asked = random.Random(seed).choices(sorted(ids), k=products)
        database = load_sqlite(graph, database_file)
        try:
            found: dict[str, Any] = {"assertions": size, "products": len(ids)}
            found["all"] = _take_turns(
                asked,
                lambda product: list(pull(graph, product)),
                lambda product: pull_sqlite(database, product, some=False),
            )
            found["filtered"] = _take_turns(
                asked,
                lambda product: list(pull(graph, product, **_FILTERS)),
                lambda product: pull_sqlite(database, product, some=True),
            )
        finally:
            database.close()
            database_file.unlink()
    return found


def _take_turns(
    asked: Sequence[str],
    ours: Callable[[str], list[CobuyEdge]],
    theirs: Callable[[str], list[CobuyEdge]],
) -> dict[str, Any]:
    times: dict[str, list[float]] = {"ours": [], "sqlite": []}
    rows = 0
    for timed in (False, True):  # the first round warms both up and compares the answers
        for product in asked:
            start = time.perf_counter()
            first = ours(product)
            middle = time.perf_counter()
            second = theirs(product)
            end = time.perf_counter()
            if timed:
                times["ours"].append(1e3 * (middle - start))
                times["sqlite"].append(1e3 * (end - middle))
            elif first != second:
                raise click.ClickException(f"the answers for {product} differ")
            else:
                rows += len(first)
    return {
        **{name: _percentiles(values) for name, values in times.items()},
        "rows": rows / len(asked),
    }


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98]}


def table(results: Sequence[dict[str, Any]]) -> str:
    """Format as a Markdown table, milliseconds."""
    lines = [
        "| assertions | pull | rows | ours p50 | p95 | p99 | SQLite p50 | p95 | p99 | ratio p50 |",
        "|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for result in results:
        for case in ("all", "filtered"):
            found = result[case]
            ours, theirs = found["ours"], found["sqlite"]
            cells = [f"{t[p]:.3f}" for t in (ours, theirs) for p in ("p50", "p95", "p99")]
            ratio = f"{ours['p50'] / theirs['p50']:.2f}"
            lines.append(
                f"| {result['assertions']:,} | {case} | {found['rows']:.1f} | "
                + " | ".join([*cells, ratio])
                + " |"
            )
    return "\n".join(lines)


@click.command()
@click.option("--quick", is_flag=True, help="Only the smallest size.")
@click.option("--sizes", help="Assertions, separated by commas.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(".bench"),
    help="Where the knowledge bases are kept.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("benchmarks/results/cobuy_pull.json"),
    help="Where the figures are written as JSON.",
)
def main(quick: bool, sizes: str | None, folder: Path, output: Path) -> None:
    """Measure one product's pull beside SQLite."""
    wanted = SIZES[:1] if quick else SIZES
    if sizes:
        wanted = tuple(int(size) for size in sizes.split(","))
    results = [measure(size, folder) for size in wanted]
    click.echo(table(results))
    worst = max(result[case]["ours"]["p50"] for result in results for case in ("all", "filtered"))
    click.echo(f"goal: p50 at most {GOAL_MS} ms; worst p50 {worst:.3f} ms")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
