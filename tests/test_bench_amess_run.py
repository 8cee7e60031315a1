"""``intentkg bench amess``: the small run learns, resumes, reads features, says what is wrong."""

from __future__ import annotations

import gzip
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.downstream import harness
from benchmarks.downstream.amess import synthetic
from benchmarks.downstream.amess.arms import ARMS, PLAIN
from benchmarks.downstream.amess.experiment import _train
from benchmarks.downstream.amess.learning import Examples, Reader
from benchmarks.downstream.amess.problems import made
from schema.errors import InputError, UsageError
from tests.small_bert import backbone

SMALL = """
seeds = 1
dataset = "none"
made_counts = [24, 8, 12]
made_video = [12, 8]
made_audio = [14, 8]
made_width = 16
made_layers = 1
made_epochs = 2
made_length = 8
k = 2
made_arms = ["amess"]
sweep = [1, 2]
"""


def test_the_quick_run_finds_the_anchors_and_beats_the_ablation(tmp_path: Path) -> None:
    report, written = harness.execute("amess", out=tmp_path / "out", quick=True)
    found = report.figures
    assert found["made/amess"] > found["made/no-ame"]
    assert found["made/amess"] > found["made/chance"] + 20
    assert {file.name for file in written} == {"results.json", "results.md"}


def test_a_sweep_is_drawn_and_nothing_is_done_twice(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(SMALL, encoding="utf-8")
    first, written = harness.execute("amess", out=tmp_path / "out", config=own)
    assert (tmp_path / "out" / "anchors.svg") in written
    said: list[str] = []
    again, _ = harness.execute("amess", out=tmp_path / "out", config=own, progress=said.append)
    assert said == []
    assert again.to_dict() == first.to_dict()


def test_an_interrupted_training_ends_in_the_same(tmp_path: Path) -> None:
    from benchmarks.downstream.amess import Config

    own = tmp_path / "own.toml"
    own.write_text(SMALL, encoding="utf-8")
    home = Path(harness.__file__).parents[1] / "amess" / "default.toml"
    config = harness.load(Config, home, own=own)

    class Stop(Exception):
        pass

    def stopping(text: str) -> None:
        if text.startswith("epoch 2:"):  # the first epoch's checkpoint is there
            raise Stop

    whole, part = tmp_path / "whole", tmp_path / "part"
    whole.mkdir()
    part.mkdir()
    problem = made(config)
    run = harness.Run(tmp_path / "out", config)
    expected = _train(config, problem, "amess", 0, whole, run, 2)
    stopped = harness.Run(tmp_path / "out", config, progress=stopping)
    with pytest.raises(Stop):
        _train(config, problem, "amess", 0, part, stopped, 2)
    assert _train(config, problem, "amess", 0, part, run, 2) == expected


def world(folder: Path, count: int = 8) -> Path:
    """A data set of MIntRec's layout with published features, of made sentences."""
    place = folder / "data" / "mintrec"
    place.mkdir(parents=True)
    keys = []
    for name in ("train", "dev", "test"):
        rows = ["season\tepisode\tclip\ttext\tlabel"]
        for clip in range(count):
            keys.append(f"S01_E01_{name}{clip}")
            rows.append(f"S01\tE01\t{name}{clip}\tgo there\t{('Agree', 'Joke')[clip % 2]}")
        (place / f"{name}.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    rng = np.random.default_rng(0)
    for name, width in (("video", 256), ("audio", 768)):
        frames = {key: rng.standard_normal((5, 1, width)).astype(np.float32) for key in keys}
        (folder / f"{name}_feats.pkl").write_bytes(pickle.dumps(frames))
    return folder / "data"


PUBLISHED = """
length = 8
made_arms = []
sweep = []
seeds = 1
"""


def published(
    folder: Path, *settings: str, epochs: int = 1, features: bool = True
) -> harness.Report:
    """Run on :func:`world` with a small BERT."""
    data = folder / "data"
    if not data.exists():
        world(folder)
    own = folder / "own.toml"
    given = [PUBLISHED, f"epochs = {epochs}", f"patience = {epochs}", *settings]
    given += [f'backbone = "{backbone(folder / "tiny")}"']
    given += [f'features = "{folder}"'] if features else []
    own.write_text("\n".join(given), encoding="utf-8")
    return harness.execute("amess", out=folder / "out", config=own, data=data)[0]


def test_published_features_let_every_model_run(tmp_path: Path) -> None:
    report = published(tmp_path)
    assert [row[0] for row in report.tables[0].rows] == [ARMS[arm] for arm in PLAIN]
    assert (tmp_path / "video_feats.safetensors").exists()


def test_a_pickle_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    published(tmp_path)
    file = tmp_path / "video_feats.pkl"
    file.write_bytes(pickle.dumps({"S01_E01_other": np.ones((5, 256), np.float32)}))
    made = (tmp_path / "video_feats.safetensors").stat().st_mtime_ns
    os.utime(file, ns=(made + 1_000_000_000, made + 1_000_000_000))
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(InputError, match=r"no features of 8 sample\(s\), the first S01_E01_train0"):
        published(tmp_path)


def test_a_sample_that_leaves_a_class_with_one_example(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"class '(Agree|Joke)' has [01] training example"):
        published(tmp_path, "train_limit = 3", features=False)


def test_more_classes_than_are_described(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('dataset = "none"\nmade_classes = 9\n', encoding="utf-8")
    with pytest.raises(UsageError, match=r"made_classes is 9\nfix: take 2 to 8"):
        harness.execute("amess", out=tmp_path / "out", config=own)


def test_a_graph_is_compared_with_none_and_with_a_random_one(tmp_path: Path) -> None:
    report = published(tmp_path, 'graph = "student"', 'graph_relations = ["xIntent"]')
    named = [row[0] for row in report.tables[0].rows]
    assert named[-2:] == ["A-MESS + intentions", "A-MESS + random intentions"]
    assert "100 % of the utterances have intentions, 1.0 each." in report.tables[0].note
    for against in ("A-MESS", "A-MESS + random intentions"):
        assert any(f"A-MESS + intentions against {against}: " in one for one in report.findings)
    assert any("A-MESS + random intentions against A-MESS: " in one for one in report.findings)


def test_without_features_the_words_read_them(tmp_path: Path) -> None:
    place = tmp_path / "data" / "atomic2020"
    place.mkdir(parents=True)
    world(tmp_path)
    rows = "head\trelation\ttail\nPersonX goes there\txIntent\tto meet a friend\n"
    (place / "atomic2020_eval5000.tsv.gz").write_bytes(gzip.compress(rows.encode()))
    report = published(tmp_path, 'graph = "atomic"', features=False)
    assert [row[0] for row in report.tables[0].rows] == [
        "text alone",
        "text with SS",
        "text with SS + intentions",
        "text with SS + random intentions",
    ]


def test_a_graph_without_intentions_is_said_and_left_out(tmp_path: Path) -> None:
    for file in (world(tmp_path) / "mintrec").iterdir():
        file.write_text(file.read_text("utf-8").replace("go there", "?!"), encoding="utf-8")
    report = published(tmp_path, 'graph = "student"', features=False)
    assert report.findings[0] == (
        "mintrec: the graph has no intention for any utterance: it was left out."
    )
    assert [row[0] for row in report.tables[0].rows] == ["text alone", "text with SS"]


def test_intentions_that_tell_the_label_help_and_random_ones_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.downstream.amess import problems
    from benchmarks.downstream.intents.data import Utterance
    from queries.features import OWN, Retrieved

    def told(_: object, __: object, rows: list[Utterance]) -> Retrieved:
        places = np.array([[("Agree", "Joke").index(row.label)] for row in rows], np.int32)
        count = len(rows)
        return Retrieved(
            [row.key for row in rows],
            ["a", "b"],
            ["to agree", "to joke"],
            np.eye(2, dtype=np.float32),
            places,
            np.ones((count, 1), np.float32),
            np.full((count, 1), "xIntent", object),
            np.full(count, OWN, np.int8),
            np.full(count, np.datetime64("NaT"), "datetime64[us]"),
        )

    monkeypatch.setattr(problems, "_retrieve", told)
    world(tmp_path, 48)
    report = published(tmp_path, 'graph = "student"', "rate = 1e-2", epochs=6, features=False)
    reached = {row[0]: float(row[1]) for row in report.tables[0].rows}
    assert reached["text with SS + intentions"] == 100.0
    assert reached["text with SS + random intentions"] < 75.0
    assert reached["text with SS"] < 75.0
    assert sum("+ intentions against" in one and "better" in one for one in report.findings) == 2


def test_a_label_that_training_lacks_is_named(tmp_path: Path) -> None:
    data = world(tmp_path)
    with (data / "mintrec" / "dev.tsv").open("a", encoding="utf-8") as file:
        file.write("S01\tE01\t99\tgo\tSulk\n")
    own = tmp_path / "own.toml"
    own.write_text(PUBLISHED, encoding="utf-8")
    with pytest.raises(InputError, match="'Sulk'"):
        harness.execute("amess", out=tmp_path / "out", config=own, data=data)


def test_batches_are_padded_to_one_length_where_there_are_frames() -> None:
    from transformers import AutoTokenizer

    from benchmarks.downstream.amess.features import LAYOUTS
    from generation import minilm

    utterances = synthetic.make(2, 2, LAYOUTS["mintrec2"], seed=0)
    tokenizer = AutoTokenizer.from_pretrained(str(minilm.folder()), local_files_only=True)
    examples = Examples(utterances.texts, utterances.labels, utterances.video, utterances.audio)
    batch = Reader(tokenizer, examples, 50, torch.device("cpu"))([0, 1])
    assert batch.tokens.shape == (2, 50)
    assert batch.video is not None
    assert batch.video[0].shape == (2, 180, 256)
    assert not bool(batch.words.all())


def test_all_of_it_is_measured_at_the_published_shapes() -> None:
    from benchmarks.downstream.amess import speed

    found = speed.whole(width=64, layers=1, batch=2, steps=1)
    assert found["parameters"] > 30_522 * 64  # the word pieces' vectors alone
    assert found["seconds"] > 0
    deeper = speed.whole(width=64, layers=2, batch=2, steps=1)
    layer = 4 * 64 * 64 + 2 * 64 * 256  # attention's and the network's weights
    assert 0 < deeper["parameters"] - found["parameters"] - layer < 1_000  # and their biases
