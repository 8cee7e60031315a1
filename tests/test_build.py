"""Build: from nothing or by adding, the graph is the same; readers never see half of it."""

from __future__ import annotations

import random
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kg import graph_build
from kg.build import BuildReport, build
from kg.directory import Directory
from kg.embedded import open_graph
from kg.graph_checks import check_graph
from kg.manifest import GraphState
from schema.errors import LockedError, NotAKnowledgeBaseError, StoreError
from schema.identity import cobuy_id
from tests.graph_samples import IMAGE, chunk, cobuy, commit, evidence, new_directory, post, product


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return new_directory(tmp_path)


def graph_state(directory: Directory) -> GraphState:
    state = directory.manifest().graph
    assert state is not None
    return state


def make(directory: Directory, **options: Any) -> BuildReport:
    report = build(directory, vectors=False, **options)
    assert list(check_graph(directory, directory.manifest())) == []
    return report


def content(directory: Directory) -> tuple[list[str], list[str]]:
    """Everything in the graph, comparable."""
    with open_graph(directory) as graph:
        nodes = graph.read("MATCH (n) RETURN n").rows
        edges = graph.read("MATCH ()-[r]->() RETURN r").rows
    return sorted(map(repr, nodes)), sorted(map(repr, edges))


def test_an_empty_knowledge_base(directory: Directory) -> None:
    report = make(directory)
    assert (report.graph, report.vectors, report.nodes, report.edges) == ("built", "none", 0, 0)
    assert make(directory).graph == "current"


def test_a_second_build_has_nothing_to_do(directory: Directory) -> None:
    commit(directory, **chunk(1))
    first = make(directory)
    assert first.graph == "built" and first.changed and first.nodes and first.edges
    before = directory.manifest()
    second = make(directory)
    assert not second.changed and str(second).startswith("nothing to do")
    assert directory.manifest() == before
    assert (second.nodes, second.edges) == (first.nodes, first.edges)


def test_fresh_builds_again(directory: Directory) -> None:
    commit(directory, **chunk(1))
    make(directory)
    before, old = content(directory), graph_state(directory).file
    assert make(directory, fresh=True).graph == "built"
    assert content(directory) == before and graph_state(directory).file != old


def test_what_is_new_is_added(directory: Directory) -> None:
    for seed in range(4):
        commit(directory, **chunk(seed))
    make(directory)
    commit(directory, **chunk(9, size=12))
    assert make(directory).graph == "updated"
    added = content(directory)
    assert make(directory, fresh=True).graph == "built"
    assert content(directory) == added


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seeds=st.lists(st.integers(0, 30), min_size=1, max_size=4), turn=st.randoms())
def test_adding_equals_building_from_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    seeds: list[int],
    turn: random.Random,
) -> None:
    monkeypatch.setattr(graph_build, "_UPDATE_SHARE", 1.0)
    directory = new_directory(tmp_path_factory.mktemp("adding"))
    for seed in seeds:
        commit(directory, **chunk(seed, size=10 + 10 * turn.randrange(3)))
        if turn.random() < 0.7:
            make(directory)
    make(directory)
    added = content(directory)
    make(directory, fresh=True)
    assert content(directory) == added


def test_changes_reach_what_is_there(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_build, "_UPDATE_SHARE", 1.0)
    pair = cobuy_id("A", "B")
    commit(
        directory,
        products=[product("A", None), product("B", "old title", brand="x")],
        posts=[post(1)],
        cobuys=[cobuy("A", "B", "one", 2)],
        assertions=[
            evidence("CoBuy", pair, "UsedFor", "Warmth", plausibility=0.2),
            evidence("Post", "test:1", "xWant", "Warmth", request="2"),
        ],
    )
    make(directory)
    commit(directory, products=[product("A", "found a title")])
    commit(directory, update=True, products=[product("B", "new title")])
    commit(
        directory,
        posts=[post(1, language="en")],
        cobuys=[cobuy("A", "B", "two", 3, npmi=0.5)],
        assertions=[
            evidence(
                "CoBuy", pair, "UsedFor", "warmth", model="m2", plausibility=0.9, accepted=True
            ),
            evidence("CoBuy", pair, "IsA", "warmth"),
        ],
    )
    assert make(directory).graph == "updated"
    with open_graph(directory) as graph:
        titles = graph.read("MATCH (p:Product) RETURN p.id, p.title, p.brand ORDER BY p.id").rows
        assert titles == [["A", "found a title", None], ["B", "new title", "x"]]
        assert graph.read("MATCH (p:Post) RETURN p.language").rows == [["en"]]
        assert graph.read("MATCH (c:CoBuy) RETURN c.support, c.npmi, c.sources").rows == [
            [5, 0.5, ["one", "two"]]
        ]
        assert graph.read("MATCH ()-[r:CO_BUY]->() RETURN r.support").rows == [[5]]
        assert graph.read("MATCH (c:CoBuy)-[:OF]->(p) RETURN count(p)").rows == [[2]]
        found = graph.read(
            "MATCH (:CoBuy)-[r:UsedFor]->(i) RETURN r.evidence, r.plausibility, r.accepted, "
            "r.models, i.text"
        )
        assert found.rows == [[2, 0.9, True, ["m2", "model-a"], "Warmth"]]
        assert graph.read("MATCH (i:Intention) RETURN count(i)").rows == [[1]]


