"""Train one arm with one seed: a small network on frozen vectors, or the backbone itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.downstream.harness import Run
from benchmarks.downstream.harness.classifying import Examples, classify
from benchmarks.downstream.harness.metrics import classification
from benchmarks.downstream.harness.training import fit, seeded
from benchmarks.downstream.sarcasm.data import SPLITS, Posts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from benchmarks.downstream.sarcasm import Config

_HIDDEN = 128


def learn_head(
    config: Config,
    posts: Posts,
    learnt: str,
    vectors: npt.NDArray[np.float32],
    seed: int,
    folder: Path,
) -> dict[str, Any]:
    """Train a small network on vectors, shape (posts, d).

    Returns
    -------
    dict
        ``predicted``: class numbers of the test posts; ``valid``: the best validation F1;
        ``epochs``: how many it learnt.
    """
    import torch
    from torch import nn

    seeded(seed)
    net = nn.Sequential(
        nn.Linear(vectors.shape[1], _HIDDEN),
        nn.GELU(),
        nn.Dropout(0.3),
        nn.Linear(_HIDDEN, len(posts.classes)),
    )
    parts = {split: torch.from_numpy(vectors[posts.part(split)]) for split in SPLITS}
    gold = {split: _gold(posts, learnt, split) for split in SPLITS}
    wanted = torch.tensor(gold["train"])

    def loss(chosen: list[int]) -> torch.Tensor:
        return nn.functional.cross_entropy(net(parts["train"][chosen]), wanted[chosen])

    def score() -> float:
        found = net(parts["valid"]).argmax(1).tolist()
        return classification(gold["valid"], found, positive=posts.positive)["f1"]

    history = fit(net, len(wanted), loss, score, config.schedule, seed=seed, folder=folder)
    with torch.no_grad():
        predicted = net(parts["test"]).argmax(1).tolist()
    return {
        "predicted": predicted,
        "valid": max(history.scores),
        "epochs": len(history.scores),
    }


def tune(
    config: Config,
    posts: Posts,
    learnt: str,
    beside: list[str] | None,
    seed: int,
    folder: Path,
    run: Run,
) -> dict[str, Any]:
    """Fine-tune the backbone; returns what :func:`learn_head` does."""
    examples = []
    for split in SPLITS:
        part = posts.part(split)
        examples.append(
            Examples(
                [row.texts[learnt] for row in posts.rows[part]],
                _gold(posts, learnt, split),
                None if beside is None else beside[part],
            )
        )
    found = classify(
        config.backbone,
        *examples,
        classes=len(posts.classes),
        schedule=config.schedule,
        seed=seed,
        folder=folder,
        max_tokens=config.max_tokens,
        trained_layers=config.trained_layers,
        positive=posts.positive,
        progress=run.progress,
    )
    return {
        "predicted": found.predicted,
        "valid": max(found.history.scores),
        "epochs": len(found.history.scores),
    }


def _gold(posts: Posts, learnt: str, split: str) -> list[int]:
    return [row.labels[learnt] for row in posts.rows[posts.part(split)]]
