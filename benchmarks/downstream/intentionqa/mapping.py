"""A linear map of MiniLM's vectors that brings co-buys near to their intents, learnt on bundles.

One matrix for products and intentions, which begins as the identity and is held near it:
147,456 parameters beside MiniLM's 22.7 million. It learns from two products and the intent that a
person named for them (both products point to the intent; a product and the intent point to the
other product) against the other bundles of a batch. An intent is written now as it is, now after
a relation's phrase, since the questions have such sentences.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.downstream.harness.training import Schedule, fit, seeded
from benchmarks.downstream.intentionqa.bundles import PHRASES, Bundle, written
from benchmarks.downstream.intentionqa.vectors import Vectors, unit

if TYPE_CHECKING:
    import numpy.typing as npt
    import torch

    type Array = npt.NDArray[np.float32]

type Mapping = Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class Lesson:
    """How the map is learnt.

    Attributes
    ----------
    temperature
        Of the contrast.
    nearness
        Weight of the squared distance from the identity.
    schedule
        Epochs, patience, batch and rate.
    """

    temperature: float
    nearness: float
    schedule: Schedule


def identity(rows: Array) -> Array:
    """Leave vectors as they are."""
    return rows


def learn(
    bundles: Sequence[Bundle],
    vectors: Vectors,
    lesson: Lesson,
    score: Callable[[Mapping], float],
    *,
    seed: int,
    folder: Path,
    shuffled: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Array:
    """Learn the map.

    Parameters
    ----------
    bundles
        To learn from.
    score
        Rates a map on bundles that are not among them; the best epoch is kept.
    seed
        Of the order and of which products and phrases are drawn.
    folder
        For checkpoints.
    shuffled
        The control: every bundle gets another's intent.

    Returns
    -------
    ndarray
        Shape (dimension, dimension): what :func:`applied` takes.
    """
    import torch

    class Map(torch.nn.Module):  # type: ignore[misc]  # torch is not followed
        def __init__(self) -> None:
            super().__init__()
            self.change = torch.nn.Parameter(torch.zeros(vectors.dimension, vectors.dimension))

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.normalize(rows + rows @ self.change, dim=-1)

    seeded(seed)
    net = Map()
    intents = [bundle.intent for bundle in bundles]
    if shuffled:
        random.Random(f"shuffled/{seed}").shuffle(intents)
    vectors.add(title for bundle in bundles for title in bundle.titles)
    vectors.add(written(intent, phrase) for intent in intents for phrase in ("", *PHRASES))

    def loss(chosen: list[int]) -> torch.Tensor:
        draw = random.Random(f"{seed}/{chosen[0]}/{chosen[-1]}/{len(chosen)}")
        pairs = [draw.sample(bundles[place].titles, 2) for place in chosen]
        said = [written(intents[place], draw.choice(("", *PHRASES))) for place in chosen]
        first, second = (_mapped(net, vectors, [pair[end] for pair in pairs]) for end in (0, 1))
        intent = _mapped(net, vectors, said)
        same = _same([intents[place].casefold() for place in chosen])
        return (
            _contrast(first + second, intent, same, lesson.temperature)
            + _contrast(first + intent, second, same, lesson.temperature)
            + lesson.nearness * net.change.square().sum()
        )

    fit(
        net,
        len(bundles),
        loss,
        lambda: score(applied(net.change.detach().numpy())),
        lesson.schedule,
        seed=seed,
        folder=folder,
        progress=progress,
    )
    change: Array = net.change.detach().numpy()
    return change


def applied(change: Array) -> Mapping:
    """Give the map as a function of vectors."""
    return lambda rows: unit(rows + rows @ change)


def _mapped(net: Any, vectors: Vectors, texts: list[str]) -> torch.Tensor:
    import torch

    found: torch.Tensor = net(torch.from_numpy(vectors.of(texts)))
    return found


def _same(intents: list[str]) -> torch.Tensor:
    """Which bundles of a batch have the same intent as another: no contrast to one another."""
    import torch

    places: dict[str, int] = {}
    ids = torch.tensor([places.setdefault(intent, len(places)) for intent in intents])
    return (ids[:, None] == ids[None, :]) & ~torch.eye(len(ids), dtype=torch.bool)


def _contrast(
    heads: torch.Tensor, tails: torch.Tensor, same: torch.Tensor, temperature: float
) -> torch.Tensor:
    """InfoNCE both ways (van den Oord et al. 2018)."""
    import torch
    from torch.nn.functional import cross_entropy, normalize

    logits = (normalize(heads, dim=-1) @ tails.T / temperature).masked_fill(same, -torch.inf)
    right = torch.arange(len(logits))
    return (cross_entropy(logits, right) + cross_entropy(logits.T, right)) / 2
