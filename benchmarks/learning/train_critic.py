"""Build the critic's weights from published data: ``generation/critic/weights/``.

    python -m benchmarks.learning.train_critic DATA [--out DIR] [--seed 0] [--threads 1]

DATA holds event2mind, atomic2020, ckbp and intentionqa (see `benchmarks.learning.corpora`). It
takes about ten minutes on one core; the same seed on the same machine gives the same
weights. What is learnt from what is in `benchmarks.learning.critic_examples`.

1. The three lower layers of MiniLM, and a perceptron, learn to tell what people wrote from what
   was put together by chance.
2. From there they learn CKBP's labels (dev split) and IntentionQA's (training pairs), without an
   eighth of the heads. On that eighth the net says how far its numbers can be trusted:
   calibration and thresholds come from there, never from a test split.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.intrinsic.agreeing import auc
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
from generation import minilm
from generation.critic.calibration import (
    apply_platt,
    expected_calibration_error,
    fit_platt,
    typicality_of_cobuys,
)
from generation.critic.critic import Critic, read_words, words_digest
from generation.critic.tokens import Pair, Reader
from generation.weights import Source, Weights, load, save

NAME, VERSION = "intentkg-critic", "1"
SOURCES = (
    Source("ATOMIC 2020 (evaluation sample)", "CC-BY-4.0"),
    Source("Event2Mind", "MIT"),
    Source("CKBP (dev split)", "MIT"),
    Source("IntentionQA (training pairs)", "MIT"),
    Source("all-MiniLM-L6-v2 (lower layers)", "Apache-2.0"),
)
_OUT = Path(__file__).parents[2] / "generation" / "critic" / "weights"
_WRITTEN = 34_000  # of some 135,000 that people wrote, with as many by chance
_DISTRACTORS = 4_500
_REHEARSED = 1_000
_WRITTEN_APART = 1_000  # of the dev splits
_SHARE_APART = 0.125  # of the heads


@dataclass(frozen=True, slots=True)
class Judged:
    """What the net says of items that it did not learn from."""

    items: list[Item]
    logits: Any

    def of(self, heads: int) -> Judged:
        """Give those about so many texts: one is a post, two are products."""
        rows = [n for n, item in enumerate(self.items) if len(item.head) == heads]
        return Judged([self.items[n] for n in rows], self.logits[rows])

    def labelled(self) -> Judged:
        """Give those whose plausibility people said."""
        rows = [n for n, item in enumerate(self.items) if math.isnan(item.typical)]
        return Judged([self.items[n] for n in rows], self.logits[rows])

    def column(self, name: str) -> tuple[Any, Any]:
        """Give logits and labels of ``plausible`` or ``typical``, where there is a label."""
        labels = np.array([getattr(item, name) for item in self.items])
        told = ~np.isnan(labels)
        return self.logits[told, 0 if name == "plausible" else 1], labels[told]


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
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    help="Folder for what the first step made; a run that finds it there goes on from it.",
)
@click.option(
    "--only-calibrate", is_flag=True, help="Train nothing: calibrate the weights in --out anew."
)
@click.option("--share", "part", default=1.0, help="Of the examples, to try it out.")
def main(
    data: Path,
    out: Path,
    seed: int,
    threads: int,
    keep: Path | None,
    only_calibrate: bool,
    part: float,
) -> None:
    """Build the critic's weights."""
    import torch

    torch.set_num_threads(threads)
    began = time.monotonic()
    if only_calibrate:
        known = load(out)
        made: dict[str, Any] = {"tensors": known.tensors, "config": {**_fixed(), "seed": seed}}
    else:
        made = build(data, seed=seed, part=part, keep=keep)
    net = Critic(Weights(NAME, VERSION, made["config"], made["tensors"]))
    made["config"] |= calibrate(data, net, seed=seed)
    save(
        out,
        name=NAME,
        version=VERSION,
        config=made["config"],
        tensors=made["tensors"],
        sources=SOURCES,
    )
    click.echo(json.dumps(made["config"], indent=1))
    click.echo(f"{time.monotonic() - began:.0f} s")


def build(data: Path, *, seed: int, part: float = 1.0, keep: Path | None = None) -> dict[str, Any]:
    """Train, and calibrate on heads that were not learnt from.

    Parameters
    ----------
    part
        Of the examples.
    keep
        Folder in which the net is kept after the first step; a run that finds it there goes on
        from it.

    Returns
    -------
    ``tensors`` and ``config``, as `generation.weights.save` takes them.
    """
    import torch
    from tokenizers import Tokenizer

    place = minilm.folder()
    reader = Reader(Tokenizer.from_file(str(place / "tokenizer.json")))
    torch.manual_seed(seed)
    net = critic_net.CriticNet(place)
    kept = None if keep is None else keep / f"written-{seed}.safetensors"
    if kept is None or not kept.is_file():
        first = _first(data, random.Random(seed), part)
        pairs = _read(reader, first)
        critic_net.train(net, first, pairs, epochs=1, rate=1.5e-4, seed=seed, size=64, say=_say)
        critic_net.keep(net, kept)
    else:
        critic_net.take(net, kept)
    taught = _taught(data, random.Random(seed + 1), part)
    critic_net.train(net, taught, _read(reader, taught), epochs=3, rate=1e-4, seed=seed, say=_say)
    return {"tensors": critic_net.exported(net.state_dict()), "config": {**_fixed(), "seed": seed}}


