"""Tasks and votes without a server: what is drawn and shown, what of an export counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from door import call, quick

import intentkg
from kg.directory import Directory
from queries.annotation import protocols, tasks, votes
from queries.annotation.results import record, totals
from schema.errors import InputError, StoreError, UnsuitableFileError, UsageError
from tests.annotation_world import NO, YES, annotated_kb, annotation, exported
from tests.graph_samples import commit, new_directory, post

ANN, BO, CY = "ann@example.org", "bo@example.org", {"id": 7, "email": "cy@example.org"}


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return annotated_kb(tmp_path_factory.mktemp("judged"))


@pytest.fixture(scope="module")
def mind(kb: Path) -> Path:
    folder = kb.parent / "mind"
    tasks.export(Directory(kb), folder, protocols.MIND)
    return folder


def rows(folder: Path) -> list[dict[str, Any]]:
    found = json.loads((folder / "tasks.json").read_text(encoding="utf-8"))
    return [task["data"] for task in found]


def test_each_relation_is_drawn_from(kb: Path, tmp_path: Path) -> None:
    found = tasks.export(Directory(kb), tmp_path / "a", protocols.MIND, per_relation=1)
    assert found.relations == {"Cause": 1, "MadeOf": 1, "Open": 1, "UsedFor": 1}
    assert (found.tasks, found.heads, found.without_image) == (4, 1, 0)
    tasks.export(Directory(kb), tmp_path / "b", protocols.MIND, per_relation=1)
    assert rows(tmp_path / "a") == rows(tmp_path / "b")
    drawn = set()
    for seed in range(6):
        tasks.export(
            Directory(kb), tmp_path / f"s{seed}", protocols.MIND, per_relation=1, seed=seed
        )
        drawn.add(tuple(row["said"] for row in rows(tmp_path / f"s{seed}")))
    assert len(drawn) > 1


def test_a_task_shows_the_head_the_intention_and_the_verdict(mind: Path) -> None:
    found = {row["said"]: row for row in rows(mind)}
    made = found["they both are made of polyester"]
    assert made["head"] == "Warm Sleeping Bag\n+ Dome Tent"
    assert made["verdict"] == "accepted: both are made of it"
    assert found["they go camping"]["verdict"] == "(none)"  # Open has no phrase
    assert made["image1"].startswith("data:image/") and made["task"] == tasks.seal(made)


def test_the_labelling_page_has_every_question(mind: Path) -> None:
    page = ElementTree.fromstring((mind / "labelling.xml").read_text(encoding="utf-8"))
    controls = {c.get("name"): [x.get("value") for x in c] for c in page.iter("Choices")}
    assert controls == {a.name: list(a.choices) for a in protocols.MIND.aspects}
    shown = {t.get("value") for t in page.iter("Text")} | {
        t.get("value") for t in page.iter("Image")
    }
    assert {name.lstrip("$") for name in shown if name} <= rows(mind)[0].keys()


def test_posts_come_with_all_their_intentions(kb: Path, tmp_path: Path) -> None:
    first = tasks.export(Directory(kb), tmp_path / "one", protocols.MIKO_1, heads=1)
    assert (first.tasks, first.heads) == (6, 1)
    second = tasks.export(Directory(kb), tmp_path / "two", protocols.MIKO_2, only=["test:good"])
    assert second.tasks == 1
    (row,) = rows(tmp_path / "two")
    assert row["said"].count("\n") == 5 and len(row["assertions"]) == 6
    with pytest.raises(UsageError, match="no intentions of 'test:nobody'"):
        tasks.export(Directory(kb), tmp_path / "x", protocols.MIKO_2, only=["test:nobody"])


def test_without_images_and_without_intentions(kb: Path, tmp_path: Path) -> None:
    found = tasks.export(Directory(kb), tmp_path / "a", protocols.MIND, pictures=False)
    assert found.without_image == found.tasks and "image1" not in rows(tmp_path / "a")[0]
    empty = new_directory(tmp_path / "e")
    commit(empty, posts=[post(1)])
    with pytest.raises(StoreError, match="no intentions of a CoBuy"):
        tasks.export(empty, tmp_path / "b", protocols.MIND)
    with pytest.raises(UsageError, match="holds something"):
        tasks.export(Directory(kb), tmp_path / "a", protocols.MIND)
    with pytest.raises(UsageError, match="judge nothing"):
        tasks.export(Directory(kb), tmp_path / "c", protocols.MIND, annotators=0)


def test_votes_are_read(mind: Path, tmp_path: Path) -> None:
    file = exported(mind, tmp_path / "e.json",
                    [annotation("mind", YES, ANN), annotation("mind", NO, BO)],
                    [annotation("mind", {**YES, "rationale_right": 0}, CY)])  # fmt: skip
    found = votes.read([file])
    assert found.annotators == ["ann@example.org", "bo@example.org", "cy@example.org"]
    assert (len(found.votes), found.unjudged, found.refused) == (3, 4, [])
    assert list(found.values("rationale_right").values()) == [{"cy@example.org": 0}]


def _edited(task: dict[str, Any]) -> None:
    task["data"]["said"] = "something else"


def _reshown(name: str) -> Callable[[dict[str, Any]], None]:
    def spoil(task: dict[str, Any]) -> None:
        task["data"][name] = "something else"

    return spoil


def _malformed(*path: str | int, value: object) -> Callable[[dict[str, Any]], None]:
    def spoil(task: dict[str, Any]) -> None:
        place: Any = task
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return spoil


_FORM = "not in Label Studio's form"


def _renamed(task: dict[str, Any]) -> None:
    task["data"]["task"] = "ta_0"


def _nameless(task: dict[str, Any]) -> None:
    task["annotations"][0]["completed_by"] = None


def _off_scale(task: dict[str, Any]) -> None:
    task["annotations"][0]["result"][0]["value"]["choices"] = ["perhaps"]


def _half(task: dict[str, Any]) -> None:
    task["annotations"][0]["result"].pop()


def _foreign(task: dict[str, Any]) -> None:
    task["data"] = {"text": "from another project"}


def _contradicted(task: dict[str, Any]) -> None:
    task["annotations"].append(annotation("mind", NO, ANN))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_edited, "was edited"),
        *((_reshown(name), "was edited") for name in ("relation", "verdict", "image1")),
        (_renamed, "was edited"),
        (_malformed("annotations", value={"a": 1}), "does not say who"),
        (_malformed("annotations", 0, value=1), _FORM),
        (_malformed("annotations", 0, "result", value={"a": 1}), _FORM),
        (_malformed("annotations", 0, "result", value=[1]), _FORM),
        (_malformed("annotations", 0, "result", 0, "value", value="x"), "plausible is None"),
        (
            _malformed("annotations", 0, "result", 0, "value", "choices", value=[["yes"]]),
            "plausible is [['yes']]",
        ),
        (_malformed("annotations", 0, "result", 0, "value", "choices", value=3), "plausible is 3"),
        (_malformed("data", "protocol", value=["mind"]), "of no protocol"),
        (_nameless, "does not say who"),
        (_off_scale, "plausible is ['perhaps'], not one of yes, no"),
        (_half, "no answer to human_centric"),
        (_foreign, "of no protocol"),
        (_contradicted, "judged the task 2 times, and differently"),
    ],
)
def test_what_does_not_count_is_refused_alone(
    mind: Path, tmp_path: Path, spoil: Callable[[dict[str, Any]], None], reason: str
) -> None:
    good, bad = [annotation("mind", YES, BO)], [annotation("mind", YES, ANN)]
    file = exported(mind, tmp_path / "e.json", good, bad)
    whole = json.loads(file.read_text(encoding="utf-8"))
    spoil(whole[1])
    file.write_text(json.dumps(whole), encoding="utf-8")
    found = votes.read([file])
    (refused,) = found.refused
    assert reason in refused.reason and refused.row == 2 and refused.fix
    assert [vote.annotator for vote in found.votes] == ["bo@example.org"]


def test_the_same_vote_twice_counts_once_and_a_skipped_one_not(mind: Path, tmp_path: Path) -> None:
    twice = [annotation("mind", YES, ANN), annotation("mind", YES, ANN)]
    skipped = [annotation("mind", YES, ANN, was_cancelled=True)]
    found = votes.read([exported(mind, tmp_path / "e.json", twice, skipped)])
    assert (len(found.votes), found.cancelled, found.refused) == (1, 1, [])


def test_files_that_are_no_export(kb: Path, mind: Path, tmp_path: Path) -> None:
    for text, reason in (("{", "is no JSON"), ('{"a": 1}', "no list of tasks"), ("[1]", "no list")):
        (tmp_path / "x.json").write_text(text, encoding="utf-8")
        with pytest.raises(UnsuitableFileError, match=reason):
            votes.read([tmp_path / "x.json"])
    with pytest.raises(UnsuitableFileError, match="no such file"):
        votes.read([tmp_path / "nothing.json"])
    (tmp_path / "x.json").write_text('[{"data": {}}]', encoding="utf-8")
    with pytest.raises(InputError, match="no task that intentkg wrote"):
        votes.read([tmp_path / "x.json"])
    tasks.export(Directory(kb), tmp_path / "posts", protocols.MIKO_1)
    files = [exported(mind, tmp_path / "a.json"), exported(tmp_path / "posts", tmp_path / "b.json")]
    with pytest.raises(UnsuitableFileError, match="after tasks of mind"):
        votes.read(files)


def test_the_majority_becomes_evidence_and_nothing_is_lost(mind: Path, tmp_path: Path) -> None:
    directory = Directory(annotated_kb(tmp_path))
    yes, no = annotation("mind", YES, ANN), annotation("mind", NO, BO)
    file = exported(mind, tmp_path / "e.json", [yes, no, annotation("mind", YES, CY)], [yes, no])
    before = status_of(directory)
    found = record(directory, votes.read([file]))
    assert (found.added, found.accepted, found.rejected, found.undecided) == (2, 1, 0, 1)
    after = status_of(directory)
    assert after["assertions"] == before["assertions"]
    assert after["evidence"] == before["evidence"] + 2
    assert record(directory, votes.read([file])).unchanged == 2
    first = rows(mind)[0]
    with intentkg.open(directory.root) as base:
        (row,) = [r for r in base.evidence(first["assertions"][0]) if r["model"] == "human"]
    assert (row["plausibility"], row["accepted"]) == (pytest.approx(2 / 3), True)
    assert row["rationale"].startswith("plausible: 2 of 3 yes, 1 of 3 no; typical:")


def test_a_smaller_export_does_not_replace_what_is_stored(mind: Path, tmp_path: Path) -> None:
    directory = Directory(annotated_kb(tmp_path))
    three = [annotation("mind", YES, who) for who in (ANN, BO, CY)]
    record(directory, votes.read([exported(mind, tmp_path / "a.json", three)]))
    fewer = exported(mind, tmp_path / "b.json", [annotation("mind", NO, ANN)])
    found = record(directory, votes.read([fewer]))
    assert (found.added, found.unchanged) == (0, 0)
    assert "1 of the 3 people" in found.refused[0].reason
    more = exported(mind, tmp_path / "c.json", [*three, annotation("mind", NO, "di@example.org")])
    assert record(directory, votes.read([more])).added == 1


def test_votes_of_another_knowledge_base(mind: Path, tmp_path: Path) -> None:
    other = new_directory(tmp_path)
    commit(other, posts=[post(1)])
    file = exported(mind, tmp_path / "e.json", [annotation("mind", YES)])
    found = record(other, votes.read([file]))
    assert (found.added, found.unknown) == (0, 1)
    assert "has no assertion as_" in found.refused[0].reason


def status_of(directory: Directory) -> dict[str, int]:
    with intentkg.open(directory.root) as base:
        return base.counts()


def test_points_of_a_post(kb: Path, tmp_path: Path) -> None:
    tasks.export(Directory(kb), tmp_path / "m", protocols.MIKO_1)
    given = [
        [annotation("miko-1", {"typicality": value}, who)
         for who, value in zip((ANN, BO, CY), v, strict=True)]
        for v in ((1, 1, 0), (1, 0, -1), (-1, -1, 1), (1, 1, 1), (0, 0, 0), (1, 1, 1))
    ]  # fmt: skip
    read = votes.read([exported(tmp_path / "m", tmp_path / "e.json", *given)])
    assert list(totals(read).values()) == [1 + 0 - 1 + 1 + 0 + 1]


def test_the_commands(kb: Path, mind: Path, tmp_path: Path) -> None:
    yes, no = annotation("mind", YES, ANN), annotation("mind", NO, BO)
    file = exported(mind, tmp_path / "e.json", [yes, no], [yes], [annotation("mind", YES, None)])
    shown = call("analyse", kb, "annotate", "agreement", file)
    assert "Fleiss" in shown.stdout and "does not say who" in shown.stderr
    found = quick("analyse", kb, "annotate", "agreement", file)
    assert found["aspects"][0]["pairwise"] == 0.0 and found["unjudged"] == 4
    nothing = call("analyse", kb, "annotate", "benchmark", tmp_path / "set", file)
    assert nothing.returncode == 0, nothing.stderr
    (row,) = [json.loads(x) for x in (tmp_path / "set" / "benchmark.jsonl").open(encoding="utf-8")]
    assert not row["text"].startswith("they both")
    wrong = call("analyse", kb, "annotate", "export", tmp_path / "x", "--protocol", "miko-2")
    assert wrong.returncode == 2 and "--after" in wrong.stderr
    lost = call("analyse", kb, "annotate", "import", tmp_path / "nothing.json")
    assert lost.returncode == 1 and "no such file" in lost.stderr
