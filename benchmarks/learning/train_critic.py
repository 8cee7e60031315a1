"""Build the critic's weights from published data: ``generation/critic/weights/``.

    python -m benchmarks.learning.train_critic DATA [--out DIR] [--seed 0] [--threads 1]

DATA holds event2mind, atomic2020, ckbp and intentionqa (see `benchmarks.learning.corpora`). It
takes about a quarter of an hour on one core; the same seed on the same machine gives the same
weights but for the order in which threads add up. What is learnt from what is in `benchmarks.learning.critic_examples`.

1. The three lower layers of MiniLM, and a perceptron, learn to tell what people wrote from what
   was put together by chance.
2. From there three nets learn CKBP's labels (dev split) and IntentionQA's (training pairs), each
   without a third of the heads. On that third they say how far their numbers can be trusted:
   calibration and thresholds come from there, never from a test split.
3. The three nets' weights are averaged: one net, which has seen all of it.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.learning import critic_net
from benchmarks.learning.corpora import share
from benchmarks.learning.critic_examples import (
    Item,
    by_chance,
    labelled,
    labelled_elsewhere,
    shopping,
    unreadable,
    written,
)
from generation.critic.calibration import apply_platt, expected_calibration_error, fit_platt
from generation.critic.critic import encoder_place, read_words, words_digest
from generation.critic.tokens import Pair, Reader
from generation.weights import Source, save

NAME, VERSION = "intentkg-critic", "1"
SOURCES = (
    Source("ATOMIC 2020 (evaluation sample)", "CC-BY-4.0"),
    Source("Event2Mind", "MIT"),
    Source("CKBP (dev split)", "MIT"),
    Source("IntentionQA (training pairs)", "MIT"),
    Source("all-MiniLM-L6-v2 (lower layers)", "Apache-2.0"),
)
FOLDS = 3
_OUT = Path(__file__).parents[2] / "generation" / "critic" / "weights"
_WRITTEN = 34_000  # of some 135,000 that people wrote, with as many by chance
_DISTRACTORS = 4_500
_REHEARSED = 1_500


@dataclass(frozen=True, slots=True)
class Judged:
    """What the nets say of items that they did not learn from."""

    items: list[Item]
    logits: Any

    def column(self, name: str) -> tuple[Any, Any]:
        """Give logits and labels of ``plausible`` or ``typical``."""
        labels = np.array([getattr(item, name) for item in self.items])
        return self.logits[:, 0 if name == "plausible" else 1], labels


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path), default=_OUT, help="Where weights go.")
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--threads",
    default=1,
    show_default=True,
    help="More are slower where others use the cores: they wait for one another.",
)
@click.option("--share", "part", default=1.0, help="Of the examples, to try it out.")
def main(data: Path, out: Path, seed: int, threads: int, part: float) -> None:
    """Build the critic's weights."""
    import torch

    torch.set_num_threads(threads)
    began = time.monotonic()
    made = build(data, seed=seed, part=part)
    made["config"]["seconds"] = round(time.monotonic() - began)
    save(
        out,
        name=NAME,
        version=VERSION,
        config=made["config"],
        tensors=made["tensors"],
        sources=SOURCES,
    )
    click.echo(json.dumps(made["config"], indent=1))


