"""How fast noun phrases are found, beside a plain spaCy pipe; and how long the analysis takes.

    python -m benchmarks.performance.nouns [--quick] [--sizes 10000,30000,100000]

Both read the same distinct texts, recombined from published ones
(:mod:`benchmarks.performance.recombine`), with the same parser, each in a process of its own, in
turns; loading is not counted. *Plain* is ``nlp.pipe(texts)`` with spaCy's defaults over the whole
pipeline, of which the nouns are taken. The last columns are the whole analysis (parsing, WordNet,
the distribution) of a knowledge base of that size: seconds, and the most memory of the process
and those that it started.

Goals: at least 1.5 times as many nouns a second; 30,000 intentions within 60 s; a million within
2 GB, in linear time (``--sizes 1000000`` takes half an hour).
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.performance.recombine import intentions, knowledge_base
from benchmarks.performance.workload import fresh, load

if TYPE_CHECKING:
    from spacy.language import Language

SIZES: tuple[int, ...] = (10_000, 30_000, 100_000)
GOAL_RATIO, GOAL_SECONDS, GOAL_MB = 1.5, 60.0, 2_000.0
_PLAIN_MOST = 30_000  # texts that the plain pipe reads: more only take longer


def plain(texts: list[str]) -> int:
    """Nouns by a pipe as spaCy's documentation has it."""
    nlp = _loaded()
    return sum(token.tag_.startswith("NN") for doc in nlp.pipe(texts) for token in doc)


@lru_cache(maxsize=1)
def _loaded() -> Language:
    import spacy

    from queries.language import PIPELINE

    return spacy.load(PIPELINE)


def ours(texts: list[str]) -> int:
    """Nouns in the phrases that are found."""
    from queries.language.nouns import phrases

    return sum(len(phrase.words) for found in phrases(texts) for phrase in found)


def analysis(folder: Path, size: int) -> int:
    """Read, parse, match and count; returns how many intentions were read."""
    from kg.directory import Directory
    from queries.corpus import Corpus
    from queries.hypernyms import mentions
    from queries.hypernyms.diversity import measure
    from queries.hypernyms.taxonomy import Taxonomy
    from queries.language import spare_torch

    spare_torch()  # as the command does
    taxonomy = Taxonomy.open()
    read = mentions.read(Corpus(Directory(folder), sample=size), taxonomy)
    return measure(read, taxonomy, label="all").intentions


def timed(work: Callable[[], int]) -> dict[str, Any]:
    """Seconds, what was found, and the most memory of this process and its children (MB)."""
    import psutil

    me, most, done = psutil.Process(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            total = 0
            for process in (me, *me.children(recursive=True)):
                try:
                    total += process.memory_info().rss
                except psutil.Error:  # it has just ended
                    continue
            most[0] = max(most[0], total / 1e6)

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.perf_counter()
    try:
        found = work()
    finally:
        seconds = time.perf_counter() - started
        done.set()
        watcher.join()
    return {"seconds": seconds, "found": found, "mb": most[0]}


def measure(size: int) -> dict[str, Any]:
    """One size: both, and the analysis."""
    module = "benchmarks.performance.nouns"
    result: dict[str, Any] = {"texts": size, "load": load()}
    few = min(size, _PLAIN_MOST)
    result["plain"] = fresh(module, "plain", "--sizes", str(few)) | {"texts": few}
    result["ours"] = fresh(module, "ours", "--sizes", str(size)) | {"texts": size}
    with tempfile.TemporaryDirectory() as folder:
        fresh(module, "make", "--sizes", str(size), "--folder", folder)
        result["analysis"] = fresh(module, "analysis", "--sizes", str(size), "--folder", folder)
    rates = {who: result[who]["texts"] / result[who]["seconds"] for who in ("plain", "ours")}
    return {**result, "per_s": rates, "ratio": rates["ours"] / rates["plain"]}


def one(which: str, size: int, folder: Path | None) -> dict[str, Any]:
    """What a process of its own does."""
    if which in ("plain", "ours"):
        texts = intentions(size)
        work = plain if which == "plain" else ours
        work(texts[:50])  # loads the parser
        return timed(lambda: work(texts))
    assert folder is not None
    place = folder / "made.kg"
    if which == "make":
        knowledge_base(place, 2 * size)
        return {}
    return timed(lambda: analysis(place, size))


def table(results: list[dict[str, Any]]) -> str:
    """Format as a Markdown table."""
    lines = [
        "| texts | plain pipe | ours | ratio | load | analysis | memory |",
        "|--:|--:|--:|--:|--:|--:|--:|",
    ]
    lines += (
        f"| {r['texts']:,} | {r['per_s']['plain']:,.0f}/s | {r['per_s']['ours']:,.0f}/s "
        f"| {r['ratio']:.2f} | {r['load']:.1f} | {r['analysis']['seconds']:.1f} s "
        f"| {r['analysis']['mb']:,.0f} MB |"
        for r in results
    )
    return "\n".join(lines)


@click.command()
@click.option("--quick", is_flag=True, help="Only a small size.")
@click.option("--sizes", help="Numbers of distinct texts, separated by commas.")
@click.option("--one", "which", hidden=True)
@click.option("--folder", type=click.Path(path_type=Path), hidden=True)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("benchmarks/results/nouns.json"),
    help="Where the figures are written as JSON.",
)
def main(
    quick: bool, sizes: str | None, which: str | None, folder: Path | None, output: Path
) -> None:
    """Measure noun phrases beside a plain spaCy pipe."""
    wanted = (3_000,) if quick else SIZES
    if sizes:
        wanted = tuple(int(size) for size in sizes.split(","))
    if which is not None:
        click.echo(json.dumps(one(which, wanted[0], folder)))
        return
    results = []
    for size in wanted:
        results.append(measure(size))
        click.echo(table(results[-1:]).splitlines()[-1], err=True)
    click.echo(table(results))
    worst = min(found["ratio"] for found in results)
    click.echo(f"{os.cpu_count()} cores; goal: ratio {GOAL_RATIO} or more; worst {worst:.2f}")
    output.parent.mkdir(parents=True, exist_ok=True)
    figures = {"cores": os.cpu_count(), "sizes": results}
    output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
