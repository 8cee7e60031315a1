"""A file many times as large needs no more memory: the peak of a fresh process, in MiB.

The smaller file is 10 MB: with less, not one batch is full yet.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

READ = """
import sys
from ingest.reading import Options, read
rows = 0
for item in read(sys.argv[2], sys.argv[1], Options(memory="64MB")):
    rows += item.batch.num_rows if hasattr(item, "batch") else 0
peak = next(line for line in open("/proc/self/status", encoding="utf-8") if "VmHWM" in line)
print(rows, int(peak.split()[1]) // 1024)
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path("/proc/self/status").exists(), reason="the peak is read from /proc"
    ),
]


def peak(format: str, path: Path) -> tuple[int, int]:
    # Not ru_maxrss: a child takes that over from its parent.
    run = subprocess.run(
        [sys.executable, "-c", READ, format, str(path)], capture_output=True, text=True, check=True
    )
    rows, mebibytes = map(int, run.stdout.split())
    return rows, mebibytes


WORDS = " ".join(f"word{n}" for n in range(2000))


def texts(count: int) -> Iterator[str]:
    """Texts of 400 characters, no two alike in order that none is kept only once."""
    chance = random.Random(7)
    for n in range(count):
        start = chance.randrange(len(WORDS) - 400)
        yield f"{n} {WORDS[start : start + 400]}"


def posts_as_lines(path: Path, size: int) -> None:
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as stream:
        for n, text in enumerate(texts(size)):
            stream.write(json.dumps({"id": n, "text": text, "mood": "odd"}) + "\n")


def posts_as_cells(path: Path, size: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "text"])
        for n, text in enumerate(texts(size)):
            # Every tenth row is refused: refusals must not pile up either.
            writer.writerow([n, text] if n % 10 else [n, text, "one too many"])


def posts_in_parquet(path: Path, size: int) -> None:
    schema = pa.schema([("id", pa.int64()), ("text", pa.string())])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, size, 2000):
            ids = range(start, min(size, start + 2000))
            writer.write_table(
                pa.table({"id": list(ids), "text": list(texts(len(ids)))}, schema=schema)
            )


@pytest.mark.parametrize("make", [posts_as_lines, posts_as_cells, posts_in_parquet])
def test_posts(tmp_path: Path, make: Callable[[Path, int], None]) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    make(small, 25_000)  # some 10 MB of text
    make(large, 250_000)
    rows, before = peak("posts", small)
    more_rows, after = peak("posts", large)
    assert more_rows == 10 * rows
    assert after - before < 30, (before, after)


def links(path: Path, size: int) -> None:
    chance = random.Random(7)
    with path.open("w", encoding="utf-8") as stream:
        for n in range(size):
            others = [f"B{chance.randrange(size * 2):09d}" for _ in range(20)]
            row = {"asin": f"B{n:09d}", "title": f"product {n}", "also_buy": others}
            stream.write(json.dumps(row) + "\n")


def test_links_between_products(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    links(small, 2_500)
    links(large, 50_000)  # a million links
    rows, before = peak("amazon-2018", small)
    more_rows, after = peak("amazon-2018", large)
    assert more_rows > 15 * rows
    assert after - before < 120, (before, after)
