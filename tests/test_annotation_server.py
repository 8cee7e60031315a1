"""The way through a real Label Studio server: project, tasks, annotations, export, evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from door import answer, call

import intentkg
from benchmarks.label_studio import LabelStudio
from tests.annotation_world import NO, YES, annotated_kb, result

PEOPLE = ("ann@example.org", "bo@example.org", "cy@example.org")


@pytest.fixture(scope="module")
def studio() -> Iterator[httpx.Client]:
    with LabelStudio() as server, server.client() as client:
        yield client


def project(studio: httpx.Client, folder: Path, title: str) -> tuple[int, list[dict[str, Any]]]:
    """Make a project of what was exported; returns its id and its tasks as the server has them."""
    config = (folder / "labelling.xml").read_text(encoding="utf-8")
    made = studio.post("/api/projects", json={"title": title, "label_config": config})
    assert made.status_code == 201, made.text
    number = made.json()["id"]
    tasks = json.loads((folder / "tasks.json").read_text(encoding="utf-8"))
    taken = studio.post(f"/api/projects/{number}/import", json=tasks)
    assert taken.status_code == 201, taken.text
    assert taken.json()["task_count"] == len(tasks)
    shown = studio.get("/api/tasks", params={"project": number, "page_size": 500, "fields": "all"})
    found: list[dict[str, Any]] = shown.json()["tasks"]
    return number, found


def people(studio: httpx.Client) -> list[int]:
    found = []
    for address in PEOPLE:
        made = studio.post("/api/users", json={"email": address, "username": address.split("@")[0]})
        assert made.status_code == 201, made.text
        found.append(made.json()["id"])
    return found


def export(studio: httpx.Client, number: int, file: Path) -> Path:
    file.write_bytes(studio.get(f"/api/projects/{number}/export?exportType=JSON").content)
    return file


def test_there_and_back(studio: httpx.Client, tmp_path: Path) -> None:
    kb = annotated_kb(tmp_path)
    written = answer("analyse", kb, "annotate", "export", tmp_path / "out", "--per-relation", "5")
    number, tasks = project(studio, tmp_path / "out", "co-buys")
    assert written["tasks"] == len(tasks) == 6
    # What annotators see is what was written.
    by_text = {task["data"]["said"]: task for task in tasks}
    tent = by_text["they both are used for sleeping outdoors"]
    assert tent["data"]["head"] == "Warm Sleeping Bag\n+ Dome Tent"
    assert tent["data"]["image1"].startswith("data:image/jpeg;base64,")
    users = people(studio)
    for task in tasks:
        good = "sleeping" in task["data"]["said"]
        for place, user in enumerate(users):
            values = YES if good or place == 0 else NO
            body = {"result": result("mind", values), "completed_by": user}
            made = studio.post(f"/api/tasks/{task['id']}/annotations", json=body)
            assert made.status_code == 201, made.text
    file = export(studio, number, tmp_path / "export.json")
    found = answer("analyse", kb, "annotate", "agreement", file)
    assert found["annotations"] == 18 and found["refused"] == []
    assert len(found["annotators"]) == 3
    plausible = found["aspects"][0]
    assert plausible["shares"] == {"0": pytest.approx(10 / 18), "1": pytest.approx(8 / 18)}
    taken = answer("analyse", kb, "annotate", "import", file)
    assert (taken["added"], taken["accepted"], taken["rejected"]) == (6, 1, 5)
    assert answer("analyse", kb, "annotate", "import", file)["unchanged"] == 6
    call("build", kb)
    with intentkg.open(kb) as base:
        (edge,) = base.cobuy("B", "T", accepted=True)
        assert edge.text == "sleeping outdoors" and "human" in edge.models
        judged = [row for row in base.evidence(edge.assertion_id) if row["model"] == "human"]
    assert judged[0]["rationale"].startswith("plausible: 3 of 3 yes")


def test_the_two_stages_of_miko(studio: httpx.Client, tmp_path: Path) -> None:
    kb = annotated_kb(tmp_path)
    first, second = tmp_path / "first", tmp_path / "second"
    call("analyse", kb, "annotate", "export", first, "--protocol", "miko-1")
    number, tasks = project(studio, first, "stage one")
    for task in tasks:
        value = {"typicality": 1 if task["data"]["head_id"].endswith("good") else 0}
        body = {"result": result("miko-1", value)}
        assert studio.post(f"/api/tasks/{task['id']}/annotations", json=body).status_code == 201
    judged = export(studio, number, tmp_path / "first.json")
    stage = answer("analyse", kb, "annotate", "agreement", judged)
    assert stage["go_on"] == ["test:good"]
    assert "one annotator only" in stage["aspects"][0]["note"]
    words = ("--protocol", "miko-2", "--after", judged)
    again = answer("analyse", kb, "annotate", "export", second, *words)
    assert (again["tasks"], again["heads"]) == (1, 1)
    number, (task,) = project(studio, second, "stage two")
    body = {"result": result("miko-2", {"logical": 1, "comprehensive": 1})}
    assert studio.post(f"/api/tasks/{task['id']}/annotations", json=body).status_code == 201
    last = export(studio, number, tmp_path / "second.json")
    out = tmp_path / "set"
    made = answer("analyse", kb, "annotate", "benchmark", out, judged, "--second", last)
    assert (made["rows"], made["heads"]) == (6, 1)
    rows = [json.loads(line) for line in (out / "benchmark.jsonl").open(encoding="utf-8")]
    assert {row["text"] for row in rows} >= {"share the view"}
    assert "## Collection process" in (out / "datasheet.md").read_text(encoding="utf-8")
    assert answer("analyse", kb, "annotate", "import", last)["accepted"] == 6
