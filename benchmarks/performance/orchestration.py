"""How fast requests go through, beside other people's tools, and what durability costs.

    python -m benchmarks.performance.orchestration [--quick] [--output FILE] [--part PART]

The server is the fastest that a test can have (tests/servers/stub.py, HTTP by hand on asyncio), in
a process of its own. Every candidate gets a fresh server, a fresh process and an empty folder; the
candidates take turns, in another order each round.

``throughput``
    5,000 distinct short prompts, 64 in flight. Ours: ``generate`` (a pipeline of one question,
    rows for the truth included) and ``session`` (the runner below it), every reply durable before
    it is used. The peers, each in its best configuration (`benchmarks.performance.peers`), and
    bare clients, which keep nothing. Peers count by the server's clock, from their first request
    to the last reply, without what they need to start and to end; ours by its own, all included.
``durability``
    The same with and without a store, on a server that takes its time, as models do, and
    (``durability_raw``) on the stub as it is, which answers faster than any model.

Goals: three times the best peer; durability within 10 % on the slow server.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pyarrow as pa

from benchmarks.performance.peers import PEERS, command, environment
from benchmarks.performance.servers import Server, serving
from benchmarks.performance.workload import (
    CONCURRENCY,
    ROOT,
    Forgetful,
    Short,
    fresh,
    load,
    prompts,
    text,
)
from generation.backends.openai import OpenAIBackend
from generation.pipeline import generate
from generation.runner import Session
from generation.store import RequestStore
from schema.errors import IntentKGError

GOAL_RATIO = 3.0
GOAL_DURABILITY = 0.10
OURS = ("generate", "session", "forgetful")
PATIENCE = 300  # seconds that a peer may take


async def measure(kind: str, base_url: str, count: int, folder: Path) -> dict[str, Any]:
    """Put the prompts through one of `OURS`, in this process."""
    backend = OpenAIBackend(base_url=base_url)
    pipeline = Short()
    pa.array([0])  # loads pandas where it is installed: imports do not count
    gc.collect()
    began = time.perf_counter()
    store = Forgetful() if kind == "forgetful" else RequestStore(folder / "requests.sqlite")
    done = 0
    with store:
        async with Session(backend, store, concurrency=CONCURRENCY) as session:
            if kind == "generate":
                async for rows in generate(session, pipeline, range(count), run="benchmark"):
                    done += rows.batch.num_rows
            else:
                async for _ in session.run(prompts(count)):
                    done += 1
    seconds = time.perf_counter() - began
    await backend.aclose()
    if done != count:
        raise RuntimeError(f"{count} requests gave {done} replies")
    return {"seconds": seconds, "replies": done}


def turn(name: str, count: int, latency: float, work: Path) -> dict[str, Any]:
    """Measure one candidate once.

    Returns
    -------
    dict
        ``rate`` by its own clock and ``by_server`` in requests a second, ``load`` before it; or
        ``error``.
    """
    before = load()
    words = ("--latency", str(latency))
    with tempfile.TemporaryDirectory() as folder, serving("stub", *words) as server:
        try:
            if name in PEERS:
                found = _peer(name, server, count, Path(folder), work)
            else:
                found = fresh(__spec__.name, name, server.base_url, str(count))
        except (IntentKGError, subprocess.SubprocessError, ValueError) as error:
            said = getattr(error, "stderr", None) or str(error)
            return {"error": " ".join(said.split())[-300:]}
        book = server.book()
    if found["replies"] != count or book["distinct"] < count:
        return {"error": f"{count} prompts gave {found['replies']} replies"}
    return {
        "rate": round(count / found["seconds"], 1),
        "by_server": round(count / book["seconds"], 1),
        "load": before,
    }


def _peer(name: str, server: Server, count: int, folder: Path, work: Path) -> dict[str, Any]:
    words = command(PEERS[name], work)
    source, empty = folder / "prompts.txt", folder / "work"
    source.write_text("\n".join(map(text, range(count))), encoding="utf-8")
    empty.mkdir()
    done = subprocess.run(
        [*words, server.base_url, str(source), str(empty), str(CONCURRENCY)],
        env=environment(empty),
        cwd=empty,
        capture_output=True,
        check=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def turns(
    names: Sequence[str], count: int, rounds: int, work: Path, *, latency: float = 0.0
) -> dict[str, Any]:
    """Measure the candidates in turns; one that fails is not tried again."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    errors: dict[str, str] = {}
    for number in range(rounds):
        for place in range(len(names)):
            name = names[(place + number) % len(names)]
            if name in errors:
                continue
            found = turn(name, count, latency, work)
            click.echo(f"{name}: {json.dumps(found)}", err=True)
            if "error" in found:
                errors[name] = found["error"]
            else:
                runs[name].append(found)
    median = {
        name: {key: statistics.median(run[key] for run in found) for key in found[0]}
        for name, found in runs.items()
        if found
    }
    return {
        "requests": count,
        "rounds": rounds,
        "latency": latency,
        "median": median,
        "errors": errors,
        "runs": runs,
    }


