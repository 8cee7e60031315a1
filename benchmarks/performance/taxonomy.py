"""What it takes to read a large file of is-a counts, and to look words up in it.

    python -m benchmarks.performance.taxonomy [--quick] [--sizes 2000000,10000000,20000000]

The file is made up, in the layout of the Microsoft Concept Graph: names of two words from a
vocabulary of 200,000, concepts and instances by Zipf's law, so that it has both the long tail and
the crowded concepts of the real one (33 million rows, which are not to be had here). Each step is
in a process of its own. Looking up is of 10,000 phrases, as an analysis does it: match, then
concepts.

Goal: tens of millions of rows within 2 GB.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.performance.workload import fresh, load, peak_mb

SIZES: tuple[int, ...] = (2_000_000, 10_000_000, 20_000_000)
GOAL_MB = 2_000.0

_WORDS = 200_000
_BLOCK = 500_000
_ASKED = 10_000


def make(file: Path, rows: int, *, seed: int = 0) -> None:
    """Write a file of `rows` rows."""
    rng = np.random.default_rng(seed)
    with file.open("w", encoding="utf-8") as out:
        for start in range(0, rows, _BLOCK):
            count = min(_BLOCK, rows - start)
            concept = rng.zipf(1.3, count) % (_WORDS // 4)
            first, second = rng.integers(0, _WORDS, (2, count)) ** 2 // _WORDS
            times = rng.zipf(1.8, count) % 10_000 + 1
            out.writelines(
                f"concept{c:x}\tword{a:x} name{b:x}\t{n}\n"
                for c, a, b, n in zip(concept, first, second, times, strict=True)
            )


def read(file: Path, cache: Path) -> dict[str, Any]:
    """Read the file for the first time."""
    from queries.hypernyms.importing import bring_in

    started = time.perf_counter()
    made = bring_in(file, "probase", cache=cache)
    return {
        "seconds": time.perf_counter() - started,
        "mb": peak_mb(),
        "rows": made.rows,
        "instances": made.instances,
        "bytes": made.path.stat().st_size,
    }


def ask(file: Path, cache: Path) -> dict[str, Any]:
    """Match phrases, and look their concepts up."""
    from queries.hypernyms.taxonomy import Taxonomy

    rng = np.random.default_rng(1)
    names = rng.integers(0, _WORDS, (_ASKED, 2)) ** 2 // _WORDS
    nouns = [((f"word{a:x}", f"name{b:x}"), 1, False) for a, b in names]
    started = time.perf_counter()
    taxonomy = Taxonomy.open(file, "probase", cache=cache)
    matched = taxonomy.match(nouns)
    taxonomy.look_up(matched.values())
    return {"seconds": time.perf_counter() - started, "mb": peak_mb(), "matched": len(matched)}


def measure(size: int, folder: Path) -> dict[str, Any]:
    """One size."""
    module, file = "benchmarks.performance.taxonomy", folder / "isa.txt"
    make(file, size)
    words = ("--folder", str(folder))
    return {
        "rows": size,
        "file_mb": file.stat().st_size / 1e6,
        "load": load(),
        "read": fresh(module, "read", *words),
        "ask": fresh(module, "ask", *words),
    }


def table(results: list[dict[str, Any]]) -> str:
    """Format as a Markdown table."""
    lines = [
        "| rows | file | read | memory | table | 10,000 phrases | memory | load |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    lines += (
        f"| {r['rows']:,} | {r['file_mb']:,.0f} MB | {r['read']['seconds']:.0f} s "
        f"| {r['read']['mb']:,.0f} MB | {r['read']['bytes'] / 1e6:,.0f} MB "
        f"| {r['ask']['seconds']:.1f} s | {r['ask']['mb']:,.0f} MB | {r['load']:.1f} |"
        for r in results
    )
    return "\n".join(lines)


@click.command()
@click.option("--quick", is_flag=True, help="Only a small size.")
@click.option("--sizes", help="Numbers of rows, separated by commas.")
@click.option("--one", "which", hidden=True)
@click.option("--folder", type=click.Path(path_type=Path), hidden=True)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("benchmarks/results/taxonomy.json"),
    help="Where the figures are written as JSON.",
)
def main(
    quick: bool, sizes: str | None, which: str | None, folder: Path | None, output: Path
) -> None:
    """Measure reading and asking a large taxonomy."""
    if which is not None and folder is not None:
        work = read if which == "read" else ask
        click.echo(json.dumps(work(folder / "isa.txt", folder / "cache")))
        return
    wanted = (200_000,) if quick else SIZES
    if sizes:
        wanted = tuple(int(size) for size in sizes.split(","))
    results = []
    for size in wanted:
        with tempfile.TemporaryDirectory() as made:
            results.append(measure(size, Path(made)))
        click.echo(table(results[-1:]).splitlines()[-1], err=True)
    click.echo(table(results))
    worst = max(max(r["read"]["mb"], r["ask"]["mb"]) for r in results)
    click.echo(f"{os.cpu_count()} cores; goal: {GOAL_MB:,.0f} MB at most; most {worst:,.0f} MB")
    output.parent.mkdir(parents=True, exist_ok=True)
    figures = {"cores": os.cpu_count(), "sizes": results}
    output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
