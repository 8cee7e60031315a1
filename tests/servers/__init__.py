"""Servers for tests: processes of their own on loopback, stopped when the block ends."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


class Server:
    """A running server."""

    def __init__(self, port: int) -> None:
        self.root = f"http://127.0.0.1:{port}"
        self.base_url = f"{self.root}/v1"

    def book(self) -> dict[str, int]:
        """What it was asked so far."""
        found: dict[str, int] = self._ask("/book", None)
        return found

    def met(self) -> dict[str, int]:
        """How often each fault of a faulty server was met so far."""
        found: dict[str, int] = self._ask("/met", None)
        return found

    def set_faults(self, **faults: Any) -> None:
        """Replace the faults of a faulty server."""
        self._ask("/faults", json.dumps(faults).encode())

    def settled_book(self) -> dict[str, int]:
        """The book once nothing is in flight any more."""
        until = time.monotonic() + 60
        while (book := self.book())["in_flight"]:
            assert time.monotonic() < until, "requests hang"
            time.sleep(0.02)
        return book

    def _ask(self, path: str, data: bytes | None) -> Any:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.root + path, data, timeout=60) as response:
            return json.loads(response.read())


@contextlib.contextmanager
def serving(name: str, *words: str) -> Iterator[Server]:
    """Run ``stub`` or ``faulty`` with its options."""
    command = [sys.executable, str(FOLDER / f"{name}.py"), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    assert process.stdout
    try:
        port = process.stdout.readline()
        assert port, f"{name} did not start"
        yield Server(int(port))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def faulty(upstream: str | None = None, **faults: Any) -> contextlib.AbstractContextManager[Server]:
    """Run a faulty server with these faults."""
    words = ["--faults", json.dumps(faults)]
    return serving("faulty", *words, *(["--upstream", upstream] if upstream else []))


def stub(latency: float = 0.0) -> contextlib.AbstractContextManager[Server]:
    """Run the fast server."""
    return serving("stub", "--latency", str(latency))
