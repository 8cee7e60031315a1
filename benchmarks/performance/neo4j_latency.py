"""How long questions take, put to the graph on disk and to Neo4j.

    python -m benchmarks.performance.neo4j_latency [--quick] [--output FILE] [--work FOLDER]

Every named query with its defaults, a co-buy pull, and a search by meaning, through the Python API,
of heads drawn at random; each question is put to one store and then to the other, the answers are
compared, and the first :data:`WARM` of each kind are not counted. The server is a Neo4j Community
edition on the same machine, on which everything was pushed before; its page cache holds all of it.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

import intentkg
from benchmarks.performance import recombine
from benchmarks.performance.neo4j_place import place
from benchmarks.performance.workload import ROOT, load
from intentkg.reading import IndexKind
from queries.named import NamedQuery, list_queries
from schema.errors import QueryError

SIZES: tuple[int, ...] = (2_450, 24_500, 98_000)
QUICK: tuple[int, ...] = (2_450,)
ASKED = 40
WARM = 5
_SLOW = 2.0  # seconds; a question that takes longer on either store is put fewer times
_TEXTS = ("stay dry in the rain", "a gift for a child", "cook for friends", "save time at work")


def questions(base: intentkg.KnowledgeBase, seed: int) -> Iterator[tuple[str, list[Any]]]:
    """Yield kinds of questions, each as what is to be called with either store."""
    chance = random.Random(seed)
    heads = _Heads(base, chance)
    for query in list_queries():
        given = [heads.values(query) for _ in range(ASKED + WARM)]
        yield query.name, [_named(query.name, values) for values in given]
    products = [heads.one("product") for _ in range(ASKED + WARM)]
    yield "(pull of a product)", [_pull(product) for product in products]
    texts = [f"{_TEXTS[n % len(_TEXTS)]} {n}" for n in range(ASKED + WARM)]
    yield "(search, FAISS)", [_search(text, "faiss") for text in texts]
    yield "(search, each its own index)", [_search(text, None) for text in texts]


class _Heads:
    """Draws products, posts and intentions of a graph."""

    def __init__(self, base: intentkg.KnowledgeBase, chance: random.Random) -> None:
        self._chance = chance
        texts = {
            "product": "MATCH (c:CoBuy)-[]->(:Intention) RETURN DISTINCT c.a AS x",
            "post": "MATCH (p:Post)-[]->(:Intention) RETURN DISTINCT p.id AS x",
            "intention": "MATCH (i:Intention) RETURN i.text AS x",
            "category": "MATCH (p:Product) UNWIND p.categories AS c RETURN DISTINCT c AS x",
            "pair": "MATCH (c:CoBuy)-[]->(:Intention) RETURN DISTINCT [c.a, c.b] AS x",
            "string": "MATCH ()-[r]->(:Intention) UNWIND r.models AS m RETURN DISTINCT m AS x",
        }
        self._known = {
            kind: [row[0] for row in base.cypher(f"{text} ORDER BY x", limit=50_000).rows]
            for kind, text in texts.items()
        }

    def one(self, kind: str) -> Any:
        return self._chance.choice(self._known[kind])

    def values(self, query: NamedQuery) -> dict[str, Any]:
        """Values for what has no default; two products are a pair."""
        asked = [parameter for parameter in query.parameters if parameter.required]
        if [parameter.type for parameter in asked] == ["product", "product"]:
            return dict(zip((p.name for p in asked), self.one("pair"), strict=True))
        return {parameter.name: self.one(parameter.type) for parameter in asked}


def _named(name: str, values: dict[str, Any]) -> Callable[[intentkg.KnowledgeBase], Any]:
    def ask(base: intentkg.KnowledgeBase) -> Any:
        try:
            return base.query(name, values, timeout=600).rows
        except QueryError as error:
            return str(error)

    return ask


def _pull(product: str) -> Callable[[intentkg.KnowledgeBase], Any]:
    return lambda base: base.cobuy(product)


def _search(text: str, index: Any) -> Callable[[intentkg.KnowledgeBase], Any]:
    def ask(base: intentkg.KnowledgeBase) -> Any:
        served = index is None and base._served is not None
        own: IndexKind = "neo4j" if served else "faiss"
        found = base.search(text, index=own)
        return [hit.intention_id for hit in found] if own == index else None

    return ask


def measure(size: int, work: Path) -> dict[str, Any]:
    """Measure at one size.

    Returns
    -------
    dict
        ``assertions``; ``questions``: per kind and store ``p50`` and ``p95`` in milliseconds, and
        how many were ``asked``.
    """
    directory = recombine.knowledge_base(work / f"recombined-{size}.kg", size)
    found: dict[str, Any] = {}
    with (
        tempfile.TemporaryDirectory(dir=work) as home,
        place(work, Path(home) / "home") as here,
        intentkg.open(directory.root) as disk,
    ):
        disk.build()
        disk.push(here.uri)
        with intentkg.open(directory.root, neo4j=here.uri) as served:
            for kind, asked in questions(disk, size):
                found[kind] = _times(asked, disk, served)
                click.echo(f"{size:,} {kind}: {json.dumps(found[kind])}", err=True)
    return {"assertions": size, "load": load(), "questions": found}


def _times(
    asked: Sequence[Callable[[intentkg.KnowledgeBase], Any]],
    disk: intentkg.KnowledgeBase,
    served: intentkg.KnowledgeBase,
) -> dict[str, Any]:
    """Put questions to both in turn."""
    taken: dict[str, list[float]] = {"disk": [], "neo4j": []}
    for number, ask in enumerate(asked):
        answers = []
        for name, base in (("disk", disk), ("neo4j", served)):
            start = time.perf_counter()
            answers.append(ask(base))
            if number >= WARM:
                taken[name].append(1000 * (time.perf_counter() - start))
        if answers[0] != answers[1]:
            raise click.ClickException(f"the stores disagree: {answers!r:.500}")
        if number > WARM + 4 and max(map(max, taken.values())) > 1000 * _SLOW:
            break
    return {
        name: {
            "p50": round(statistics.median(times), 3),
            "p95": round(statistics.quantiles(times, n=20, method="inclusive")[-1], 3),
            "asked": len(times),
        }
        for name, times in taken.items()
    }


def table(results: Sequence[dict[str, Any]]) -> str:
    """Format them as a Markdown table."""
    sizes = [f"{one['assertions']:,}" for one in results]
    lines = [
        "| question | " + " | ".join(f"{size}: disk, ms | Neo4j, ms" for size in sizes) + " |",
        "|---|" + "--:|--:|" * len(sizes),
    ]
    for kind in results[0]["questions"]:
        cells = []
        for one in results:
            for store in ("disk", "neo4j"):
                times = one["questions"][kind][store]
                cells.append(f"{times['p50']:,.2f} / {times['p95']:,.2f}")
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(lines)


@click.command()
@click.option("--quick", is_flag=True, help="One small size.")
@click.option("--sizes", help="Assertions, separated by commas.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=ROOT / "benchmarks/results/neo4j_latency.json",
    help="Where the figures are written as JSON.",
)
@click.option("--work", type=click.Path(path_type=Path), default=ROOT / ".bench")
def main(quick: bool, sizes: str | None, output: Path, work: Path) -> None:
    """Measure how long questions take on disk and on Neo4j (p50 / p95)."""
    wanted = tuple(map(int, sizes.split(","))) if sizes else QUICK if quick else SIZES
    work.mkdir(parents=True, exist_ok=True)
    results = [measure(size, work.absolute()) for size in wanted]
    click.echo(table(results))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
