"""Reading the embedded graph: values, limits, time, memory, damage."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kg.build import build
from kg.directory import Directory
from kg.embedded import EmbeddedGraph, open_graph
from kg.store import GraphReader
from schema.errors import (
    CorruptError,
    CypherSyntaxError,
    NotBuiltError,
    QueryError,
    QueryTimeoutError,
    UsageError,
    WriteRefusedError,
)
from tests.graph_samples import chunk, commit, new_directory

# Hours of work in some megabytes: what takes memory may meet the limit before the clock.
ENDLESS = "".join(f"UNWIND range(1, 100) AS {name} " for name in "abcdef") + "RETURN count(*) AS n"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Directory:
    directory = new_directory(tmp_path_factory.mktemp("store"))
    commit(directory, **chunk(1))
    build(directory, vectors=False)
    return directory


@pytest.fixture
def graph(directory: Directory) -> Iterator[EmbeddedGraph]:
    with open_graph(directory) as graph:
        yield graph


def workers() -> set[int]:
    """Worker processes of this process."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if b"worker.py" in command and int(parent) == os.getpid():
            found.add(int(entry.name))
    return found


def test_it_is_a_graph_reader(graph: EmbeddedGraph) -> None:
    reader: GraphReader = graph
    assert reader.counts().nodes["Product"] == 20


@pytest.mark.parametrize("timeout", [None, 20.0])
def test_values_are_plain(graph: EmbeddedGraph, timeout: float | None) -> None:
    query = (
        "MATCH path = (c:CoBuy)-[of:OF]->(p:Product) WITH path, c, of, p ORDER BY p.id LIMIT 1 "
        "RETURN path, c, of, [p.id, null, 1.5] AS list, {a: {b: true}} AS map, "
        "date('2020-02-29') AS day, datetime('2020-01-01T00:00:00Z') AS time, 0.0 / 0.0 AS nan, "
        "9223372036854775807 AS big, null AS nothing"
    )
    result = graph.read(query, timeout=timeout)
    (record,) = result.records()
    node, edge = record["c"], record["of"]
    assert node["labels"] == ["CoBuy"] and node["properties"]["id"].startswith("co_")
    assert edge == {
        "type": "OF",
        "start": node["properties"]["id"],
        "end": record["list"][0],
        "properties": {},
    }
    assert [n["labels"] for n in record["path"]["nodes"]] == [["CoBuy"], ["Product"]]
    assert record["path"]["edges"] == [edge]
    assert record["list"][1:] == [None, 1.5] and record["map"] == {"a": {"b": True}}
    assert record["day"] == "2020-02-29" and record["time"].startswith("2020-01-01T00:00:00")
    assert record["nan"] is None and record["nothing"] is None
    assert record["big"] == 2**63 - 1


def test_an_edge_alone_knows_its_ends(graph: EmbeddedGraph) -> None:
    (record,) = graph.read("MATCH (a)-[r:CO_BUY]->(b) RETURN r, a.id, b.id LIMIT 1").records()
    (alone,) = graph.read(
        "MATCH ()-[r:CO_BUY {id: $id}]->() RETURN r", {"id": record["r"]["properties"]["id"]}
    ).records()
    assert (alone["r"]["start"], alone["r"]["end"]) == (record["a.id"], record["b.id"])


@pytest.mark.parametrize("timeout", [None, 20.0])
def test_limit(graph: EmbeddedGraph, timeout: float | None) -> None:
    query = "UNWIND range(1, 10) AS x RETURN x"
    for limit, rows, truncated in ((3, 3, True), (10, 10, False), (11, 10, False), (0, 0, True)):
        result = graph.read(query, limit=limit, timeout=timeout)
        assert (len(result.rows), result.truncated) == (rows, truncated)
    assert len(graph.read(query, timeout=timeout).rows) == 10


@pytest.mark.parametrize("timeout", [None, 20.0])
def test_refusals(graph: EmbeddedGraph, timeout: float | None) -> None:
    with pytest.raises(WriteRefusedError):
        graph.read("MATCH (n) SET n.x = 1", timeout=timeout)
    with pytest.raises(WriteRefusedError):
        graph.read("LOAD CSV FROM '/etc/passwd' AS r RETURN r", timeout=timeout)
    with pytest.raises(CypherSyntaxError):
        graph.read("MATCH (n RETURN n", timeout=timeout)
    with pytest.raises(CypherSyntaxError, match="nope"):
        graph.read("RETURN $nope", timeout=timeout)
    assert graph.read("RETURN 1 AS x", timeout=timeout).rows == [[1]]


