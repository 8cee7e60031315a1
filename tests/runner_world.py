"""Requests, and runs of them against a server, for several test files."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from servers import Server

from generation.backends.openai import OpenAIBackend
from generation.lane import Patience
from generation.requests import Outcome, Reply, Request, user
from generation.runner import run
from generation.store import RequestStore

QUICK = Patience(first_wait=0.02, longest_wait=0.1)


def ask(number: int, **changes: Any) -> Request:
    return Request("stub", [user(f"Why was item {number} bought?")], {"max_tokens": 32}, **changes)


def asks(count: int) -> Iterator[Request]:
    return (ask(number) for number in range(count))


def go[T](server: Server, main: Callable[[OpenAIBackend], Awaitable[T]], **options: Any) -> T:
    async def whole() -> T:
        backend = OpenAIBackend(base_url=server.base_url, **options)
        try:
            return await main(backend)
        finally:
            await backend.aclose()

    return asyncio.run(whole())


def collect(server: Server, store: RequestStore, requests: Any, **options: Any) -> list[Any]:
    async def main(backend: OpenAIBackend) -> list[Any]:
        options.setdefault("patience", QUICK)
        return [pair async for pair in run(requests, backend, store, **options)]

    return go(server, main)


def texts(pairs: list[tuple[Request, Outcome]]) -> dict[str, str]:
    assert all(isinstance(outcome, Reply) for _, outcome in pairs), pairs
    return {request.key: outcome.text for request, outcome in pairs}  # type: ignore[union-attr]
