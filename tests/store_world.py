"""Requests and replies for tests of the request store."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from generation.requests import Outcome, Reply, Request, image, system, user
from generation.store import RequestStore

SCHEMA = {"type": "object", "properties": {"tail": {"type": "string"}}, "required": ["tail"]}


def request(number: int, **changes: Any) -> Request:
    made = Request(
        "llava",
        [system("You name intentions."), user(f"Why buy {number}?", image("ab" * 32))],
        {"temperature": 0.2, "max_tokens": 64},
        SCHEMA,
        0,
        "intentions",
    )
    return replace(made, **changes)


def reply(text: str = "to keep warm", **changes: Any) -> Reply:
    return replace(Reply(text, "stop", 100, 60, 8, 0.5, 0.25, "llava"), **changes)


def put(store: RequestStore, *outcomes: tuple[Request, Outcome]) -> None:
    async def main() -> None:
        await asyncio.gather(*(store.put(*pair) for pair in outcomes))

    asyncio.run(main())
