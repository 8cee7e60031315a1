"""Training with early stopping that ends in the same result however often it is interrupted."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schema.errors import CorruptError, UsageError

if TYPE_CHECKING:
    import torch

_FILE = "checkpoint.pt"


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn.

    Attributes
    ----------
    epochs, patience
        Epochs at most, and epochs without a better validation score before it stops.
    batch
        Examples in a step.
    rate
        AdamW's learning rate; it rises over the first `warmup` of all steps and falls to nothing.
    head_rate
        The same for parameters outside the pretrained encoder; None: `rate`.
    decay
        Weight decay.
    clip
        Largest norm of the gradient.
    """

    epochs: int
    patience: int
    batch: int
    rate: float
    head_rate: float | None = None
    warmup: float = 0.1
    decay: float = 0.01
    clip: float = 1.0

    def __post_init__(self) -> None:
        for name in ("epochs", "patience", "batch"):
            at_least(name, getattr(self, name), 1)
        for name in ("rate", "head_rate"):
            value = getattr(self, name)
            if value is not None and value <= 0.0:
                raise UsageError(f"{name} is {value}", fix="set a rate above 0")


@dataclass(frozen=True, slots=True)
class Learning:
    """Settings of a benchmark that trains networks; its ``Config`` is one with more.

    Attributes
    ----------
    seed, seeds
        The first seed, and how many.
    epochs, patience, batch, rate, head_rate
        See :class:`Schedule`.
    train_limit, test_limit
        Only so many training, and validation or test examples, drawn with `seed`; 0: all.
    """

    seed: int
    seeds: int
    epochs: int
    patience: int
    batch: int
    rate: float
    head_rate: float
    train_limit: int
    test_limit: int

    def __post_init__(self) -> None:
        at_least("seeds", self.seeds, 1)
        for name in ("train_limit", "test_limit"):
            at_least(name, getattr(self, name), 0)

    @property
    def schedule(self) -> Schedule:
        """How long and how fast."""
        return Schedule(self.epochs, self.patience, self.batch, self.rate, self.head_rate)


def at_least(name: str, value: int, least: int) -> None:
    """See that a setting is large enough.

    Raises
    ------
    UsageError
        If it is not.
    """
    if value < least:
        raise UsageError(f"{name} is {value}", fix=f"set {name} to {least} or more")


@dataclass(slots=True)
class History:
    """What training saw.

    Attributes
    ----------
    losses
        Mean training loss of each epoch.
    scores
        Validation score after each epoch.
    best
        Epoch whose weights were kept, from 0.
    """

    losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    best: int = -1


def fit(
    model: torch.nn.Module,
    count: int,
    loss: Callable[[list[int]], torch.Tensor],
    score: Callable[[], float],
    schedule: Schedule,
    *,
    seed: int,
    folder: Path,
    encoder: torch.nn.Module | None = None,
    progress: Callable[[str], None] | None = None,
) -> History:
    """Train a model in place; it ends with the weights that scored best.

    After each epoch all that decides what follows (weights, optimiser, random state) is kept in
    `folder`, so a run that was killed goes on and ends in the same weights. The order of the
    examples depends on `seed` and the epoch alone.

    Parameters
    ----------
    model
        What learns.
    count
        How many training examples there are.
    loss
        Takes numbers of examples, gives a scalar; called in training mode.
    score
        Higher is better; called in evaluation mode without gradients.
    schedule
        How to learn.
    seed
        Of shuffling and dropout. The caller seeds the weights: :func:`seeded`.
    folder
        For the checkpoint.
    encoder
        The pretrained part of `model`, which learns at ``schedule.rate``; the rest learns at
        ``head_rate``.

    Raises
    ------
    CorruptError
        If a checkpoint cannot be read.
    """
    import torch
    from torch.optim.lr_scheduler import LambdaLR

    steps = schedule.epochs * -(-count // schedule.batch)
    optimizer = torch.optim.AdamW(
        _groups(model, encoder, schedule),
        lr=schedule.rate,
        weight_decay=schedule.decay,
        fused=True,  # word pieces are most of the weights: a quarter of a CPU's step otherwise
    )
    rising = max(1, int(steps * schedule.warmup))
    scheduler = LambdaLR(
        optimizer,
        lambda step: min((step + 1) / rising, (steps - step) / max(1, steps - rising)),
    )
    history, best = History(), {}
    torch.manual_seed(seed)
    kept = _kept(folder / _FILE)
    if kept is not None:
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        scheduler.load_state_dict(kept["scheduler"])
        torch.set_rng_state(kept["random"])
        torch.cuda.set_rng_state_all(kept["random_gpu"])
        history, best = History(**kept["history"]), kept["best"]
    for epoch in range(len(history.scores), schedule.epochs):
        if epoch - history.best > schedule.patience:
            break
        order = list(range(count))
        random.Random(f"{seed}/{epoch}").shuffle(order)
        model.train()
        total = 0.0
        for start in range(0, count, schedule.batch):
            chosen = order[start : start + schedule.batch]
            value = loss(chosen)
            optimizer.zero_grad()
            value.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), schedule.clip)
            optimizer.step()
            scheduler.step()
            total += value.item() * len(chosen)
        history.losses.append(total / count)
        model.eval()
        with torch.no_grad():
            history.scores.append(score())
        if history.best < 0 or history.scores[-1] > history.scores[history.best]:
            history.best = epoch
            best = {name: value.detach().clone() for name, value in model.state_dict().items()}
        if progress is not None:
            progress(f"epoch {epoch + 1}: loss {history.losses[-1]:.3f}, {history.scores[-1]:.2f}")
        _keep(folder / _FILE, model, optimizer, scheduler, history, best)
    model.load_state_dict(best)
    model.eval()
    return history


def seeded(seed: int) -> None:
    """Seed what makes new weights."""
    import torch

    random.seed(seed)
    torch.manual_seed(seed)


def _groups(
    model: torch.nn.Module, encoder: torch.nn.Module | None, schedule: Schedule
) -> list[dict[str, Any]]:
    if encoder is None or schedule.head_rate is None:
        return [{"params": [p for p in model.parameters() if p.requires_grad]}]
    pretrained = {id(parameter) for parameter in encoder.parameters()}
    inside = [p for p in encoder.parameters() if p.requires_grad]
    outside = [p for p in model.parameters() if p.requires_grad and id(p) not in pretrained]
    groups: list[dict[str, Any]] = [{"params": inside}]
    groups.append({"params": outside, "lr": schedule.head_rate})
    return [group for group in groups if group["params"]]


def _keep(
    file: Path, model: Any, optimizer: Any, scheduler: Any, history: History, best: dict[str, Any]
) -> None:
    import dataclasses

    import torch

    beside = file.with_suffix(".part")
    torch.save(
        {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(),
            "random": torch.get_rng_state(),
            "random_gpu": torch.cuda.get_rng_state_all(),
            "history": dataclasses.asdict(history),
            "best": best,
        },
        beside,
    )
    beside.replace(file)


def _kept(file: Path) -> dict[str, Any] | None:
    import torch

    if not file.exists():
        return None
    try:
        kept: dict[str, Any] = torch.load(file, weights_only=True)
    except Exception as error:  # a damaged file may raise anything
        raise CorruptError(
            f"{file} cannot be read: {(str(error).splitlines() or [type(error).__name__])[0]:.100}",
            fix="remove it, and run again",
        ) from None
    return kept
