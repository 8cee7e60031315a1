"""Whether a run stays as small, and starts as soon, however many requests there are.

    python -m benchmarks.performance.scale [--quick] [--output FILE] [--part PART]

``memory``
    The most memory that a process takes for 1,000 to 100,000 requests: through the runner, and
    through MIKO with `generate`, rows handed on as they come.
``resume``
    A store with a million finished requests. Seconds from opening it until a new request has been
    answered that stands before the finished ones, and until one that stands behind all of them,
    whose outcomes all come out first; through the runner, and through a pipeline of one question.
    ``cpu`` is the process's own time, which other work on the machine does not stretch as much.
    ``open`` is the store alone. ``miko`` is what MIKO takes to go through posts that it has done,
    per million requests: to read their replies anew and to make the rows again.
``command``
    A knowledge base with a million assertions of a pipeline, a million finished requests, and one
    new post, whose id comes last: seconds from starting a process that runs `generate` until the
    server has the post's first request, imports included. `kg.heads` puts what is new first.

Goals: memory flat; a new request on its way within 5 s.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import pyarrow as pa

from benchmarks.performance.servers import serving
from benchmarks.performance.workload import (
    CONCURRENCY,
    ROOT,
    Short,
    fresh,
    load,
    peak_mb,
    posts,
    prompts,
)
from generation.backends.openai import OpenAIBackend
from generation.miko import Miko, MikoOptions
from generation.pipeline import generate
from generation.requests import Reply
from generation.runner import Session
from generation.store import RequestStore
from schema.records import Rows

NEW = 10**9  # the number of a prompt that no store has yet


# -- memory ---------------------------------------------------------------------------------------


async def _memory(kind: str, backend: OpenAIBackend, count: int, folder: Path) -> dict[str, Any]:
    """Put `count` requests through in this process; returns the most memory it took, in MB."""
    pa.array([0])
    with RequestStore(folder / "requests.sqlite") as store:
        async with Session(backend, store, concurrency=CONCURRENCY) as session:
            if kind == "miko":
                miko = Miko(MikoOptions(model="stub", images=False))
                heads = posts(count // 2, pictures=False)  # two requests each
                async for _ in generate(session, miko, heads, run="benchmark"):
                    pass
            else:
                async for _ in session.run(prompts(count)):
                    pass
            asked = session.stats.asked
    if asked != count:
        raise RuntimeError(f"{asked} requests instead of {count}")
    return {"peak_mb": peak_mb()}


def memory(sizes: tuple[int, ...]) -> dict[str, Any]:
    """Most memory of a run, in MB, by way and number of requests."""
    found: dict[str, dict[str, float]] = {}
    for kind in ("session", "miko"):
        for size in sizes:
            with serving("stub", "--write") as server:
                one = fresh(__spec__.name, f"memory-{kind}", server.base_url, str(size))
            found.setdefault(kind, {})[str(size)] = one["peak_mb"]
            click.echo(f"memory {kind} {size}: {one['peak_mb']} MB", err=True)
    return {"peak_mb": found, "load": load()}


# -- resume ---------------------------------------------------------------------------------------


async def _seconds(
    backend: OpenAIBackend, path: Path, stream: Callable[[Session], AsyncIterator[Any]]
) -> dict[str, float]:
    """Open the store and run `stream` until a request that it does not know was answered."""
    answered: list[float] = []
    gc.collect()
    began, worked = time.perf_counter(), time.process_time()
    with RequestStore(path) as store:
        session = Session(
            backend,
            store,
            concurrency=CONCURRENCY,
            on_reply=lambda *_: answered.append(time.perf_counter() - began),
        )
        async with session:
            async for _ in stream(session):
                if answered:
                    break
    worked = time.process_time() - worked
    return {"seconds": round(answered[0], 3), "cpu": round(worked, 3)}


async def _resume(backend: OpenAIBackend, count: int, folder: Path) -> dict[str, Any]:
    path = folder / "requests.sqlite"
    fill(path, count)
    pa.array([0])  # loads pandas where it is installed: imports do not count
    pipeline = Short()
    began = time.perf_counter()
    with RequestStore(path):
        opened = round(time.perf_counter() - began, 3)
    found: dict[str, Any] = {"bytes": path.stat().st_size, "open": opened}

    def through_session(session: Session, new: int, first: bool) -> AsyncIterator[Any]:
        return session.run(_placed(prompts(1, new), prompts(count), first))

    def through_pipeline(session: Session, new: int, first: bool) -> AsyncIterator[Any]:
        heads = _placed(iter([new]), iter(range(count)), first)
        return generate(session, pipeline, heads, run="benchmark", batch_rows=256)

    new = NEW
    for name, through in (("session", through_session), ("pipeline", through_pipeline)):
        for place in ("first", "last"):
            new += 1
            stream = partial(through, new=new, first=place == "first")
            found[f"{name}_{place}"] = await _seconds(backend, path, stream)
    return found


def _placed[T](new: Iterator[T], old: Iterator[T], first: bool) -> Iterator[T]:
    return itertools.chain(new, old) if first else itertools.chain(old, new)


def fill(path: Path, count: int) -> None:
    """Make a store with finished requests: those of `prompts` and of the short pipeline."""
    with RequestStore(path) as store:
        for start in range(0, count, 20_000):
            size = min(20_000, count - start)
            replies = (
                (request, Reply("to keep it safe on the way", "stop", 30, 10, 8, 0.5), 1)
                for request in prompts(size, start)
            )
            store.put_many(replies)


async def _miko(backend: OpenAIBackend, count: int, folder: Path) -> dict[str, Any]:
    """Put posts through MIKO twice; returns seconds of the second pass per million requests."""
    path = folder / "requests.sqlite"
    pipeline = Miko(MikoOptions(model="stub", images=False))

    async def once() -> tuple[float, float, int]:
        gc.collect()
        began, worked = time.perf_counter(), time.process_time()
        with RequestStore(path) as store:
            async with Session(backend, store, concurrency=CONCURRENCY) as session:
                heads = posts(count // 2, pictures=False)
                async for _ in generate(session, pipeline, heads, run="benchmark"):
                    pass
                seconds, cpu = time.perf_counter() - began, time.process_time() - worked
                return seconds, cpu, session.stats.known

    await once()
    seconds, cpu, known = await once()
    if known != count:
        raise RuntimeError(f"{known} of {count} requests were known")
    million = {"seconds": round(seconds / count * 1e6, 1), "cpu": round(cpu / count * 1e6, 1)}
    return {"miko_requests": count, "miko_per_million": million}


def resumed(count: int, posts_requests: int) -> dict[str, Any]:
    """Seconds until a new request is answered in a store with that many finished ones."""
    before = load()
    with serving("stub") as server:
        found = fresh(__spec__.name, "resume", server.base_url, str(count))
    with serving("stub", "--write") as server:
        found |= fresh(__spec__.name, "resume-miko", server.base_url, str(posts_requests))
    return {"finished": count, "load": before, "goal_s": 5.0, **found}


# -- through the command --------------------------------------------------------------------------

_WORDS = "Nobody has written about this post before."
_GENERATE = """
import sys, intentkg
kb = intentkg.open(sys.argv[1])
kb.generate("miko", model="stub", base_url=sys.argv[2], evidence_source="recombined",
            images=False, preflight=False)
