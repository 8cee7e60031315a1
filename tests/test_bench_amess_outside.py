"""A-MESS's out-of-scope setting: utterances labelled UNK are read, learnt or rejected, scored."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.downstream import harness
from benchmarks.downstream.amess.outside import in_and_out, reject
from benchmarks.downstream.intents.data import read_splits
from schema.errors import InputError
from tests.small_bert import backbone

HEADER = (
    "Dialogue_id\tUtterance_id\tText\tLabel\tStart_timestamp\tEnd_timestamp\tSource\tspeakername"
)
WORDS = {
    "Agree": ["yes", "right", "indeed", "true", "exactly"],
    "Joke": ["funny", "laugh", "silly", "clown", "fool"],
    "Plan": ["tomorrow", "later", "soon", "next", "after"],
}


def utterance(label: str, chance: random.Random) -> str:
    """Six words of an intent; out of scope is what has two of each."""
    if label != "UNK":
        return " ".join(chance.choices(WORDS[label], k=6))
    return " ".join(word for words in WORDS.values() for word in chance.choices(words, k=2))


def write(file: Path, rows: list[tuple[int, str]]) -> None:
    """A split in the published layout, of dialogues and labels."""
    file.parent.mkdir(parents=True, exist_ok=True)
    chance = random.Random(file.name)
    said = [utterance(label, chance) for _, label in rows]
    lines = [
        f"{dialogue}\t{place}\t{said[place]}\t{label}\t00:00:01,0\t00:00:02,0\tfriends\tRoss"
        for place, (dialogue, label) in enumerate(rows)
    ]
    file.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")


def labels(count: int, *names: str) -> list[tuple[int, str]]:
    return [(place, names[place % len(names)]) for place in range(count)]


def world(folder: Path) -> Path:
    """MIntRec2.0 as published in ``total``: three splits, each with utterances out of scope."""
    write(folder / "mintrec2" / "train.tsv", labels(96, "Joke", "Agree", "UNK", "Plan"))
    write(folder / "mintrec2" / "dev.tsv", labels(16, "UNK", "Agree", "Plan", "Joke"))
    write(folder / "mintrec2" / "test.tsv", labels(80, "UNK", "Joke", "Plan", "Agree"))
    return folder


def finder(folder: Path) -> Callable[..., Path]:
    return folder.joinpath


def test_each_way_reads_what_it_may_see(tmp_path: Path) -> None:
    data = finder(world(tmp_path))
    sizes = {}
    for way in ("none", "unseen", "class"):
        splits = read_splits("mintrec2", data, way)
        sizes[way] = [
            (len(part), sum(row.label == "UNK" for row in part))
            for part in (splits.train, splits.valid, splits.test)
        ]
        assert splits.classes == ["Agree", "Joke", "Plan", *(["UNK"] if way != "none" else [])]
    assert sizes == {
        "none": [(72, 0), (12, 0), (60, 0)],
        "unseen": [(72, 0), (12, 0), (80, 20)],
        "class": [(96, 24), (16, 4), (80, 20)],
    }


def test_without_a_test_split_dialogues_are_held_out(tmp_path: Path) -> None:
    place = world(tmp_path) / "mintrec2"
    (place / "test.tsv").unlink()
    splits = read_splits("mintrec2", finder(tmp_path), "class")
    assert len(splits.test) == 16
    assert len(splits.valid) == 9  # a tenth of 96 dialogues
    assert not {row.group for row in splits.valid} & {row.group for row in splits.train}


@pytest.mark.parametrize("dataset", ["mintrec", "mintrec2"])
def test_published_data_without_them_says_so(dataset: str, shared_data: Path) -> None:
    data = finder(shared_data)
    with pytest.raises(InputError, match=r"\.tsv: no utterance is labelled UNK"):
        read_splits(dataset, data, "unseen")


def test_one_example_of_what_is_outside_is_too_few(tmp_path: Path) -> None:
    place = world(tmp_path) / "mintrec2"
    write(place / "train.tsv", [*labels(9, "Joke", "Agree", "Plan"), (9, "UNK")])
    assert len(read_splits("mintrec2", finder(tmp_path), "unseen").train) == 9
    with pytest.raises(InputError, match=r"train\.tsv: class 'UNK' has 1 training example"):
        read_splits("mintrec2", finder(tmp_path), "class")


def test_what_is_less_sure_than_training_is_rejected() -> None:
    seen = torch.tensor([[0.9, 0.1, 0.0], [0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.3, 0.6, 0.1]]).log()
    owner = torch.tensor([0, 0, 1, 1])
    # Class 0: deviation sqrt((0.1² + 0.2²) / 2) = 0.158, so 0.842 is needed; class 1: 0.6.
    said = [[0.85, 0.15, 0.0], [0.83, 0.17, 0.0], [0.3, 0.61, 0.09], [0.3, 0.59, 0.11]]
    said_little = [[0.45, 0.35, 0.2]]
    given = torch.tensor([*said, *said_little]).log()
    assert reject(seen, owner, given, scale=1.0) == [0, 3, 1, 3, 3]
    assert reject(seen, owner, given + 7.0, scale=1.0) == [0, 3, 1, 3, 3]
    assert reject(seen, owner, given, scale=9.0) == [0, 0, 1, 1, 3]  # never below a half


def test_scores_of_the_papers_table_two() -> None:
    scores = in_and_out([0, 0, 1, 2, 2], [0, 1, 1, 2, 0], ["Care", "Joke", "UNK"])
    assert scores["accuracy"] == pytest.approx(60.0)
    assert scores["f1_is"] == pytest.approx((50.0 + 200 / 3) / 2)
    assert scores["f1_os"] == pytest.approx(200 / 3)
    assert scores["f1"] == pytest.approx((50.0 + 400 / 3) / 3)


def run(folder: Path, outside: str) -> Any:
    own = folder / f"{outside}.toml"
    own.write_text(
        f"""
dataset = "mintrec2"
backbone = "{backbone(folder / "tiny")}"
outside = "{outside}"
epochs = 8
patience = 8
rate = 1e-2
length = 8
seeds = 1
made_arms = []
sweep = []
""",
        encoding="utf-8",
    )
    data = world(folder / "data")
    return harness.execute("amess", out=folder / outside, config=own, data=data)[0]


@pytest.mark.parametrize(("outside", "least"), [("class", 90), ("unseen", 75)])
def test_a_whole_run_finds_what_is_outside(tmp_path: Path, outside: str, least: int) -> None:
    """Three quarters are intents: whoever never says that one is outside is not above that."""
    report = run(tmp_path, outside)
    table = report.tables[0]
    assert list(table.columns) == ["model", "ACC %", "F1-IS %", "F1-OS %", "F1 %"]
    assert "20 test utterances are out of scope" in table.note
    assert [row[0] for row in table.rows] == ["text alone", "text with SS"]
    assert all(float(row[1]) > least for row in table.rows), table.rows
