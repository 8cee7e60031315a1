"""Graph intentions beside utterances: the benchmark at its small size, its arms, bad data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from benchmarks.downstream import harness
from benchmarks.downstream.intents.data import read_splits
from intentkg.commands.bench import default_folder
from schema.errors import InputError
from tests.door import answer

THANKS = ["thank you so much", "thanks a lot for that", "many thanks to you", "thank you, really"]
LEAVES = ["i have to go home now", "goodbye, i am leaving", "let us go home", "i am off, bye"]

SMALL = """
graph = "student"
relations = ["xReact"]
train_limit = 0
test_limit = 0
epochs = 4
"""


def write(folder: Path, rows: dict[str, list[tuple[str, str]]]) -> Path:
    for split, found in rows.items():
        lines = ["season\tepisode\tclip\ttext\tlabel"]
        lines += [f"S01\tE01\t{split}{n}\t{text}\t{label}" for n, (text, label) in enumerate(found)]
        file = folder / "mintrec" / f"{split}.tsv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def two_classes() -> list[tuple[str, str]]:
    return [(text, "Thank") for text in THANKS] + [(text, "Leave") for text in LEAVES]


def test_the_small_size_learns_and_is_done_once(shared_data: Path, tmp_path: Path) -> None:
    words = ("bench", "intents", "--quick", "--data", shared_data, "--out", tmp_path / "out")
    found: dict[str, Any] = answer(*words)
    figures = found["figures"]
    assert figures["text"] > figures["naive"] + 10
    assert figures["intentions"] > figures["naive"] + 5
    assert [row[0] for row in found["tables"]["scores"]["rows"]] == [
        "text",
        "text + intentions",
        "text + random intentions",
        "most frequent class",
    ]
    assert len(found["tables"]["differences"]["rows"]) == 3
    assert "random" in found["findings"][0]
    stored = {
        file: file.stat().st_mtime_ns for file in (tmp_path / "out" / "cells").rglob("*.json")
    }
    assert len(stored) == 3
    assert (tmp_path / "out" / "accuracy.svg").stat().st_size > 1_000
    assert answer(*words) == found
    assert {file: file.stat().st_mtime_ns for file in stored} == stored


@pytest.mark.parametrize("way", ["tokens", "stream"])
def test_own_intentions_either_way(tmp_path: Path, way: str) -> None:
    rows = two_classes()
    data = write(tmp_path / "data", {"train": rows, "dev": rows, "test": rows})
    own = tmp_path / "own.toml"
    own.write_text(f'{SMALL}way = "{way}"\n', encoding="utf-8")
    report, written = harness.execute(
        "intents", out=tmp_path / "out", data=data, config=own, quick=True
    )
    assert report.figures["intentions"] > report.figures["naive"] == 50.0
    cell = orjson.loads((tmp_path / "out" / "cells" / "intentions" / "seed-0.json").read_bytes())
    assert len(cell["predicted"]) == len(rows)
    assert "100 % of the utterances have intentions" in written[1].read_text(encoding="utf-8")


def test_a_graph_without_intentions_leaves_the_text(tmp_path: Path) -> None:
    rows = [("?!", "Doubt"), ("?!?!", "Doubt"), ("...", "Care"), (". . .", "Care")]
    data = write(tmp_path / "data", {"train": rows, "dev": rows, "test": rows})
    own = tmp_path / "own.toml"
    own.write_text(SMALL, encoding="utf-8")
    report, _ = harness.execute("intents", out=tmp_path / "out", data=data, config=own, quick=True)
    assert report.findings == [
        "The graph has no intention for any example: only the text was used."
    ]
    assert [row[0] for row in report.tables[0].rows] == ["text", "most frequent class"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            {"dev": [("hello", "Greet")]},
            r"dev\.tsv, row 2: no training example is labelled 'Greet'",
        ),
        ({"train": [*two_classes(), ("oh", "Joke")]}, "class 'Joke' has 1 training example"),
        ({"test": [("hi", "Thank"), (" ", "Thank")]}, r"test\.tsv, row 3: no text"),
        ({"test": [("hi", "")]}, r"test\.tsv, row 2: no label"),
    ],
)
def test_bad_data(tmp_path: Path, rows: dict[str, list[tuple[str, str]]], message: str) -> None:
    good = {"train": two_classes(), "dev": two_classes(), "test": two_classes()}
    data = write(tmp_path, {**good, **rows})
    with pytest.raises(InputError, match=message) as raised:
        read_splits("mintrec", data.joinpath)
    assert raised.value.fix


def test_another_layout(tmp_path: Path) -> None:
    data = write(tmp_path, {"train": two_classes()})
    file = data / "mintrec" / "train.tsv"
    file.write_text("text\tclass\nhello\tGreet\n", encoding="utf-8")
    with pytest.raises(InputError, match="has no column label, season, episode, clip"):
        read_splits("mintrec", data.joinpath)


def test_dialogues_of_mintrec2_are_not_split(shared_data: Path) -> None:
    splits = read_splits("mintrec2", shared_data.joinpath)
    assert (len(splits.train) + len(splits.valid), len(splits.test)) == (6_165, 1_106)
    assert len(splits.classes) == 30
    assert not {row.group for row in splits.train} & {row.group for row in splits.valid}
    assert splits.train[0].key == "dia0_utt0"


@pytest.mark.parametrize(
    ("config", "quick", "expected"),
    [
        (None, False, "bench/amess"),
        (None, True, "bench/amess-quick"),
        ("own/made.toml", False, "bench/amess-made"),
        ("own/made.toml", True, "bench/amess-made-quick"),
    ],
)
def test_each_configuration_has_a_folder(config: str | None, quick: bool, expected: str) -> None:
    found = default_folder("amess", Path(config) if config else None, quick=quick)
    assert found == Path(expected)
