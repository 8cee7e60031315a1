"""How fast the student writes, and how much memory it takes, in a process of its own.

    python -m benchmarks.intrinsic.speed DATA [--heads N] [--weights DIR] [--most N]

Half of the heads are held-out events, each in all nine of ATOMIC's relations; half are held-out
pairs of products, each in twelve co-buy relations. Only the writing is timed, after a first batch.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks.intrinsic.goals import speed_line
from benchmarks.intrinsic.questions import Head, read
from benchmarks.intrinsic.writers import Student, Writer
from benchmarks.performance.workload import load, peak_mb
from schema.relations import Family, Relation, get, names

_COBUY = (
    *("Can", "CapableOf", "Cause", "CauseDesire", "DefinedAs", "Effect", "IsA"),
    *("MannerOf", "Open", "PropertyOf", "RelatedTo", "UsedFor"),
)
_WARM = 8
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


def measure(
    make: Callable[[], Writer], heads: Sequence[Head], relations: Sequence[Relation]
) -> dict[str, Any]:
    """Make a writer, let it write, and look at clock and memory.

    Returns
    -------
    dict
        ``questions`` and ``tails`` in ``seconds``, and per second; ``load_s`` until the first
        answers; ``peak_mb`` of this process; the machine's ``load``.
    """
    before = time.perf_counter()
    writer = make()
    writer.write(heads[:_WARM], relations[:_WARM])
    start = time.perf_counter()
    tails = sum(map(len, writer.write(heads, relations)))
    seconds = time.perf_counter() - start
    return {
        "questions": len(heads),
        "tails": tails,
        "seconds": seconds,
        "per_s": tails / seconds,
        "questions_per_s": len(heads) / seconds,
        "load_s": start - before,
        "peak_mb": peak_mb(),
        "load": load(),
    }


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--heads", default=200, show_default=True, help="How many heads.")
@click.option(
    "--weights",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The student's; default: those that are shipped.",
)
@click.option(
    "--most", type=click.IntRange(1), default=1, show_default=True, help="Tails of one question."
)
@click.option("--one", is_flag=True, hidden=True)
def main(data: Path, heads: int, weights: Path | None, most: int, one: bool) -> None:
    """Measure the student's speed and memory."""
    found = measure(lambda: Student(weights, most=most), *work(data, heads))
    click.echo(json.dumps(found) if one else speed_line(found))


if __name__ == "__main__":
    main()
