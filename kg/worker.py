"""Runs Cypher on a graph file; as a program, it is the process that strangers' queries run in.

The engine has no time limit of its own, so a query that may never end runs in a process that can
be killed. ``python worker.py FILE MEMORY`` answers requests on stdin with replies on stdout, each
a JSON object behind its length (4 bytes, big endian). It imports the engine and nothing heavy,
nor anything of this package: it must start in a few hundredths of a second.
"""

from __future__ import annotations

import datetime
import itertools
import math
import os
import queue
import resource
import struct
import sys
import threading
from collections.abc import Mapping
from typing import Any, BinaryIO

import grafeo
import orjson


def execute(
    database: grafeo.GrafeoDB,
    query: str,
    parameters: Mapping[str, Any] | None,
    limit: int | None,
) -> tuple[list[str], list[list[Any]], bool]:
    """Run a query; return its columns, its rows in plain values, and whether rows were left off.

    Raises
    ------
    grafeo.GrafeoError
        As the engine raises it.
    """
    result = database.execute_cypher(query, dict(parameters) if parameters else None)
    columns: list[str] = result.columns
    found = iter(result) if limit is None else itertools.islice(result, limit + 1)
    plain = _Plain(database)
    # Most values are plain already; a call for each would cost a co-buy pull a seventh of its time.
    rows = [
        [value if type(value := row[column]) in _AS_IS else plain(value) for column in columns]
        for row in found
    ]
    truncated = limit is not None and len(rows) > limit
    return columns, rows[:limit], truncated


_AS_IS = frozenset({str, int, bool, type(None)})


class _Plain:
    """Turns the engine's values into what JSON can hold (see `kg.store.Result`)."""

    def __init__(self, database: grafeo.GrafeoDB) -> None:
        self._database = database
        self._ids: dict[int, Any] = {}

    def __call__(self, value: Any) -> Any:
        if value is None or isinstance(value, str | bool | int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        if isinstance(value, list | tuple):
            return [self(item) for item in value]
        if isinstance(value, dict):
            return self._mapping(value)
        if isinstance(value, datetime.date | datetime.time):
            return value.isoformat()
        if isinstance(value, bytes):
            return value.hex()
        return str(value)

    def _mapping(self, value: dict[str, Any]) -> dict[str, Any]:
        if "_id" in value and "_labels" in value:
            self._ids[value["_id"]] = value.get("id")
            return {"labels": list(value["_labels"]), "properties": self._properties(value)}
        if "_source" in value and "_target" in value and "_type" in value:
            return {
                "type": value["_type"],
                "start": self._node_id(value["_source"]),
                "end": self._node_id(value["_target"]),
                "properties": self._properties(value),
            }
        return {key: self(item) for key, item in value.items()}

    def _properties(self, value: dict[str, Any]) -> dict[str, Any]:
        return {key: self(item) for key, item in value.items() if not key.startswith("_")}

    def _node_id(self, internal: int) -> Any:
        if internal not in self._ids:
            self._ids[internal] = self._database.get_property_batch([internal], "id")[0]
        return self._ids[internal]


def send(stream: BinaryIO, message: dict[str, Any]) -> None:
    """Write one message."""
    data = orjson.dumps(message)
    stream.write(struct.pack(">I", len(data)) + data)
    stream.flush()


def receive(stream: BinaryIO) -> dict[str, Any] | None:
    """Read one message; None when the other side is gone."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    (size,) = struct.unpack(">I", head)
    data = stream.read(size)
    return orjson.loads(data) if len(data) == size else None


def main(path: str, memory: int) -> None:
    """Serve until stdin closes; then end at once, even in the middle of a query."""
    inbox, outbox = sys.stdin.buffer, sys.stdout.buffer
    try:
        database = grafeo.GrafeoDB.open_read_only(path)
    except Exception as error:  # whatever the engine raises: the parent tells the person
        send(outbox, {"error": str(error)})
        return
    if memory:
        limit = _address_space() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    send(outbox, {"ready": [database.node_count, database.edge_count]})

    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def listen() -> None:
        while (request := receive(inbox)) is not None:
            requests.put(request)
        os._exit(0)  # the parent is gone: so is whoever waits for the answer

    threading.Thread(target=listen, daemon=True).start()
    while True:
        send(outbox, _answer(database, requests.get()))


def _answer(database: grafeo.GrafeoDB, request: dict[str, Any]) -> dict[str, Any]:
    try:
        columns, rows, truncated = execute(
            database, request["query"], request["parameters"], request["limit"]
        )
    except MemoryError:
        return {"memory": True}
    except Exception as error:
        return {"error": str(error)}
    try:
        return {
            "columns": columns,
            "rows": orjson.Fragment(orjson.dumps(rows)),
            "truncated": truncated,
        }
    except MemoryError:
        return {"memory": True}
    except TypeError:  # an integer beyond 64 bits, or text that UTF-8 cannot hold
        return {"error": "the result holds a value that JSON cannot"}


def _address_space() -> int:
    """Bytes of address space in use."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