def throughput(count: int, rounds: int, work: Path, peers: Sequence[str]) -> dict[str, Any]:
    """Compare ours with the peers and the bare clients."""
    found = turns((*OURS, *peers), count, rounds, work)
    median = found["median"]
    rivals = {
        name: max(median[name]["rate"], median[name]["by_server"])
        for name in peers
        if name in median and not PEERS[name].is_client
    }
    best = max(rivals, key=rivals.__getitem__, default=None)
    ratio = round(median["generate"]["rate"] / rivals[best], 2) if best else None
    return {**found, "best_peer": best, "ratio": ratio, "goal": GOAL_RATIO}


def durability(count: int, rounds: int, work: Path, latency: float) -> dict[str, Any]:
    """Compare ours with and without a store."""
    found = turns(("session", "forgetful"), count, rounds, work, latency=latency)
    median = found["median"]
    cost = 1 - median["session"]["rate"] / median["forgetful"]["rate"]
    return {**found, "cost": round(cost, 3), "goal": GOAL_DURABILITY}


def table(found: dict[str, Any]) -> str:
    """Format medians as a Markdown table."""
    lines = [
        "| who | requests/s | by the server's clock | load | how |",
        "|---|--:|--:|--:|---|",
    ]
    for name, row in found["median"].items():
        how = PEERS[name].how if name in PEERS else ""
        lines.append(
            f"| {name} | {row['rate']:,.0f} | {row['by_server']:,.0f} | {row['load']} | {how} |"
        )
    lines += [f"| {name} | – | – | – | {why} |" for name, why in found["errors"].items()]
    return "\n".join(lines)


@click.command()
@click.option("--quick", is_flag=True, help="Small sizes, one round, no peers.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=ROOT / "benchmarks/results/orchestration.json",
    help="Where the figures are written as JSON.",
)
@click.option("--part", "parts", multiple=True, help="Only that part; may be repeated.")
@click.option("--peer", "peers", multiple=True, help="Only that peer; may be repeated.")
@click.option("--rounds", type=int, help="Rounds of each part.")
@click.option("--work", type=click.Path(path_type=Path), default=ROOT / ".bench/peers")
@click.option("--one", nargs=3, hidden=True)
def main(
    quick: bool,
    output: Path,
    parts: tuple[str, ...],
    peers: tuple[str, ...],
    rounds: int | None,
    work: Path,
    one: tuple[str, str, str] | None,
) -> None:
    """Measure throughput beside the peers, and what durability costs."""
    if one:
        kind, base_url, number = one
        with tempfile.TemporaryDirectory() as folder:
            found = asyncio.run(measure(kind, base_url, int(number), Path(folder)))
        click.echo(json.dumps(found))
        return
    count, times = (1000, 1) if quick else (5000, rounds or 5)
    slow = 0.05 if quick else 0.2
    if not peers and not quick:
        peers = tuple(PEERS)
    results: dict[str, Any] = {}
    for name in parts or ("throughput", "durability", "durability_raw"):
        if name == "throughput":
            found = throughput(count, times, work, peers)
            click.echo(table(found))
            if found["best_peer"]:
                click.echo(f"{found['ratio']} times the best peer ({found['best_peer']})")
        else:
            found = durability(count, times, work, slow if name == "durability" else 0.0)
            click.echo(
                f"{name}: the store costs {found['cost']:.1%} at {found['latency']} s a reply"
            )
        results[name] = found
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
