"""How long `build` takes for the graph, beside the engine's own fastest load of the same rows.

The rows of the peers are ready: joined, one per node and edge, ends given as the engine's own
numbers, in Arrow files. `build` starts from the truth, so it also reads Parquet, joins evidence,
finds ends, hashes the file and commits. All start in a process of their own, in turns and in
another order each round, in one run; the shortest time of each counts, the highest memory. On a
machine with other work the CPU time is the steadier figure: its ratio, to the peer that needs
least of it, stands beside; every single run, with the load it met, is in the JSON.

Run ``python -m benchmarks.performance.build_graph --help``.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from benchmarks.performance import recombine
from kg.directory import Directory

PEERS = ("batch-memory", "batch-file", "import-df")
ROOT = Path(__file__).resolve().parents[2]


@click.group(invoke_without_command=True)
@click.option("--size", "sizes", type=int, multiple=True, default=(10_000, 100_000, 1_000_000))
@click.option("--repeat", default=3, help="Rounds at each size.")
@click.option("--work", type=click.Path(path_type=Path), default=ROOT / ".bench")
@click.option("--results", type=click.Path(path_type=Path), default=ROOT / "benchmarks/results")
@click.pass_context
def main(
    context: click.Context, sizes: tuple[int, ...], repeat: int, work: Path, results: Path
) -> None:
    """Compare at several sizes; write a table and JSON."""
    if context.invoked_subcommand:
        return
    found = [_compare(size, repeat, work) for size in sizes]
    report = {
        "machine": _machine(),
        "sizes": found,
        "updates": _updates(min(sizes, key=lambda size: abs(size - 100_000)), work),
    }
    results.mkdir(parents=True, exist_ok=True)
    text = _markdown(report)
    (results / "build_graph.json").write_text(json.dumps(report, indent=2), encoding="utf-8")
    (results / "build_graph.md").write_text(text, encoding="utf-8")
    click.echo(text)


def _compare(size: int, repeat: int, work: Path) -> dict[str, Any]:
    directory = recombine.knowledge_base(work / f"recombined-{size}.kg", size)
    with tempfile.TemporaryDirectory(dir=work) as folder:
        rows = Path(folder)
        _child("export", directory.root, rows)
        runs: dict[str, list[dict[str, Any]]] = {}
        names = ("ours", *PEERS)
        for turn in range(repeat):
            for place in range(len(names)):
                name = names[(place + turn) % len(names)]
                run = {"load": os.getloadavg()[0], **_child(name, directory.root, rows)}
                runs.setdefault(name, []).append(run)
    best: dict[str, Any] = {
        name: {
            **min(found, key=lambda run: run["seconds"]),
            "cpu": min(run["cpu"] for run in found),
            "gigabytes": max(run["gigabytes"] for run in found),
            "swap": max(run.get("swap", 0.0) for run in found),
        }
        for name, found in runs.items()
    }
    ratios = {
        f"{unit}_ratio": best["ours"][unit] / min(best[name][unit] for name in PEERS)
        for unit in ("seconds", "cpu")
    }
    return {"assertions": size, "rounds": repeat, "best": best, "runs": runs, **ratios}


def _updates(size: int, work: Path) -> list[dict[str, Any]]:
    """Adding a share of new assertions: into the old graph, or all from nothing."""
    from kg.truth import Transaction

    source = recombine.knowledge_base(work / f"recombined-{size}.kg", size)
    found = []
    for share in (0.01, 0.1, 0.25, 0.5):
        with tempfile.TemporaryDirectory(dir=work) as folder:
            root = Path(folder) / "copy.kg"
            shutil.copytree(source.root, root)
            directory = Directory(root)
            _child("ours", root, root)
            with Transaction(directory, "benchmark") as transaction:
                for item in recombine.rows(int(size * share), seed=1, first=50_000_000):
                    transaction.add(item)
                transaction.commit()
            update = _child("update", root, root)
            fresh = _child("ours", root, root)
            found.append({"share": share, "update": update["seconds"], "fresh": fresh["seconds"]})
    return found


def _child(name: str, *arguments: Path) -> dict[str, Any]:
    """Run one candidate in a process of its own; returns what it measured."""
    command = [sys.executable, "-m", __spec__.name if __spec__ else __name__, "run", name]
    done = subprocess.run(
        [*command, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise click.ClickException(f"{name} failed: {done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    click.echo(f"{name}: {found}", err=True)
    return found


@main.command("run", hidden=True)
@click.argument("name")
@click.argument("knowledge_base", type=click.Path(path_type=Path))
@click.argument("rows", type=click.Path(path_type=Path))
def run(name: str, knowledge_base: Path, rows: Path) -> None:
    """Measure one candidate in this process."""
    from benchmarks.performance import build_graph_peers as peers

    candidates: dict[str, Any] = {
        "export": peers.export,
        "ours": peers.ours,
        "update": peers.update,
        "batch-memory": peers.batch_memory,
        "batch-file": peers.batch_file,
        "import-df": peers.import_df,
    }
    begun, worked = time.perf_counter(), time.process_time()
    found = candidates[name](Directory(knowledge_base), rows)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    measured = {"seconds": seconds, "cpu": cpu, "gigabytes": peak / 1e9}
    click.echo(json.dumps({**measured, **(found or {})}))


def _machine() -> dict[str, Any]:
    import grafeo

    return {
        "cpus": os.cpu_count(),
        "load": [round(value, 1) for value in os.getloadavg()],
        "python": platform.python_version(),
        "grafeo": grafeo.__version__,
        "system": platform.platform(),
    }


def _markdown(report: dict[str, Any]) -> str:
    machine = report["machine"]
    lines = [
        "# Building the graph",
        "",
        f"{machine['cpus']} cores, load {machine['load'][0]} at the end, Python "
        f"{machine['python']}, grafeo {machine['grafeo']}. Written by "
        "`python -m benchmarks.performance.build_graph`.",
        "",
        "| assertions | rows | build | peak | swap | file | "
        + " | ".join(PEERS)
        + " | ratio to the fastest (of CPU time) |",
        "|" + " ---: |" * (7 + len(PEERS)),
    ]
    for size in report["sizes"]:
        ours = size["best"]["ours"]
        peers = " | ".join(
            f"{size['best'][name]['seconds']:.2f} s, {size['best'][name]['gigabytes']:.2f} GB"
            for name in PEERS
        )
        lines.append(
            f"| {size['assertions']:,} | {ours['rows']:,} | {ours['seconds']:.2f} s | "
            f"{ours['gigabytes']:.2f} GB | {ours['swap'] * 1000:.0f} ms | "
            f"{ours['bytes'] / 1e6:.0f} MB | {peers} | "
            f"{size['seconds_ratio']:.2f} ({size['cpu_ratio']:.2f}) |"
        )
    lines += ["", "| new assertions | update | from nothing |", "| ---: | ---: | ---: |"]
    for row in report["updates"]:
        lines.append(f"| {row['share']:.0%} | {row['update']:.2f} s | {row['fresh']:.2f} s |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
