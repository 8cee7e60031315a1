"""``intentkg bench amess``: the small run learns, resumes, reads features, says what is wrong."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.downstream import harness
from benchmarks.downstream.amess import synthetic
from benchmarks.downstream.amess.experiment import _train
from benchmarks.downstream.amess.learning import Examples, Reader
from benchmarks.downstream.amess.problems import made
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
    problem = made(config)
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
