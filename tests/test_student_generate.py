"""``intentkg generate`` where no model is named: the student writes, offline."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from door import ROOT, call, quick

from generation.student.pipeline import PostApprentice, StudentOptions
from generation.student.student import describe
from schema.relations import Family, get

PAIRS = """a,b,title_a,title_b,support
P1,P2,Witch Costume for Girls,"Black Witch Hat, with Veil",12
P3,P4,Wireless Bluetooth Headphones,Portable Bluetooth Speaker,7
P5,P6,,Rope Dog Lead,3
"""
POSTS = """id,text
1,Just finished my first marathon!! #running
2,I missed the last train and it is raining
"""


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("student")
    (folder / "pairs.csv").write_text(PAIRS, encoding="utf-8")
    (folder / "posts.csv").write_text(POSTS, encoding="utf-8")
    quick("ingest", folder / "my.kg", folder / "pairs.csv", folder / "posts.csv")
    return folder / "my.kg"


@pytest.fixture(scope="module")
def first(kb: Path) -> dict[str, object]:
    return quick("generate", kb)


def test_it_writes_of_posts_and_pairs_alike(kb: Path, first: dict[str, list[dict]]) -> None:  # type: ignore[type-arg]
    posts, pairs = first["runs"]
    label, known = describe()
    assert posts["source"] == pairs["source"] == "student"
    assert posts["models"] == {"write": label}
    assert posts["heads"] == 2 and pairs["heads"] == 2 and pairs["heads_left_out"] == 1
    assert posts["intentions"] >= 6 and pairs["intentions"] >= 6
    assert set(pairs["relations"]) <= {one.name for one in known}
    assert quick("status", kb)["counts"]["assertions"] == (
        posts["intentions"] + pairs["intentions"]
    )


def test_a_second_run_asks_nothing_and_changes_nothing(kb: Path, first: object) -> None:
    before = quick("status", kb)["counts"]
    again = quick("generate", kb)
    assert [run["replies"] for run in again["runs"]] == [0, 0]
    assert [run["rows"]["added"] for run in again["runs"]] == [0, 0]
    assert quick("status", kb)["counts"] == before


def test_what_it_wrote_is_found_and_says_who_wrote_it(kb: Path, first: object) -> None:
    quick("build", kb)
    edges = quick("cobuy", kb, "P1", "P2")["edges"]
    assert edges and all(0 < edge["plausibility"] < 1 for edge in edges)
    assert all(edge["models"] == [describe()[0]] for edge in edges)
    assert "halloween" in json.dumps(edges)


@pytest.mark.slow
def test_the_pages_commands_work(kb: Path, first: object, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / "student.md").read_text(encoding="utf-8")
    monkeypatch.chdir(kb.parent)
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) == 5
    for line in lines:
        program, *words = shlex.split(line)
        result = call(*words)
        assert program == "intentkg" and result.returncode == 0, (line, result.stderr)
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert "costume" in done.stdout, done.stderr


def test_the_person_is_told_who_wrote(kb: Path, first: object) -> None:
    told = call("generate", kb, "--pipeline", "mind")
    assert told.returncode == 0
    assert "student" in told.stdout and "a small model" in told.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--relation", "MadeOf"], "never seen MadeOf"),
        (["-p", "miko", "--relation", "Open"], "never seen Open"),
        (["-b", "student", "--param", "temperature=1"], "no option --param"),
        (["-b", "student", "-m", "gpt", "-p", "mind"], "not gpt"),
        (["-b", "student", "--dry-run"], "costs nothing"),
        (["-m", "gpt"], "not about what"),
        (["--head", "nobody"], "nobody"),
    ],
)
def test_what_it_cannot_do_is_refused(kb: Path, options: list[str], said: str) -> None:
    result = call("generate", kb, *options)
    assert result.returncode in (1, 2)
    assert said in result.stderr and "fix:" in result.stderr
    assert "bug in IntentKG" not in result.stderr


def test_more_tails_of_one_relation(kb: Path, first: object) -> None:
    more = quick("generate", kb, "-p", "mind", "--relation", "UsedFor", "--samples", "3")
    assert 2 <= more["intentions"] <= 6


def test_another_critic_or_threshold_is_another_source() -> None:
    class Named:
        name = "mine"

        async def score(self, head: Any, tails: Any) -> list[Any]:
            return []

    known = (get("xWant", Family.SOCIAL),)
    sources = [
        PostApprentice(StudentOptions(model="s", critic=critic, threshold=least), known).source
        for critic, least in ((None, 0.5), (Named(), 0.5), (Named(), 0.6))
    ]
    assert sources[0] == "student" and len(set(sources)) == 3
    assert all(source.startswith("student-critic-") for source in sources[1:])
