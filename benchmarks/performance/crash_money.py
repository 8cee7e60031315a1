"""Kill a run again and again: is the outcome the same, and what is paid twice?

A pipeline of two stages puts 2,000 requests to a server that also goes wrong by itself (latency,
429, 500, dropped and truncated replies). The process that runs it is killed with SIGKILL at random
moments and started again, until it is through. Then the outcome has to equal that of a run that
nobody disturbed; the server's book says what was worked on twice.

::

    python -m benchmarks.performance.crash_money --kills 100 [--output FILE]

A kill costs at most what is in flight at that moment: those requests have reached the model, and
nobody is left to take their replies. What is spoilt on its way by the server's own faults is
counted apart.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.performance.servers import Server, serving
from generation.backends.openai import OpenAIBackend
from generation.lane import Patience
from generation.requests import Reply, Request, system, user
from generation.runner import Session
from generation.store import RequestStore
from schema.errors import StoreError

FAULTS = {
    "latency": [0.005, 0.05],
    "rate_limit": 0.02,
    "retry_after": 0.05,
    "error": 0.02,
    "drop": 0.02,
    "truncate": 0.02,
}

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Result:
    """One run that was killed some times.

    Attributes
    ----------
    same
        The outcome equals that of a run that nobody disturbed.
    clean
        The store's check found nothing after any of the kills.
    paid_twice
        Requests that the model worked on again because of the kills.
    in_flight
        Requests that had reached the model when the kills came, and whose replies were not stored
        yet. To count them, a run is stopped for a moment before it is killed.
    bound
        Kills times the most requests in flight.
    spoilt
        Replies that the server's own faults spoilt; they are paid twice by any client.
    """

    kills: int
    requests: int
    same: bool
    clean: bool
    paid_twice: int
    in_flight: int
    bound: int
    spoilt: int
    seconds: float


def measure(
    kills: int, *, requests: int = 2000, concurrency: int = 64, each: int = 5, seed: int = 0
) -> list[Result]:
    """Kill runs `kills` times in all, each of them `each` times."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, serving("faulty", *_faults()) as server:
        expected = _whole(server, Path(folder) / "undisturbed", requests, concurrency)
    results = []
    left = kills
    while left > 0:
        count = min(each, left)
        left -= count
        with tempfile.TemporaryDirectory() as folder, serving("faulty", *_faults()) as server:
            results.append(
                _disturbed(server, Path(folder), requests, concurrency, count, chance, expected)
            )
    return results


def _disturbed(
    server: Server,
    folder: Path,
    requests: int,
    concurrency: int,
    kills: int,
    chance: random.Random,
    expected: str,
) -> Result:
    began = time.perf_counter()
    in_flight, clean, done = 0, True, 0
    for moment in sorted(chance.random() for _ in range(kills)):
        process = _start(server, folder, requests, concurrency)
        wait = chance.uniform(0, 0.05)
        while process.poll() is None and server.book()["distinct"] < moment * requests:
            time.sleep(0.002)
        time.sleep(wait)
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGSTOP)
        book = _settled(server)
        # All that was worked on and is not stored, what earlier kills had cost included.
        in_flight = book["paid"] - book["broken"] - _stored(folder)
        process.send_signal(signal.SIGKILL)
        process.wait()
        done += 1
        if (folder / "requests.sqlite").exists():
            with RequestStore(folder / "requests.sqlite", mode="read") as store:
                clean = clean and store.check() == []
    found = _whole(server, folder, requests, concurrency)
    book = _settled(server)
    with RequestStore(folder / "requests.sqlite", mode="read") as store:
        clean = clean and store.check() == []
    return Result(
        kills=done,
        requests=requests,
        same=found == expected,
        clean=clean,
        paid_twice=book["repeated"] - book["broken"],
        in_flight=in_flight,
        bound=done * concurrency,
        spoilt=book["broken"],
        seconds=round(time.perf_counter() - began, 2),
    )


def _whole(server: Server, folder: Path, requests: int, concurrency: int) -> str:
    process = _start(server, folder, requests, concurrency)
    if process.wait() != 0:
        raise RuntimeError(f"the run ended with {process.returncode}")
    return (folder / "outcome.jsonl").read_text(encoding="utf-8")


