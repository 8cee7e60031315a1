"""A server that goes wrong on purpose: ASGI under uvicorn, alone or before a real server.

``python tests/servers/faulty.py [--upstream URL] [--faults JSON]`` prints its port. Faults are
chances from 0 to 1, drawn from the hash of the request and the number of its try, so that the same
run meets the same faults; after `spared` tries a request goes through.

=================  ==============================================================================
``latency``        two numbers: seconds of a reply, drawn between them (so the order changes)
``rate_limit``     429 with a Retry-After of `retry_after` seconds
``error``          500
``drop``           the connection breaks in the middle of the reply (the model has worked)
``truncate``       the reply's JSON ends in the middle, with a fitting Content-Length
``wrong_model``    the reply says another model's name
``most``           more than so many requests in flight are answered 429
``models``         names of the models it has; another name is answered 404
``key``            the key it wants
=================  ==============================================================================

``GET /book`` tells what it was asked; ``GET /met`` how often each fault was met, and how many
replies came after that to a later request (``out_of_order``); ``POST /faults`` sets faults while it
runs. Before a real server all else goes through unchanged.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import socket
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import uvicorn

sys.path.insert(0, str(Path(__file__).parent.parent))

from servers.answers import Book, completion

type Send = Callable[[dict[str, Any]], Awaitable[None]]
type Receive = Callable[[], Awaitable[dict[str, Any]]]


class Faulty:
    """The ASGI application."""

    def __init__(self, faults: dict[str, Any], upstream: str | None) -> None:
        self.faults = faults
        self.upstream = upstream
        self.book = Book()
        self.met: Counter[str] = Counter()
        self.session: aiohttp.ClientSession | None = None
        self._arrived = 0
        self._waiting: set[int] = set()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        raw = b""
        while True:
            event = await receive()
            raw += event.get("body", b"")
            if not event.get("more_body"):
                break
        path = scope["path"]
        if path == "/book":
            await answer(send, 200, self.book.report())
        elif path == "/met":
            await answer(send, 200, orjson.dumps(self.met))
        elif path == "/faults":
            self.faults = orjson.loads(raw)
            await answer(send, 200, b"{}")
        elif self.upstream and not path.endswith("/chat/completions"):
            root = self.upstream.removesuffix("/v1")
            await answer(send, *await self.ask(scope["method"], f"{root}{path}", raw))
        elif path.endswith("/models"):
            names = self.faults.get("models", ["stub"])
            await answer(send, 200, orjson.dumps({"data": [{"id": name} for name in names]}))
        elif path.endswith("/chat/completions"):
            headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
            await self.chat(raw, headers, send)
        else:
            await answer(send, 404, orjson.dumps({"detail": "Not Found"}))

    async def chat(self, raw: bytes, headers: dict[bytes, str], send: Send) -> None:
        if refused := self.refuse(raw, headers):
            await answer(send, *refused)
            return
        digest = self.book.open(raw)
        self._arrived += 1
        number = self._arrived
        self._waiting.add(number)
        is_open = True
        try:
            chance = draw(digest, self.book.tries[digest])
            spared = self.book.tries[digest] > self.faults.get("spared", 3)
            low, high = self.faults.get("latency", (0, 0))
            await asyncio.sleep(low + (high - low) * next(chance))
            self.met["latency"] += high > 0

            def strikes(name: str) -> bool:
                struck = next(chance) < self.faults.get(name, 0) and not spared
                self.met[name] += struck
                return struck

            if strikes("rate_limit"):
                await answer(send, *self.too_many())
                return
            if strikes("error"):
                await answer(send, 500, error("the engine has died"))
                return
            model = "another-model" if strikes("wrong_model") else None
            status, body = await self.work(raw, model)
            self.book.paid[digest] += 1
            dropped, truncated = strikes("drop"), strikes("truncate")
            self.book.broken += dropped or truncated
            if dropped:
                await start(send, 200, len(body))
                await send(
                    {
                        "type": "http.response.body",
                        "body": body[: len(body) // 2],
                        "more_body": True,
                    }
                )
                raise ConnectionAbortedError  # uvicorn closes the connection
            if truncated:
                body = body[: len(body) // 2]
            is_open = False
            self.book.close()  # before the last byte: the client may be quicker than we
            await answer(send, status, body)
        finally:
            self._waiting.discard(number)
            self.met["out_of_order"] += any(other < number for other in self._waiting)
            if is_open:
                self.book.close()

    def refuse(self, raw: bytes, headers: dict[bytes, str]) -> tuple[Any, ...] | None:
        key = self.faults.get("key")
        if key and headers.get(b"authorization") != f"Bearer {key}":
            given = headers.get(b"authorization", "nothing").removeprefix("Bearer ")
            return 401, error(f"Incorrect API key provided: {given}.", "invalid_api_key")
        models = self.faults.get("models")
        name = orjson.loads(raw).get("model")
        if models and name not in models:
            return 404, error(f"The model `{name}` does not exist.", "model_not_found")
        if self.book.in_flight >= self.faults.get("most", 1_000_000):
            return self.too_many()
        if said := self.faults.get("says"):
            return said["status"], orjson.dumps(said["body"])
        return None

    def too_many(self) -> tuple[Any, ...]:
        wait = str(self.faults.get("retry_after", 0.05)).encode()
        return 429, error("Rate limit reached", "rate_limit_exceeded"), [(b"retry-after", wait)]

    async def work(self, raw: bytes, model: str | None) -> tuple[int, bytes]:
        if self.upstream is None:
            return 200, orjson.dumps(completion(orjson.loads(raw), raw, model=model))
        status, body = await self.ask("POST", f"{self.upstream}/chat/completions", raw)
        if model and status == 200:
            body = orjson.dumps({**orjson.loads(body), "model": model})
        return status, body

    async def ask(self, method: str, url: str, raw: bytes) -> tuple[int, bytes]:
        """Ask the real server."""
        if self.session is None:
            # A kept connection that the server closes in the same moment is one more fault.
            self.session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, force_close=True)
            )
        headers = {"Content-Type": "application/json"}
        async with self.session.request(method, url, data=raw or None, headers=headers) as response:
            return response.status, await response.read()


def draw(digest: bytes, number: int) -> Any:
    """Numbers from 0 to 1 that depend on nothing but the request and its try."""
    seed = hashlib.blake2b(digest + number.to_bytes(4, "little"), digest_size=64).digest()
    return (int.from_bytes(seed[i : i + 8], "little") / 2**64 for i in range(0, 64, 8))


def error(message: str, code: str = "server_error") -> bytes:
    return orjson.dumps({"error": {"message": message, "type": code, "code": code}})


async def start(
    send: Send, status: int, size: int, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    fields = [
        (b"content-type", b"application/json"),
        (b"content-length", str(size).encode()),
        *(headers or []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": fields})


async def answer(
    send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    await start(send, status, len(body), headers)
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--upstream")
    parser.add_argument("--faults", default="{}")
    options = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    app = Faulty(orjson.loads(options.faults), options.upstream)
    config = uvicorn.Config(
        app,
        log_level="critical",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=300,  # else it may close a connection just as it is used again
    )
    print(listener.getsockname()[1], flush=True)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
