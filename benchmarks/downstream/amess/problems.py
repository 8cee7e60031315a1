"""What is learnt: a data set's utterances, or made ones, with their features and a BERT."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.downstream.amess.features import LAYOUTS, Layout, padded
from benchmarks.downstream.amess.learning import Examples
from benchmarks.downstream.harness import Run
from benchmarks.downstream.harness.classifying import check_classes
from benchmarks.downstream.harness.training import Schedule
from benchmarks.downstream.intents.data import Way, read_splits
from schema.errors import UsageError

if TYPE_CHECKING:
    from benchmarks.downstream.amess import Config
    from benchmarks.downstream.intents.data import Utterance
    from queries.features import Retrieved

NAMES = ("Agree", "Complain", "Joke", "Praise", "Leave", "Thank", "Warn", "Plan")
"""Classes of made features: labels that are described, for SS."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Three splits, and all that training needs beside them.

    Attributes
    ----------
    splits
        Training, validation, test.
    classes
        Names of the classes of the test split.
    sizes
        Numbers in a frame of video and of audio.
    backbone
        Gives a new BERT and its tokenizer.
    outside
        What is done with utterances that are out of scope.
    retrieved
        A graph's intentions of all utterances, in the order of the splits; None: none were asked
        for.
    """

    splits: tuple[Examples, Examples, Examples]
    classes: list[str]
    sizes: tuple[int, int]
    backbone: Callable[[], tuple[Any, Any]]
    schedule: Schedule
    length: int
    outside: Way = "none"
    retrieved: Retrieved | None = None

    @property
    def learnt(self) -> list[str]:
        """The classes that training sees."""
        return self.classes[:-1] if self.outside == "unseen" else self.classes

    def beside(self, retrieved: Retrieved) -> tuple[Examples, Examples, Examples]:
        """The splits with intentions, in the order of the splits, to read beside the words."""
        vectors, there = retrieved.vectors(), retrieved.mask
        parts, start = [], 0
        for split in self.splits:
            part = slice(start, start + len(split))
            start += len(split)
            parts.append(dataclasses.replace(split, intentions=(vectors[part], there[part])))
        return parts[0], parts[1], parts[2]


def published(config: Config, run: Run) -> Problem:
    """A data set, with features where the configuration names a folder of them."""
    splits = read_splits(config.dataset, run.data, config.outside)
    layout = LAYOUTS[config.dataset]
    chance = random.Random(config.seed)
    parts, read_rows = [], []
    limits = (config.train_limit, config.test_limit, config.test_limit)
    for rows, most in zip((splits.train, splits.valid, splits.test), limits, strict=True):
        kept = chance.sample(rows, most) if 0 < most < len(rows) else rows
        parts.append(_with_features(config, run, splits.labels(kept), kept, layout))
        read_rows += kept
    learnt = splits.classes[:-1] if config.outside == "unseen" else splits.classes
    check_classes(parts[0].labels, learnt, str(run.data(config.dataset, "train.tsv")))

    def backbone() -> tuple[Any, Any]:
        from benchmarks.downstream.harness.backbones import load_backbone

        loaded = load_backbone(config.backbone)
        return loaded.model, loaded.tokenizer

    return Problem(
        (parts[0], parts[1], parts[2]),
        splits.classes,
        (layout.video[1], layout.audio[1]),
        backbone,
        config.schedule,
        config.length,
        config.outside,
        None if config.graph == "none" else _retrieve(config, run, read_rows),
    )


def _retrieve(config: Config, run: Run, rows: Sequence[Utterance]) -> Retrieved:
    from benchmarks.downstream.harness.graphs import retrieve

    keys, texts = [row.key for row in rows], [row.text for row in rows]
    told = config.graph_relations
    return retrieve(config.graph, run, keys, texts, k=config.graph_k, relations=told)


def _with_features(
    config: Config, run: Run, labels: list[int], rows: Sequence[Utterance], layout: Layout
) -> Examples:
    texts = [row.text for row in rows]
    if not config.features:
        return Examples(texts, labels)
    keys = [row.key for row in rows]
    streams = []
    for name, (steps, width) in (("video", layout.video), ("audio", layout.audio)):
        file = Path(config.features) / f"{name}_feats.pkl"
        # Where there is the pickle, it says whether what was made of it is still good.
        place = file if file.exists() else file.with_suffix(".safetensors")
        streams.append(padded(place, keys, steps, width)[0])
        run.reads(place)
    return Examples(texts, labels, streams[0], streams[1])


def made(config: Config) -> Problem:
    """Made features, in which only anchors tell the label, and a BERT with random weights."""
    from benchmarks.downstream.amess.synthetic import make

    if not 2 <= config.made_classes <= len(NAMES):
        raise UsageError(
            f"made_classes is {config.made_classes}", fix=f"take 2 to {len(NAMES)} classes"
        )
    video = (config.made_video[0], config.made_video[1])
    audio = (config.made_audio[0], config.made_audio[1])
    layout = Layout((config.made_length, config.made_width), video, audio)
    parts = []
    for number, count in enumerate(config.made_counts):
        seed = 100 * config.seed + number
        one = make(count, config.made_classes, layout, seed=seed)
        parts.append(Examples(one.texts, one.labels, one.video, one.audio))

    def backbone() -> tuple[Any, Any]:
        from transformers import AutoTokenizer, BertConfig, BertModel

        from generation import minilm

        tokenizer = AutoTokenizer.from_pretrained(str(minilm.folder()), local_files_only=True)
        shape = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.made_width,
            num_hidden_layers=config.made_layers,
            num_attention_heads=4,
            intermediate_size=2 * config.made_width,
        )
        return BertModel(shape, add_pooling_layer=False), tokenizer

    schedule = Schedule(config.made_epochs, config.made_epochs, config.batch, config.made_rate)
    return Problem(
        (parts[0], parts[1], parts[2]),
        list(NAMES[: config.made_classes]),
        (video[1], audio[1]),
        backbone,
        schedule,
        config.made_length,
    )
