"""The fastest server that a test can have: HTTP by hand on asyncio, an answer at once.

``python tests/servers/stub.py [--latency SECONDS]`` prints its port. ``GET /book`` tells what it
was asked.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

import orjson

sys.path.insert(0, str(Path(__file__).parent.parent))

from servers.answers import Book, completion


class Connection(asyncio.Protocol):
    """One kept-alive connection."""

    def __init__(self, book: Book, latency: float) -> None:
        self.book = book
        self.latency = latency
        self.buffer = b""
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            size = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + size:
                return
            raw = self.buffer[end + 4 : end + 4 + size]
            self.buffer = self.buffer[end + 4 + size :]
            if head.startswith(b"get /book"):
                self.answer(self.book.report())
            elif self.latency:
                digest = self.book.open(raw)
                loop = asyncio.get_running_loop()
                loop.call_later(self.latency, self.work, raw, digest)
            else:
                self.work(raw, self.book.open(raw))

    def work(self, raw: bytes, digest: bytes) -> None:
        self.book.paid[digest] += 1
        self.book.close()
        self.answer(orjson.dumps(completion(orjson.loads(raw), raw)))

    def answer(self, body: bytes) -> None:
        self.transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
            + str(len(body)).encode()
            + b"\r\n\r\n"
            + body
        )


async def serve(latency: float) -> None:
    book = Book()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(book, latency), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.0)
    asyncio.run(serve(parser.parse_args().latency))
