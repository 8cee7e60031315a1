"""A knowledge base that was damaged, is of another version, or is held by another process.

Each error names the command that mends it; each test runs that very command, read from the
message, and shows that it does.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from door import (
    ROOT,
    Result,
    answer,
    call,
    check_tidy,
    committed,
    manifest,
    quick,
    rejected,
    run,
    small_kb,
    write_json_lines,
)

# One of every kind of reading; what each needs beside the truth.
READS = {
    "search": ("search", "KB", "keep dry"),
    "cobuy": ("cobuy", "KB", "B0"),
    "cypher": ("cypher", "KB", "MATCH (n) RETURN count(n) AS n"),
    "query": ("query", "KB", "top-intentions"),
}
FIX = re.compile(r"^\s*fix: (?:.*: )?(intentkg .*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small knowledge base with graph and vectors, which no test may change."""
    kb = small_kb(tmp_path_factory.mktemp("stored"))
    quick("build", kb)
    assert quick("verify", kb) == {"ok": True, "findings": []}
    return kb


@pytest.fixture
def kb(stored: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stored, tmp_path / "my.kg"))


@pytest.fixture(scope="module")
def before(stored: Path) -> dict[str, Any]:
    """What every kind of reading said before anything was damaged."""
    return answers(stored)


@pytest.fixture(scope="module")
def counts(stored: Path) -> dict[str, int]:
    found: dict[str, int] = quick("status", stored)["counts"]
    return found


def read(kb: Path, name: str) -> Result:
    return call(*(kb if word == "KB" else word for word in READS[name]), "--json")


def answers(kb: Path) -> dict[str, Any]:
    """What every kind of reading says; all of them must succeed."""
    found = {}
    for name in READS:
        result = read(kb, name)
        assert result.returncode == 0, (name, result.stdout, result.stderr)
        found[name] = json.loads(result.stdout)
    return found


def more(kb: Path) -> Path:
    return write_json_lines(kb.parent / "more.jsonl", [{"id": "p9", "text": "one more day"}])


def mend(message: str) -> None:
    """Run the command that the message names."""
    found = FIX.search(message)
    assert found, f"no command in: {message}"
    program, *words = shlex.split(found[1])
    assert program == "intentkg"
    result = call(*words)
    assert result.returncode == 0, result.stderr


# Graph and vectors ----------------------------------------------------------------------------


def graph_file(kb: Path) -> Path:
    return kb / manifest(kb)["graph"]["file"]