"""


def command(count: int, work: Path) -> dict[str, Any]:
    """Seconds until a new post's first request, in a knowledge base of that size."""
    from benchmarks.performance import recombine
    from kg.directory import Directory
    from kg.truth import Transaction

    source = recombine.knowledge_base(work / f"recombined-{count}.kg", count)
    with tempfile.TemporaryDirectory(dir=work) as folder, serving("stub", "--write") as server:
        root = Path(folder) / "copy.kg"
        shutil.copytree(source.root, root)
        with Transaction(Directory(root), "benchmark") as transaction:
            for item in recombine.rows(1, seed=1, first=NEW):
                if item.table == "posts":
                    rows = [row | {"text": _WORDS} for row in item.batch.to_pylist()[:1]]
                    batch = pa.RecordBatch.from_pylist(rows, schema=item.batch.schema)
                    transaction.add(Rows("posts", batch, item.lines[:1], item.file))
            transaction.commit()
        fill(root / "requests.sqlite", count)
        before = load()
        began = time.perf_counter()
        words = [sys.executable, "-c", _GENERATE, str(root), server.base_url]
        with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None and not server.book()["tries"]:
                time.sleep(0.005)
            seconds = time.perf_counter() - began
            time.sleep(1)
            process.kill()
        with RequestStore(root / "requests.sqlite", mode="read") as store:
            asked = [row.request for row in store.rows(stage="miko.key_information")]
    if not any(_WORDS in str(request.messages) for request in asked):
        raise RuntimeError("the new post was not among the first")
    return {"assertions": count, "finished": count, "seconds": round(seconds, 2), "load": before}


async def _one(kind: str, base_url: str, count: int, folder: Path) -> dict[str, Any]:
    backend = OpenAIBackend(base_url=base_url)
    try:
        if kind == "resume":
            return await _resume(backend, count, folder)
        if kind == "resume-miko":
            return await _miko(backend, count, folder)
        return await _memory(kind.removeprefix("memory-"), backend, count, folder)
    finally:
        await backend.aclose()


@click.command()
@click.option("--quick", is_flag=True, help="Small sizes.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=ROOT / "benchmarks/results/scale.json",
    help="Where the figures are written as JSON.",
)
@click.option("--part", "parts", multiple=True, help="Only that part; may be repeated.")
@click.option("--finished", type=int, help="Finished requests of resume and command.")
@click.option("--one", nargs=3, hidden=True)
def main(
    quick: bool,
    output: Path,
    parts: tuple[str, ...],
    finished: int | None,
    one: tuple[str, str, str] | None,
) -> None:
    """Measure memory and resume."""
    if one:
        kind, base_url, number = one
        with tempfile.TemporaryDirectory() as folder:
            found = asyncio.run(_one(kind, base_url, int(number), Path(folder)))
        click.echo(json.dumps(found))
        return
    results: dict[str, Any] = {}
    for name in parts or ("memory", "resume", "command"):
        if name == "command":
            results[name] = command(finished or (10_000 if quick else 1_000_000), ROOT / ".bench")
        elif name == "memory":
            results[name] = memory((1000, 4000) if quick else (1000, 10_000, 100_000))
        else:
            count = finished or (20_000 if quick else 1_000_000)
            results[name] = resumed(count, 2000 if quick else 20_000)
        click.echo(f"{name}: {json.dumps(results[name])}")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
