"""Bad input and faults: each one has a clear error, and nothing is lost, doubled or half done."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from kg.directory import Directory
from kg.neo4j import schema, state
from kg.neo4j.connection import Server
from kg.neo4j.names import Names
from schema.errors import (
    GraphClashError,
    ServerError,
    ServerUnavailableError,
    ServerVersionError,
)
from tests.graph_samples import chunk, commit, evidence, new_directory, post
from tests.neo4j_push_world import Database, Stoppable, embedded_content


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    directory = new_directory(tmp_path)
    for seed in range(3):
        commit(directory, **chunk(seed, few=True))
    return directory


# What is in the database already ---------------------------------------------------------------


def refused(neo4j: Database, directory: Directory, match: str) -> GraphClashError:
    """Push, see that it is refused, and that nothing was written."""
    before = neo4j.everything()
    with pytest.raises(GraphClashError, match=match) as caught:
        neo4j.push(directory)
    assert neo4j.everything() == before
    assert "--prefix" in str(caught.value.fix)
    neo4j.push(directory, prefix="beside")
    assert neo4j.content("beside")[0]
    return caught.value


def test_other_people_use_our_labels(neo4j: Database, directory: Directory) -> None:
    neo4j.wipe()
    neo4j.run("UNWIND ['a', 'b', 'a'] AS id CREATE (:Product {id: id, sku: 1})")
    error = refused(neo4j, directory, "3 nodes :Product")
    assert "'a', 'b'" in str(error)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("CREATE CONSTRAINT theirs FOR (p:Product) REQUIRE p.title IS UNIQUE", "theirs"),
        ("CREATE CONSTRAINT two FOR (p:Post) REQUIRE (p.id, p.text) IS UNIQUE", "two"),
        ("CREATE INDEX slow FOR (p:Intention) ON (p.id)", "slow"),
    ],
)
def test_other_peoples_constraints_stand_in_the_way(
    neo4j: Database, directory: Directory, statement: str, named: str
) -> None:
    neo4j.wipe()
    neo4j.run(statement)
    refused(neo4j, directory, named)
    neo4j.wipe()


def test_a_constraint_of_theirs_that_is_ours_too_is_welcome(
    neo4j: Database, directory: Directory
) -> None:
    neo4j.wipe()
    neo4j.run("CREATE CONSTRAINT same FOR (p:Product) REQUIRE p.id IS UNIQUE")
    neo4j.run("CREATE INDEX other FOR (p:Product) ON (p.title)")
    neo4j.push(directory)
    assert neo4j.content() == embedded_content(directory)
    neo4j.wipe()


def test_a_node_that_comes_into_the_way_later_is_named(
    neo4j: Database, directory: Directory
) -> None:
    neo4j.push(directory)
    neo4j.run("CREATE (:Post {id: 'test:late', text: 'theirs'})")
    commit(directory, posts=[post("late", "ours")])
    before = neo4j.state()
    with pytest.raises(GraphClashError, match="test:late"):
        neo4j.push(directory)
    assert neo4j.state() == before
    assert neo4j.value("MATCH (p:Post {id: 'test:late'}) RETURN p.text") == "theirs"
    neo4j.run("MATCH (p:Post {id: 'test:late'}) DELETE p")
    neo4j.push(directory)
    assert neo4j.content() == embedded_content(directory)


def test_a_newer_schema_is_refused(neo4j: Database, directory: Directory) -> None:
    neo4j.push(directory)
    neo4j.run("MATCH (s:IntentKG {id: 'graph'}) SET s.schema = 99")
    commit(directory, posts=[post("new")])
    before = neo4j.everything()
    with pytest.raises(ServerVersionError, match="schema version 99") as caught:
        neo4j.push(directory)
    assert "upgrade" in str(caught.value.fix) and neo4j.everything() == before


def test_an_older_schema_is_migrated(
    neo4j: Database, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    neo4j.push(directory)
    # The next version of the schema, as one might make it: a property gets another name.
    neo4j.run("MATCH (p:Post) SET p.lang = 'en'")

    def rename(server: Server, names: Names) -> None:
        with server.session("write") as session:
            session.run(
                f"MATCH (p:{names.label('Post')}) SET p.speech = p.lang REMOVE p.lang"
            ).consume()

    for module in (schema, state):
        monkeypatch.setattr(module, "SCHEMA", state.SCHEMA + 1)
    monkeypatch.setattr("kg.neo4j.push.SCHEMA", state.SCHEMA)
    monkeypatch.setattr(schema, "MIGRATIONS", {state.SCHEMA - 1: rename})
    report = neo4j.push(directory)  # although nothing else is new
    found = neo4j.state()
    assert report.graph == "current" and found is not None and found.schema == state.SCHEMA
    assert neo4j.run("MATCH (p:Post) RETURN DISTINCT p.lang, p.speech") == [[None, "en"]]


def test_a_damaged_state_costs_time_but_no_data(neo4j: Database, directory: Directory) -> None:
    neo4j.push(directory)
    before = neo4j.content()
    neo4j.run("MATCH (s:IntentKG {id: 'graph'}) SET s = {id: 'graph', counts: 'x'}")
    assert neo4j.push(directory).graph == "rewritten"
    assert neo4j.content() == before
    neo4j.run("MATCH (s:IntentKG) DELETE s")
    assert neo4j.push(directory).graph == "rewritten"
    assert neo4j.content() == before


# Large values ----------------------------------------------------------------------------------


def test_a_property_of_ten_megabytes(neo4j: Database, directory: Directory) -> None:
    text = "Zwölf Boxkämpfer jagen 'Viktor' quer über den großen Sylter Deich. " * 150_000
    assert len(text.encode()) > 10 << 20
    commit(directory, posts=[post("long", text), post("short", "x")])
    neo4j.push(directory)
    found = neo4j.value("MATCH (p:Post {id: 'test:long'}) RETURN p.text")
    assert found.encode() == text.encode()
    assert neo4j.push(directory).graph == "current"


# A server that goes away -----------------------------------------------------------------------


def run_when(stage: str, action: Callable[[], None]) -> Callable[[str, int, int | None], None]:
    """A progress that does something, once, as soon as a stage has begun."""
    done = threading.Event()

    def progress(name: str, number: int, total: int | None) -> None:
        if name == stage and not done.is_set():
            done.set()
            action()

    return progress


def wish(directory: Directory, number: int) -> None:
    """Commit so many posts with a wish each: a cold server plans edges of one type soonest."""
    commit(
        directory,
        posts=[post(n) for n in range(number)],
        assertions=[
            evidence("Post", post(n)["id"], "xWant", f"wish {n % (number // 2)}")
            for n in range(number)
        ],
    )


def test_a_server_that_stops_and_starts_again(own_neo4j: Stoppable, tmp_path: Path) -> None:
    directory = new_directory(tmp_path)
    wish(directory, 5_000)
    database = Database(own_neo4j.address)
    database.wipe()
    waited: list[int] = []

    def restart() -> None:
        own_neo4j.stop()
        threading.Timer(1.0, own_neo4j.start).start()

    watch = run_when("neo4j: edges", restart)

    def progress(name: str, done: int, total: int | None) -> None:
        watch(name, done, total)
        if name == "neo4j: waiting for the server":
            waited.append(done)

    report = database.push(directory, progress=progress)
    assert waited and report.graph == "written"
    found = database.content()
    assert found == embedded_content(directory)
    assert (report.total_nodes, report.total_edges) == (len(found[0]), len(found[1]))
    assert database.push(directory).graph == "current"


def test_a_server_that_does_not_come_back(own_neo4j: Stoppable, tmp_path: Path) -> None:
    directory = new_directory(tmp_path)
    wish(directory, 100)
    database = Database(own_neo4j.address)
    database.wipe()
    with pytest.raises(ServerUnavailableError, match="waited") as caught:
        database.push(directory, progress=run_when("neo4j: nodes", own_neo4j.stop), patience=1.0)
    assert "goes on where it stopped" in str(caught.value.fix)
    own_neo4j.start()
    assert database.push(directory).graph == "resumed"
    assert database.content() == embedded_content(directory)
    assert database.push(directory).graph == "current"


def test_what_the_server_has_no_memory_for(own_neo4j: Stoppable, tmp_path: Path) -> None:
    directory = new_directory(tmp_path)
    wish(directory, 100)
    database = Database(own_neo4j.address)
    database.wipe()
    database.push(directory)
    text = "x" * (80 << 20)
    commit(directory, posts=[post("huge", text), post("small")])
    before = database.state()
    with pytest.raises(ServerError, match="memory"):
        database.push(directory, patience=5.0)
    assert database.state() == before