def build(data: Path, *, seed: int, part: float = 1.0) -> dict[str, Any]:
    """Train, calibrate, average.

    Returns
    -------
    ``tensors`` and ``config``, as `generation.weights.save` takes them.
    """
    from tokenizers import Tokenizer

    rng = random.Random(seed)
    place = encoder_place()
    reader = Reader(Tokenizer.from_file(str(place / "tokenizer.json")))
    people = written(data)
    rng.shuffle(people)
    published, wrong = shopping(data, "train")
    rng.shuffle(wrong)
    net = critic_net.CriticNet(place)
    some = people[: int(_WRITTEN * part)]
    first = [*some, *by_chance(some, rng)]
    first += [*published * 2, *wrong[:_DISTRACTORS]] if part == 1 else []
    rng.shuffle(first)
    critic_net.train(
        net, first, _read(reader, first), epochs=1, rate=1.5e-4, seed=seed, size=64, say=click.echo
    )
    beginning = {name: tensor.clone() for name, tensor in net.state_dict().items()}

    labels = labelled(data, "dev")
    rng.shuffle(people)
    again = [*people[:_REHEARSED], *by_chance(people[:_REHEARSED], rng)]
    taught = [*labels, *labelled_elsewhere(data, "dev"), *published, *wrong[: len(published) * 2]]
    taught += [*again, *unreadable(labels[:150], rng)]
    taught = [item for item in taught if share("critic " + item.group) < part]
    pairs = _read(reader, taught)
    states, judged, measured = [], [], set(labels + published + wrong)
    for fold in range(FOLDS):
        net.load_state_dict(beginning)
        kept = [n for n, item in enumerate(taught) if _fold(item) != fold]
        critic_net.train(
            net,
            [taught[n] for n in kept],
            [pairs[n] for n in kept],
            epochs=3,
            rate=1e-4,
            seed=seed + fold,
            say=click.echo,
        )
        states.append({name: tensor.clone() for name, tensor in net.state_dict().items()})
        left = [n for n, item in enumerate(taught) if _fold(item) == fold and item in measured]
        logits = critic_net.logits(net, [pairs[n] for n in left])
        judged += [(taught[n], row) for n, row in zip(left, logits, strict=True)]
    return {
        "tensors": critic_net.exported(critic_net.averaged(states)),
        "config": {**_calibrated(judged), **_fixed(), "seed": seed, "examples": len(first)},
    }


def _calibrated(judged: Sequence[tuple[Item, Any]]) -> dict[str, Any]:
    """Fit what turns logits into probabilities, on items that the nets did not learn from."""
    social = _judged([row for row in judged if len(row[0].head) == 1])
    shop = _judged([row for row in judged if len(row[0].head) == 2])
    scales: dict[str, dict[str, Any]] = {"social": {}, "cobuy": {}}
    errors: dict[str, float] = {}
    for name, key in (("plausible", "plausibility"), ("typical", "typicality")):
        for family, part in (("social", social), ("cobuy", shop)):
            logits, labels = part.column(name)
            if np.isnan(labels).all():
                scales[family][key] = [1.0, 0.0]
                continue
            scale = fit_platt(logits, labels)
            scales[family][key] = [round(number, 5) for number in scale]
            before, after = apply_platt(logits, 1.0, 0.0), apply_platt(logits, *scale)
            errors[f"{family} {key} before"] = expected_calibration_error(before, labels)
            errors[f"{family} {key} after"] = expected_calibration_error(after, labels)
    plausible = apply_platt(social.column("plausible")[0], *scales["social"]["plausibility"])
    typical = apply_platt(shop.column("typical")[0], *scales["cobuy"]["typicality"])
    return {
        "calibration": scales,
        "calibration_error": {name: round(value, 4) for name, value in errors.items()},
        "plausible_from": best_threshold(plausible, social.column("plausible")[1] > 0.5),
        "threshold": best_threshold(typical, shop.column("typical")[1] > 0.5, balanced=True),
    }


def _fixed() -> dict[str, Any]:
    return {"heads": 12, "layers": critic_net.LAYERS, "words_sha256": words_digest(read_words())}


def _judged(rows: Sequence[tuple[Item, Any]]) -> Judged:
    return Judged([item for item, _ in rows], np.array([logits for _, logits in rows]))


def best_threshold(scores: Any, labels: Any, *, balanced: bool = False) -> float:
    """Give the threshold from which most are told right; `balanced`: each label weighs the same."""
    steps = np.round(np.arange(0.01, 1.0, 0.01), 2)
    yes = (len(labels) / labels.sum()) if balanced else 1.0
    no = (len(labels) / (~labels).sum()) if balanced else 1.0
    right = [yes * (scores[labels] >= at).sum() + no * (scores[~labels] < at).sum() for at in steps]
    return float(steps[int(np.argmax(right))])


def _fold(item: Item) -> int:
    return int(share("fold " + item.group) * FOLDS)


def _read(reader: Reader, items: Sequence[Item]) -> list[Pair]:
    return reader.read([item.head for item in items], [item.tail for item in items])


if __name__ == "__main__":
    main()
