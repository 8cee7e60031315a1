"""``intentkg push``: what it prints, how it ends, and what it keeps to itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from door import call, quick

from kg.directory import Directory
from tests.graph_samples import chunk, commit, new_directory
from tests.neo4j_push_world import Database

SECRET = "not-the-password"


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    directory = new_directory(tmp_path)
    commit(directory, **chunk(1))
    return directory


@pytest.fixture(autouse=True)
def environment(neo4j: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The password is in the environment, as for a person; nothing else is."""
    for name in ("URI", "USER", "DATABASE"):
        monkeypatch.delenv(f"INTENTKG_NEO4J_{name}", raising=False)
    assert neo4j.address.password
    monkeypatch.setenv("INTENTKG_NEO4J_PASSWORD", neo4j.address.password)


def test_push_says_what_it_did(neo4j: Database, directory: Directory) -> None:
    counted = quick("push", directory.root, neo4j.address.uri, "--dry-run")
    assert counted["dry_run"] and not neo4j.content()[0]
    shown = call("push", directory.root, neo4j.address.uri)
    nodes, edges = map(len, neo4j.content())
    assert shown.returncode == 0
    assert shown.stdout.startswith(f"{nodes:,} nodes and {edges:,} edges were written")
    assert "note: no vectors yet: intentkg build" in shown.stderr
    assert (counted["nodes"], counted["edges"]) == (nodes, edges)
    again = quick("push", directory.root, neo4j.address.uri, "--prune", "--no-vectors")
    assert (again["graph"], again["nodes"], again["total_nodes"]) == ("current", 0, nodes)
    assert again["server"] == neo4j.address.uri and again["database"] == "neo4j"


def test_the_address_may_come_from_the_environment(
    neo4j: Database, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTENTKG_NEO4J_URI", neo4j.address.uri)
    assert quick("push", directory.root, "--prefix", "mine")["prefix"] == "mine"
    assert neo4j.content("mine")[0]


def test_a_password_in_the_address_is_advised_against_and_not_shown(
    neo4j: Database, directory: Directory
) -> None:
    uri = neo4j.address.uri.replace("//", f"//neo4j:{SECRET}@")
    shown = call("push", directory.root, uri)
    said = shown.stdout + shown.stderr
    assert shown.returncode == 1 and SECRET not in said
    assert "refuses the password of 'neo4j'" in said
    assert "others can read a password in a command line" in said
    error = quick("push", directory.root, uri, code=1)["error"]
    assert error["type"] == "ServerAccessError" and SECRET not in str(error)


def test_wrong_use_and_failures_end_differently(neo4j: Database, directory: Directory) -> None:
    uri = neo4j.address.uri
    wrong: list[tuple[list[str | Path], int, str]] = [
        ([directory.root], 2, "UsageError"),
        ([directory.root, "http://localhost"], 2, "UsageError"),
        ([directory.root, uri, "--prefix", "a b"], 2, "UsageError"),
        ([directory.root.with_name("none.kg"), uri], 1, "NotAKnowledgeBaseError"),
        ([directory.root, uri, "--database", "nowhere"], 1, "ServerAccessError"),
        ([directory.root, "bolt://127.0.0.1:1"], 1, "ServerUnavailableError"),
    ]
    for words, code, kind in wrong:
        error = quick("push", *words, code=code)["error"]
        assert error["type"] == kind and error["fix"]
    assert neo4j.state() is None
