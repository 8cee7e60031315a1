"""What the crash test runs in processes that it kills: ingest, import and build, twice.

Run again from the start it goes on where it was stopped: what is stored changes nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

from kg.build import build
from kg.directory import Directory
from kg.truth import Transaction
from tests.graph_samples import chunk, rows
from tests.helpers import HashingEmbedder

ROUNDS = (1, 2)
SIZE, POOL = 1500, 600
STEPS = [f"{step} {number}" for number in ROUNDS for step in ("ingest", "import", "build")]


def run(root: Path, step: str) -> None:
    """One step, as a command would do it."""
    directory = Directory.create(root)
    name, number = step.split()
    if name == "build":
        build(directory, embedder=HashingEmbedder())
        return
    found = chunk(int(number), size=SIZE, pool=POOL)
    tables = ["assertions"] if name == "import" else ["products", "posts", "cobuys"]
    with Transaction(directory, name) as transaction:
        for table in tables:
            for start in range(0, len(found[table]), 500):
                transaction.add(rows(table, found[table][start : start + 500]))  # type: ignore[arg-type]
        transaction.commit()


if __name__ == "__main__":
    for step in STEPS:
        print(step, flush=True)
        run(Path(sys.argv[1]), step)
    print("done", flush=True)
