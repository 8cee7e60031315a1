"""``intentkg bench amess``: the small run learns, resumes, reads features, says what is wrong."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.downstream import harness
from benchmarks.downstream.amess import synthetic
from benchmarks.downstream.amess.arms import build
from benchmarks.downstream.amess.experiment import _made, _train
from benchmarks.downstream.amess.learning import Examples, Reader, learn
from benchmarks.downstream.amess.model import Sizes
from benchmarks.downstream.amess.outside import in_and_out
from benchmarks.downstream.amess.synchronisation import describe
from benchmarks.downstream.harness.training import Schedule, seeded
from kg.embed import load_embedder
from schema.errors import InputError

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
    problem = _made(config)
    run = harness.Run(tmp_path / "out", config)
    expected = _train(config, problem, "amess", 0, whole, run, 2)
    stopped = harness.Run(tmp_path / "out", config, progress=stopping)
    with pytest.raises(Stop):
        _train(config, problem, "amess", 0, part, stopped, 2)
    assert _train(config, problem, "amess", 0, part, run, 2) == expected


def world(folder: Path) -> Path:
    """A data set of MIntRec's layout with published features, of made sentences."""
    place = folder / "data" / "mintrec"
    place.mkdir(parents=True)
    keys = []
    for name in ("train", "dev", "test"):
        rows = ["season\tepisode\tclip\ttext\tlabel"]
        for clip in range(8):
            keys.append(f"S01_E01_{name}{clip}")
            rows.append(f"S01\tE01\t{name}{clip}\tgo there\t{('Agree', 'Joke')[clip % 2]}")
        (place / f"{name}.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    rng = np.random.default_rng(0)
    for name, width in (("video", 256), ("audio", 768)):
        frames = {key: rng.standard_normal((5, 1, width)).astype(np.float32) for key in keys}
        (folder / f"{name}_feats.pkl").write_bytes(pickle.dumps(frames))
    return folder / "data"


PUBLISHED = """
epochs = 1
length = 8
made_arms = []
sweep = []
seeds = 1
"""


def test_published_features_let_every_model_run(tmp_path: Path) -> None:
    from transformers import AutoTokenizer, BertConfig, BertModel

    from generation import minilm

    tiny = tmp_path / "tiny"
    tokenizer = AutoTokenizer.from_pretrained(str(minilm.folder()), local_files_only=True)
    shape = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
    )
    BertModel(shape).save_pretrained(tiny)
    tokenizer.save_pretrained(tiny)
    data = world(tmp_path)
    own = tmp_path / "own.toml"
    own.write_text(f'{PUBLISHED}features = "{tmp_path}"\nbackbone = "{tiny}"\n', encoding="utf-8")
    report, _ = harness.execute("amess", out=tmp_path / "out", config=own, data=data)
    assert len(report.tables[0].rows) == 8
    assert (tmp_path / "video_feats.safetensors").exists()


def test_a_label_that_training_lacks_is_named(tmp_path: Path) -> None:
    data = world(tmp_path)
    with (data / "mintrec" / "dev.tsv").open("a", encoding="utf-8") as file:
        file.write("S01\tE01\t99\tgo\tSulk\n")
    own = tmp_path / "own.toml"
    own.write_text(PUBLISHED, encoding="utf-8")
    with pytest.raises(InputError, match="'Sulk'"):
        harness.execute("amess", out=tmp_path / "out", config=own, data=data)


def test_out_of_scope_is_a_class_that_is_not_synchronised(tmp_path: Path) -> None:
    """The setting of table II on made data: UNK is learnt, with no description of its own."""
    from transformers import AutoTokenizer, BertConfig, BertModel

    from generation import minilm

    classes = ["Agree", "Joke", "UNK"]
    said = {0: "yes right", 1: "funny laugh", 2: "table window"}
    labels = [number % 3 for number in range(48)]
    texts = Examples([said[label] for label in labels], labels)
    seeded(0)
    tokenizer = AutoTokenizer.from_pretrained(str(minilm.folder()), local_files_only=True)
    bert = BertModel(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
        ),
        add_pooling_layer=False,
    )
    net = build(
        "text-ss",
        bert,
        Sizes(1, 1, 3),
        describe(classes, load_embedder()),
        k=1,
        length=8,
        temperature=0.7,
    )
    schedule = Schedule(6, 6, 8, 1e-2)
    found, _ = learn(net, tokenizer, texts, texts, texts, schedule, seed=0, folder=tmp_path)
    assert in_and_out(labels, found, classes)["f1_os"] > 90


def test_batches_are_padded_to_one_length_where_there_are_frames() -> None:
    from transformers import AutoTokenizer

    from benchmarks.downstream.amess.features import LAYOUTS
    from generation import minilm

    made = synthetic.make(2, 2, LAYOUTS["mintrec2"], seed=0)
    tokenizer = AutoTokenizer.from_pretrained(str(minilm.folder()), local_files_only=True)
    examples = Examples(made.texts, made.labels, made.video, made.audio)
    batch = Reader(tokenizer, examples, 50, torch.device("cpu"))([0, 1])
    assert batch.tokens.shape == (2, 50)
    assert batch.video is not None
    assert batch.video[0].shape == (2, 180, 256)
    assert not bool(batch.words.all())
