"""How long features of many entities take: own edges, and nearest by meaning.

    python -m benchmarks.performance.features [--quick] [--sizes 10000,100000,1000000]

``own``
    Posts and co-bought products that have edges: ids, scores, masks and the pooled vectors of
    their eight best intentions, through :class:`queries.features.Features`.
``nearest``
    Texts that have none: embedded, and looked up in the index.
``plain``
    The peer for ``own``: the same ids asked one by one, by Cypher through the embedded graph, for
    as many entities as fit in the time, per entity. It has to name the same intentions.

Goal: 100,000 entities in under a minute from a graph of a million assertions.
"""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path
from typing import Any

import click

from benchmarks.performance.recombine import knowledge_base
from benchmarks.performance.workload import peak_mb
from kg import sql
from kg.build import build
from kg.directory import Directory
from kg.embedded import open_graph
from queries.features import Features

SIZES: tuple[int, ...] = (10_000, 100_000, 1_000_000)
ENTITIES = 100_000
TEXTS = 5_000
K = 8
GOAL_SECONDS = 60.0

_POST = """
MATCH (:Post {id: $id})-[r]->(i:Intention)
RETURN i.id AS id, max(coalesce(r.typicality, r.plausibility, -1.0)) AS score,
       sum(r.evidence) AS support ORDER BY score DESC, support DESC, id LIMIT $k
"""


_IDS = {
    "Post": "SELECT DISTINCT head_id FROM assertions WHERE head_type = 'Post' ORDER BY 1",
    "Product": "SELECT DISTINCT unnest([a, b]) FROM cobuys "
    "SEMI JOIN assertions ON head_id = cobuys.id ORDER BY 1",
}


def ids_of(directory: Directory, count: int) -> dict[str, list[str]]:
    """Half posts, half products that have edges, again and again until there are enough."""
    with sql.connect(directory, tables=["assertions", "cobuys"]) as connection:
        return {
            kind: list(
                itertools.islice(
                    itertools.cycle(name for (name,) in connection.execute(query).fetchall()),
                    count // 2,
                )
            )
            for kind, query in _IDS.items()
        }


def measure(directory: Directory, entities: int, texts: int) -> dict[str, Any]:
    """Seconds and agreement for one knowledge base."""
    asked = ids_of(directory, entities)
    start = time.perf_counter()
    with Features(directory) as features:
        opened = time.perf_counter()
        for kind, names in asked.items():
            found = features.of(kind, names, k=K, nearest=False)
            pooled = found.pooled("weighted")
            if kind == "Post":
                own = found.ids()
            if found.missing.any() or pooled.shape != (len(names), found.dimension):
                raise RuntimeError("an entity has no features")
        done = time.perf_counter()
        words = [f"{name} and what it is for" for name in _texts(directory, texts)]
        before = time.perf_counter()
        near = features.of_texts(words, k=K)
        seconds = time.perf_counter() - before
        if near.missing.any():
            raise RuntimeError("a text found nothing")
    return {
        "open_s": round(opened - start, 2),
        "own_s": round(done - opened, 2),
        "own_per_s": round(entities / (done - opened)),
        "nearest_per_s": round(len(words) / seconds),
        **_plain(directory, asked["Post"][:300], own),
        "peak_mb": peak_mb(),
    }


def _plain(directory: Directory, names: list[str], own: list[list[str]]) -> dict[str, Any]:
    graph = open_graph(directory)
    start = time.perf_counter()
    for name, expected in zip(names, own, strict=False):
        rows = graph.read(_POST, {"id": name, "k": K}).rows
        if [row[0] for row in rows] != expected:
            raise RuntimeError(f"the graph names other intentions of {name}")
    seconds = time.perf_counter() - start
    return {"plain_per_s": round(len(names) / seconds)}


def _texts(directory: Directory, count: int) -> list[str]:
    with sql.connect(directory, tables=["products"]) as connection:
        rows = connection.execute(
            f"SELECT DISTINCT title FROM products WHERE title IS NOT NULL ORDER BY 1 LIMIT {count}"
        ).fetchall()
    return [title for (title,) in rows]


@click.command()
@click.option("--quick", is_flag=True, help="Only 10,000 assertions, 2,000 entities.")
@click.option("--sizes", default=",".join(map(str, SIZES)), show_default=True)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("benchmarks/results/features.json"),
    show_default=True,
)
def main(quick: bool, sizes: str, output: Path) -> None:
    """Measure, print a table, write the figures."""
    found = {}
    for size in [10_000] if quick else [int(word) for word in sizes.split(",")]:
        directory = knowledge_base(Path(f".bench/features-{size}.kg"), size)
        build(directory)
        entities, texts = (2_000, 200) if quick else (ENTITIES, TEXTS)
        found[str(size)] = measure(directory, entities, texts)
        click.echo(f"{size:>9,} assertions: {found[str(size)]}")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps({"k": K, "sizes": found}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
