"""vLLM in this process, with a tiny language model: batching, schemas, errors, ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from generation.backends import Backend, open_backend
from generation.backends.adapters import Adapter, for_vllm
from generation.backends.orphans import Watcher
from generation.backends.vllm import VllmBackend
from generation.requests import Failure, Image, Reply, Request, image, system, user
from generation.runner import run
from generation.store import RequestStore
from schema.errors import (
    BackendError,
    ModelNotFoundError,
    RequestFailedError,
    UnsupportedError,
    UsageError,
)
from tests.tiny_models import CONTEXT, text_model
from tests.vllm_engine import engine_processes, loaded

pytestmark = pytest.mark.slow

SCHEMA = {
    "type": "object",
    "properties": {"tails": {"type": "array", "items": {"type": "string", "maxLength": 8},
                             "minItems": 2, "maxItems": 2}},
    "required": ["tails"],
    "additionalProperties": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmBackend]:
    with loaded(text_model(tmp_path_factory.mktemp("text"))) as backend:
        yield backend


def ask(number: int, **changes: Any) -> Request:
    parameters = {"temperature": 0, "max_tokens": 24, **changes.pop("parameters", {})}
    messages = [system("You say why. " * 40), user(f"Why was item {number} bought?")]
    return Request("tiny", messages, parameters, accept_cut_off=True, **changes)


def collect(backend: Backend, requests: Any, path: Path, **options: Any) -> list[Any]:
    async def main() -> list[Any]:
        with RequestStore(path) as store:
            return [pair async for pair in run(requests, backend, store, **options)]

    return asyncio.run(main())


def test_hundreds_of_requests_go_through_together(backend: VllmBackend, tmp_path: Path) -> None:
    assert isinstance(backend, Backend)
    began = time.perf_counter()
    pairs = collect(backend, (ask(n) for n in range(300)), tmp_path / "requests.sqlite")
    seconds = time.perf_counter() - began
    replies = [outcome for _, outcome in pairs]
    assert len(replies) == 300
    assert all(isinstance(reply, Reply) for reply in replies)
    assert all(0 < reply.completion_tokens <= 24 for reply in replies)
    assert len({reply.text for reply in replies}) > 3
    assert sum(reply.cached_tokens for reply in replies) > 100 * 128
    assert sum(reply.latency for reply in replies) > 3 * seconds  # many at once


def test_a_schema_is_held_even_by_noise(backend: VllmBackend, tmp_path: Path) -> None:
    asked = [
        ask(n, reply_schema=SCHEMA, parameters={"max_tokens": 80, "temperature": 1})
        for n in range(40)
    ]
    pairs = collect(backend, asked, tmp_path / "requests.sqlite")
    for _, outcome in pairs:
        assert isinstance(outcome, Reply)
        assert len(json.loads(outcome.text, strict=False)["tails"]) == 2
        assert "\n" not in outcome.text


def test_one_bad_request_fails_alone(backend: VllmBackend, tmp_path: Path) -> None:
    long = Request("tiny", [user("warm " * CONTEXT)], {"max_tokens": 8})
    odd = ask(1, parameters={"temperature": -1})
    unknown = ask(2, parameters={"no_such_parameter": 1})
    asked = [long, odd, unknown, *(ask(n) for n in range(10, 30))]
    found = {r.key: o for r, o in collect(backend, asked, tmp_path / "requests.sqlite")}
    reasons = [getattr(found[r.key], "reason", None) for r in (long, odd, unknown)]
    assert reasons == ["too_long", "bad_request", "bad_request"]
    assert sum(isinstance(outcome, Reply) for outcome in found.values()) == 20


def test_samples_differ(backend: VllmBackend, tmp_path: Path) -> None:
    asked = [ask(1, sample=n, parameters={"temperature": 1.0}) for n in range(8)]
    pairs = collect(backend, asked, tmp_path / "requests.sqlite")
    assert len({outcome.text for _, outcome in pairs}) == 8
    # A seed of its own can end the engine on a CPU: that is said before.
    with pytest.raises(UnsupportedError, match="seed") as caught:
        asyncio.run(backend.complete(ask(1, parameters={"seed": 3}), []))
    assert "leave the seed out" in str(caught.value.fix)


def test_parameters_have_their_openai_names(backend: VllmBackend) -> None:
    async def main() -> None:
        plain = await backend.complete(ask(1), [])
        (token,) = backend._tokenizer.encode(" the", add_special_tokens=False)
        only = ask(1, parameters={"logit_bias": {str(token): 100}, "max_completion_tokens": 4})
        reply = await backend.complete(only, [])
        assert reply.text == " the" * 4 != plain.text
        assert (reply.completion_tokens, reply.finish_reason) == (4, "length")

    asyncio.run(main())


def test_tokens_are_counted_as_the_engine_sees_them(backend: VllmBackend) -> None:
    async def main() -> None:
        reply = await backend.complete(ask(1), [])
        assert await backend.count_tokens(ask(1)) == reply.prompt_tokens

    asyncio.run(main())


def test_a_request_that_nobody_waits_for_is_called_off(backend: VllmBackend) -> None:
    async def main() -> None:
        slow = ask(5, parameters={"max_tokens": CONTEXT - 1000, "ignore_eos": True})
        task = asyncio.create_task(backend.complete(slow, []))
        await asyncio.sleep(0.3)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        began = time.perf_counter()
        await backend.complete(ask(6), [])
        assert time.perf_counter() - began < 60
        assert not backend._engine.llm_engine.has_unfinished_requests()

    asyncio.run(main())


def test_what_the_model_cannot_do_is_said(backend: VllmBackend, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="other"):
        asyncio.run(backend.complete(Request("other", [user("?")]), []))
    shown = Request("tiny", [user("?", image("x"))])
    with pytest.raises(UnsupportedError, match="does not take images"):
        asyncio.run(backend.complete(shown, [Image("image/png", b"")]))
    assert backend.capabilities().images is False
    with pytest.raises(ModelNotFoundError, match="cannot be loaded"):
        open_backend("vllm", model=str(tmp_path))
    with pytest.raises(UsageError, match="no_such_option"):
        open_backend("vllm", model=str(tmp_path), no_such_option=1)


def test_failures_are_typed(backend: VllmBackend) -> None:
    with pytest.raises(RequestFailedError) as caught:
        asyncio.run(backend.complete(Request("tiny", [user("warm " * CONTEXT)]), []))
    assert caught.value.reason == "too_long"
    assert Failure("too_long", caught.value.message).reason == "too_long"


def test_ctrl_c_does_not_reach_the_engine(backend: VllmBackend) -> None:
    """A terminal sends it to the whole group; what is in flight is still to be finished."""

    async def main() -> None:
        asked = [ask(n, parameters={"max_tokens": 200, "ignore_eos": True}) for n in range(20)]
        tasks = [asyncio.create_task(backend.complete(request, [])) for request in asked]
        await asyncio.sleep(0.1)
        assert not any(task.done() for task in tasks)
        for process in engine_processes():
            process.send_signal(signal.SIGINT)
        assert {reply.completion_tokens for reply in await asyncio.gather(*tasks)} == {200}

    asyncio.run(main())


def test_an_engine_that_dies_ends_the_run_with_a_clear_error(
    backend: VllmBackend, tmp_path: Path
) -> None:
    """The last test of this engine."""
    endless = {"max_tokens": CONTEXT - 1000, "ignore_eos": True}
    asked = [ask(n, parameters=endless) for n in range(8)]

    async def main() -> None:
        with RequestStore(tmp_path / "requests.sqlite") as store:
            killed = False
            with pytest.raises(BackendError, match="engine has failed") as caught:
                async for _ in run(kill_then(asked), backend, store):
                    killed = True
            assert not killed
            assert "run the same command again" in str(caught.value.fix)
            assert store.check() == []
        with pytest.raises(BackendError, match="engine has failed"):
            await backend.complete(ask(100), [])

    def kill_then(requests: list[Request]) -> Iterator[Request]:
        yield from requests
        loop = asyncio.get_running_loop()
        (core,) = (p for p in engine_processes() if "EngineCore" in " ".join(p.cmdline()))
        loop.call_later(0.5, core.kill)

    asyncio.run(main())


def test_an_adapter_is_loaded_beside_the_model_that_it_is_for(tmp_path: Path) -> None:
    from vllm.config.lora import LoRAConfig

    options, request = for_vllm(Adapter(tmp_path, "base-model", 48, speaks=True))
    assert options == {
        "model": "base-model", "enable_lora": True, "max_lora_rank": 64,
        "tokenizer": str(tmp_path),
    }  # fmt: skip
    assert LoRAConfig(max_lora_rank=options["max_lora_rank"]).max_lora_rank >= 48
    assert (request.lora_path, request.lora_int_id) == (str(tmp_path), 1)
    plain, _ = for_vllm(Adapter(tmp_path, "base-model", 8, speaks=False))
    assert plain["max_lora_rank"] == 8 and "tokenizer" not in plain


def test_what_would_outlive_us_is_ended(tmp_path: Path) -> None:
    """Killed at once, we can tell nobody; ended in order, the watcher leaves all alone."""
    code = (
        "import subprocess, sys, time\n"
        "from generation.backends.orphans import Watcher\n"
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "watcher = Watcher([child.pid])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    root = Path(__file__).resolve().parent.parent
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=root, encoding="utf-8"
    )
    assert process.stdout
    child = psutil.Process(int(process.stdout.readline()))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    _, alive = psutil.wait_procs([child], timeout=120)
    assert alive == []

    other = subprocess.Popen(["sleep", "600"])
    Watcher([other.pid]).dismiss()
    assert other.poll() is None
    other.kill()
    other.wait()
