"""Sarcasm: the benchmark at its small size, posts of one's own, bad rows, a run that is killed."""

from __future__ import annotations

import gzip
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from benchmarks.downstream import harness
from benchmarks.downstream.harness.metrics import classification
from benchmarks.downstream.sarcasm.data import limited, read_jsonl, read_twitter
from benchmarks.downstream.sarcasm.f1 import gap_of_f1
from benchmarks.downstream.sarcasm.inputs import ARMS, of_another
from queries.features import OWN, Retrieved
from schema.errors import InputError, UsageError

CLASSES = ("plain", "sarcastic")
OWN_POSTS = """
posts = "posts.jsonl"
classes = ["plain", "sarcastic"]
positive = "sarcastic"
relations = ["xReact"]
k = 1
seeds = 1
batch = 8
"""


def rows(count: int = 40) -> list[dict[str, Any]]:
    good = ["what a lovely dinner we had", "so proud of my little sister", "thanks for coming"]
    bad = ["oh great another monday", "wow i just love waiting in line", "yeah right, so funny"]
    return [
        {
            "text": f"{(good, bad)[n % 2][n % 3]} {n}",
            "image": ("table food plate", "road cars rain")[n % 2],
            "label": CLASSES[n % 2],
        }
        for n in range(count)
    ]


def write(file: Path, found: list[dict[str, Any]]) -> Path:
    file.write_bytes(b"\n".join(orjson.dumps(row) for row in found) + b"\n")
    return file


def own(folder: Path, config: str = OWN_POSTS, found: list[dict[str, Any]] | None = None) -> Path:
    write(folder / "posts.jsonl", rows() if found is None else found)
    (folder / "own.toml").write_text(config, encoding="utf-8")
    return folder / "own.toml"


def test_the_small_size_learns_and_is_done_once(shared_data: Path, tmp_path: Path) -> None:
    report, written = harness.execute("sarcasm", out=tmp_path, data=shared_data, quick=True)
    stored = orjson.loads(written[0].read_bytes())
    labellings = ("hashtag", "human", "mmsd2")
    gained = [
        report.figures[f"{name}/text"]["accuracy"] - report.figures[f"{name}/naive"]["accuracy"]
        for name in labellings
    ]
    # One arm over all labellings: the best of several would beat the naive one by chance.
    assert np.mean(gained) > 2
    for name in labellings:
        assert len(stored["tables"][name]["rows"]) == len(ARMS) + 1
        for what in ("differences", "f1-differences"):
            assert len(stored["tables"][f"{name}-{what}"]["rows"]) == 7
    assert len(report.findings) == 3
    assert (tmp_path / "f1.svg").stat().st_size > 1_000
    cells = {file: file.stat().st_mtime_ns for file in (tmp_path / "cells").rglob("*.json")}
    assert len(cells) == 2 * len(ARMS)
    again, _ = harness.execute("sarcasm", out=tmp_path, data=shared_data, quick=True)
    assert again.to_dict() == report.to_dict()
    assert {file: file.stat().st_mtime_ns for file in cells} == cells


def test_the_published_posts(shared_data: Path) -> None:
    posts = read_twitter(shared_data / "twitter_sarcasm" / "mmsd_24635.tsv.gz")
    assert len(posts.rows) == 24_635
    tested = posts.rows[posts.part("test")]
    positives = {
        name: sum(row.labels[name] for row in tested) for name in ("hashtag", "human", "mmsd2")
    }
    assert positives == {"hashtag": 1_005, "human": 959, "mmsd2": 1_037}
    some = limited(posts, {"train": 50, "valid": 20, "test": 0}, seed=3)
    assert [some.part(name).stop for name in ("train", "valid", "test")] == [50, 70, 70 + 2_409]
    assert some == limited(posts, {"train": 50, "valid": 20, "test": 0}, seed=3)


def test_intentions_carry_no_hashtag(tmp_path: Path) -> None:
    names = ("image_id", "split", "text_original", "text_mmsd2", "image_attributes")
    names += ("label_hashtag", "label_human", "label_mmsd2")
    rows = [
        (f"{split}{n}", split, "so # funny", "so # funny day #lol !", "cat", n % 2, "", n % 2)
        for split in ("train", "valid", "test")
        for n in range(4)
    ]
    lines = ["\t".join(map(str, row)) for row in (names, *rows)]
    file = tmp_path / "posts.tsv.gz"
    file.write_bytes(gzip.compress("\n".join(lines).encode()))
    assert {row.told for row in read_twitter(file).rows} == {"so day !"}
    file.write_bytes(gzip.compress("\n".join(lines).replace("label_mmsd2", "label").encode()))
    with pytest.raises(InputError, match="has no column label_mmsd2"):
        read_twitter(file)


