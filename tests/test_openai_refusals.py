"""What servers say when they refuse, and that each refusal is the error that it means."""

from __future__ import annotations

import pytest
from servers import faulty

from generation.backends.openai import OpenAIBackend
from generation.backends.openai_errors import SchemaRefusedError, explain
from generation.requests import Image, image, user
from schema.errors import (
    AuthenticationError,
    BackendError,
    GenerationError,
    ModelNotFoundError,
    RequestFailedError,
    ServerUnreachableError,
    UnsupportedError,
    UsageError,
)
from tests.openai_world import complete, refusal, request, talk


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("INTENTKG_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


CASES: list[tuple[int, str, str, type[GenerationError], str | None]] = [
    (401, "Incorrect API key provided", "invalid_api_key", AuthenticationError, None),
    (403, "Your project does not have access", "", AuthenticationError, None),
    (404, "The model `stub` does not exist.", "model_not_found", ModelNotFoundError, None),
    (404, 'model "stub" not found, try pulling it first', "", ModelNotFoundError, None),
    (400, "Invalid model identifier: no models loaded", "", ModelNotFoundError, None),
    (404, "Not Found", "", BackendError, None),
    (404, "", "", BackendError, None),
    (402, "Payment required", "", BackendError, None),
    (429, "You exceeded your current quota", "insufficient_quota", BackendError, None),
    (429, "Rate limit reached", "rate_limit_exceeded", RequestFailedError, "rate_limit"),
    (400, "This model's maximum context length is 4096 tokens. However, you requested 5000",
     "context_length_exceeded", RequestFailedError, "too_long"),
    (400, "The decoder prompt (length 9000) is longer than the maximum model length of 2048.",
     "", RequestFailedError, "too_long"),
    (400, "the request exceeds the available context size. try increasing it", "",
     RequestFailedError, "too_long"),
    (400, "The response was filtered by the content management policy", "content_filter",
     RequestFailedError, "refusal"),
    (307, "", "", BackendError, None),
    (400, "temperature must be non-negative", "", RequestFailedError, "bad_request"),
    (500, "internal error", "", RequestFailedError, "server"),
    (503, "overloaded", "", RequestFailedError, "server"),
    (408, "timed out", "", RequestFailedError, "transport"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "said", "code", "kind", "reason"), CASES)
def test_each_refusal_is_the_error_that_it_means(
    status: int, said: str, code: str, kind: type[GenerationError], reason: str | None
) -> None:
    error, _ = talk(lambda _: refusal(status, said, code), request())
    assert type(error) is kind
    assert said in str(error)
    assert getattr(error, "reason", None) == reason
    if isinstance(error, BackendError):
        assert error.fix


@pytest.mark.parametrize(
    "said",
    [
        "stub is not a multimodal model",
        "At most 0 image(s) may be provided in one prompt.",
        "Invalid content type. image_url is only supported by certain models.",
        "image input is not supported - hint: you may need to provide the mmproj",
    ],
)
@pytest.mark.parametrize("status", [400, 500])
def test_a_model_without_vision_that_is_shown_images_ends_the_run(status: int, said: str) -> None:
    asked = request(messages=[user("What is it?", image("a"))])
    error, _ = talk(lambda _: refusal(status, said), asked, Image("image/png", b"x"))
    assert isinstance(error, UnsupportedError)
    assert "does not take images" in str(error)
    # The same words about a request without images are no reason to stop everything.
    error, _ = talk(lambda _: refusal(status, said), request())
    assert isinstance(error, RequestFailedError)


@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad</html>", b'{"error": "x"}', b'{"detail": [{"msg": "y"}]}', b"[]"]
)
@pytest.mark.parametrize("status", [400, 404, 429, 500, 502])
def test_any_body_whatever_can_be_explained(status: int, body: bytes) -> None:
    error = explain(status, {}, body, request=request(), base_url="http://x/v1")
    assert str(error)
    assert not isinstance(error, SchemaRefusedError)


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        ({"Retry-After": "7"}, 7, 7),
        ({"Retry-After": "0.5"}, 0.5, 0.5),
        ({"retry-after-ms": "250"}, 0.25, 0.25),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0, 0),
        ({"Retry-After": "999999"}, 3600, 3600),
        ({"Retry-After": "soon"}, None, None),
        ({}, None, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(
    headers: dict[str, str], low: float | None, high: float | None
) -> None:
    error = explain(429, headers, b"", request=None, base_url="http://x/v1")
    assert isinstance(error, RequestFailedError)
    assert error.retry_after == low == high


@pytest.mark.parametrize(
    "raw", [b"", b"<html>", b'{"choices": []}', b'{"choices": [{"mess', b"null", b'"text"', b"[1]"]
)
def test_a_reply_that_is_not_one_may_have_been_paid(raw: bytes) -> None:
    error, _ = talk(lambda _: (200, raw), request())
    assert isinstance(error, RequestFailedError)
    assert (error.reason, error.maybe_paid) == ("transport", True)


def test_a_slow_server_runs_into_the_time_limit() -> None:
    with (
        faulty(latency=[60, 60]) as slow,
        pytest.raises(RequestFailedError, match=r"no reply within 0\.5 s") as caught,
    ):
        complete(slow.base_url, timeout=0.5)
    assert caught.value.maybe_paid


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/v1", "http://no-such-host.invalid/v1"])
def test_no_server_is_named_with_its_address(address: str) -> None:
    with pytest.raises(ServerUnreachableError) as caught:
        complete(address)
    assert address in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize("address", ["localhost:8000", "ftp://x/v1", "", "http://", "/v1"])
def test_what_is_no_address_is_refused_at_once(address: str) -> None:
    with pytest.raises(UsageError, match="address"):
        OpenAIBackend(base_url=address or " ")
