"""How long counting takes, and how much memory, by the size of the knowledge base.

    python -m benchmarks.performance.statistics [--quick] [--sizes 10000,100000,1000000]

Knowledge bases are recombined from published text (:mod:`benchmarks.performance.recombine`): 30
relations, most assertions scored and judged. Measured are the statistics by relation with their
intervals, the classes of rejections, and the facts that only the report asks for; each size in a
process of its own, whose most memory is the last column.

Goal: a million assertions in seconds, in bounded memory.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from benchmarks.performance.recombine import knowledge_base
from benchmarks.performance.workload import fresh, load, peak_mb

SIZES = (10_000, 100_000, 1_000_000)


def one(folder: Path) -> dict[str, Any]:
    """Seconds of each, and the most memory, in this process."""
    from kg.directory import Directory
    from queries.report.facts import facts
    from queries.statistics import rejections, statistics

    directory = Directory(folder)
    found: dict[str, Any] = {}
    for name, work in (("statistics", statistics), ("rejections", rejections), ("facts", facts)):
        started = time.perf_counter()
        work(directory)
        found[name] = round(time.perf_counter() - started, 2)
    return {**found, "mb": peak_mb()}


def table(results: list[dict[str, Any]]) -> str:
    """Format as a Markdown table."""
    lines = [
        "| assertions | statistics | rejections | the report's facts | memory |",
        "|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {r['assertions']:,} | {r['statistics']} s | {r['rejections']} s | {r['facts']} s "
        f"| {r['mb']:.0f} MB |"
        for r in results
    ]
    return "\n".join(lines)


@click.command()
@click.option("--quick", is_flag=True, help="Only the smallest size.")
@click.option("--sizes", default=",".join(map(str, SIZES)), show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="Write the figures as JSON.")
@click.option("--one", "folder", type=click.Path(path_type=Path), hidden=True)
def main(quick: bool, sizes: str, output: Path | None, folder: Path | None) -> None:
    """Measure counting by size."""
    if folder is not None:
        click.echo(json.dumps(one(folder)))
        return
    results = []
    for size in SIZES[:1] if quick else map(int, sizes.split(",")):
        with tempfile.TemporaryDirectory() as place:
            made = Path(place) / "made.kg"
            knowledge_base(made, size)
            figures = fresh("benchmarks.performance.statistics", str(made))
        results.append({"assertions": size, "load": load(), **figures})
    click.echo(table(results))
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
