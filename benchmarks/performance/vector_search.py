"""How fast and how exactly the nearest intentions are found, beside an exact scan.

    python -m benchmarks.performance.vector_search [--quick] [--sizes 10000,100000,1000000]

Vectors are embeddings of recombined intentions (:mod:`benchmarks.performance.recombine`); they
are made once and kept in ``.bench/embeddings``, which takes ten minutes for a million on two idle
cores. Queries are other texts: half are real tails (short, each close to thousands of recombined
intentions), half recombined ones that are not in the index. The peer is FAISS's exact fp32 scan
(``IndexFlatIP``) of the same vectors in the same run, both on one thread; single queries, in
turns. Each size is measured in a process of its own, so that memory is told apart.

Goals at a million: recall@10 at least 0.98, at least 20 times as fast as the exact scan, p50
below 5 ms, files at most half of the vectors in fp32.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from benchmarks.performance.recombine import intentions, load_sources
from kg.embed import load_embedder
from kg.vector_forms import SAMPLE
from kg.vector_index import VectorIndex
from schema.identity import intention_id

SIZES: tuple[int, ...] = (10_000, 100_000, 1_000_000)
QUERIES = 400
K = 10

_CHUNK = 32_768
_SEED = 7
_POOL = 1_004_096  # texts from which every size takes the first

type Vectors = npt.NDArray[np.float32]


def embeddings(count: int, folder: Path) -> Iterator[Vectors]:
    """Yield the vectors of the first `count` intentions, making those that are not kept yet."""
    folder.mkdir(parents=True, exist_ok=True)
    texts: list[str] = []
    embedder = load_embedder()
    for first in range(0, count, _CHUNK):
        file = folder / f"recombined-{_SEED}-{first:08d}.npy"
        if not file.exists():
            texts = texts or intentions(_POOL, seed=_SEED)
            temporary = file.with_suffix(".new.npy")
            np.save(temporary, embedder.encode(texts[first : first + _CHUNK]))
            temporary.replace(file)
        kept: Vectors = np.load(file)
        yield kept[: count - first]


def queries() -> Vectors:
    """Embed texts to look for: real tails, and recombined ones that are not in the index."""
    sources = load_sources()
    tails = random.Random(1).sample(sources.cobuy_tails + sources.social_tails, QUERIES // 2)
    others = intentions(QUERIES // 2, seed=99, sources=sources)
    return load_embedder().encode([*tails, *others])


def measure(count: int, folder: Path) -> dict[str, Any]:
    """Build an index of `count` vectors, and search it beside the exact scan."""
    import faiss

    asked = queries()
    vectors = np.empty((count, asked.shape[1]), np.float32)
    start = 0
    for chunk in embeddings(count, folder):
        vectors[start : start + len(chunk)] = chunk
        start += len(chunk)
    ids = [intention_id(str(number)) for number in range(count)]
    place = Path(tempfile.mkdtemp(dir=folder)) / "index"
    begun = time.perf_counter()
    index = VectorIndex.create(asked.shape[1], "benchmark", sample=vectors[:SAMPLE], count=count)
    trained = time.perf_counter() - begun
    for first in range(0, count, _CHUNK):
        index.add(ids[first : first + _CHUNK], vectors[first : first + _CHUNK])
    added = time.perf_counter() - begun - trained
    checksum = index.save(place)
    saved = time.perf_counter() - begun - trained - added
    del index
    opened = _fresh_open(place, checksum)
    index = VectorIndex.open(place, expected=checksum)
    exact = faiss.IndexFlatIP(asked.shape[1])
    exact.add(vectors)
    del vectors
    # Ours searches for one query on one thread; so does the peer, which gains nothing from more.
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    times = _take_turns(
        asked, lambda query: index.search(query, K), lambda query: exact.search(query, K)
    )
    faiss.omp_set_num_threads(threads)
    nearest = exact.search(asked, K)[1]
    found = index.search(asked, K)[1]
    hits = [
        len({ids[row] for row in right} & set(got)) / K
        for right, got in zip(nearest.tolist(), found, strict=True)
    ]
    removed, again = _change(index, ids, asked)
    size = sum(file.stat().st_size for file in place.iterdir())
    shutil.rmtree(place.parent)
    return {
        "vectors": count,
        "form": index.form,
        "recall_tails": float(np.mean(hits[: QUERIES // 2])),
        "recall_others": float(np.mean(hits[QUERIES // 2 :])),
        "recall": float(np.mean(hits)),
        **times,
        "ratio_p50": times["exact"]["p50"] / times["ours"]["p50"],
        "bytes": size,
        "bytes_share_of_fp32": size / (count * asked.shape[1] * 4),
        "train_s": trained,
        "add_s": added,
        "save_s": saved,
        **opened,
        "remove_1000_s": removed,
        "add_1000_s": again,
    }


def _fresh_open(place: Path, checksum: str) -> dict[str, float]:
    """Open it in a fresh process and search once: seconds, and memory at the end."""
    code = f"""
