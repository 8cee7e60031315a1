"""The command that measures the student, on corpora of a few lines."""

from __future__ import annotations

import gzip
import importlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.intrinsic import __main__ as every
from benchmarks.intrinsic.student import main

HEADERS = {
    "event2mind/dev.csv.gz": "Source,Event,Xintent,Xemotion,Otheremotion,Xsent,Osent",
    "atomic2020/atomic2020_eval5000.tsv.gz": "head\trelation\ttail",
    "ckbp/evaluation_set.csv.gz": "head,relation,tail,label,class,split",
    "intentionqa/cobuy_intentions.tsv.gz": (
        "id\titem_a_id\titem_b_id\titem_a_name\titem_b_name\trelation\ttypicality\tassertion"
    ),
}
TRAIN = ("PersonX makes coffee", "PersonX makes tea", "PersonX feeds the cat")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpora")
    for name, header in HEADERS.items():
        write(folder / name, [header])
    header = HEADERS["event2mind/dev.csv.gz"]
    rows = [f'x,{event},"[""to wake up""]",[],"[""none""]",,' for event in TRAIN[:2]]
    rows.append(f'x,{TRAIN[2]},"[""to be kind""]",[],"[""happy""]",,')
    write(folder / "event2mind/train.csv.gz", [header, *rows * 20])
    tests = [
        'x,PersonX makes the coffee,"[""to wake up"", ""to be awake""]",[],"[""none""]",,',
        'x,PersonX feeds a cat,"[""to be nice""]",[],"[""glad""]",,',
    ]
    write(folder / "event2mind/test.csv.gz", [header, *tests])
    return folder


def write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def test_the_command_prints_a_table_and_keeps_the_figures(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "results" / "student.json"
    words = ["--corpus", "event2mind", "--output", str(output)]
    for writer in ("frequent", "nearest", "nearest or none"):
        words += ["--writer", writer]
    done = CliRunner().invoke(main, [str(data), *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "event2mind: 3 questions with 4 references, 1 with none" in done.output
    assert "people (1)" in done.output
    found = json.loads(output.read_text(encoding="utf-8"))
    assert found["speed"] is None and found["limit"] is None
    writers = found["corpora"]["event2mind"]["writers"]
    # "to wake up", "to be kind" and "happy"; the words "to be" of "to be nice" are right.
    assert writers["nearest"]["rouge_l"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert writers["frequent"]["rouge_l"] == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert writers["nearest"]["no_answer"]["silent_where_none"] == 0
    assert writers["nearest or none"]["no_answer"]["balanced"] == 1
    assert writers["nearest"]["copied"] == 1
    assert found["corpora"]["event2mind"]["goals"] == {}


def test_a_folder_without_the_corpora_is_refused_with_a_reason(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [str(tmp_path), "--writer", "frequent"])
    assert done.exit_code == 1 and "the corpus is not there" in done.output
    assert "fix: name the folder" in done.output


def test_every_intrinsic_benchmark_is_there() -> None:
    for name in every.QUICK:
        assert callable(importlib.import_module(f"benchmarks.intrinsic.{name}").main)
