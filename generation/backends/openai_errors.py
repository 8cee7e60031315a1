"""What servers say when they refuse a request, and what it means.

Servers agree on the status, hardly on the words; the patterns below were taken from what OpenAI,
vLLM, Ollama, LM Studio and llama.cpp answer.
"""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping
from typing import Any

import orjson

from generation.requests import Request
from schema.errors import (
    AuthenticationError,
    BackendError,
    GenerationError,
    ModelNotFoundError,
    RequestFailedError,
    UnsupportedError,
)

_TOO_LONG = re.compile(
    r"context.{0,20}(length|window|size)|maximum (model|input|prompt|sequence) length"
    r"|max_model_len|too (long|many tokens)|longer than|exceeds? the (max|available|limit)"
    r"|reduce the length",
    re.IGNORECASE,
)
_NO_IMAGES = re.compile(
    r"multi-?modal|at most 0 image|image.{0,60}(not|n't|only|un).{0,12}support"
    r"|support.{0,40}(image|vision)|(image|vision).{0,40}(disabled|unavailable)"
    r"|missing data required for image|mmproj|does not accept image",
    re.IGNORECASE,
)
_NO_SCHEMA = re.compile(
    r"response_format|json_schema|json_object|guided_json|guided|structured.?output|schema|grammar",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"model.{0,200}(not (exist|found|available|loaded|served)|does not exist|unknown|no such)"
    r"|(no|unknown|invalid) model|not a valid model|no models? (is )?loaded",
    re.IGNORECASE | re.DOTALL,
)
_FILTERED = re.compile(r"content[_ ](filter|policy|management)", re.IGNORECASE)


class SchemaRefusedError(GenerationError):
    """The server does not take this way of asking; another may do. Stays in the backend.

    Attributes
    ----------
    renames_room
        It is the bound on tokens, not the schema, that the server wants by its newer name.
    """

    def __init__(self, message: str, *, renames_room: bool = False) -> None:
        super().__init__(message)
        self.renames_room = renames_room


def explain(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    request: Request | None,
    base_url: str,
) -> GenerationError:
    """Turn a refusal into the error that it means."""
    said, code = _read(body)
    message = f"the server answered {status}: {said}" if said else f"the server answered {status}"
    if 300 <= status < 400:  # not followed: the key would go elsewhere
        return BackendError(
            f"the server at {base_url} sends us on to {headers.get('Location', 'another place')}",
            fix="give that address with --base-url, if you trust it",
        )
    if status in (401, 403):
        return AuthenticationError(
            f"the server at {base_url} does not accept the key: {said or status}",
            fix="check the key in the environment, and that it may use this model",
        )
    if status == 402 or code == "insufficient_quota":
        return BackendError(message, fix="the account has no credit left; top it up and go on")
    if status == 429:
        return RequestFailedError(
            message, reason="rate_limit", retry_after=_retry_after(headers), fix=_SLOWER
        )
    if status in (408, 409, 425):
        return RequestFailedError(message, reason="transport", retry_after=_retry_after(headers))
    if status == 404 or code == "model_not_found":
        return _not_found(said, code, request, base_url)
    if status >= 500:
        if request and request.images and _NO_IMAGES.search(said):
            return _no_images(request, said)
        return RequestFailedError(
            message,
            reason="server",
            retry_after=_retry_after(headers),
            maybe_paid=status in (502, 504),
        )
    return _refused(message, said, code, request, base_url)


def read_json(body: bytes) -> dict[str, Any]:
    """Parse an object; whatever else it is becomes an empty one."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return data if isinstance(data, dict) else {}


_SLOWER = "ask for less: --concurrency, or --requests-per-minute as your account allows"


def _refused(
    message: str, said: str, code: str, request: Request | None, base_url: str
) -> GenerationError:
    """Explain a 4xx that is about the request itself."""
    if "max_completion_tokens" in said and "max_tokens" in said:
        return SchemaRefusedError(message, renames_room=True)
    if code == "content_filter" or _FILTERED.search(said):
        return RequestFailedError(message, reason="refusal")
    if code == "context_length_exceeded" or _TOO_LONG.search(said):
        return RequestFailedError(
            message,
            reason="too_long",
            fix="use a model with a longer context, or shorten the text",
        )
    if request and request.images and _NO_IMAGES.search(said):
        return _no_images(request, said)
    if _NO_MODEL.search(said):
        return _not_found(said, code, request, base_url)
    if request and request.reply_schema is not None and _NO_SCHEMA.search(said):
        return SchemaRefusedError(message)
    return RequestFailedError(message, reason="bad_request")


def _not_found(said: str, code: str, request: Request | None, base_url: str) -> GenerationError:
    model = request.model if request else ""
    about_model = code == "model_not_found" or "model" in said.lower() or model in said
    if said and about_model:
        return ModelNotFoundError(
            f"the server at {base_url} has no model {model!r}: {said}",
            fix=f"give one that it has with --model; {base_url}/models lists them",
        )
    return BackendError(
        f"{base_url} has no chat completions: {said or 404}",
        fix="give the address that ends in /v1 with --base-url",
    )


def _no_images(request: Request, said: str) -> UnsupportedError:
    return UnsupportedError(
        f"model {request.model!r} does not take images: {said}",
        fix="use a vision-language model for the stages with images, or leave the images out",
    )


def _read(body: bytes) -> tuple[str, str]:
    """Give what the server says, in one line, and its code word."""
    data = read_json(body)
    error = data.get("error", data)
    if isinstance(error, str):
        return _line(error), ""
    if not isinstance(error, dict):
        error = {}
    said = error.get("message") or error.get("detail") or ""
    if not isinstance(said, str):
        said = orjson.dumps(said).decode()
    if not said and not data:
        said = body[:300].decode("utf-8", "replace")
    return _line(said), str(error.get("code") or error.get("type") or "")


def _line(text: str) -> str:
    return " ".join(text.split())[:500]


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Read how long to wait: seconds, milliseconds or a date; at most an hour."""
    seconds: float | None = None
    try:
        if exact := headers.get("retry-after-ms"):
            seconds = float(exact) / 1000
        elif given := headers.get("Retry-After"):
            if given.strip().replace(".", "", 1).isdigit():
                seconds = float(given)
            else:
                seconds = email.utils.parsedate_to_datetime(given).timestamp() - time.time()
    except (ValueError, TypeError):
        return None
    return None if seconds is None else min(3600.0, max(0.0, seconds))
