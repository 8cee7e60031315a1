"""Analyses as verbs of the Python API: the same figures as the commands give."""

from __future__ import annotations

from pathlib import Path

import pytest
from door import quick

import intentkg
from kg.directory import Directory
from tests.graph_samples import commit, evidence, new_directory, post

TEXTS = ("buy a tent", "buy the tent", "drink coffee with friends", "sell the old car")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Directory:
    made = new_directory(tmp_path_factory.mktemp("analysing"))
    rows = [
        evidence("Post", f"test:{n}", "xWant", text, model=f"m{n % 2}", typicality=0.25 * n)
        for n, text in enumerate(TEXTS)
    ]
    commit(made, posts=[post(n) for n in range(4)], assertions=rows)
    return made


def test_the_verbs_and_the_commands_agree(directory: Directory) -> None:
    kb = directory.root
    with intentkg.open(kb) as base:
        found = base.hypernyms()
        asked = quick("analyse", kb, "hypernyms", "--top", "1000")["graphs"][0]
        assert asked == {**found.to_dict(), "distribution": asked["distribution"]}
        counted = base.statistics(model="m1")
        assert counted.to_dict() == {
            **quick("analyse", kb, "statistics", "--model", "m1")["graphs"][0],
        }
        assert base.robustness("model").to_dict()["total"] is None


def test_duplicates_are_joined_and_the_report_is_written(
    directory: Directory, tmp_path: Path
) -> None:
    with intentkg.open(directory.root) as base:
        found = base.duplicates(merge=True)
        base.build()
        (row,) = base.query("top-meanings").rows
        files = base.report(tmp_path / "page.html", without=frozenset({"hypernyms"}))
    assert found.to_dict()["merged"] == 1
    assert row[:3] == ["buy a tent", 2, 2]
    assert "buy a tent" in files[0].read_text(encoding="utf-8")
