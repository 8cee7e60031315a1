"""How long questions take, put to the graph on disk and to Neo4j.

    python -m benchmarks.performance.neo4j_latency [--quick] [--output FILE] [--work FOLDER]

Every named query with its defaults, a co-buy pull, and a search by meaning, through the functions
behind the Python API, of heads drawn at random; each question is put to one store and then to the
other, the answers are compared, and the first :data:`WARM` of each kind are not counted. The server
is a Neo4j Community edition on the same machine, into which everything was pushed before; its page
cache holds all of it.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks.performance import recombine
from benchmarks.performance.neo4j_place import place
from benchmarks.performance.workload import ROOT, load
from kg.build import build
from kg.embed import Embedder, load_embedder
from kg.embedded import open_graph
from kg.neo4j.address import Address
from kg.neo4j.push import push
from kg.neo4j.reader import open_served
from kg.neo4j.vector_search import ServedIndex
from kg.store import GraphReader
from kg.vectors import open_index
from queries import cobuy
from queries.named import NamedQuery, list_queries, run_named
from queries.search import Index, search
from schema.errors import QueryError

SIZES: tuple[int, ...] = (2_450, 24_500, 98_000)
QUICK: tuple[int, ...] = (2_450,)
ASKED = 40
WARM = 5
_SLOW = 2.0  # seconds; a question that takes longer on either store is put fewer times
_TEXTS = ("stay dry in the rain", "a gift for a child", "cook for friends", "save time at work")


@dataclass(frozen=True, slots=True)
class Store:
    """Where questions are put to: a graph, its own vector index, and FAISS's."""

    graph: GraphReader
    index: Index
    faiss: Index
    embedder: Embedder


type Question = Callable[[Store], Any]


def questions(graph: GraphReader, seed: int) -> Iterator[tuple[str, list[Question]]]:
    """Yield kinds of questions, each as what is to be called with either store."""
    chance = random.Random(seed)
    heads = _Heads(graph, chance)
    for query in list_queries():
        given = [heads.values(query) for _ in range(ASKED + WARM)]
        yield query.name, [_named(query.name, values) for values in given]
    products = [heads.one("product") for _ in range(ASKED + WARM)]
    yield "(pull of a product)", [_pull(product) for product in products]
    texts = [f"{_TEXTS[n % len(_TEXTS)]} {n}" for n in range(ASKED + WARM)]
    yield "(search, FAISS)", [_search(text, own=False) for text in texts]
    yield "(search, each its own index)", [_search(text, own=True) for text in texts]


class _Heads:
    """Draws products, posts and intentions of a graph."""

    def __init__(self, graph: GraphReader, chance: random.Random) -> None:
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
            kind: [row[0] for row in graph.read(f"{text} ORDER BY x LIMIT 50000").rows]
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


def _named(name: str, values: dict[str, Any]) -> Question:
    def ask(store: Store) -> Any:
        try:
            return run_named(store.graph, name, values, timeout=600).rows
        except QueryError as error:
            return str(error)

    return ask


def _pull(product: str) -> Question:
    return lambda store: cobuy.pull(store.graph, product)


def _search(text: str, *, own: bool) -> Question:
    def ask(store: Store) -> Any:
        index = store.index if own else store.faiss
        found = search(store.graph, index, store.embedder, text)
        # Neo4j's index is approximate.
        return None if own else [hit.intention_id for hit in found]

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
    build(directory)
    faiss, embedder = open_index(directory), load_embedder()
    with (
        tempfile.TemporaryDirectory(dir=work) as home,
        place(work, Path(home) / "home") as here,
        open_graph(directory) as graph,
    ):
        push(directory, Address(here.uri))
        with open_served(Address(here.uri)) as there:
            disk = Store(graph, faiss, faiss, embedder)
            served = Store(there, ServedIndex(there, embedder), faiss, embedder)
            for kind, asked in questions(graph, size):
                found[kind] = _times(asked, disk, served)
                click.echo(f"{size:,} {kind}: {json.dumps(found[kind])}", err=True)
    return {"assertions": size, "load": load(), "questions": found}


def _times(asked: Sequence[Question], disk: Store, served: Store) -> dict[str, Any]:
    """Put questions to both in turn."""
    taken: dict[str, list[float]] = {"disk": [], "neo4j": []}
    for number, ask in enumerate(asked):
        answers = []
        for name, store in (("disk", disk), ("neo4j", served)):
            start = time.perf_counter()
            answers.append(ask(store))
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