def vector_file(kb: Path, name: str) -> Path:
    return kb / manifest(kb)["vectors"]["directory"] / name


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def scribble(path: Path) -> None:
    """Other bytes, the same size."""
    path.write_bytes(b"\x5a" * path.stat().st_size)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES: dict[str, tuple[Callable[[Path], None], set[str]]] = {
    "the graph is missing": (lambda kb: graph_file(kb).unlink(), set(READS)),
    "the folder graph is missing": (lambda kb: shutil.rmtree(kb / "graph"), set(READS)),
    "the graph is cut off": (lambda kb: cut(graph_file(kb)), set(READS)),
    "the graph is empty": (lambda kb: os.truncate(graph_file(kb), 0), set(READS)),
    "the graph is other bytes": (lambda kb: scribble(graph_file(kb)), set(READS)),
    "the vectors are missing": (lambda kb: shutil.rmtree(kb / "vectors"), {"search"}),
    "the index is missing": (lambda kb: vector_file(kb, "index.faiss").unlink(), {"search"}),
    "the index is cut off": (lambda kb: cut(vector_file(kb, "index.faiss")), {"search"}),
    "the index is other bytes": (lambda kb: scribble(vector_file(kb, "index.faiss")), {"search"}),
    "a bit of the index is flipped": (lambda kb: flip(vector_file(kb, "index.faiss")), {"search"}),
    "the ids are missing": (lambda kb: vector_file(kb, "ids.u128").unlink(), {"search"}),
    "a bit of the ids is flipped": (lambda kb: flip(vector_file(kb, "ids.u128")), {"search"}),
    "the index's manifest is missing": (
        lambda kb: vector_file(kb, "manifest.json").unlink(),
        {"search"},
    ),
    "the index's manifest was altered": (
        lambda kb: flip(vector_file(kb, "manifest.json")),
        {"search"},
    ),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_projection_is_noticed_and_mended_by_the_command_that_is_named(
    what: str, kb: Path, before: dict[str, Any], counts: dict[str, int]
) -> None:
    damage, affected = DAMAGES[what]
    damage(kb)

    for name in READS:
        result = read(kb, name)
        assert "Traceback" not in result.stderr
        said = json.loads(result.stdout)
        if name in affected:
            assert result.returncode == 1, name
            assert said["error"]["type"] == "CorruptError"
            assert said["error"]["fix"].endswith(f"intentkg build {kb} --fresh")
        else:
            assert said == before[name]
    report = quick("verify", kb, code=1)
    errors = [f for f in report["findings"] if f["severity"] == "error"]
    assert errors and all("intentkg build" in f["fix"] for f in errors)

    # The truth is untouched: what is counted does not need the projections.
    assert quick("status", kb)["counts"] == counts
    # The command from the message that a person sees.
    name = min(affected)
    mend(call(*(kb if word == "KB" else word for word in READS[name])).stderr)
    assert answers(kb) == before
    assert quick("verify", kb)["ok"]
    assert quick("status", kb)["counts"] == counts


@pytest.mark.parametrize("what", ["the graph is missing", "the ids are missing"])
def test_the_command_that_verify_names_mends_it_too(
    what: str, kb: Path, before: dict[str, Any]
) -> None:
    DAMAGES[what][0](kb)
    result = call("verify", kb)
    assert result.returncode == 1
    mend(result.stdout)
    assert answers(kb) == before
    assert quick("verify", kb)["ok"]


def test_a_bit_flipped_in_the_graph_is_found_by_verify(kb: Path, before: dict[str, Any]) -> None:
    flip(graph_file(kb))
    result = call("verify", kb)
    assert result.returncode == 1
    assert "was altered since it was built" in result.stdout
    for name in READS:  # the engine may notice or not; there is no traceback in either case
        assert "Traceback" not in read(kb, name).stderr
    mend(result.stdout)
    assert answers(kb) == before


def test_without_graph_and_vectors_a_build_brings_the_same_back(
    kb: Path, before: dict[str, Any], counts: dict[str, int]
) -> None:
    sizes = {key: manifest(kb)["graph"][key] for key in ("nodes", "edges")}
    shutil.rmtree(kb / "graph")
    shutil.rmtree(kb / "vectors")
    result = run("build", kb)
    assert result.returncode == 0, result.stderr
    assert quick("status", kb)["counts"] == counts
    assert {key: manifest(kb)["graph"][key] for key in ("nodes", "edges")} == sizes
    assert answers(kb) == before
    assert quick("verify", kb) == {"ok": True, "findings": []}
    check_tidy(kb)


def test_what_was_not_built_yet_says_so(tmp_path: Path) -> None:
    kb = small_kb(tmp_path)
    for name in READS:
        result = read(kb, name)
        assert result.returncode == 1
        error = json.loads(result.stdout)["error"]
        assert error["type"] == "NotBuiltError"
        assert error["fix"] == f"intentkg build {kb}"
    mend(run(*(kb if word == "KB" else word for word in READS["search"])).stderr)
    assert answers(kb)["search"]["results"]


# The manifest ---------------------------------------------------------------------------------


def every_command(kb: Path) -> dict[str, tuple[str | Path, ...]]:
    source = more(kb)
    others = {name: tuple(kb if w == "KB" else w for w in words) for name, words in READS.items()}
    return others | {
        "status": ("status", kb),
        "verify": ("verify", kb),
        "build": ("build", kb),
        "build --fresh": ("build", kb, "--fresh"),
        "ingest": ("ingest", kb, "-f", "posts", source),
        "import": ("import", kb, "-f", "intentions", source),
        "demo": ("demo", kb),
    }


def other_version(text: str, version: object) -> str:
    return json.dumps(json.loads(text) | {"format": version})


MANIFESTS: dict[str, tuple[Callable[[str], str], str, str]] = {
    "an older format": (lambda t: other_version(t, 0), "FormatVersionError", "format version 0"),
    "a newer format": (lambda t: other_version(t, 2), "FormatVersionError", "format version 2"),
    "a format in words": (lambda t: other_version(t, "1"), "FormatVersionError", "version"),
    "nothing in it": (lambda _: "", "CorruptError", "is damaged"),
    "half of it": (lambda t: t[: len(t) // 2], "CorruptError", "is damaged"),
    "zeroes": (lambda t: "\0" * len(t), "CorruptError", "is damaged"),
    "not an object": (lambda _: "[]", "CorruptError", "is damaged"),
    "no tables": (lambda _: '{"format": 1}', "CorruptError", "is damaged"),
    "tables of another kind": (
        lambda t: json.dumps(json.loads(t) | {"tables": {"posts": [1, 2]}}),
        "CorruptError",
        "is damaged",
    ),
    "a graph of another kind": (
        lambda t: json.dumps(json.loads(t) | {"graph": {"file": "x"}}),
        "CorruptError",
        "is damaged",
    ),
}


@pytest.mark.parametrize("what", MANIFESTS)
def test_a_manifest_that_cannot_be_used_stops_every_command(what: str, kb: Path) -> None:
    alter, kind, said = MANIFESTS[what]
    path = kb / "kb.json"
    good = path.read_text(encoding="utf-8")
    path.write_text(alter(good), encoding="utf-8")
    files = {p: p.read_bytes() for p in kb.rglob("*") if p.is_file()}
    for name, words in every_command(kb).items():
        result = call(*words, "--json")
        assert result.returncode == 1, name
        assert "Traceback" not in result.stderr
        report = json.loads(result.stdout)
        if name == "verify":
            [finding] = report["findings"]
            message, fix = finding["message"], finding["fix"]
        else:
            assert report["error"]["type"] == kind, name
            message, fix = report["error"]["message"], report["error"]["fix"]
        assert said in message, name
        assert "restore kb.json" in fix if kind == "CorruptError" else "use the intentkg" in fix
    # Nothing was written, nothing swept away: what the fix says is still possible.
    assert {p: p.read_bytes() for p in kb.rglob("*") if p.is_file()} == files
    path.write_text(good, encoding="utf-8")
    assert quick("verify", kb)["ok"]


def test_another_version_says_so_to_a_person(kb: Path) -> None:
    path = kb / "kb.json"
    path.write_text(other_version(path.read_text(encoding="utf-8"), 2), encoding="utf-8")
    result = run("status", kb)
    assert result.returncode == 1
    assert f"{kb} has format version 2; this intentkg reads 1" in result.stderr
    assert "fix: use the intentkg that wrote it" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


# The truth ------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["posts", "products", "cobuys", "assertions"])
@pytest.mark.parametrize("damage", [Path.unlink, cut, scribble, flip])
def test_a_damaged_part_is_noticed_and_never_built_from(
    table: str, damage: Callable[[Path], None], kb: Path, before: dict[str, Any]
) -> None:
    [part] = manifest(kb)["tables"][table]
    path = kb / part["file"]
    good = path.read_bytes()
    damage(path)
    revision = manifest(kb)
    report = quick("verify", kb, code=1)
    [error] = [f for f in report["findings"] if f["severity"] == "error"]
    assert str(path) in error["message"]
    assert f"restore {part['file']} from a backup" in error["fix"]
    # Graph and vectors are whole, so reading goes on.
    for name in ("cobuy", "cypher", "query"):
        assert json.loads(read(kb, name).stdout) == before[name]
    if damage is not flip:  # a flipped bit in values can only be seen by its checksum
        for words in (("build", kb, "--fresh"), ("ingest", kb, "-f", "posts", more(kb))):
            result = call(*words)
            if words[0] == "build" or table == "posts":
                assert result.returncode == 1, words
                assert "fix:" in result.stderr
                assert manifest(kb) == revision
            assert "Traceback" not in result.stderr
    path.write_bytes(good)
    assert quick("verify", kb)["ok"]


# A second writer, and the graph held by somebody else -----------------------------------------


@contextmanager
def another_process(code: str) -> Iterator[subprocess.Popen[str]]:
    """Run Python until it prints a line; it ends when its stdin does."""
    with subprocess.Popen(
        [sys.executable, "-c", code + "\nprint('ready', flush=True)\nsys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def writer(kb: Path) -> str:
    """Hold the lock as a build does."""
    return (
        "import sys\nfrom kg.directory import Directory\n"
        f"held = Directory({str(kb)!r}).write('build')\nstaging = held.__enter__()\n"
        "(staging / 'half-written').write_bytes(b'x' * 100)\n"
    )


def test_a_second_writer_is_told_who_writes_and_readers_go_on(
    kb: Path, before: dict[str, Any]
) -> None:
    source = more(kb)
    intention = {"post": "p2", "relation": "xWant", "text": "to go out", "post_source": "posts"}
    tail = write_json_lines(kb.parent / "tail.jsonl", [intention])
    commands = (
        ("ingest", kb, "-f", "posts", source),
        ("import", kb, "-f", "intentions", tail),
        ("build", kb),
    )
    with another_process(writer(kb)) as process:
        state = committed(kb)
        for words in commands:
            result = run(*words)
            assert result.returncode == 1
            assert (
                f"{kb} is being written to by process {process.pid} (intentkg build)"
                in result.stderr
            )
            assert "fix: wait until it has finished" in result.stderr
            assert "Traceback" not in result.stderr
        assert committed(kb) == state, "the second writer touched what the first one is writing"
        assert answers(kb) == before
        assert quick("status", kb)["counts"]["posts"] == 3
        assert quick("verify", kb)["ok"]
    # It ended, killed: its lock went with it, and the next writer sweeps what it left.
    for words in commands:
        assert call(*words).returncode == 0
    assert quick("status", kb)["counts"]["posts"] == 4
    assert not rejected(kb)
    assert quick("verify", kb)["ok"]
    assert not (kb / ".staging").exists()


def test_what_a_killed_writer_left_is_swept_by_the_next(kb: Path, before: dict[str, Any]) -> None:
    with another_process(writer(kb)) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (kb / ".staging" / "half-written").exists()
        for orphan in ("records/posts-000099.parquet", "assertions/x.parquet", "graph/x.grafeo"):
            (kb / orphan).write_bytes(b"half of a file")
        (kb / "vectors" / "000099").mkdir()
        report = quick("verify", kb)
        assert report["ok"]  # it is no damage, only litter
        assert any("next writer removes" in f["message"] for f in report["findings"])
        assert answers(kb) == before
    quick("ingest", kb, "-f", "posts", more(kb))
    check_tidy(kb)


def test_a_graph_that_somebody_else_opened_for_writing(kb: Path, before: dict[str, Any]) -> None:
    code = f"import sys, grafeo\nheld = grafeo.GrafeoDB({str(graph_file(kb))!r})\n"
    with another_process(code):
        result = run(*(kb if word == "KB" else word for word in READS["cypher"]))
        assert result.returncode == 1
        assert "locked" in result.stderr
        assert "Traceback" not in result.stderr
        mend(result.stderr)  # a new generation, which the other one does not hold
        assert answers(kb) == before
    assert quick("build", kb, "--fresh")["graph"] == "built"
    assert quick("verify", kb)["ok"]


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "cat.txt").write_text("a cat", encoding="utf-8")
    source = write_json_lines(tmp_path / "x.jsonl", [{"id": "1", "text": "x"}])
    error = answer("ingest", folder, "-f", "posts", source, code=1)["error"]
    assert error["type"] == "NotAKnowledgeBaseError"
    assert "name an empty directory" in error["fix"]
    assert [path.name for path in folder.iterdir()] == ["cat.txt"]
    for words in (("build", folder), ("status", folder), ("verify", folder), ("demo", folder)):
        assert quick(*words, code=1)["error"]["type"] == "NotAKnowledgeBaseError"
    assert [path.name for path in folder.iterdir()] == ["cat.txt"]