def calibrate(data: Path, critic: Critic, *, seed: int) -> dict[str, Any]:
    """Give a critic's scales and thresholds, on heads that it did not learn from."""
    items = _apart(data, random.Random(seed + 2))
    logits = critic.logits([item.head for item in items], [item.tail for item in items])
    published, _ = shopping(data, "train")
    return _calibrated(Judged(items, logits), _degrees(published))


def _first(data: Path, rng: random.Random, part: float) -> list[Item]:
    """Give what people wrote and what was put together by chance."""
    people = written(data)
    rng.shuffle(people)
    some = people[: int(_WRITTEN * part)]
    made = by_chance(some, rng)
    published, wrong = shopping(data, "train")
    rng.shuffle(wrong)
    found = [*some, *made, *published * 2, *wrong[:_DISTRACTORS]]
    rng.shuffle(found)
    return found[: int(len(found) * part)]


def _taught(data: Path, rng: random.Random, part: float) -> list[Item]:
    """Give what has labels, and some of what was learnt first."""
    labels = labelled(data, "dev")
    published, wrong = shopping(data, "train")
    rng.shuffle(wrong)
    people = written(data)
    rng.shuffle(people)
    rehearsed = people[:_REHEARSED]
    found = [*labels, *labelled_elsewhere(data, "dev"), *published, *wrong[: len(published)]]
    found += [*rehearsed, *by_chance(rehearsed, rng), *unreadable(labels[:150], rng)]
    found = [item for item in found if not _is_apart(item)]
    rng.shuffle(found)
    return found[: int(len(found) * part)]


def _apart(data: Path, rng: random.Random) -> list[Item]:
    """Give what is kept apart to calibrate on: an eighth of what has labels, and dev splits."""
    published, wrong = shopping(data, "train")
    rng.shuffle(wrong)
    labels = labelled(data, "dev")
    found = [*filter(_is_apart, (*labels, *published, *wrong[: len(published)]))]
    people = written(data, "dev")
    rng.shuffle(people)
    people = people[:_WRITTEN_APART]
    return [*found, *people, *by_chance(people, rng)]


def _is_apart(item: Item) -> bool:
    return share("critic " + item.group) < _SHARE_APART


def _calibrated(judged: Judged, degrees: Mapping[str, Any]) -> dict[str, Any]:
    """Fit what turns logits into probabilities."""
    posts, shop = judged.of(1), judged.of(2)
    scales: dict[str, tuple[float, float]] = {}
    errors: dict[str, float] = {}
    for name, part, column in (
        ("posts", posts.labelled(), "plausible"),
        ("posts_typicality", posts, "typical"),
        ("cobuys", shop, "plausible"),
    ):
        logits, labels = part.column(column)
        scales[name] = fit_platt(logits, labels)
        before, after = apply_platt(logits, 1.0, 0.0), apply_platt(logits, *scales[name])
        errors[f"{name} before"] = round(expected_calibration_error(before, labels), 4)
        errors[f"{name} after"] = round(expected_calibration_error(after, labels), 4)
    logits, labels = posts.labelled().column("plausible")
    told = apply_platt(logits, *scales["posts"])
    wares, right = shop.column("plausible")
    fits = apply_platt(wares, *scales["cobuys"])
    scale = {"fits_from": best_threshold(fits, right > 0.5, balanced=True), **degrees}
    typical = typicality_of_cobuys(fits, [item.relation for item in shop.items], scale)
    return {
        "calibration": {name: [round(n, 5) for n in pair] for name, pair in scales.items()},
        "calibration_error": errors,
        "held_auc": {
            "posts": round(auc(labels > 0.5, told), 4),
            "cobuys": round(auc(right > 0.5, fits), 4),
        },
        "plausible_from": 0.5,  # calibrated: from there on most people say yes
        "typicality": scale,
        "threshold": best_threshold(typical, right > 0.5, balanced=True),
    }


def _degrees(published: Sequence[Item]) -> dict[str, Any]:
    """Give the mean typicality of a relation; ten at the mean of all stand by each."""
    mean = sum(item.typical for item in published) / len(published)
    found = {}
    for name in sorted({item.relation for item in published}):
        given = [item.typical for item in published if item.relation == name]
        found[name] = round((sum(given) + 10 * mean) / (len(given) + 10), 4)
    return {"mean": round(mean, 4), "degrees": found}


def _fixed() -> dict[str, Any]:
    return {"heads": 12, "layers": critic_net.LAYERS, "words_sha256": words_digest(read_words())}


def best_threshold(scores: Any, labels: Any, *, balanced: bool = False) -> float:
    """Give the threshold from which most are told right; `balanced`: each label weighs the same."""
    steps = np.round(np.arange(0.01, 1.0, 0.01), 2)
    yes = (len(labels) / max(1, labels.sum())) if balanced else 1.0
    no = (len(labels) / max(1, (~labels).sum())) if balanced else 1.0
    right = [yes * (scores[labels] >= at).sum() + no * (scores[~labels] < at).sum() for at in steps]
    return float(steps[int(np.argmax(right))])


def _say(line: str) -> None:
    click.echo(line)


def _read(reader: Reader, items: Sequence[Item]) -> list[Pair]:
    return reader.read([item.head for item in items], [item.tail for item in items])


if __name__ == "__main__":
    main()
