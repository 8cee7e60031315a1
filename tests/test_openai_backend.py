"""What goes over the wire to an OpenAI-compatible server, and what its refusals mean."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import Server, faulty

from generation.backends import Backend, open_backend
from generation.backends.openai import OpenAIBackend
from generation.requests import Failure, Image, Reply, image, user
from generation.runner import run
from generation.store import RequestStore
from schema.errors import (
    AuthenticationError,
    UnsupportedError,
    UsageError,
)
from tests.openai_world import SCHEMA, answering, complete, good, refusal, request, talk


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with faulty() as running:
        yield running


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("INTENTKG_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


# -- over the wire --------------------------------------------------------------------------------


def test_a_reply_is_read_with_its_figures() -> None:
    reply, (body,) = talk(lambda _: (200, good()), request())
    assert isinstance(reply, Reply)
    assert (reply.text, reply.finish_reason, reply.served_model) == ("to keep warm", "stop", "stub")
    assert (reply.prompt_tokens, reply.cached_tokens, reply.completion_tokens) == (20, 12, 5)
    assert 0 < reply.latency < 5
    assert body == {
        "model": "stub",
        "messages": [
            {"role": "system", "content": "You name intentions."},
            {"role": "user", "content": "Why?"},
        ],
        "temperature": 0.2,
        "max_tokens": 16,
        "seed": 7,
    }


def test_samples_of_one_question_have_their_own_seeds() -> None:
    _, (body,) = talk(lambda _: (200, good()), request(sample=3))
    assert body["seed"] == 10


def test_images_go_as_data_addresses_in_their_order() -> None:
    asked = request(messages=[user("One:", image("a"), "two:", image("b"))])
    images = Image("image/png", b"\x89PNG first"), Image("image/jpeg", b"\xff\xd8 second")
    _, (body,) = talk(lambda _: (200, good()), asked, *images)
    parts = body["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url", "text", "image_url"]
    for part, sent in zip(parts[1::2], images, strict=True):
        head, _, data = part["image_url"]["url"].partition(",")
        assert head == f"data:{sent.media_type};base64"
        assert base64.b64decode(data) == sent.data


def test_extra_fields_and_headers_are_added() -> None:
    seen: list[bytes] = []

    def answer(raw: bytes) -> tuple[int, Any]:
        seen.append(raw)
        return 200, good()

    _, (body,) = talk(answer, request(), extra_body={"priority": 1}, headers={"X-Team": "kg"})
    assert body["priority"] == 1
    assert b"X-Team: kg" in seen[0]


def test_content_in_parts_and_missing_counts_are_understood() -> None:
    data = good([{"type": "text", "text": "to keep "}, {"type": "text", "text": "warm"}])
    del data["usage"]
    reply, _ = talk(lambda _: (200, data), request())
    assert isinstance(reply, Reply)
    assert reply.text == "to keep warm"
    assert reply.prompt_tokens > 5  # estimated
    assert reply.completion_tokens > 0


@pytest.mark.parametrize(
    ("data", "finish"),
    [
        (good("Sorry", refusal="I cannot help with that."), "refusal"),
        (good(None, "content_filter"), "content_filter"),
        (good("To keep", "length"), "length"),
    ],
)
def test_refusals_and_cut_off_replies_are_failures_that_keep_what_was_paid(
    data: dict[str, Any], finish: str, tmp_path: Path
) -> None:
    reply, _ = talk(lambda _: (200, data), request())
    assert isinstance(reply, Reply)
    assert reply.finish_reason == finish

    async def main() -> list[Any]:
        running, address = await answering(lambda _: (200, data))
        backend = OpenAIBackend(base_url=address)
        with RequestStore(tmp_path / "requests.sqlite") as store:
            both = [request(), request(sample=1, accept_cut_off=True)]
            found = [outcome async for _, outcome in run(both, backend, store, concurrency=1)]
            again = [outcome async for _, outcome in run(both, backend, store)]
            assert found == again
        await backend.aclose()
        running.close()
        return found

    first, accepting = asyncio.run(main())
    assert isinstance(first, Failure)
    assert first.reason == ("cut_off" if finish == "length" else "refusal")
    assert first.reply
    assert first.reply.prompt_tokens == 20
    assert isinstance(accepting, Reply if finish == "length" else Failure)


# -- replies in a schema --------------------------------------------------------------------------


def test_a_schema_is_asked_for_in_openais_form_first() -> None:
    _, (body,) = talk(lambda _: (200, good()), request(reply_schema=SCHEMA))
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "reply", "schema": SCHEMA, "strict": True},
    }


def test_a_server_that_refuses_one_way_is_asked_in_the_next_and_remembered() -> None:
    def answer(raw: bytes) -> tuple[int, Any]:
        if b"json_schema" in raw:
            return refusal(400, "'response_format.type' must be 'text' or 'json_object'")
        if b"guided_json" in raw:
            return refusal(400, "Unrecognized request argument supplied: guided_json")
        return 200, good()

    async def main() -> None:
        running, address = await answering(answer)
        backend = OpenAIBackend(base_url=address)
        asked = request(reply_schema=SCHEMA)
        replies = await asyncio.gather(*(backend.complete(asked, []) for _ in range(20)))
        assert len(replies) == 20
        assert backend._mode == "json_object"
        await backend.aclose()
        running.close()

    asyncio.run(main())


def test_a_server_that_holds_no_schema_at_all_is_an_error_with_the_way_out() -> None:
    def answer(raw: bytes) -> tuple[int, Any]:
        if b"response_format" in raw or b"guided_json" in raw:
            return refusal(422, "structured output is not supported")
        return 200, good()

    error, bodies = talk(answer, request(reply_schema=SCHEMA))
    assert isinstance(error, UnsupportedError)
    assert "--structured none" in (error.fix or "")
    assert len(bodies) == 3
    reply, bodies = talk(answer, request(reply_schema=SCHEMA), structured="none")
    assert isinstance(reply, Reply)
    assert "response_format" not in bodies[0]
    error, _ = talk(answer, request(reply_schema=SCHEMA), structured="json_schema")
    assert isinstance(error, UnsupportedError)


def test_newer_models_get_the_bound_on_tokens_by_its_newer_name() -> None:
    def answer(raw: bytes) -> tuple[int, Any]:
        if b'"max_tokens"' in raw:
            return refusal(
                400,
                "Unsupported parameter: 'max_tokens' is not supported with this model. "
                "Use 'max_completion_tokens' instead.",
                "unsupported_parameter",
            )
        return 200, good()

    reply, bodies = talk(answer, request())
    assert isinstance(reply, Reply)
    assert bodies[1]["max_completion_tokens"] == 16


# -- the key --------------------------------------------------------------------------------------


def test_the_key_comes_from_the_environment_and_appears_nowhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("INTENTKG_API_KEY", "sk-very-secret-1234")
    with faulty(key="sk-very-secret-1234") as guarded:
        assert complete(guarded.base_url).text

        async def main() -> None:
            backend = OpenAIBackend(base_url=guarded.base_url)
            assert "secret" not in backend.name
            with RequestStore(tmp_path / "requests.sqlite") as store:
                async for _ in run([request()], backend, store):
                    pass
            await backend.aclose()

        asyncio.run(main())
        for file in tmp_path.iterdir():
            assert b"secret" not in file.read_bytes()

        monkeypatch.setenv("INTENTKG_API_KEY", "sk-wrong-secret")
        with pytest.raises(AuthenticationError) as caught:
            complete(guarded.base_url)
        # The server repeats the key that it was given; we do not.
        assert "secret" not in str(caught.value)
        assert "[key]" in str(caught.value)

        monkeypatch.delenv("INTENTKG_API_KEY")
        with pytest.raises(AuthenticationError) as caught:
            complete(guarded.base_url)
        assert "INTENTKG_API_KEY" in (caught.value.fix or "")


def test_another_variable_can_be_named_and_has_to_be_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with faulty(key="k2") as guarded:
        monkeypatch.setenv("MY_KEY", "k2")
        assert complete(guarded.base_url, api_key_env="MY_KEY").text
    with pytest.raises(AuthenticationError, match="NO_SUCH_KEY"):
        OpenAIBackend(base_url="http://x/v1", api_key_env="NO_SUCH_KEY")


def test_openais_key_goes_to_openai_and_not_to_anyone_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert OpenAIBackend(base_url="https://api.openai.com/v1")._key == "sk-openai"
    assert OpenAIBackend(base_url="openai").name == "openai (https://api.openai.com/v1)"
    assert OpenAIBackend(base_url="openai")._key == "sk-openai"
    with pytest.raises(UsageError, match="no server is named"):
        OpenAIBackend()
    assert OpenAIBackend(base_url="http://localhost:8000/v1")._key is None
    assert OpenAIBackend(base_url="https://notopenai.com/v1")._key is None
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:8000/v1")
    assert OpenAIBackend()._key == "sk-openai"


def test_an_address_with_a_password_is_not_repeated() -> None:
    assert "pass" not in OpenAIBackend(base_url="http://me:pass@host/v1").name


# -- the rest -------------------------------------------------------------------------------------


def test_models_are_listed(server: Server) -> None:
    async def main() -> list[str]:
        backend = OpenAIBackend(base_url=server.base_url)
        try:
            assert await backend.count_tokens(request()) is None
            assert backend.capabilities().tokenizer is False
            return await backend.models()
        finally:
            await backend.aclose()

    assert asyncio.run(main()) == ["stub"]


def test_tokens_are_counted_by_a_server_that_can() -> None:
    def answer(raw: bytes) -> tuple[int, Any]:
        assert raw.startswith(b"POST /tokenize ")
        return 200, {"count": 17, "max_model_len": 100, "tokens": []}

    async def main() -> None:
        running, address = await answering(answer)
        backend = OpenAIBackend(base_url=address)
        assert await backend.count_tokens(request()) == 17
        assert backend.capabilities().tokenizer is True
        await backend.aclose()
        running.close()

    asyncio.run(main())


def test_backends_are_opened_by_name(server: Server) -> None:
    backend = open_backend("openai", base_url=server.base_url)
    assert isinstance(backend, Backend)
    with pytest.raises(UsageError, match="no backend 'gpt'"):
        open_backend("gpt")
    with pytest.raises(UsageError, match="temperature"):
        open_backend("openai", temperature=1)
    with pytest.raises(UsageError, match="no way"):
        open_backend("openai", structured="xml")
