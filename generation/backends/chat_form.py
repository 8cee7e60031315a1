"""Requests and replies in the form of OpenAI's chat completions, for servers and batch files."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import orjson

from generation.pricing import estimate_tokens, expected_tokens
from generation.requests import Image, Reply, Request
from schema.errors import RequestFailedError

type Structured = Literal["auto", "json_schema", "guided_json", "json_object", "none"]


def completion_body(
    request: Request,
    images: Sequence[Image],
    structured: Structured,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Give the body of a chat completions request.

    Parameters
    ----------
    images
        The bytes of ``request.images``, in order.
    structured
        How to ask for the reply schema; ``auto`` is the first way.
    extra
        Fields that are added.
    """
    messages: Sequence[Mapping[str, Any]] = request.messages
    if images:
        messages = with_images(messages, images)
    body: dict[str, Any] = {"model": request.model, "messages": messages}
    body.update(request.parameters)
    if extra:
        body.update(extra)
    if request.sample and "seed" in body:
        body["seed"] += request.sample
    if request.reply_schema is not None:
        body.update(_schema_fields(structured, request.reply_schema))
    return body


def parse_completion(request: Request, data: Any, latency: float) -> Reply:
    """Read a chat completion.

    Where the server does not count tokens, they are estimated.

    Raises
    ------
    RequestFailedError
        If it is not one.
    """
    try:
        choice = data["choices"][0]
        message = choice["message"]
        text = _text(message.get("content"))
        usage = data.get("usage") or {}
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
        refusal = message.get("refusal")
    except (LookupError, TypeError, AttributeError):
        raise not_whole(orjson.dumps(data).decode()[:120]) from None
    finish = choice.get("finish_reason") or "stop"
    if refusal:
        text, finish = str(refusal), "refusal"
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    return Reply(
        text,
        finish,
        expected_tokens(request).prompt if prompt is None else prompt,
        cached,
        estimate_tokens(text) if completion is None else completion,
        latency,
        None,
        data.get("model"),
    )


def not_whole(said: str) -> RequestFailedError:
    """Make the error for a reply that is something else."""
    return RequestFailedError(
        f"the server's reply is not a whole chat completion: {said}",
        reason="transport",
        maybe_paid=True,
        fix="see that --base-url is a chat completions server; a proxy may cut replies off",
    )


def with_images(
    messages: Sequence[Mapping[str, Any]], images: Sequence[Image]
) -> list[Mapping[str, Any]]:
    """Put images into messages as data addresses, in their order."""
    rest = iter(images)
    found: list[Mapping[str, Any]] = []
    for message in messages:
        content = message["content"]
        if isinstance(content, str):
            found.append(message)
            continue
        parts = [_image(next(rest)) if part["type"] == "image" else part for part in content]
        found.append({**message, "content": parts})
    return found


def _image(image: Image) -> dict[str, Any]:
    data = base64.b64encode(image.data).decode("ascii")
    return {"type": "image_url", "image_url": {"url": f"data:{image.media_type};base64,{data}"}}


def _schema_fields(mode: Structured, schema: Mapping[str, Any]) -> dict[str, Any]:
    if mode in ("json_schema", "auto"):
        # OpenAI's strict form wants closed objects; others do not look at the word.
        strict = schema.get("additionalProperties") is False
        form = {"name": "reply", "schema": schema, "strict": strict}
        return {"response_format": {"type": "json_schema", "json_schema": form}}
    if mode == "guided_json":
        return {"guided_json": schema}
    if mode == "json_object":
        return {"response_format": {"type": "json_object"}}
    return {}


def _text(content: Any) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)