def test_a_sample_that_leaves_out_a_class(tmp_path: Path) -> None:
    found = [{"text": f"post {n}", "label": CLASSES[n < 6]} for n in range(400)]
    posts = read_jsonl(write(tmp_path / "posts.jsonl", found), CLASSES, "sarcastic")
    message = r"a sample of 20 training posts: class 'sarcastic' has [01] training example"
    with pytest.raises(InputError, match=message):
        limited(posts, {"train": 20, "valid": 0, "test": 0}, seed=0)


def test_three_classes(tmp_path: Path) -> None:
    found = rows(60)
    for row in found[::3]:
        row["label"] = "other"
    config = OWN_POSTS.replace('"plain", ', '"plain", "other", ')
    report, _ = harness.execute(
        "sarcasm", out=tmp_path / "out", config=own(tmp_path, config, found), data=tmp_path
    )
    assert [table.name for table in report.tables] == [
        "label",
        "label-differences",
        "label-f1-differences",
    ]


def test_f1_is_compared_over_posts() -> None:
    draw = np.random.default_rng(0)
    gold = draw.integers(0, 2, 400).tolist()
    one, other = ([g if draw.random() < right else 1 - g for g in gold] for right in (0.9, 0.7))
    gap = gap_of_f1(gold, [one], [other], 1)
    expected = [classification(gold, said, positive=1)["f1"] for said in (one, other)]
    assert gap.mean == pytest.approx(expected[0] - expected[1])
    assert gap.low < gap.mean < gap.high
    assert gap.shown
    assert not gap_of_f1(gold, [one], [one], 1).shown
    back = gap_of_f1(gold, [other], [one], 1)
    assert (back.mean, back.low) == (pytest.approx(-gap.mean), pytest.approx(-gap.high))


def test_another_posts_intentions() -> None:
    places = np.array([[0, 1], [2, -1], [-1, -1], [3, 4]], np.int32)
    empty = np.full(places.shape, None, object)
    found = Retrieved(
        list("abcd"),
        list("vwxyz"),
        list("vwxyz"),
        np.eye(5, dtype=np.float32),
        places,
        np.ones(places.shape, np.float32),
        empty,
        np.array([OWN, OWN, 0, OWN], np.int8),
        np.full(4, np.datetime64("NaT"), "datetime64[us]"),
    )
    for seed in range(20):
        given = of_another(found, seed)
        assert sorted(given.sentences()) == sorted(found.sentences())
        assert all(a != b for a, b in zip(given.sentences(), found.sentences(), strict=True))


def test_posts_of_ones_own_and_a_stopped_run_ends_alike(tmp_path: Path) -> None:
    # Long enough that the process is killed in the midst of training.
    config = own(tmp_path, OWN_POSTS + "epochs = 30\npatience = 30")
    whole, _ = harness.execute("sarcasm", out=tmp_path / "whole", data=tmp_path, config=config)
    code = (
        "import sys; from pathlib import Path; from benchmarks.downstream import harness\n"
        "out, data, config = map(Path, sys.argv[1:])\n"
        "harness.execute('sarcasm', out=out, data=data, config=config)"
    )
    cut = tmp_path / "cut"
    words = [sys.executable, "-c", code, str(cut), str(tmp_path), str(config)]
    process = subprocess.Popen(words, cwd=Path(__file__).parents[1])
    while process.poll() is None and not list(cut.rglob("checkpoint.pt")):
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert list(cut.rglob("checkpoint.pt"))
    assert len(list((cut / "cells").rglob("*.json"))) < len(ARMS)
    resumed, _ = harness.execute("sarcasm", out=cut, data=tmp_path, config=config)
    assert resumed.to_dict() == whole.to_dict()
    assert "label" in {table.name for table in whole.tables}


def test_the_backbone_is_tuned_with_what_stands_beside(tmp_path: Path) -> None:
    config = own(
        tmp_path,
        OWN_POSTS + 'way = "tuned"\ntrained_layers = 1\nepochs = 3\nrate = 1e-3\nmax_tokens = 32',
    )
    report, _ = harness.execute("sarcasm", out=tmp_path / "out", data=tmp_path, config=config)
    assert report.figures["label/text"]["accuracy"] > report.figures["label/naive"]["accuracy"]


