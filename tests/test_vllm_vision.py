"""One tiny vision-language model in three engines: vLLM inside this process, its server, ours.

Both pipelines run in each; with a temperature of zero vLLM says the same in both of its forms.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Picture

from generation.backends.openai import OpenAIBackend
from generation.backends.transformers import TransformersBackend
from generation.backends.vllm import VllmBackend
from generation.requests import Image, Request, image, user
from schema.errors import RequestFailedError
from tests.servers.vllm_openai import MODEL, VllmServer
from tests.tiny_models import IMAGE_TOKENS, vision_model
from tests.vllm_engine import loaded
from tests.vllm_world import (
    check_store,
    miko,
    mind,
    outcomes,
    sample_pairs,
    sample_picture,
    sample_posts,
    send,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vision_model(tmp_path_factory.mktemp("vision"))


@pytest.fixture(scope="module")
def backend(folder: Path) -> Iterator[VllmBackend]:
    with loaded(folder, limit_mm_per_prompt={"image": 2}) as backend:
        yield backend


def test_both_pipelines_say_the_same_in_process_and_served(
    backend: VllmBackend, vllm_server: VllmServer, tmp_path: Path
) -> None:
    client = OpenAIBackend(base_url=vllm_server.base_url)
    few = mind(MODEL, relations=["UsedFor", "Open", "Cause", "SymbolOf"])
    work: list[tuple[Any, Any]] = [(miko(MODEL), sample_posts(16)), (few, sample_pairs(6))]
    for number, (pipeline, heads) in enumerate(work):
        stores = [tmp_path / f"{name}-{number}.sqlite" for name in ("inside", "served")]
        got = [
            send(one, pipeline, heads, store, images=sample_picture)
            for one, store in zip((backend, client), stores, strict=True)
        ]
        assert got[0].error is got[1].error is None
        assert len(got[0].rows) >= len(heads)
        assert got[0].without_time() == got[1].without_time()
        assert outcomes(stores[0]) == outcomes(stores[1])
        found = check_store(stores[0])
        assert found["replies"] == got[0].stats.replies
        # What lies in the store is never asked for again, whoever would answer.
        again = send(backend, pipeline, heads, stores[1], images=sample_picture)
        assert (again.stats.replies, again.stats.known) == (0, again.stats.asked)
        assert again.without_time() == got[1].without_time()


def test_images_count_as_in_transformers(backend: VllmBackend, folder: Path) -> None:
    """Prompts have as many tokens in either engine, with none, one or two pictures."""
    local = TransformersBackend(model=folder)
    pictures = [_picture("red"), _picture("blue", (20, 50))]

    async def main() -> None:
        assert backend.capabilities().images
        sizes = []
        for count in range(3):
            parts = (user(*(image("x"),) * count, "What is it?"),)
            options = {"temperature": 0, "max_tokens": 8}
            one = Request(MODEL, parts, options)
            two = Request(str(folder), parts, options)
            inside = await backend.complete(one, pictures[:count])
            ours = await local.complete(two, pictures[:count])
            assert inside.prompt_tokens == ours.prompt_tokens
            sizes.append(inside.prompt_tokens)
        assert sizes == [sizes[0] + n * IMAGE_TOKENS for n in range(3)]
        await local.aclose()

    asyncio.run(main())


def test_a_picture_changes_what_is_said(backend: VllmBackend) -> None:
    async def main() -> None:
        asked = Request(MODEL, [user(image("x"), "What is it?")], {"temperature": 0})
        asked = Request(asked.model, asked.messages, {"temperature": 0, "max_tokens": 24})
        noise = Picture.effect_noise((64, 64), 200).convert("RGB")
        data = io.BytesIO()
        noise.save(data, "PNG")
        shown = [_picture("black"), _picture("white"), Image("image/png", data.getvalue())]
        replies = [await backend.complete(asked, [one]) for one in shown]
        assert len({reply.text for reply in replies}) > 1

    asyncio.run(main())


def test_pictures_that_cannot_be_used_fail_alone(backend: VllmBackend) -> None:
    async def main() -> None:
        three = Request(MODEL, [user(*(image("x"),) * 3, "?")], {"max_tokens": 8})
        broken = Request(MODEL, [user(image("x"), "?")], {"max_tokens": 8})
        fine = Request(MODEL, [user(image("x"), "??")], {"max_tokens": 8})
        found = await asyncio.gather(
            backend.complete(three, [_picture("red")] * 3),
            backend.complete(broken, [Image("image/png", b"no picture")]),
            backend.complete(fine, [_picture("red")]),
            return_exceptions=True,
        )
        assert isinstance(found[0], RequestFailedError) and found[0].reason == "bad_request"
        assert isinstance(found[1], RequestFailedError) and found[1].reason == "bad_request"
        assert not isinstance(found[2], BaseException)

    asyncio.run(main())


def _picture(colour: str, size: tuple[int, int] = (30, 40)) -> Image:
    data = io.BytesIO()
    Picture.new("RGB", size, colour).save(data, "PNG")
    return Image("image/png", data.getvalue())
