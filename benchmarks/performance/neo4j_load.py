"""How fast a graph goes into Neo4j: pushed, imported, and by other people's tools.

    python -m benchmarks.performance.neo4j_load [--quick] [--output FILE] [--work FOLDER]

The same nodes and edges (posts, products, co-buys and intentions of recombined real text) for all,
on one server of the Community edition, which each tool has warmed up with the smallest size and
which is emptied before each turn. At the smallest size the tools take turns, three rounds, in
another order each, and the medians count; the larger sizes are run once, the largest of the other
tools only by the best. Every candidate is a fresh process; after each the server is asked how many
nodes and edges it has. :mod:`benchmarks.performance.neo4j_outcomes` says what becomes of values
that have changed.

``graphrag``, ``llamaindex``, ``langchain``, ``plain``
    See :mod:`benchmarks.performance.loaders`: rows in memory, ready-made, when the clock starts.
``push``
    `intentkg push` without vectors. It starts from the truth: reads Parquet, joins evidence, makes
    constraints and the full-text index, and leaves the state of the database. ``second`` is
    another push of the same, ``added`` one after 1 % of new assertions were committed.
``import``
    `intentkg export` and Neo4j's offline importer, the start of a process each included. ``ready``
    is what comes after it: a push onto the database, which makes constraints and indexes.

Goals: the first push at least 3 times the best tool (``plain`` is none), the second push and that
of 1 % at most 5 % of the first; the importer's way at least 10 times the best tool at the largest
size.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks.performance import neo4j_outcomes, recombine
from benchmarks.performance.loaders import LOADERS, write_rows
from benchmarks.performance.neo4j_place import Place, place
from benchmarks.performance.neo4j_turns import imported, run_tool, take_turn
from benchmarks.performance.workload import ROOT
from kg.directory import Directory
from kg.neo4j.address import Address
from kg.neo4j.push import push

SIZES: tuple[int, ...] = (24_500, 245_000, 490_000)
"""Assertions: 20,000 nodes and 30,000 edges, ten times and twenty times that."""

ROUNDS = 3
SMALL = 2_450
GOAL_PUSH, GOAL_AGAIN, GOAL_IMPORT = 3.0, 0.05, 10.0


def measure(size: int, rounds: int, here: Place, names: Sequence[str]) -> dict[str, Any]:
    """Measure at one size.

    Returns
    -------
    dict
        ``assertions``, ``nodes``, ``edges``; per candidate the medians of its ``runs``, or its
        ``error``.
    """
    directory = recombine.knowledge_base(here.work / f"recombined-{size}.kg", size)
    folder = here.work / f"neo4j-rows-{size}"
    nodes, edges = write_rows(directory, folder)
    found: dict[str, Any] = {"assertions": size, "nodes": nodes, "edges": edges}
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for number in range(rounds):
        for turn in range(len(names)):
            name = names[(turn + number) % len(names)]
            if name in found:
                continue  # it failed before
            one = take_turn(name, directory, folder, here, (nodes, edges), again=rounds > 1)
            click.echo(f"{size:,} {name}: {json.dumps(one)}", err=True)
            if "error" in one:
                found[name] = one
            else:
                runs[name].append(one)
    for name, turns in runs.items():
        if turns and name not in found:
            numbers = [key for key, value in turns[0].items() if not isinstance(value, dict)]
            middle = {key: statistics.median(one[key] for one in turns) for key in numbers}
            found[name] = {**middle, "runs": turns}
    return found


def compare(sizes: Sequence[int], rounds: int, work: Path, tools: Sequence[str]) -> dict[str, Any]:
    """Measure at all sizes; see the module's docstring."""
    found: list[dict[str, Any]] = []
    with (
        tempfile.TemporaryDirectory(dir=work) as home,
        place(work, Path(home) / "home", apoc=True) as here,
    ):
        names = ["push", *tools]
        outcomes = correct(here, names)
        measure(sizes[0], 1, here, names)  # warms up
        for size in sizes:
            if size == sizes[-1] and found:
                rivals = [found[-1][n] for n in tools if n != "plain" and "rate" in found[-1][n]]
                best = max((one["rate"] for one in rivals), default=0)
                names = [
                    n for n in names if n in ("push", "plain") or found[-1][n].get("rate") == best
                ]
            found.append(measure(size, rounds if size == sizes[0] else 1, here, names))
    for one in found:
        one["import"] = imported(one["assertions"], work)
        click.echo(f"{one['assertions']:,} import: {json.dumps(one['import'])}", err=True)
    who = ["push", *tools, "import"]
    return {
        "sizes": found,
        "who": who,
        "rounds": rounds,
        "outcomes": outcomes,
        **_verdict(found),
    }


