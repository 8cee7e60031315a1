"""What an export writes, Neo4j's own importer reads; the server then holds the same graph."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.neo4j_server import Neo4jServer
from kg.directory import Directory
from kg.exports.registry import ExportReport, export
from kg.neo4j.address import Address
from kg.neo4j.state import SCHEMA
from tests.graph_samples import chunk, commit, evidence, new_directory, post, product
from tests.neo4j_push_world import Database, embedded_content
from tests.test_neo4j_hostile import HOSTILE, fill

ROOT = Path(__file__).parent.parent
ADMIN = """#!{python}
import os, pathlib, sys
from benchmarks.neo4j_server import admin
print(admin(sys.argv[1:], pathlib.Path(os.environ["NEO4J_HOME"]), folder=pathlib.Path.cwd()))
"""  # what the distribution has in a script of its own
LONG = 'an unusually "long" post, with\nbreaks; ' * 150_000  # 6 MB, more than the buffer


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Directory:
    """Every hostile text in every field and id, long text, edges without models."""
    directory = new_directory(tmp_path_factory.mktemp("import"))
    fill(directory)
    commit(directory, **chunk(1))
    commit(
        directory,
        posts=[post("long", LONG), post("dated", " ", language="en")],
        products=[product("X1", "", price=1e-7), product("X2", None, categories=["a|b", ";"])],
        assertions=[
            evidence("Product", "X1", "UsedFor", "light", model=None, plausibility=1 / 3),
            evidence("Product", "X1", "IsA", "a light", accepted=False, typicality=1.0),
        ],
    )
    return directory


@pytest.fixture(scope="module")
def files(directory: Directory, tmp_path_factory: pytest.TempPathFactory) -> ExportReport:
    folder = tmp_path_factory.mktemp("exported") / "out"
    return export(directory, folder, format="neo4j-admin")


def run(command: str, folder: Path) -> str:
    """Run a command of the importer in a shell, for a server in `folder`; gives what it says."""
    script = folder / "bin" / "neo4j-admin"
    script.parent.mkdir()
    script.write_text(ADMIN.format(python=sys.executable), encoding="utf-8")
    script.chmod(0o755)
    there = {
        "PATH": f"{script.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "NEO4J_HOME": str(folder / "home"),
    }
    return subprocess.run(
        ["sh", "-e", "-c", command],
        env=os.environ | there,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    ).stdout


@pytest.fixture(scope="module")
def imported(files: ExportReport, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A server on a database that the importer made, by the command that an export prints."""
    folder = tmp_path_factory.mktemp("imported")
    run(str(files).partition("read them with:")[2], folder)
    with Neo4jServer(folder / "home", short=True) as server:
        yield Database(Address(server.uri))


def undo(database: Database) -> None:
    """Make a database again what it was after the import."""
    for kind in ("CONSTRAINT", "INDEX"):
        for (name,) in database.run(
            f"SHOW {kind} YIELD name, type WHERE type <> 'LOOKUP' RETURN name"
        ):
            database.run(f"DROP {kind} `{name}`")
    database.run("MATCH ()-[r]->() WHERE r.models = [] REMOVE r.models")
    database.run("MATCH (s:IntentKG) SET s.schema = 0")


def test_the_server_holds_the_same_graph(imported: Database, directory: Directory) -> None:
    """Empty lists apart, which the importer cannot read."""
    found, expected = imported.content(), embedded_content(directory)
    assert found[0] == expected[0]
    assert found[1] == [edge.replace("('models', []), ", "") for edge in expected[1]]
    texts = {text for (text,) in imported.run("MATCH (p:Post) RETURN p.text")}
    assert {text.encode() for text in texts} >= {text.encode() for text in (*HOSTILE, LONG)}
    assert imported.schema() == []


def test_the_script_beside_the_files_finishes_it(
    imported: Database, files: ExportReport, directory: Directory
) -> None:
    for line in (files.folder / "schema.cypher").read_text(encoding="utf-8").splitlines():
        imported.run(line.removesuffix(";"))
    assert imported.content() == embedded_content(directory)
    names = imported.schema()
    assert {"intentkg_id_Post", "intentkg_id_UsedFor", "intentkg_text"} <= set(names)
    assert not imported.push(directory).changed
    assert imported.schema() == names


def test_a_push_finishes_it_and_adds_what_is_new(imported: Database, directory: Directory) -> None:
    undo(imported)
    report = imported.push(directory)
    assert (report.graph, report.nodes, report.edges) == ("current", 0, 0)
    expected = embedded_content(directory)
    assert imported.content() == expected
    assert (report.total_nodes, report.total_edges) == (len(expected[0]), len(expected[1]))
    state = imported.state()
    assert state is not None and state.schema == SCHEMA
    assert {"intentkg_id_Post", "intentkg_id_UsedFor"} <= set(imported.schema())
    before = imported.everything()
    assert not imported.push(directory).changed
    assert imported.everything() == before
    commit(directory, **chunk(2))
    assert imported.push(directory).graph == "updated"
    assert imported.content() == embedded_content(directory)


def test_the_script_of_a_packed_export_with_a_prefix(directory: Directory, tmp_path: Path) -> None:
    report = export(directory, tmp_path / "out", format="neo4j-admin", prefix="ikg", gzip=True)
    said = run(f"sh {shlex.quote(str(report.folder))}/import.sh", tmp_path)
    # And the node that keeps the state.
    assert f"{report.nodes + 1} nodes" in said and f"{report.edges} relationships" in said
