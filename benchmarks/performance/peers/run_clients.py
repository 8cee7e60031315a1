"""Bare clients, which keep nothing: aiohttp, httpx, openai; see the package's docstring.

``python run_clients.py NAME BASE_URL PROMPTS FOLDER CONCURRENCY``
"""

# mypy: disable-error-code="import-not-found,unused-ignore"
from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

type Ask = Callable[[str], Awaitable[str]]


def _body(text: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    return {"model": "stub", "messages": messages, "temperature": 0.2, "max_tokens": 64}


@asynccontextmanager
async def _aiohttp(base_url: str, concurrency: int) -> AsyncGenerator[Ask]:
    import aiohttp
    import orjson

    url = f"{base_url}/chat/completions"
    headers = {"content-type": "application/json"}
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def ask(text: str) -> str:
            async with session.post(url, data=orjson.dumps(_body(text))) as response:
                said: str = orjson.loads(await response.read())["choices"][0]["message"]["content"]
                return said

        yield ask


@asynccontextmanager
async def _httpx(base_url: str, concurrency: int) -> AsyncGenerator[Ask]:
    import httpx

    url = f"{base_url}/chat/completions"
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:

        async def ask(text: str) -> str:
            response = await client.post(url, json=_body(text))
            said: str = response.json()["choices"][0]["message"]["content"]
            return said

        yield ask


@asynccontextmanager
async def _openai(base_url: str, concurrency: int) -> AsyncGenerator[Ask]:
    import openai

    async with openai.AsyncOpenAI(base_url=base_url, api_key="none") as client:

        async def ask(text: str) -> str:
            reply = await client.chat.completions.create(**_body(text))
            return reply.choices[0].message.content or ""

        yield ask


_CLIENTS = {"aiohttp": _aiohttp, "httpx": _httpx, "openai": _openai}


async def _run(name: str, base_url: str, texts: list[str], concurrency: int) -> dict[str, Any]:
    source, replies = iter(texts), set()
    async with _CLIENTS[name](base_url, concurrency) as ask:

        async def work() -> None:
            for text in source:
                replies.add(await ask(text))

        began = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(concurrency)))
        seconds = time.perf_counter() - began
    return {"seconds": seconds, "replies": len(replies)}


def main() -> None:
    """Run one and print what it took."""
    name, base_url, prompts, _, concurrency = sys.argv[1:]
    texts = Path(prompts).read_text(encoding="utf-8").splitlines()
    print(json.dumps(asyncio.run(_run(name, base_url, texts, int(concurrency)))))


if __name__ == "__main__":
    main()
