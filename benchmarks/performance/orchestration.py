"""How fast requests go through, what durability costs, and whether memory and resume stay flat.

    python -m benchmarks.performance.orchestration [--quick] [--output FILE]

The server is the fastest that a test can have (tests/servers/stub.py, HTTP by hand on asyncio), in
a process of its own. Measured, each in a process of its own and in turns:

``throughput``
    5,000 distinct short prompts, 64 in flight: aiohttp alone; our runner without a store; our
    runner with the store, every reply durable before it is used. Published figures of others on
    a machine of this kind: distilabel 250, curator 600, datatrove's inference runner 860.
``durability``
    The same two of ours with a server that takes its time, as models do.
``memory``
    The most memory that a run takes, for more and more requests.
``resume``
    A store with a million finished requests: until the first new request is on its way, if it
    stands before the finished ones and if it stands behind them.

Goals: 2,580 requests a second with the store; durability within 10 %; memory flat; resume in 5 s.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from benchmarks.performance.servers import serving
from generation.backends.openai import OpenAIBackend
from generation.requests import Outcome, Reply, Request, user
from generation.runner import Session
from generation.store import RequestStore

GOAL_RATE = 3 * 860
CONCURRENCY = 64
ROOT = Path(__file__).resolve().parents[2]


def prompts(count: int, start: int = 0) -> Iterator[Request]:
    """Yield distinct short requests."""
    for number in range(start, start + count):
        text = f"Why was item number {number} bought together with its case? Answer briefly."
        yield Request("stub", [user(text)], {"temperature": 0.2, "max_tokens": 64}, stage="intend")


class Forgetful(RequestStore):
    """A store that keeps nothing: what a run costs without one."""

    def __init__(self) -> None:
        self.path = Path()

    def get(self, key: str) -> Outcome | None:
        """Know nothing."""
        return None

    def get_many(self, keys: Any) -> dict[str, Outcome]:
        """Know nothing."""
        return {}

    def put(
        self, request: Request, outcome: Outcome, *, tries: int = 1, on_stored: Any = None
    ) -> asyncio.Future[None]:
        """Forget it at once."""
        if on_stored:
            on_stored()
        future = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future

    def check_room(self) -> None:
        """Need none."""

    def flush(self) -> None:
        """Have nothing to write."""

    def close(self) -> None:
        """Have nothing to close."""


# -- one measurement, in a process of its own -----------------------------------------------------


async def _bare(backend: OpenAIBackend, count: int) -> None:
    source = prompts(count)

    async def work() -> None:
        for request in source:
            await backend.complete(request, ())

    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))


async def _run(backend: OpenAIBackend, store: RequestStore, count: int) -> None:
    async with Session(backend, store, concurrency=CONCURRENCY) as session:
        done = 0
        async for _ in session.run(prompts(count)):
            done += 1
        assert done == count == session.stats.asked


async def _resume(backend: OpenAIBackend, path: Path, count: int) -> dict[str, float]:
    """Seconds from opening the store until a new request is answered, before and behind the old."""
    found: dict[str, float] = {}
    for place in ("first", "last"):
        new = list(prompts(1, start=10**9 + len(found)))
        began = time.perf_counter()
        with RequestStore(path) as store:
            async with Session(backend, store, concurrency=CONCURRENCY) as session:
                source = _places(new, count, before=place == "first")
                async for request, _ in session.run(source):
                    if request.key == new[0].key:
                        found[place] = round(time.perf_counter() - began, 3)
                        if place == "first":
                            break
    return found


def _places(new: list[Request], count: int, *, before: bool) -> Iterator[Request]:
    if before:
        yield from new
    yield from prompts(count)
    if not before:
        yield from new


def _fill(path: Path, count: int) -> None:
    with RequestStore(path) as store:
        for start in range(0, count, 20_000):
            size = min(20_000, count - start)
            replies = (
                (request, Reply("to keep it safe on the way", "stop", 30, 10, 8, 0.5), 1)
                for request in prompts(size, start)
            )
            store.put_many(replies)


async def _measure(kind: str, base_url: str, count: int, folder: Path) -> dict[str, Any]:
    backend = OpenAIBackend(base_url=base_url)
    gc.collect()
    began = time.perf_counter()
    try:
        if kind == "bare":
            await _bare(backend, count)
        elif kind == "forgetful":
            await _run(backend, Forgetful(), count)
        elif kind == "store":
            with RequestStore(folder / "requests.sqlite") as store:
                await _run(backend, store, count)
        else:
            path = folder / "resume.sqlite"
            _fill(path, count)
            size = path.stat().st_size
            return {**await _resume(backend, path, count), "bytes": size}
        seconds = time.perf_counter() - began
    finally:
        await backend.aclose()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"rate": round(count / seconds, 1), "peak_mb": round(peak / 1024, 1)}


def _one(kind: str, base_url: str, count: int) -> dict[str, Any]:
    """Measure in a fresh process."""
    words = [sys.executable, "-m", __spec__.name, "--one", kind, base_url, str(count)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# -- the four parts -------------------------------------------------------------------------------


def rates(count: int, rounds: int, latency: float, kinds: tuple[str, ...]) -> dict[str, Any]:
    """Requests per second, the kinds in turns; medians and all values."""
    values: dict[str, list[float]] = {kind: [] for kind in kinds}
    with serving("stub", "--latency", str(latency)) as server:
        for _ in range(rounds):
            for kind in kinds:
                values[kind].append(_one(kind, server.base_url, count)["rate"])
    medians = {kind: statistics.median(found) for kind, found in values.items()}
    return {"requests": count, "latency": latency, "median": medians, "all": values}


def memory(sizes: tuple[int, ...]) -> dict[str, Any]:
    """Most memory of a run with the store, in MB, by the number of requests."""
    with serving("stub") as server:
        return {str(size): _one("store", server.base_url, size)["peak_mb"] for size in sizes}


def resumed(count: int) -> dict[str, Any]:
    """Seconds until a new request is answered in a store with that many finished ones."""
    with serving("stub") as server:
        return {"finished": count, **_one("resume", server.base_url, count)}


@click.command()
@click.option("--quick", is_flag=True, help="Small sizes, one round.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the figures there as JSON.")
@click.option("--part", "parts", multiple=True, help="Only that part; may be repeated.")
@click.option("--one", nargs=3, hidden=True)
def main(
    quick: bool, output: Path | None, parts: tuple[str, ...], one: tuple[str, str, str] | None
) -> None:
    """Measure throughput, durability, memory and resume."""
    if one:
        kind, base_url, number = one
        with tempfile.TemporaryDirectory() as folder:
            found = asyncio.run(_measure(kind, base_url, int(number), Path(folder)))
        click.echo(json.dumps(found))
        return
    count, rounds = (1000, 1) if quick else (5000, 5)
    measure: dict[str, Callable[[], dict[str, Any]]] = {
        "throughput": lambda: rates(count, rounds, 0.0, ("bare", "forgetful", "store")),
        "durability": lambda: rates(
            count // 2, rounds, 0.2 if not quick else 0.05, ("forgetful", "store")
        ),
        "memory": lambda: memory((1000, 3000) if quick else (1000, 10_000, 100_000)),
        "resume": lambda: resumed(20_000 if quick else 1_000_000),
    }
    results: dict[str, Any] = {}
    for name in parts or tuple(measure):
        results[name] = measure[name]()
        click.echo(f"{name}: {json.dumps(results[name])}")
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
