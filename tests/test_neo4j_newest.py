"""Neo4j's newest release, by the command line: push, and ask, with what people would type."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from benchmarks.neo4j_server import Neo4jServer
from tests.door import call, quick
from tests.neo4j_world import PASSWORD

SAMPLE = resources.files("intentkg") / "sample"
TEXT = "keep a phone safe in the rain"


@pytest.fixture(scope="module")
def server() -> Iterator[Neo4jServer]:
    with Neo4jServer(release="2026", password=PASSWORD) as server:
        yield server


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kb = tmp_path_factory.mktemp("newest") / "my.kg"
    files = [Path(str(SAMPLE / name)) for name in ("posts.jsonl", "products.jsonl", "cobuys.csv")]
    quick("ingest", kb, *files)
    quick("import", kb, Path(str(SAMPLE / "intentions.jsonl")))
    quick("build", kb)
    return kb


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTENTKG_NEO4J_PASSWORD", PASSWORD)


def test_from_push_to_answers(
    server: Neo4jServer, kb: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = quick("push", kb, server.uri)
    assert first["nodes"] and first["edges"] and first["vectors"] == "written", first
    again = quick("push", kb, server.uri)
    assert not again["nodes"] and not again["edges"], again

    questions = [
        ("query", kb, "top-intentions", "--limit", "5"),
        ("cobuy", kb, "SMP0001"),
        ("cypher", kb, "MATCH (p:Product) RETURN p.id, p.title ORDER BY p.id LIMIT 3"),
    ]
    for words in questions:
        want = quick(*words)
        assert quick(*words, "--on", server.uri) == want
        alone = (words[0], "-", *words[2:])
        assert quick(*alone, "--on", server.uri) == want

    want = quick("search", kb, TEXT, "-k", "3")["results"]
    for index in ("faiss", "neo4j"):
        got = quick("search", kb, TEXT, "-k", "3", "--on", server.uri, "--index", index)["results"]
        assert [hit["text"] for hit in got] == [hit["text"] for hit in want]

    # The environment says where; an empty --on goes back to the disk.
    monkeypatch.setenv("INTENTKG_NEO4J_URI", server.uri)
    said = call("query", kb, "top-intentions", "--json")
    assert said.returncode == 0 and f"read from {server.uri}" in said.stderr
    assert "read from" not in call("query", kb, "top-intentions", "--on", "", "--json").stderr


def test_what_goes_wrong_is_said(
    server: Neo4jServer, kb: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = call("query", "-", "top-intentions")
    assert nowhere.returncode == 2 and "--on bolt://" in nowhere.stderr
    other = call("query", kb, "top-intentions", "--on", server.uri, "--prefix", "other")
    assert other.returncode == 1 and "no knowledge base was pushed" in other.stderr
    assert f"intentkg push {kb}" in other.stderr
    monkeypatch.setenv("INTENTKG_NEO4J_PASSWORD", "wrong-password")
    refused = call("cobuy", kb, "SMP0001", "--on", server.uri)
    assert refused.returncode == 1 and "refuses the password" in refused.stderr
    assert "wrong-password" not in refused.stderr + refused.stdout