def test_a_query_is_stopped_in_time(graph: EmbeddedGraph) -> None:
    graph.read("RETURN 1", timeout=20)
    before = time.monotonic()
    with pytest.raises(QueryTimeoutError, match=r"0\.3 seconds") as caught:
        graph.read(ENDLESS, timeout=0.3)
    assert time.monotonic() - before < 30  # to its end it takes hours
    assert "--timeout 1.2" in (caught.value.fix or "")
    assert not workers()
    assert graph.read("RETURN 1 AS x", timeout=20).rows == [[1]]


def test_waiting_for_ones_turn_counts(graph: EmbeddedGraph) -> None:
    graph.read("RETURN 1", timeout=20)
    other = threading.Thread(target=_expect_an_end, args=(graph,))
    other.start()
    while not graph._worker_lock.locked():
        time.sleep(0.01)
    with pytest.raises(QueryTimeoutError, match="others were running"):
        graph.read("RETURN 1", timeout=0.3)
    (process,) = workers()
    os.kill(process, signal.SIGKILL)
    other.join()


def _expect_an_end(graph: EmbeddedGraph) -> None:
    with pytest.raises(QueryError) as caught:
        graph.read(ENDLESS, timeout=300)
    assert not isinstance(caught.value, QueryTimeoutError)


def test_memory_is_limited(directory: Directory) -> None:
    with open_graph(directory, memory=256 << 20) as graph:
        with pytest.raises(QueryError, match="memory") as caught:
            graph.read("UNWIND range(1, 50000000) AS x RETURN collect(x) AS xs", timeout=60)
        assert not isinstance(caught.value, QueryTimeoutError)
        assert graph.read("RETURN 1 AS x", timeout=20).rows == [[1]]


def test_deep_nesting_kills_only_the_worker(graph: EmbeddedGraph) -> None:
    deep = "RETURN " + "(" * 40_000 + "1" + ")" * 40_000
    with pytest.raises(QueryError):
        graph.read(deep, timeout=20)
    assert graph.read("RETURN 1 AS x", timeout=20).rows == [[1]]


def test_parameters_that_json_cannot_hold(graph: EmbeddedGraph) -> None:
    with pytest.raises(UsageError):
        graph.read("RETURN $x AS x", {"x": 2**70}, timeout=20)
    with pytest.raises(UsageError):
        graph.read("RETURN $x AS x", {"x": object()}, timeout=20)
    assert graph.read("RETURN $x AS x", {"x": [1, {"a": None}]}, timeout=20).rows == [
        [[1, {"a": None}]]
    ]


def test_the_worker_stays_for_the_next_query_and_ends_with_the_graph(directory: Directory) -> None:
    with open_graph(directory) as graph:
        graph.read("RETURN 1", timeout=20)
        first = workers()
        graph.read("RETURN 1", timeout=20)
        assert len(first) == 1 and workers() == first
    assert not workers()
    with pytest.raises(QueryError, match="closed"):
        graph.read("RETURN 1")
    graph.close()


def test_a_worker_that_is_killed_is_replaced(graph: EmbeddedGraph) -> None:
    graph.read("RETURN 1", timeout=20)
    (process,) = workers()
    os.kill(process, signal.SIGKILL)
    while process in workers():
        time.sleep(0.01)
    assert graph.read("RETURN 1 AS x", timeout=20).rows == [[1]]


def test_the_worker_starts_quickly_and_imports_little() -> None:
    worker = Path(__file__).parent.parent / "kg" / "worker.py"
    code = (
        f"import sys; sys.argv = ['x']; exec(open({str(worker)!r}).read().split('if __name__')[0])"
    )
    code += "; print(' '.join(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(found.stdout.split())
    assert "grafeo" in modules
    assert not modules & {"pyarrow", "duckdb", "numpy", "pandas", "kg", "torch", "faiss"}


PARENT = """
import sys, threading, os, time
from kg.directory import Directory
from kg.embedded import open_graph
graph = open_graph(Directory(sys.argv[1]))
graph.read("RETURN 1", timeout=20)
try:
    print(graph._worker._process.pid, flush=True)
    graph.read(sys.argv[2], timeout=600)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(7)
"""


def _parent(directory: Directory) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(directory.root), ENDLESS],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    time.sleep(0.3)  # so that the query has begun, as a rule
    return process, pid


def _gone(pid: int) -> bool:
    for _ in range(600):
        if not Path(f"/proc/{pid}").exists():
            return True
        time.sleep(0.1)
    return False


