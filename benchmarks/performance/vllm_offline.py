"""How near our runner comes to vLLM's own offline batch, on the same prompts and machine.

    python -m benchmarks.performance.vllm_offline [--quick] [--output FILE]

A model with random weights (as the tests build it, but wider and deeper) runs on the CPU in two
engines that are set up alike: one in this process, one behind vLLM's own server. The same distinct
prompts go, in turns whose order changes each round,

``offline``
    all at once through ``vllm.LLM.chat``, which keeps nothing;
``in_process``
    through our runner and the ``vllm`` backend (the same engine as ``offline``), every reply
    durable in the request store before it is used;
``served``
    through our runner and the ``openai`` backend over the server, into a store likewise.

Prefix caching is off, or the second to ask would be spared what the first has paid; every reply
has the same number of tokens. Goal: 0.95 of the offline batch.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from generation.backends import Backend
from generation.backends.openai import OpenAIBackend
from generation.requests import Reply, Request, user
from generation.runner import Session
from generation.store import RequestStore
from schema.errors import InputError, MissingExtraError

GOAL = 0.95
ROOT = Path(__file__).resolve().parents[2]
KINDS = ("offline", "in_process", "served")
DTYPE = "bfloat16"
REPLY = 48  # tokens
WIDTH, LAYERS = 512, 8  # 20 million parameters


def prompts(model: str, count: int, start: int) -> list[Request]:
    """Give distinct requests."""
    options = {"temperature": 0, "max_tokens": REPLY, "ignore_eos": True}
    return [
        Request(
            model,
            [user(f"Item {n} and its case were bought together. Say in one sentence why. {n}")],
            options,
            accept_cut_off=True,
        )
        for n in range(start, start + count)
    ]


def offline(engine: Any, requests: list[Request]) -> float:
    """Seconds that vLLM's own batch takes."""
    kinds = import_module("vllm")
    sampling = kinds.SamplingParams(temperature=0, max_tokens=REPLY, ignore_eos=True)
    chats = [[dict(message) for message in request.messages] for request in requests]
    began = time.perf_counter()
    outputs = engine.chat(chats, sampling, use_tqdm=False)
    seconds = time.perf_counter() - began
    assert len(outputs) == len(requests)
    assert all(len(output.outputs[0].token_ids) == REPLY for output in outputs)
    return seconds


def ours(backend: Backend, requests: list[Request], folder: Path) -> float:
    """Seconds that our runner takes, the store opened and closed included."""

    async def work() -> float:
        began = time.perf_counter()
        done = 0
        with RequestStore(folder / f"{requests[0].key}.sqlite") as store:
            async with Session(backend, store) as session:
                async for _, outcome in session.run(requests):
                    assert isinstance(outcome, Reply) and outcome.completion_tokens == REPLY
                    done += 1
        seconds = time.perf_counter() - began
        assert done == len(requests)
        if isinstance(backend, OpenAIBackend):
            await backend.aclose()  # its connections belong to this loop
        return seconds

    return asyncio.run(work())


def measure(count: int, rounds: int, folder: Path) -> dict[str, Any]:
    """Requests per second of the three, in turns."""
    servers, models = _tests("servers.vllm_openai"), _tests("tiny_models")
    os.environ.update(servers.ENVIRONMENT)
    model = models.text_model(folder / "model", width=WIDTH, layers=LAYERS)
    vllm = import_module("generation.backends.vllm")
    plain = "--no-enable-prefix-caching"
    with servers.serving_vllm(folder, model, plain, dtype=DTYPE) as server:
        backend = vllm.VllmBackend(
            model=model,
            served_model_name=servers.MODEL,
            enable_prefix_caching=False,
            **{**servers.ENGINE, "dtype": DTYPE},
        )
        client = OpenAIBackend(base_url=server.base_url, concurrency=256)
        ways: dict[str, Callable[[list[Request], Path], float]] = {
            "offline": lambda some, _: offline(backend._engine, some),
            "in_process": lambda some, path: ours(backend, some, path),
            "served": lambda some, path: ours(client, some, path),
        }
        rates: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for number in range(rounds + 1):  # the first is for warming up
            size = count if number else 32
            some = prompts(servers.MODEL, size, 1_000_000 * number)
            for step in range(len(KINDS)):
                kind = KINDS[(number + step) % len(KINDS)]
                path = folder / f"{kind}-{number}"
                path.mkdir()
                seconds = ways[kind](some, path)
                if number:
                    rates[kind].append(round(size / seconds, 1))
        asyncio.run(backend.aclose())
    median = {kind: statistics.median(found) for kind, found in rates.items()}
    return {
        "requests": count,
        "reply_tokens": REPLY,
        "requests_per_second": rates,
        "median": median,
        "of_offline": {
            kind: round(statistics.median(_ratios(rates, kind)), 3) for kind in KINDS[1:]
        },
        "goal": GOAL,
    }


def _ratios(rates: dict[str, list[float]], kind: str) -> list[float]:
    """Round by round, so that what slows a whole round down does not count."""
    return [one / other for one, other in zip(rates[kind], rates["offline"], strict=True)]


def _tests(name: str) -> Any:
    """Give a module of the tests: they know how to build models and to end servers.

    Raises
    ------
    InputError
        If this is not a checkout with its tests.
    MissingExtraError
        If vLLM is not installed.
    """
    if not (ROOT / "tests" / "tiny_models.py").exists():
        raise InputError(
            "the tests are not there", file=str(ROOT / "tests"), fix="run this in a checkout"
        )
    if find_spec("vllm") is None:
        raise MissingExtraError("this benchmark needs vllm", fix="make install-dev")
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    return import_module(f"tests.{name}")


@click.command()
@click.option("--quick", is_flag=True, help="Fewer requests, one round.")
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="Write the figures there as JSON.")
def main(quick: bool, rounds: int, output: Path | None) -> None:
    """Measure our runner against vLLM's own offline batch."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure(150 if quick else 500, 1 if quick else rounds, Path(folder))
    click.echo(json.dumps(found, indent=2))
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
