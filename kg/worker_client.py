"""The other end of :mod:`kg.worker`: starts the process, asks it, kills it when time is over."""

from __future__ import annotations

import contextlib
import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from kg.cypher_guard import translate
from kg.store import Result
from schema.errors import CorruptError, QueryError, QueryTimeoutError, UsageError

# A graph of a million edges opens in two seconds; a slow disk may need longer.
_START_SECONDS = 120.0
_MEMORY_FIX = "ask for less: add a LIMIT, or aggregate instead of collecting"


class Worker:
    """One process with the graph open. Not safe to share between threads: take turns.

    Parameters
    ----------
    path
        The graph's file, as the process is to open it.
    name
        What to call the file in messages.
    memory
        Bytes that a query may take beyond the graph itself; 0 for no limit.
    descriptor
        A file descriptor that the process inherits; `path` may lead through it.
    fix
        The command that mends a file which the engine cannot open.

    Attributes
    ----------
    counts
        Nodes and edges of the graph that the process opened.

    Raises
    ------
    CorruptError
        If the engine cannot open the file.
    """

    def __init__(self, path: Path, name: Path, memory: int, descriptor: int, fix: str) -> None:
        # -P: the folder of the script must not come before the standard library.
        # A session of its own: Ctrl-C reaches the person's process only, which then kills this.
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                str(Path(__file__).with_name("worker.py")),
                str(path),
                str(memory),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            pass_fds=[descriptor],
            start_new_session=True,
        )
        try:
            greeting = self._receive(time.monotonic() + _START_SECONDS)
        except BaseException:
            self.close()
            raise
        self.counts = tuple(greeting.get("ready", ()))
        if not self.counts:
            self.close()
            raise CorruptError(
                f"the graph {name} cannot be opened: {greeting.get('error', 'the reader died')}",
                fix=fix,
            )

    @property
    def alive(self) -> bool:
        """Whether another question can be asked."""
        return self._process.poll() is None

    def ask(
        self,
        query: str,
        parameters: Mapping[str, Any] | None,
        limit: int | None,
        timeout: float,
        *,
        allowed: float,
    ) -> Result:
        """Run a query that was checked; the process is killed if it does not answer in time.

        `timeout` is what is left of the `allowed` seconds, which the message names.
        """
        try:
            data = orjson.dumps(
                {"query": query, "parameters": dict(parameters or {}), "limit": limit}
            )
        except TypeError as error:
            raise UsageError(
                f"a parameter cannot be passed: {error}",
                fix="use text, numbers up to 64 bits, true, false, null, lists and maps of these",
            ) from None
        try:
            self._send(data)
            reply = self._receive(time.monotonic() + timeout)
        except TimeoutError:
            self.close()
            more = f"{min(4 * allowed, 86_400):g}"
            raise QueryTimeoutError(
                f"the query was stopped: it ran longer than {allowed:g} seconds",
                fix="ask for less (a LIMIT, a start node, shorter paths), or allow more time: "
                f"--timeout {more}, in Python timeout={more}",
            ) from None
        except BaseException:  # also Ctrl-C: an answer that nobody reads must not stay in the pipe
            self.close()
            raise
        if reply.get("memory"):
            self.close()
            raise QueryError("the query needed more memory than it may take", fix=_MEMORY_FIX)
        if "columns" not in reply:
            if "error" not in reply:
                self.close()
                raise QueryError("the query was stopped: it ran out of memory", fix=_MEMORY_FIX)
            raise translate(reply["error"])
        return Result(reply["columns"], reply["rows"], reply["truncated"])

    def close(self) -> None:
        """Kill the process and wait for it."""
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._process.wait()

    def _send(self, data: bytes) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # then there will be no reply either
            self._process.stdin.write(struct.pack(">I", len(data)) + data)
            self._process.stdin.flush()

    def _receive(self, deadline: float) -> dict[str, Any]:
        """Read one reply; an empty one if the process died; TimeoutError when time is over."""
        head = self._read(4, deadline)
        if len(head) < 4:
            return {}
        (size,) = struct.unpack(">I", head)
        data = self._read(size, deadline)
        return dict(orjson.loads(data)) if len(data) == size else {}

    def _read(self, size: int, deadline: float) -> bytes:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        pieces: list[bytes] = []
        while size:
            ready, _, _ = select.select([descriptor], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            piece = os.read(descriptor, min(size, 1 << 20))
            if not piece:
                break
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)
