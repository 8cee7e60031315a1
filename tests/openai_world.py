"""One request to a server that answers what a test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from generation.backends.openai import OpenAIBackend
from generation.requests import Image, Reply, Request, system, user
from schema.errors import (
    IntentKGError,
)

SCHEMA = {
    "type": "object",
    "properties": {"tail": {"type": "string"}},
    "required": ["tail"],
    "additionalProperties": False,
}


def request(**changes: Any) -> Request:
    fields: dict[str, Any] = {
        "model": "stub",
        "messages": [system("You name intentions."), user("Why?")],
        "parameters": {"temperature": 0.2, "max_tokens": 16, "seed": 7},
    }
    return Request(**{**fields, **changes})


def complete(
    address: str, asked: Request | None = None, images: list[Image] | None = None, **options: Any
) -> Reply:
    async def main() -> Reply:
        backend = OpenAIBackend(base_url=address, **options)
        try:
            return await backend.complete(asked or request(), images or [])
        finally:
            await backend.aclose()

    return asyncio.run(main())


async def answering(answer: Callable[[bytes], tuple[int, Any]]) -> tuple[asyncio.Server, str]:
    """A server of a few lines whose answer is a function of the request's bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            size = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
            body = await reader.readexactly(int(size or 0))
            status, data = answer(head + body)
            raw = data if isinstance(data, bytes) else json.dumps(data).encode()
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(raw)) + raw)

    running = await asyncio.start_server(serve, "127.0.0.1", 0)
    return running, f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}/v1"


def talk(
    answer: Callable[[bytes], tuple[int, Any]], asked: Request, *images: Image, **options: Any
) -> tuple[Reply | IntentKGError, list[dict[str, Any]]]:
    """Ask such a server; returns the reply or error, and the bodies that it got."""
    bodies: list[dict[str, Any]] = []

    def noting(raw: bytes) -> tuple[int, Any]:
        bodies.append(json.loads(raw.partition(b"\r\n\r\n")[2] or b"null"))
        return answer(raw)

    async def main() -> Reply | IntentKGError:
        running, address = await answering(noting)
        backend = OpenAIBackend(base_url=address, **options)
        try:
            return await backend.complete(asked, images)
        except IntentKGError as error:
            return error
        finally:
            await backend.aclose()
            running.close()

    return asyncio.run(main()), bodies


def good(text: Any = "to keep warm", finish: str = "stop", **message: Any) -> dict[str, Any]:
    return {
        "model": "stub",
        "choices": [{"message": {"content": text, **message}, "finish_reason": finish}],
        "usage": {
            "prompt_tokens": 20,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 12},
        },
    }


def refusal(status: int, message: str, code: str = "") -> tuple[int, Any]:
    return status, {"error": {"message": message, "code": code}}
