"""The fastest server that a test can have: HTTP by hand on asyncio, an answer at once.

``python tests/servers/stub.py [--latency SECONDS] [--write]`` prints its port. With ``--write`` the
replies have the form that the request asks for (as in writer.py). ``GET /book`` tells what it was
asked, and how long that took as it saw it; ``GET /v1/models`` names a model.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import sys
from pathlib import Path
from typing import Any

import orjson

sys.path.insert(0, str(Path(__file__).parent.parent))

from servers.answers import Book, completion
from servers.writer import Writer, read


class Connection(asyncio.Protocol):
    """One kept-alive connection."""

    def __init__(self, book: Book, latency: float, writer: Writer | None = None) -> None:
        self.book = book
        self.latency = latency
        self.writer = writer
        self.buffer = b""
        self.closing = False
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
            self.closing = b"\r\nconnection: close" in head
            if head.startswith(b"get /book"):
                self.answer(self.book.report())
            elif head.startswith(b"get "):
                self.answer(b'{"object": "list", "data": [{"id": "stub", "object": "model"}]}')
            elif self.latency:
                digest = self.book.open(raw)
                loop = asyncio.get_running_loop()
                loop.call_later(self.latency, self.work, raw, digest)
            else:
                self.work(raw, self.book.open(raw))

    def work(self, raw: bytes, digest: bytes) -> None:
        self.book.paid[digest] += 1
        self.book.close()
        body = orjson.loads(raw)
        found = completion(body, raw)
        if self.writer:
            system, told, _ = read(body["messages"])
            seed = hashlib.blake2b(raw, digest_size=16).digest()
            text = self.writer.reply(body, system, told, seed)
            found["choices"][0]["message"]["content"] = text
        self.answer(orjson.dumps(found))

    def answer(self, body: bytes) -> None:
        self.transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
            + str(len(body)).encode()
            + b"\r\n\r\n"
            + body
        )
        if self.closing:
            self.transport.close()


async def serve(latency: float, write: bool) -> None:
    book = Book()
    writer = Writer({}) if write else None
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(book, latency, writer), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    asyncio.run(serve(options.latency, options.write))
