"""How fast the student writes, and how much memory it takes, in a process of its own.

    python -m benchmarks.intrinsic.speed DATA [--heads N]

Half of the heads are held-out events, each in all nine of ATOMIC's relations; half are held-out
pairs of products, each in twelve co-buy relations. Only the writing is timed, after a first batch.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from benchmarks.intrinsic.questions import Head, read
from benchmarks.performance.workload import load, peak_mb
from schema.relations import Family, Relation, get, names

_COBUY = (
    *("Can", "CapableOf", "Cause", "CauseDesire", "DefinedAs", "Effect", "IsA"),
    *("MannerOf", "Open", "PropertyOf", "RelatedTo", "UsedFor"),
)
RELATIONS = {
    1: [get(name, Family.SOCIAL) for name in names(Family.SOCIAL) if name != "Open"],
    2: [get(name, Family.COBUY) for name in _COBUY],
}
"""What is asked, by the number of a head's texts."""


def work(data: Path, heads: int) -> tuple[list[Head], list[Relation]]:
    """Choose heads, and give each in each of its relations."""
    found: list[tuple[Head, Relation]] = []
    for corpus in ("event2mind", "intentionqa"):
        distinct = list(dict.fromkeys(one.head for one in read(data, corpus)))
        chosen = distinct[: heads // 2]
        found += [(head, relation) for head in chosen for relation in RELATIONS[len(head)]]
    return [head for head, _ in found], [relation for _, relation in found]


def measure(data: Path, heads: int) -> dict[str, Any]:
    """Load the student, let it write, and look at clock and memory."""
    asked, relations = work(data, heads)
    before = time.perf_counter()
    from benchmarks.intrinsic.writers import Student

    writer = Student()
    writer.write(asked[:8], relations[:8])
    start = time.perf_counter()
    tails = sum(map(len, writer.write(asked, relations)))
    seconds = time.perf_counter() - start
    return {
        "heads": heads,
        "questions": len(asked),
        "tails": tails,
        "seconds": seconds,
        "per_s": tails / seconds,
        "questions_per_s": len(asked) / seconds,
        "load_s": start - before,
        "peak_mb": peak_mb(),
        "load": load(),
    }


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--heads", default=200, show_default=True, help="How many heads.")
@click.option("--one", is_flag=True, hidden=True)
def main(data: Path, heads: int, one: bool) -> None:
    """Measure the student's speed and memory."""
    found = measure(data, heads)
    click.echo(json.dumps(found, indent=None if one else 2))


if __name__ == "__main__":
    main()