def test_ctrl_c_ends_the_query_and_its_worker(directory: Directory) -> None:
    process, pid = _parent(directory)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 7 and "interrupted" in out
    assert _gone(pid)


def test_a_worker_does_not_outlive_a_killed_parent(directory: Directory) -> None:
    process, pid = _parent(directory)
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
    assert _gone(pid)


def test_many_threads(graph: EmbeddedGraph) -> None:
    answers: list[object] = []

    def ask(number: int) -> None:
        timeout = 20 if number % 2 else None
        answers.append(graph.read("RETURN $n AS n", {"n": number}, timeout=timeout).rows[0][0])

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(24))  # type: ignore[type-var]


def test_not_built(tmp_path: Path) -> None:
    directory = new_directory(tmp_path)
    with pytest.raises(NotBuiltError) as caught:
        open_graph(directory)
    assert caught.value.fix == f"intentkg build {directory.root}"


@pytest.fixture
def damaged(tmp_path: Path) -> Directory:
    directory = new_directory(tmp_path)
    commit(directory, **chunk(1))
    build(directory, vectors=False)
    return directory


def _file(directory: Directory) -> Path:
    state = directory.manifest().graph
    assert state is not None
    return directory.path(state.file)


def test_a_missing_file(damaged: Directory) -> None:
    _file(damaged).unlink()
    with pytest.raises(CorruptError, match="missing") as caught:
        open_graph(damaged)
    assert caught.value.fix == f"intentkg build {damaged.root} --fresh"


def test_a_truncated_file(damaged: Directory) -> None:
    with _file(damaged).open("rb+") as file:
        file.truncate(1000)
    with pytest.raises(CorruptError, match="1,000 bytes"):
        open_graph(damaged)


@pytest.mark.parametrize("timeout", [None, 20.0])
def test_a_file_that_the_engine_cannot_read(damaged: Directory, timeout: float | None) -> None:
    file = _file(damaged)
    file.write_bytes(b"\xff" * file.stat().st_size)
    with open_graph(damaged) as graph, pytest.raises(CorruptError, match="cannot be opened") as bad:
        graph.read("RETURN 1", timeout=timeout)
    assert bad.value.fix == f"intentkg build {damaged.root} --fresh"


@pytest.mark.parametrize("timeout", [None, 20.0])
def test_a_damaged_head_is_no_empty_graph(damaged: Directory, timeout: float | None) -> None:
    # The engine opens such a file without complaint, as an empty one.
    with _file(damaged).open("rb+") as file:
        file.write(b"\0" * 8192)
    with open_graph(damaged) as graph, pytest.raises(CorruptError) as bad:
        graph.read("MATCH (n) RETURN count(n)", timeout=timeout)
    assert bad.value.fix == f"intentkg build {damaged.root} --fresh"


@pytest.mark.parametrize("seed", range(12))
def test_damage_anywhere_is_told_or_harmless(damaged: Directory, seed: int) -> None:
    chance = random.Random(seed)
    query = "MATCH (n) OPTIONAL MATCH (n)-[r]->() RETURN n, r"
    with open_graph(damaged) as graph:
        whole = sorted(map(repr, graph.read(query).rows))
    file = _file(damaged)
    data = bytearray(file.read_bytes())
    start = chance.randrange(len(data))
    for place in range(start, min(len(data), start + chance.choice([1, 16, 4096]))):
        data[place] ^= chance.randrange(1, 256)
    file.write_bytes(data)
    with open_graph(damaged) as graph:
        try:
            rows = sorted(map(repr, graph.read(query, timeout=20).rows))
        except CorruptError as error:
            assert error.fix
        else:
            assert rows == whole


def test_a_reader_keeps_its_generation_until_it_opens_again(tmp_path: Path) -> None:
    directory = new_directory(tmp_path)
    commit(directory, **chunk(1))
    build(directory, vectors=False)
    count = "MATCH (p:Product) RETURN count(p) AS n"
    old, unopened = open_graph(directory), open_graph(directory)
    before = old.read(count).rows
    for seed in (2, 3):
        commit(directory, **chunk(seed))
        build(directory, vectors=False)
    commit(directory, **chunk(4))  # the next writer removes the old generations
    assert not old.path.exists()
    assert old.read(count).rows == before
    # Neither one that reads for the first time, nor a new process of the old one, drifts.
    assert unopened.read(count).rows == before
    assert old.read(count, timeout=20).rows == before
    with open_graph(directory) as new:
        assert new.read(count).rows > before and new.generation != old.generation
    old.close()
    unopened.close()