def _start(
    server: Server, folder: Path, requests: int, concurrency: int
) -> subprocess.Popen[bytes]:
    words = ["--worker", server.base_url, str(folder), str(requests), str(concurrency)]
    return subprocess.Popen([sys.executable, "-m", __spec__.name, *words], cwd=ROOT)


def _settled(server: Server) -> dict[str, int]:
    """Wait until the server has worked through what it was sent."""
    before: dict[str, int] = {}
    while True:
        time.sleep(0.05)  # what is on its way to it arrives
        book = server.book()
        if not book["in_flight"] and book == before:
            return book
        before = book


def _stored(folder: Path) -> int:
    if not (folder / "requests.sqlite").exists():
        return 0
    try:
        with RequestStore(folder / "requests.sqlite", mode="read") as store:
            return len(store)
    except (StoreError, sqlite3.OperationalError):  # stopped while it made the tables
        return 0


def _faults() -> tuple[str, str]:
    return "--faults", json.dumps(FAULTS)


async def _work(base_url: str, folder: Path, requests: int, concurrency: int) -> None:
    """Describe half as many heads as there are requests, then say what each is about."""
    backend = OpenAIBackend(base_url=base_url)
    patience = Patience(first_wait=0.02, longest_wait=0.2, tries=8)
    lines = []
    folder.mkdir(parents=True, exist_ok=True)
    with RequestStore(folder / "requests.sqlite") as store:
        async with Session(backend, store, concurrency=concurrency, patience=patience) as session:

            async def pipeline(head: int) -> list[str]:
                asked = Request(
                    "stub",
                    [system("You describe posts."), user(f"Post number {head}: what is in it?")],
                    {"temperature": 0.2, "max_tokens": 64},
                    stage="describe",
                )
                seen = await session.ask(asked)
                if not isinstance(seen, Reply):
                    return [seen.reason]
                asked = Request(
                    "stub",
                    [system("You name intentions."), user(f"Post {head} shows {seen.text}. Why?")],
                    {"temperature": 0.7, "max_tokens": 64},
                    stage="intend",
                )
                said = await session.ask(asked)
                return [seen.text, said.text if isinstance(said, Reply) else said.reason]

            async for head, texts in session.map(pipeline, range(requests // 2)):
                lines.append(json.dumps([head, *texts]))
    await backend.aclose()
    (folder / "outcome.jsonl").write_text("\n".join(sorted(lines)), encoding="utf-8")


def main(words: Sequence[str] | None = None) -> int:
    """Run it from the command line; exits 1 if anything was lost, or too much paid twice."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--each", type=int, default=5, help="kills of one run")
    parser.add_argument("--seed", type=int, default=0)
    output = ROOT / "benchmarks/results/crash_money.json"
    parser.add_argument("--output", type=Path, default=output, help="figures as JSON")
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    if options.worker:
        base_url, folder, requests, concurrency = options.worker
        asyncio.run(_work(base_url, Path(folder), int(requests), int(concurrency)))
        return 0
    results = measure(
        options.kills,
        requests=options.requests,
        concurrency=options.concurrency,
        each=options.each,
        seed=options.seed,
    )
    for result in results:
        print(json.dumps(asdict(result)))
    total = summary(results, options.concurrency)
    print(json.dumps(total))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    found = {"total": total, "runs": [asdict(result) for result in results]}
    options.output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0 if total["ok"] else 1


def summary(results: Sequence[Result], concurrency: int) -> dict[str, Any]:
    """Add up; ``ok`` if nothing was lost and no more was paid twice than was in flight."""
    kills = sum(result.kills for result in results)
    twice = sum(result.paid_twice for result in results)
    in_flight = sum(result.in_flight for result in results)
    return {
        "runs": len(results),
        "kills": kills,
        "all_same": all(result.same for result in results),
        "all_clean": all(result.clean for result in results),
        "paid_twice": twice,
        "in_flight": in_flight,
        "bound": kills * concurrency,
        "paid_twice_per_kill": round(twice / max(1, kills), 1),
        "in_flight_per_kill": round(in_flight / max(1, kills), 1),
        "spoilt_by_the_server": sum(result.spoilt for result in results),
        "ok": all(
            r.same and r.clean and r.paid_twice <= min(r.in_flight, r.bound) for r in results
        ),
    }


if __name__ == "__main__":
    sys.exit(main())
