"""A push brings the graph into Neo4j: all of it, what is new, what changed, and nothing twice."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from kg.directory import Directory
from kg.neo4j.push import push
from kg.neo4j.state import part_keys
from schema import relations
from schema.errors import GraphClashError, LockedError
from schema.identity import cobuy_id
from schema.relations import NodeType
from tests.graph_samples import IMAGE, chunk, cobuy, commit, evidence, new_directory, post, product
from tests.neo4j_push_world import Database, embedded_content, interrupt_at


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return new_directory(tmp_path)


@pytest.fixture
def filled(directory: Directory) -> Directory:
    for seed in range(3):
        commit(directory, **chunk(seed, few=True))
    return directory


def test_the_graph_is_the_same_as_the_embedded_one(neo4j: Database, filled: Directory) -> None:
    image = [{"ref": "a.png", "id": IMAGE.id, "error": None}]
    commit(
        filled,
        blobs=[IMAGE],
        posts=[post("i", images=image)],
        products=[product("Q1", images=image, categories=["a", "b"], price=9.5)],
        assertions=[evidence("Product", "Q1", "UsedFor", "light", model=None)],
    )
    commit(filled, **chunk(10, size=80))  # with relations of every kind
    report = neo4j.push(filled)
    assert (report.graph, report.changed) == ("written", True)
    found = neo4j.content()
    assert found == embedded_content(filled)
    assert (report.nodes, report.edges) == (len(found[0]), len(found[1]))
    assert (report.total_nodes, report.total_edges) == (report.nodes, report.edges)
    assert {"connect", "schema", "nodes", "edges", "indexes", "total"} == set(report.seconds)


def test_a_second_push_has_nothing_to_do(neo4j: Database, filled: Directory) -> None:
    first = neo4j.push(filled)
    before = neo4j.everything()
    second = neo4j.push(filled)
    assert (second.graph, second.changed, second.nodes, second.edges) == ("current", False, 0, 0)
    assert (second.total_nodes, second.total_edges) == (first.nodes, first.edges)
    assert str(second).startswith("nothing to do")
    assert neo4j.everything() == before  # not even the time of the last push


def test_writing_everything_again_doubles_nothing(neo4j: Database, filled: Directory) -> None:
    neo4j.push(filled)
    before = neo4j.content()
    neo4j.run("MATCH (s:IntentKG {id: 'graph'}) SET s.shape = 0")  # as an older intentkg left it
    report = neo4j.push(filled)
    assert report.graph == "rewritten"
    assert (report.nodes, report.edges) == (len(before[0]), len(before[1]))
    assert neo4j.content() == before


def test_what_is_new_is_added(neo4j: Database, filled: Directory) -> None:
    first = neo4j.push(filled)
    for seed in (7, 8):
        commit(filled, **chunk(seed, size=8, few=True))
        report = neo4j.push(filled)
        assert report.graph == "updated"
        assert 0 < report.nodes < first.nodes and 0 < report.edges < first.edges
        assert neo4j.content() == embedded_content(filled)


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_pushes_gives_the_same(
    neo4j: Database, directory: Directory, seed: int
) -> None:
    turn = random.Random(seed)
    for number in turn.sample(range(30), 4):
        commit(directory, **chunk(number, size=10 + 10 * turn.randrange(3), few=True))
        if turn.random() < 0.6:
            neo4j.push(directory)
    neo4j.push(directory)
    assert neo4j.content() == embedded_content(directory)


def test_changed_values_reach_nodes_and_edges(neo4j: Database, directory: Directory) -> None:
    pair = cobuy_id("A", "B")
    commit(
        directory,
        products=[product("A", None), product("B", "old title", brand="x")],
        posts=[post(1)],
        cobuys=[cobuy("A", "B", "one", 2)],
        assertions=[evidence("CoBuy", pair, "UsedFor", "Warmth", plausibility=0.2)],
    )
    neo4j.push(directory)
    commit(directory, products=[product("A", "found a title")])
    commit(directory, update=True, products=[product("B", "new title")])
    commit(
        directory,
        posts=[post(1, language="en")],
        cobuys=[cobuy("A", "B", "two", 3, npmi=0.5)],
        assertions=[
            evidence(
                "CoBuy", pair, "UsedFor", "warmth", model="m2", plausibility=0.9, accepted=True
            )
        ],
    )
    assert neo4j.push(directory).graph == "updated"
    titles = neo4j.run("MATCH (p:Product) RETURN p.id, p.title, p.brand ORDER BY p.id")
    assert titles == [["A", "found a title", None], ["B", "new title", "x"]]
    assert neo4j.value("MATCH (p:Post) RETURN p.language") == "en"
    assert neo4j.run("MATCH (c:CoBuy) RETURN c.support, c.npmi, c.sources") == [
        [5, 0.5, ["one", "two"]]
    ]
    assert neo4j.value("MATCH ()-[r:CO_BUY]->() RETURN r.support") == 5
    assert neo4j.run(
        "MATCH (:CoBuy)-[r:UsedFor]->(i) RETURN r.evidence, r.plausibility, r.accepted, r.models"
    ) == [[2, 0.9, True, ["m2", "model-a"]]]
    assert neo4j.content() == embedded_content(directory)


def test_a_property_that_became_null_is_removed_and_other_peoples_stay(
    neo4j: Database, directory: Directory
) -> None:
    commit(
        directory,
        posts=[post(1)],
        assertions=[evidence("Post", "test:1", "xWant", "rest")],
    )
    neo4j.push(directory)
    # What an earlier truth might have said, and what somebody else says of our nodes.
    neo4j.run("MATCH (p:Post) SET p.language = 'xx', p.text = 'stale', p.community = 7")
    neo4j.run("MATCH ()-[r:xWant]->() SET r.typicality = 0.1, r.seen = true")
    commit(
        directory,
        posts=[post(1, created_at=None, attributes="{}")],
        assertions=[evidence("Post", "test:1", "xWant", "rest", request="2")],
    )
    neo4j.push(directory)
    assert neo4j.run("MATCH (p:Post) RETURN p.language, p.text, p.community") == [
        [None, "a post", 7]
    ]
    assert neo4j.run("MATCH ()-[r:xWant]->() RETURN r.typicality, r.evidence, r.seen") == [
        [None, 2, True]
    ]


def test_other_peoples_nodes_are_never_touched(neo4j: Database, filled: Directory) -> None:
    neo4j.run(
        "CREATE (a:Person {id: 'P001', title: 'theirs'})-[:xWant {id: 'x'}]->(:Wish {id: 'y'}), "
        "(a)-[:CO_BUY {id: 'x'}]->(a), (a)-[:xWant {id: 'x'}]->(a)"
    )
    theirs = (
        "MATCH (n) WHERE n.intentkg IS NULL OPTIONAL MATCH (n)-[r]->(m) "
        "RETURN labels(n), properties(n), type(r), properties(r), m.id ORDER BY type(r), m.id"
    )
    before = neo4j.run(theirs)
    neo4j.push(filled)
    commit(filled, **chunk(9, size=8, few=True))
    neo4j.push(filled)
    # An edge of theirs between nodes of ours, of a type of ours.
    neo4j.run("MATCH (c:CoBuy)-[:OF]->(p) WITH c, p LIMIT 1 CREATE (c)-[:OF {mine: 1}]->(p)")
    neo4j.run("MATCH (s:IntentKG {id: 'graph'}) SET s.exact = false, s.shape = 0")
    neo4j.push(filled, prune=True)
    assert neo4j.run(theirs) == before
    assert neo4j.run("MATCH (:CoBuy)-[r:OF {mine: 1}]->() RETURN properties(r)") == [[{"mine": 1}]]
    assert neo4j.content() == embedded_content(filled)


def test_a_prefix_makes_room_for_a_second_one(
    neo4j: Database, filled: Directory, tmp_path: Path
) -> None:
    other = new_directory(tmp_path / "other")
    commit(other, **chunk(1, few=True))  # with ids that the first one has, too
    neo4j.push(filled)
    before = neo4j.content()
    report = neo4j.push(other, prefix="ikg")
    assert (report.graph, report.prefix) == ("written", "ikg")
    assert neo4j.content() == before
    nodes, edges = embedded_content(other)
    assert [text.replace("ikg_", "") for text in neo4j.content("ikg")[0]] == nodes
    assert [text.replace("ikg_", "") for text in neo4j.content("ikg")[1]] == edges
    assert neo4j.push(other, prefix="ikg").graph == neo4j.push(filled).graph == "current"
    labels = {label for (label,) in neo4j.run("CALL db.labels() YIELD label RETURN label")}
    assert {"Post", "ikg_Post", "IntentKG", "ikg_IntentKG"} <= labels


def test_another_knowledge_base_is_not_poured_into_the_first(
    neo4j: Database, filled: Directory, tmp_path: Path
) -> None:
    neo4j.push(filled)
    other = new_directory(tmp_path / "other")
    commit(other, **chunk(5, few=True))
    before = neo4j.everything()
    with pytest.raises(GraphClashError, match="another knowledge base") as caught:
        neo4j.push(other)
    assert "--prefix" in str(caught.value.fix) and "--prune" in str(caught.value.fix)
    assert neo4j.everything() == before
    report = neo4j.push(other, prune=True)
    assert report.graph == "rewritten" and report.removed_nodes and report.removed_edges
    assert neo4j.content() == embedded_content(other)
    assert neo4j.push(other).graph == "current"


def test_prune_removes_what_the_truth_no_longer_holds(
    neo4j: Database, directory: Directory
) -> None:
    image = {"ref": "a", "id": IMAGE.id, "error": None}
    commit(directory, blobs=[IMAGE], posts=[post(1, images=[image]), post(2, images=[image])])
    neo4j.push(directory)
    commit(directory, update=True, posts=[post(1, images=[{**image, "ref": "b", "id": None}])])
    report = neo4j.push(directory)
    assert any("--prune" in note for note in report.notes)
    assert neo4j.value("MATCH (:Post)-[r:HAS_IMAGE]->() RETURN count(r)") == 2
    counted = neo4j.push(directory, prune=True, dry_run=True)
    assert (counted.removed_nodes, counted.removed_edges) == (0, 1)
    report = neo4j.push(directory, prune=True)
    assert (report.removed_nodes, report.removed_edges) == (0, 1) and not report.notes
    assert neo4j.content() == embedded_content(directory)
    again = neo4j.push(directory, prune=True)
    assert not again.changed and "prune" not in again.seconds


def test_a_dry_run_counts_what_a_push_then_does(neo4j: Database, filled: Directory) -> None:
    before = neo4j.everything()
    counted = neo4j.push(filled, dry_run=True)
    assert neo4j.everything() == before and "would be written" in str(counted)
    report = neo4j.push(filled)
    assert (counted.nodes, counted.edges) == (report.nodes, report.edges)
    assert not neo4j.push(filled, dry_run=True).changed
    commit(filled, **chunk(8, size=8, few=True))
    counted = neo4j.push(filled, dry_run=True)
    report = neo4j.push(filled)
    assert (counted.nodes, counted.edges) == (report.nodes, report.edges)


def test_what_someone_removed_comes_back(neo4j: Database, filled: Directory) -> None:
    neo4j.push(filled)
    before = neo4j.content()
    neo4j.run("MATCH (n:Intention) WITH n LIMIT 5 DETACH DELETE n")
    assert neo4j.content() != before
    assert neo4j.push(filled).graph == "rewritten"
    assert neo4j.content() == before
    neo4j.run("MATCH (n) DETACH DELETE n")
    assert neo4j.push(filled).graph == "written"
    assert neo4j.content() == before


@pytest.mark.parametrize("stage", ["neo4j: nodes", "neo4j: edges"])
def test_the_watermark_follows_what_is_durable(
    neo4j: Database, filled: Directory, stage: str
) -> None:
    with pytest.raises(KeyboardInterrupt):
        neo4j.push(filled, progress=interrupt_at(stage))
    state = neo4j.state()
    assert state is not None and state.parts == ()
    assert set(state.loading) == set(part_keys(filled.manifest()))
    counted = neo4j.push(filled, dry_run=True)
    commit(filled, **chunk(9, size=8, few=True))  # the truth goes on meanwhile
    report = neo4j.push(filled)
    assert report.graph == "resumed"
    assert counted.nodes <= report.nodes and counted.edges <= report.edges
    assert neo4j.content() == embedded_content(filled)
    state = neo4j.state()
    assert state is not None and set(state.parts) == set(part_keys(filled.manifest()))


def test_an_update_that_was_stopped_is_done_again(neo4j: Database, filled: Directory) -> None:
    neo4j.push(filled)
    before = neo4j.state()
    commit(filled, **chunk(9, size=20, few=True))
    with pytest.raises(KeyboardInterrupt):
        neo4j.push(filled, progress=interrupt_at("neo4j: edges"))
    assert neo4j.state() == before
    assert neo4j.push(filled).graph == "updated"
    assert neo4j.content() == embedded_content(filled)


def test_one_push_at_a_time(neo4j: Database, filled: Directory) -> None:
    inside, done = threading.Event(), threading.Event()

    def hold(stage: str, number: int, total: int | None) -> None:
        inside.set()
        done.wait(60)

    first = threading.Thread(target=neo4j.push, args=(filled,), kwargs={"progress": hold})
    first.start()
    try:
        assert inside.wait(60)
        with pytest.raises(LockedError, match="another push"):
            neo4j.push(filled)
    finally:
        done.set()
        first.join()
    assert neo4j.push(filled).graph == "current"
    assert neo4j.content() == embedded_content(filled)


def test_an_empty_knowledge_base(neo4j: Database, directory: Directory) -> None:
    report = neo4j.push(directory)
    assert (report.graph, report.total_nodes, report.total_edges) == ("current", 0, 0)
    commit(directory, posts=[post(1)])
    assert neo4j.push(directory).graph == "written"
    assert neo4j.value("MATCH (p:Post) RETURN p.id") == "test:1"


def test_constraints_and_indexes(neo4j: Database, filled: Directory) -> None:
    neo4j.wipe()
    neo4j.push(filled)
    unique = neo4j.run(
        "SHOW CONSTRAINTS YIELD entityType, labelsOrTypes, properties, type "
        "RETURN labelsOrTypes[0], entityType, properties, type ORDER BY labelsOrTypes[0]"
    )
    nodes = {row[0] for row in unique if row[1:3] == ["NODE", ["id"]]}
    assert nodes == {*NodeType, "IntentKG"}
    edges = {row[0] for row in unique if row[1] == "RELATIONSHIP"}
    used = neo4j.run("MATCH ()-[r]->() WHERE r.id IS NOT NULL RETURN DISTINCT type(r)")
    assert edges == {name for (name,) in used}
    assert edges <= {"CO_BUY", *(relation.name for relation in relations.RELATIONS)}
    text = neo4j.value("MATCH (p:Post) RETURN p.text LIMIT 1")
    hits = neo4j.run(
        "CALL db.index.fulltext.queryNodes('intentkg_text', $text) YIELD node RETURN node.text",
        text=f'"{text}"',
    )
    assert [text] in hits


def test_progress_counts_up(neo4j: Database, filled: Directory) -> None:
    calls: list[tuple[str, int, int | None]] = []
    report = push(filled, neo4j.address, vectors=False, progress=lambda *call: calls.append(call))
    assert max(done for stage, done, _ in calls if stage == "neo4j: nodes") == report.nodes
    assert max(done for stage, done, _ in calls if stage == "neo4j: edges") == report.edges
