"""Addresses of servers, right and wrong ones, and who is let in."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from kg.directory import Directory
from kg.neo4j.address import Address
from kg.neo4j.connection import connect
from schema.errors import ServerAccessError, ServerError, ServerUnavailableError, UsageError
from tests.graph_samples import commit, new_directory, post
from tests.neo4j_push_world import Database


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    directory = new_directory(tmp_path)
    commit(directory, posts=[post(1)])
    return directory


@pytest.mark.parametrize(
    "text",
    [
        "http://localhost:7474",
        "localhost:7687",
        "bolt://",
        "bolt://:7687",
        "bolt://host:port",
        "bolt://host:99999",
        "bolt://host/database",
        "bolt+x://host",
        "",
    ],
)
def test_what_is_no_address_is_told(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Address.read(text, environ={})
    assert caught.value.fix and "bolt://" in caught.value.fix


def test_who_and_where_come_from_options_uri_and_environment() -> None:
    world = {
        "INTENTKG_NEO4J_URI": "neo4j+s://cloud",
        "INTENTKG_NEO4J_USER": "eve",
        "INTENTKG_NEO4J_PASSWORD": "from the world",
        "INTENTKG_NEO4J_DATABASE": "db",
    }
    found = Address.read(environ=world)
    assert (found.uri, found.user, found.password, found.database) == (
        "neo4j+s://cloud",
        "eve",
        "from the world",
        "db",
    )
    assert found.advice is None
    found = Address.read("bolt://bob:s%40cret@[::1]:7687", environ=world, database="x")
    assert (found.uri, found.user, found.password, found.database) == (
        "bolt://[::1]:7687",
        "bob",
        "s@cret",
        "x",
    )
    assert found.advice and "INTENTKG_NEO4J_PASSWORD" in found.advice
    assert Address.read("bolt://h", environ={}).user == "neo4j"


def test_a_password_is_never_shown() -> None:
    found = Address.read("bolt://bob:secret@host", environ={})
    assert "secret" not in f"{found} {found!r} {found.advice}"
    with pytest.raises(UsageError) as caught:
        Address.read("bolt://bob:secret@host:port", environ={})
    assert "secret" not in f"{caught.value} {caught.value.fix}"


def test_nobody_there(directory: Directory) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"bolt://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ServerUnavailableError, match="no Neo4j server answers") as caught:
        Database(Address(uri)).push(directory)
    assert "7687" in str(caught.value.fix)


def test_someone_else_there(directory: Directory) -> None:
    """A port that speaks another language, as Neo4j's own HTTP port does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(64)
                line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ServerError) as caught:
            connect(Address(f"bolt://127.0.0.1:{listener.getsockname()[1]}"))
        thread.join()
    assert caught.value.fix


@pytest.mark.parametrize("password", ["not-the-password", None])
def test_wrong_password(neo4j: Database, directory: Directory, password: str | None) -> None:
    there = neo4j.address
    with pytest.raises(ServerAccessError, match="password") as caught:
        Database(Address(there.uri, there.user, password)).push(directory)
    assert "INTENTKG_NEO4J_PASSWORD" in str(caught.value.fix)
    assert "not-the-password" not in f"{caught.value} {caught.value.fix}"


def test_wrong_database(neo4j: Database, directory: Directory) -> None:
    wrong = Address(
        neo4j.address.uri, neo4j.address.user, neo4j.address.password, database="nowhere"
    )
    with pytest.raises(ServerAccessError, match="'nowhere'") as caught:
        Database(wrong).push(directory)
    assert "--database" in str(caught.value.fix)