def test_an_image_that_is_taken_away_is_gone(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_build, "_UPDATE_SHARE", 1.0)
    found = {"ref": "a", "id": IMAGE.id, "error": None}
    commit(directory, blobs=[IMAGE], posts=[post(1, images=[found]), post(2)])
    make(directory)
    other = [{"ref": "b", "id": None, "error": "gone"}]
    commit(directory, update=True, posts=[post(1, images=other)])
    make(directory)
    with open_graph(directory) as graph:
        assert graph.read("MATCH (:Post)-[r:HAS_IMAGE]->() RETURN count(r)").rows == [[0]]


def test_a_large_change_is_built_from_nothing(directory: Directory) -> None:
    commit(directory, posts=[post(1)])
    make(directory)
    commit(directory, **chunk(1))
    assert make(directory).graph == "built"


@pytest.mark.parametrize("how", ["removed", "truncated", "altered", "folder"])
def test_a_damaged_graph_is_built_anew(directory: Directory, how: str) -> None:
    for seed in range(4):
        commit(directory, **chunk(seed))
    report = make(directory)
    file = directory.path(graph_state(directory).file)
    match how:
        case "removed":
            file.unlink()
        case "folder":
            shutil.rmtree(file.parent)
        case "truncated":
            with file.open("rb+") as opened:
                opened.truncate(file.stat().st_size // 2)
        case "altered":
            data = bytearray(file.read_bytes())
            data[len(data) // 2] ^= 0xFF
            file.write_bytes(data)
            commit(directory, posts=[post("new")])  # else only verify would notice
    findings = list(check_graph(directory, directory.manifest()))
    assert [f.check for f in findings if f.severity == "error"] == ["graph-file"]
    assert all(f.fix and f.fix.startswith("intentkg build") for f in findings)
    again = make(directory)
    assert again.graph == "built"
    assert again.nodes == report.nodes + (how == "altered") and again.edges == report.edges


def test_a_graph_of_another_engine_is_built_anew(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(directory, **chunk(1))
    make(directory)
    monkeypatch.setattr(graph_build, "SHAPE", 2)
    findings = list(check_graph(directory, directory.manifest()))
    assert [(f.check, f.severity) for f in findings] == [("graph-stale", "info")]
    assert make(directory).graph == "built"


def test_verify_finds_a_graph_that_is_not_the_truth(directory: Directory) -> None:
    from dataclasses import replace

    import grafeo

    from kg.manifest import sha256_file

    commit(directory, **chunk(1))
    make(directory)
    state = graph_state(directory)
    for query, check in (
        ("MATCH (p:Product) WITH p LIMIT 1 SET p.title = 'other'", "graph-nodes"),
        ("MATCH (c:CoBuy)-[r:OF]->() WITH r LIMIT 1 DELETE r", "graph-edges"),
        ("MATCH (c:Intention) WITH c LIMIT 1 SET c.text = null", "graph-nodes"),
        ("CREATE (:Stranger {id: 'x'})", "graph-nodes"),
        ("MATCH (a:Post), (b:Product) WITH a, b LIMIT 1 CREATE (a)-[:IsA]->(b)", "graph-edges"),
        ("MATCH (:CoBuy)-[r]->(:Intention) WITH r LIMIT 1 SET r.evidence = 99", "graph-edges"),
    ):
        file = directory.path("graph/wrong.grafeo")
        shutil.copyfile(directory.path(state.file), file)
        database = grafeo.GrafeoDB(str(file))
        database.execute_cypher(query)
        nodes, edges = database.node_count, database.edge_count
        database.wal_checkpoint()
        database.close()
        size, digest = file.stat().st_size, sha256_file(file)
        wrong = replace(
            state,
            file="graph/wrong.grafeo",
            bytes=size,
            sha256=digest,
            nodes=nodes,
            edges=edges,
        )
        findings = list(check_graph(directory, replace(directory.manifest(), graph=wrong)))
        assert check in {f.check for f in findings if f.severity == "error"}, query
        file.unlink()


def test_stale_is_only_information(directory: Directory) -> None:
    commit(directory, **chunk(1))
    findings = list(check_graph(directory, directory.manifest()))
    assert [(f.check, f.severity) for f in findings] == [("graph-missing", "info")]
    make(directory)
    commit(directory, **chunk(2))
    findings = list(check_graph(directory, directory.manifest()))
    assert [(f.check, f.severity) for f in findings] == [("graph-stale", "info")]


def test_old_generations_are_removed_by_the_next_writer(directory: Directory) -> None:
    for seed in range(4):
        commit(directory, **chunk(seed))
        make(directory)
    with directory.write("test"):
        pass
    assert [p.name for p in (directory.root / "graph").iterdir()] == [
        Path(graph_state(directory).file).name
    ]


def test_a_reader_never_waits_and_sees_whole_graphs(directory: Directory) -> None:
    for seed in range(3):
        commit(directory, **chunk(seed))
    make(directory)
    stop, seen, failures = threading.Event(), set(), []

    def watch() -> None:
        while not stop.is_set():
            try:
                with open_graph(directory) as graph:
                    cobuys, ends = graph.read(
                        "MATCH (c:CoBuy) OPTIONAL MATCH (c)-[r:OF]->(:Product) "
                        "RETURN count(DISTINCT c), count(r)"
                    ).rows[0]
                    seen.add(graph.generation)
                    if ends != 2 * cobuys:
                        failures.append((cobuys, ends))
            except Exception as error:
                failures.append(error)

    reader = threading.Thread(target=watch)
    reader.start()
    for seed in range(10, 15):
        commit(directory, **chunk(seed, size=12))
        assert build(directory, vectors=False, fresh=seed % 3 == 0).changed
        current = graph_state(directory).file
        until = time.monotonic() + 60
        while current not in seen and not failures and time.monotonic() < until:
            time.sleep(0.01)  # a reader that would wait for a writer sees the next ones late
    stop.set()
    reader.join()
    assert not failures and len(seen) >= 5


def test_progress_counts_up(directory: Directory) -> None:
    commit(directory, **chunk(1))
    calls: list[tuple[str, int, int | None]] = []
    report = build(directory, vectors=False, progress=lambda *call: calls.append(call))
    assert max(done for stage, done, _ in calls if stage == "graph: nodes") == report.nodes
    assert max(done for stage, done, _ in calls if stage == "graph: edges") == report.edges
    assert {"graph", "vectors", "swap", "total"} == set(report.to_dict()["seconds"])


def test_an_interrupted_build_leaves_the_old_one(directory: Directory) -> None:
    commit(directory, **chunk(1))
    make(directory)
    before = directory.manifest()
    commit(directory, **chunk(2))
    behind = directory.manifest()

    def interrupt(stage: str, done: int, total: int | None) -> None:
        if stage == "graph: edges":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(directory, vectors=False, progress=interrupt)
    assert directory.manifest() == behind and behind.graph == before.graph
    assert not (directory.root / ".staging").exists()
    assert make(directory).changed


def test_a_full_disk_is_told_before_anything_is_done(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(directory, **chunk(1))
    usage = shutil.disk_usage(directory.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1 << 20))
    with pytest.raises(StoreError, match="MB left") as caught:
        build(directory, vectors=False)
    assert caught.value.fix


def test_wrong_places(tmp_path: Path, directory: Directory) -> None:
    with pytest.raises(NotAKnowledgeBaseError):
        build(Directory(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()
    with directory.write("test"), pytest.raises(LockedError):
        build(directory)
