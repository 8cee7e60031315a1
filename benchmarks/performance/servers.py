"""The servers that the benchmarks of generation talk to: those of the tests, in a checkout."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from schema.errors import InputError

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "servers"


class Server:
    """A server in a process of its own.

    Attributes
    ----------
    root, base_url
        Its address, without and with ``/v1``.
    """

    def __init__(self, port: int) -> None:
        self.root = f"http://127.0.0.1:{port}"
        self.base_url = f"{self.root}/v1"
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def book(self) -> dict[str, int]:
        """Tell what it was asked so far."""
        with self._opener.open(f"{self.root}/book", timeout=30) as response:
            found: dict[str, int] = json.loads(response.read())
        return found


@contextlib.contextmanager
def serving(name: str, *words: str) -> Iterator[Server]:
    """Run ``stub`` or ``faulty`` from tests/servers while the block lasts.

    Raises
    ------
    InputError
        If this is not a checkout with its tests, or the server does not start.
    """
    script = FOLDER / f"{name}.py"
    if not script.exists():
        raise InputError(
            "the test servers are not there", file=str(script), fix="run this in a checkout"
        )
    command: list[Any] = [sys.executable, str(script), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    assert process.stdout
    try:
        port = process.stdout.readline()
        if not port:
            raise InputError("the test server did not start", file=str(script))
        yield Server(int(port))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