import json, re, time
import faiss, numpy as np
from pathlib import Path
from kg.vector_index import VectorIndex
def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) / 1024
before = peak()
start = time.perf_counter()
index = VectorIndex.open(Path({str(place)!r}), expected={checksum!r})
opened = time.perf_counter()
query = np.ones((1, index.dimension), np.float32) / index.dimension**0.5
index.search(query, 10)
print(json.dumps({{
    "open_s": opened - start,
    "first_search_s": time.perf_counter() - opened,
    "open_mb": peak() - before,
}}))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _take_turns(
    asked: Vectors, ours: Callable[[Vectors], Any], theirs: Callable[[Vectors], Any]
) -> dict[str, dict[str, float]]:
    """Milliseconds of single queries."""
    times: dict[str, list[float]] = {"ours": [], "exact": []}
    for query in asked[:5]:
        ours(query[None])
        theirs(query[None])
    # The exact scan empties the cache, which a stream of our searches would not: a few in a row.
    for first in range(0, len(asked), 20):
        for name, search in (("ours", ours), ("exact", theirs)):
            for query in asked[first : first + 20]:
                start = time.perf_counter()
                search(query[None])
                times[name].append(1e3 * (time.perf_counter() - start))
    return {
        name: dict(zip(("p50", "p95"), np.percentile(values, (50, 95)).tolist(), strict=True))
        for name, values in times.items()
    }


def _change(index: VectorIndex, ids: Sequence[str], asked: Vectors) -> tuple[float, float]:
    """Seconds to remove a thousand vectors, and to add as many."""
    gone = ids[:1000]
    vectors = index.vectors(gone)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    start = time.perf_counter()
    index.remove(gone)
    middle = time.perf_counter()
    index.add(gone, vectors)
    end = time.perf_counter()
    return middle - start, end - middle


def table(results: Sequence[dict[str, Any]]) -> str:
    """Format as a Markdown table."""
    lines = [
        "| vectors | form | recall@10 (tails, others) | p50 | p95 | exact p50 | ratio "
        "| files | of fp32 | train + add + save | open | memory then |",
        "|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    lines += (
        f"| {r['vectors']:,} | {r['form']} "
        f"| {r['recall']:.4f} ({r['recall_tails']:.4f}, {r['recall_others']:.4f}) "
        f"| {r['ours']['p50']:.2f} ms | {r['ours']['p95']:.2f} ms | {r['exact']['p50']:.1f} ms "
        f"| {r['ratio_p50']:.1f} | {r['bytes'] / 1e6:,.0f} MB | {r['bytes_share_of_fp32']:.2f} "
        f"| {r['train_s']:.1f} + {r['add_s']:.1f} + {r['save_s']:.1f} s "
        f"| {r['open_s']:.2f} s | {r['open_mb']:,.0f} MB |"
        for r in results
    )
    return "\n".join(lines)


@click.command()
@click.option("--quick", is_flag=True, help="Only the smallest size.")
@click.option("--sizes", help="Numbers of vectors, separated by commas.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(".bench/embeddings"),
    help="Where the embeddings are kept.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("benchmarks/results/vector_search.json"),
    help="Where the figures are written as JSON.",
)
@click.option("--one", type=int, hidden=True)
def main(quick: bool, sizes: str | None, folder: Path, output: Path, one: int | None) -> None:
    """Measure the search for the nearest intentions beside an exact scan."""
    if one is not None:
        found = measure(one, folder)
        click.echo(json.dumps(found))
        return
    wanted = SIZES[:1] if quick else SIZES
    if sizes:
        wanted = tuple(int(size) for size in sizes.split(","))
    results = []
    for size in wanted:
        for _ in embeddings(size, folder):
            pass
        done = subprocess.run(
            [sys.executable, "-m", __spec__.name, "--one", str(size), "--folder", str(folder)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        results.append(json.loads(done.stdout.splitlines()[-1]))
    click.echo(table(results))
    click.echo(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end")
    output.parent.mkdir(parents=True, exist_ok=True)
    figures = {"cores": os.cpu_count(), "load_at_the_end": os.getloadavg()[0], "sizes": results}
    output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
