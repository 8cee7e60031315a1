"""Models in this process, through transformers: tiny ones with random weights, built here."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Picture

from generation.backends import BatchBackend, open_backend
from generation.backends.transformers import TransformersBackend
from generation.miko import Miko
from generation.mind import Mind
from generation.requests import Failure, Image, Reply, Request, image, system, user
from generation.runner import Session, run
from generation.store import RequestStore
from schema.errors import ModelNotFoundError, RequestFailedError, UnsupportedError
from tests.tiny_models import CONTEXT, text_model, vision_model
from tests.vllm_world import (
    check_store,
    miko,
    mind,
    sample_pairs,
    sample_picture,
    sample_posts,
    send,
)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> TransformersBackend:
    folder = text_model(tmp_path_factory.mktemp("text"))
    return TransformersBackend(model=folder, batch_size=8)


@pytest.fixture(scope="module")
def vision(tmp_path_factory: pytest.TempPathFactory) -> TransformersBackend:
    folder = vision_model(tmp_path_factory.mktemp("vision"))
    return TransformersBackend(model=folder, batch_size=4)


def model(backend: TransformersBackend) -> str:
    return backend._name


def ask(backend: TransformersBackend, said: str, *parts: Any, **parameters: Any) -> Request:
    parameters = {"temperature": 0, "max_tokens": 12, **parameters}
    return Request(model(backend), [system("You say why."), user(said, *parts)], parameters)


def picture(colour: str, size: tuple[int, int] = (40, 30)) -> Image:
    data = io.BytesIO()
    Picture.new("RGB", size, colour).save(data, "PNG")
    return Image("image/png", data.getvalue())


def answer(backend: TransformersBackend, *entries: Any) -> list[Reply]:
    found = asyncio.run(backend.complete_many(entries))
    assert all(isinstance(reply, Reply) for reply in found), found
    return list(found)  # type: ignore[arg-type]


def test_a_batch_gives_what_each_request_gives_alone(text: TransformersBackend) -> None:
    requests = [ask(text, "Why was it bought? " + "It is warm. " * n) for n in range(11)]
    together = answer(text, *((request, ()) for request in requests))
    alone = [answer(text, (request, ()))[0] for request in requests]
    assert [reply.text for reply in together] == [reply.text for reply in alone]
    assert len({reply.text for reply in together}) > 3
    assert [reply.prompt_tokens for reply in together] == [r.prompt_tokens for r in alone]


def test_tokens_are_counted_as_the_model_sees_them(text: TransformersBackend) -> None:
    request = ask(text, "Why?")
    count = asyncio.run(text.count_tokens(request))
    (reply,) = answer(text, (request, ()))
    assert reply.prompt_tokens == count
    assert count and count > 5
    assert (reply.completion_tokens, reply.finish_reason) == (12, "length")


def test_parameters_are_heeded(text: TransformersBackend) -> None:
    (short, long) = answer(
        text, (ask(text, "Why?", max_tokens=3), ()), (ask(text, "Why?", max_tokens=20), ())
    )
    assert (short.completion_tokens, long.completion_tokens) == (3, 20)
    assert long.text.startswith(short.text)
    warm = ask(text, "Why?", temperature=1.5, seed=5)
    (one,), (two,) = answer(text, (warm, ())), answer(text, (warm, ()))
    assert one.text == two.text
    other = Request(warm.model, warm.messages, warm.parameters, sample=1)
    assert answer(text, (other, ()))[0].text != one.text
    stop = long.text[4:7]
    (stopped,) = answer(text, (ask(text, "Why?", max_tokens=20, stop=[stop]), ()))
    assert stopped.text.endswith(stop) or stop in stopped.text
    assert stopped.completion_tokens < 20
    assert stopped.finish_reason == "stop"


def test_what_is_too_long_fails_alone(text: TransformersBackend) -> None:
    long = ask(text, "warm " * CONTEXT)
    found = asyncio.run(
        text.complete_many([(ask(text, "a"), ()), (long, ()), (ask(text, "b"), ())])
    )
    assert [type(answer) for answer in found] == [Reply, RequestFailedError, Reply]
    assert isinstance(found[1], RequestFailedError)
    assert found[1].reason == "too_long"
    assert str(CONTEXT) in found[1].message


def test_an_image_changes_what_is_said(vision: TransformersBackend) -> None:
    request = ask(vision, "What is it?", image("x"))
    replies = answer(
        vision,
        *((request, (picture(colour),)) for colour in ("red", "blue", "white")),
        (ask(vision, "What is it?"), ()),
    )
    assert len({reply.text for reply in replies}) > 1
    assert replies[0].prompt_tokens > replies[3].prompt_tokens
    two = ask(vision, "Which?", image("x"), "or", image("y"))
    (reply,) = answer(vision, (two, (picture("red"), picture("blue", (20, 50)))))
    assert reply.prompt_tokens > replies[0].prompt_tokens


def test_what_a_model_cannot_do_ends_the_run(text: TransformersBackend, tmp_path: Path) -> None:
    asked = ask(text, "What is it?", image("x"))
    with pytest.raises(UnsupportedError, match="does not take images"):
        asyncio.run(text.complete(asked, [picture("red")]))
    with pytest.raises(ModelNotFoundError, match="other"):
        asyncio.run(text.complete(Request("other", [user("?")]), []))
    with pytest.raises(ModelNotFoundError, match="cannot be loaded"):
        open_backend("transformers", model=str(tmp_path))


def test_capabilities_are_known(text: TransformersBackend, vision: TransformersBackend) -> None:
    assert isinstance(text, BatchBackend)
    assert (text.capabilities().images, vision.capabilities().images) == (False, True)
    assert text.capabilities().reply_schema is False


def test_a_run_gathers_batches_and_stores_every_reply(
    text: TransformersBackend, tmp_path: Path
) -> None:
    requests = [
        Request(model(text), [user(f"Why {n}?")], {"temperature": 0, "max_tokens": 4},
                accept_cut_off=True)
        for n in range(60)
    ]  # fmt: skip
    requests.append(ask(text, "warm " * CONTEXT))

    async def main() -> None:
        with RequestStore(tmp_path / "requests.sqlite") as store:
            pairs = [pair async for pair in run(requests, text, store)]
            assert sum(isinstance(outcome, Reply) for _, outcome in pairs) == 60
            (failure,) = [o for _, o in pairs if isinstance(o, Failure)]
            assert failure.reason == "too_long"
            async with Session(text, store) as session:
                assert isinstance(await session.ask(requests[3]), Reply)
                assert session.stats.known == 1
            assert store.check() == []

    asyncio.run(main())


def test_both_pipelines_run_on_a_local_model(vision: TransformersBackend, tmp_path: Path) -> None:
    """In the papers' own forms: no grammar holds the replies of this backend."""
    store = tmp_path / "requests.sqlite"
    room = {"temperature": 0.7, "max_tokens": 48, "seed": 1}
    free: dict[str, Any] = {"structured": False}
    posts = miko(
        model(vision),
        parameters=dict.fromkeys(Miko.stages, room),
        together=False,
        relations=["xWant", "Open"],
        **free,
    )
    got = send(vision, posts, sample_posts(10), store, images=sample_picture)
    assert got.error is None and got.tally.heads == 10
    pairs = mind(
        model(vision),
        parameters=dict.fromkeys(Mind.stages, room),
        relations=["UsedFor", "Open", "Cause"],
        **free,
    )
    judged = send(vision, pairs, sample_pairs(6), store, images=sample_picture)
    assert judged.error is None and judged.tally.heads == 6
    found = check_store(store, structured=False)
    assert found["replies"] == got.stats.replies + judged.stats.replies
    assert found["miko.key_information"] == 10
    assert 6 < found["mind.features"] <= 12
    assert found["mind.intention"] == 18
    # Noise is seldom a list of five labelled lines; what came of it is counted by reason.
    asked = got.stats.asked + judged.stats.asked
    failed = sum(got.stats.failures.values()) + sum(judged.stats.failures.values())
    assert 0 < failed < asked
    assert all(row["relation"] in ("UsedFor", "Open", "Cause") for row in judged.rows)
    again = send(vision, pairs, sample_pairs(6), store, images=sample_picture)
    assert again.stats.replies == 0
    assert again.without_time() == judged.without_time()


def test_hundreds_of_requests_go_through_a_local_model(
    text: TransformersBackend, tmp_path: Path
) -> None:
    store = tmp_path / "requests.sqlite"
    short = {stage: {"temperature": 0, "max_tokens": 12} for stage in Mind.stages}
    pipeline = mind(model(text), parameters=short, images=False, structured=False, filter="none")
    got = send(text, pipeline, sample_pairs(12), store)
    assert got.error is None
    found = check_store(store, structured=False)
    assert found["mind.intention"] == 12 * 20
    assert found["replies"] == got.stats.replies > 250
    assert found["cut_off"] > 0
