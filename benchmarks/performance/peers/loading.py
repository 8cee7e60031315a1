"""What the scripts of :mod:`benchmarks.performance.loaders` share. Imports nothing of ours."""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

Node = dict[str, Any]
Edge = dict[str, Any]


class Server(NamedTuple):
    """Where the server is; it lets anyone in, but the tools want a name and a password."""

    uri: str
    user: str = "neo4j"
    password: str = "none"


def run[T](
    prepare: Callable[[list[Node], list[Edge]], T], write: Callable[[Server, T], None]
) -> None:
    """Read FOLDER, make the tool's objects, write them PASSES times; print what it took."""
    uri, folder, passes = sys.argv[1:]
    nodes, edges = (_read(Path(folder, f"{name}.jsonl")) for name in ("nodes", "edges"))
    began = time.perf_counter()
    rows = prepare(nodes, edges)
    prepared = time.perf_counter() - began
    gc.collect()
    seconds = []
    for _ in range(int(passes)):
        began = time.perf_counter()
        write(Server(uri), rows)
        seconds.append(time.perf_counter() - began)
    print(json.dumps({"seconds": seconds, "prepare": prepared, "peak_mb": _peak_mb()}))


def _read(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _peak_mb() -> float:
    """The most memory that this process has had; ru_maxrss begins with its parent's."""
    with Path("/proc/self/status").open(encoding="utf-8") as status:
        found = next(line for line in status if line.startswith("VmHWM:"))
    return int(found.split()[1]) / 1024
