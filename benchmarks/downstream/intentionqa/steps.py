"""The steps that learn nothing, and which settings are kept of those that were tried."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.downstream.intentionqa.mapping import Mapping as Mapped
from benchmarks.downstream.intentionqa.norms import Norm
from benchmarks.downstream.intentionqa.scoring import READINGS, Blend, Reading, Scorer

type Tried = Mapping[str, Any]
"""Accuracies by task and setting, and of how many bundles."""

type Setting = tuple[Reading, float]
"""How a head is read, and the temperature of PMI."""

type Chosen = Mapping[str, Sequence[Setting]]
"""By task, the settings whose scores are added up."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step that learns nothing.

    Attributes
    ----------
    name
        For tables.
    norm
        See :mod:`benchmarks.downstream.intentionqa.norms`.
    blended
        Whether all chosen settings are added up; else only the best of those that read both
        texts joined.
    words
        Whether shared words have the weight that was chosen.
    bundled
        Whether the pool is BundleRec's pairs; else that of the questions.
    cut
        Whether titles are cut to their name.
    """

    name: str
    norm: Norm
    blended: bool = False
    words: bool = False
    bundled: bool = False
    cut: bool = False

    def blends(self, tried: Tried) -> dict[str, Blend]:
        """Give the step's way to score for each task."""
        found = {}
        for task, accuracies in tried["accuracy"].items():
            settings = kept(tried)[task] if self.blended else [_best_joined(accuracies)]
            scorers = [Scorer(reading, self.norm, temperature) for reading, temperature in settings]
            found[task] = Blend(scorers, word_weight(tried, task) if self.words else 0.0)
        return found


FROZEN = (
    Step("cosine", "none"),
    Step("z-score", "z"),
    Step("CSLS", "csls"),
    Step("PMI", "pmi"),
    Step("PMI, blended", "pmi", blended=True),
    Step("the same, titles cut", "pmi", blended=True, cut=True),
    Step("PMI, blended, and words", "pmi", blended=True, words=True),
    Step("the same, pool of bundles", "pmi", blended=True, words=True, bundled=True),
)


def kept(tried: Tried) -> Chosen:
    """Keep what no held bundle tells apart: all settings within a standard error of the best.

    The error is that of an accuracy over as many questions as there are bundles.
    """
    found = {}
    for task, accuracies in tried["accuracy"].items():
        best = max(accuracies.values())
        error = math.sqrt(best * (100.0 - best) / tried["bundles"])
        found[task] = [_setting(key) for key, value in accuracies.items() if value >= best - error]
    return found


def word_weight(tried: Tried, task: str) -> float:
    """Take the weight of shared words that did best; the smallest of equals."""
    accuracies = tried["words"][task]
    return float(max(accuracies, key=lambda weight: (accuracies[weight], -float(weight))))


def scorers_of(settings: Sequence[Setting], found: Mapped) -> list[Scorer]:
    """Give the scorers of settings, with a map."""
    return [Scorer(reading, "pmi", temperature, found) for reading, temperature in settings]


def _best_joined(accuracies: Mapping[str, float]) -> Setting:
    joined = [key for key in accuracies if key.startswith("joined/")]
    return _setting(max(joined, key=lambda key: accuracies[key]))


def _setting(key: str) -> Setting:
    reading, _, temperature = key.partition("/")
    return _reading(reading), float(temperature)


def _reading(name: str) -> Reading:
    return next(reading for reading in READINGS if reading == name)