def correct(here: Place, names: Sequence[str]) -> dict[str, Any]:
    """See what is there when a graph is written again with two values corrected."""
    corrected = neo4j_outcomes.Corrected(here.work, SMALL)
    outcomes: dict[str, Any] = {}
    for name in names:

        def write(directory: Directory, folder: Path, name: str = name) -> None:
            if name == "push":
                push(directory, Address(here.uri), vectors=False)
            else:
                run_tool(name, folder, here, passes=1)

        outcomes[name] = corrected.outcome(here, write)
        click.echo(f"{name}, written again: {json.dumps(outcomes[name])}", err=True)
    return outcomes


def _verdict(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How far the goals are met, at the smallest and at the largest size."""
    ratios: dict[str, Any] = {}
    for one in found:
        rates = {n: one[n]["rate"] for n in LOADERS if n != "plain" and "rate" in one.get(n, {})}
        best = max(rates, key=rates.__getitem__, default=None)
        row: dict[str, Any] = {"best_tool": best}
        if "rate" in one["push"]:
            first = one["push"]["seconds"]
            row |= {"second": one["push"]["second"] / first, "added": one["push"]["added"] / first}
        for name in ("push", "import"):
            if best and "rate" in one[name]:
                row[name] = one[name]["rate"] / rates[best]
        ratios[str(one["assertions"])] = {
            key: round(value, 3) if isinstance(value, float) else value
            for key, value in row.items()
        }
    goals = {"push": GOAL_PUSH, "second": GOAL_AGAIN, "added": GOAL_AGAIN, "import": GOAL_IMPORT}
    return {"ratios": ratios, "goals": goals}


def table(results: dict[str, Any]) -> str:
    """Format rates and seconds as a Markdown table."""
    lines = [
        "| nodes + edges | who | rows/s | first, s | second, s | 1 % new, s | client, MB | load |",
        "|--:|---|--:|--:|--:|--:|--:|--:|",
    ]
    for one in results["sizes"]:
        size = f"{one['nodes']:,} + {one['edges']:,}"
        for name in results["who"]:
            row = one.get(name, {"error": "left out: too slow for this size"})
            if "error" in row:
                lines.append(f"| {size} | {name} | {row['error']} | | | | | |")
                continue
            first = row.get("seconds") or row["export"] + row["import"]
            cells = [f"{row['rate']:,}", f"{first:.2f}"]
            cells += [f"{row[key]:.2f}" if key in row else "" for key in ("second", "added")]
            cells += [f"{row['peak_mb']:,.0f}" if "peak_mb" in row else "", str(row["load"])]
            lines.append(f"| {size} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


@click.command()
@click.option("--quick", is_flag=True, help="One small size, one round, no other tools.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=ROOT / "benchmarks/results/neo4j_load.json",
    help="Where the figures are written as JSON.",
)
@click.option("--sizes", help="Assertions, separated by commas.")
@click.option("--rounds", type=int, default=ROUNDS, show_default=True, help="At the smallest size.")
@click.option("--tool", "tools", multiple=True, help="Only that tool; may be repeated.")
@click.option("--work", type=click.Path(path_type=Path), default=ROOT / ".bench")
def main(
    quick: bool,
    output: Path,
    sizes: str | None,
    rounds: int,
    tools: tuple[str, ...],
    work: Path,
) -> None:
    """Measure how fast a graph goes into Neo4j."""
    wanted = (SMALL,) if quick else SIZES
    if sizes:
        wanted = tuple(int(size) for size in sizes.split(","))
    if not tools and not quick:
        tools = tuple(LOADERS)
    work.mkdir(parents=True, exist_ok=True)
    results = compare(wanted, 1 if quick else rounds, work.absolute(), tools)
    click.echo(table(results))
    click.echo(neo4j_outcomes.table(results["outcomes"]))
    for size, row in results["ratios"].items():
        click.echo(f"{int(size):,} assertions: {json.dumps(row)}")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