def test_a_graph_without_intentions_leaves_text(tmp_path: Path) -> None:
    from kg.directory import Directory

    Directory.create(tmp_path / "empty.kg")
    plain = [{**row, "image": None} for row in rows()]
    config = own(tmp_path, OWN_POSTS + f'graph = "{tmp_path / "empty.kg"}"', plain)
    report, _ = harness.execute("sarcasm", out=tmp_path / "out", data=tmp_path, config=config)
    assert "no intention for any post" in report.findings[0]
    assert [row[0] for row in report.tables[0].rows] == ["Text", "most frequent class"]


def test_a_graph_in_which_only_intentions_tell(tmp_path: Path) -> None:
    """Any model may have written; what it says of a post is used, and another post's is not it."""
    from benchmarks.downstream.harness.graphs import graph_of_files

    said = {"plain": "to share good news", "sarcastic": "to mock a stupid rule"}
    chance = random.Random(0)
    posts = [
        {"id": f"p{n}", "text": f"as seen in the park {n % 7}", "label": chance.choice(CLASSES)}
        for n in range(160)
    ]
    told = [
        {
            "post": post["id"],
            "post_text": post["text"],
            "relation": "xIntent",
            "text": said[post["label"]],
            "model": "somebody",
        }
        for post in posts
    ]
    file = write(tmp_path / "told.jsonl", told)
    graph = graph_of_files(tmp_path / "told.kg", {file: "intentions"}).root
    text = f'graph = "{graph}"\ngraph_source = "intentions"\nepochs = 20\npatience = 20\n'
    report, written = harness.execute(
        "sarcasm",
        out=tmp_path / "out",
        data=tmp_path,
        config=own(tmp_path, OWN_POSTS + text, posts),
    )
    reached = {
        arm: report.figures[f"label/{arm}"]["accuracy"] for arm in ("text", "text+intentions")
    }
    assert reached["text+intentions"] > 95 > 75 > reached["text"]
    assert "intentions help, and another post's do not" in report.findings[0]
    assert "100 % of the posts have intentions, 1.0 each" in written[1].read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": "funny"}, r"row 3: label 'funny' is not in the set"),
        ({"label": None}, r"row 3: label '' is not in the set"),
        ({"text": " "}, r"row 3: no text"),
        ({"text": 7}, r"row 3: text is not text"),
        ({"image": ["a"]}, r"row 3: image is not text"),
        ({"split": "dev"}, r"row 3: no split 'dev'"),
        ({"split": "train"}, r"39 row\(s\) name no split"),
        ({"id": "1"}, r"row 3: id '1' for the second time"),
    ],
)
def test_a_bad_row(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    found = rows()
    found[2] |= change
    file = write(tmp_path / "posts.jsonl", found)
    with pytest.raises(InputError, match=message) as raised:
        read_jsonl(file, CLASSES, "sarcastic")
    assert "posts.jsonl" in str(raised.value)
    assert raised.value.fix


def test_bad_files(tmp_path: Path) -> None:
    file = tmp_path / "posts.jsonl"
    file.write_text("[1]\n", encoding="utf-8")
    with pytest.raises(InputError, match="row 1: not a JSON object"):
        read_jsonl(file, CLASSES, "sarcastic")
    file.write_text("{\n", encoding="utf-8")
    with pytest.raises(InputError, match="row 1: not JSON"):
        read_jsonl(file, CLASSES, "sarcastic")
    one = [row for row in rows() if row["label"] == "plain"] + [rows()[1]]
    with pytest.raises(InputError, match="class 'sarcastic' has 1 training example"):
        read_jsonl(write(file, one), CLASSES, "sarcastic")
    with pytest.raises(InputError, match="has no valid posts"):
        read_jsonl(write(file, rows(4)), CLASSES, "sarcastic")
    with pytest.raises(InputError, match="positive = 'x'"):
        read_jsonl(write(file, rows()), CLASSES, "x")


def test_settings_that_do_not_fit(tmp_path: Path) -> None:
    config = own(tmp_path, OWN_POSTS + 'backbone = "bert-base-uncased"')
    with pytest.raises(UsageError, match="would not be used"):
        harness.execute("sarcasm", out=tmp_path / "a", data=tmp_path, config=config)
    config = own(tmp_path, OWN_POSTS + 'graph = "nowhere"')
    with pytest.raises(UsageError, match="is no knowledge base"):
        harness.execute("sarcasm", out=tmp_path / "b", data=tmp_path, config=config)
