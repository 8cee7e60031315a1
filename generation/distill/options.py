"""How a student is trained: LoRA (Hu et al., ICLR 2022) on a causal language model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

from generation.distill.models import DTYPES
from schema.errors import UsageError

type OnProgress = Callable[[str, int, int | None, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """What a training's result depends on, beside data and model.

    Attributes
    ----------
    rank, alpha, dropout
        Of the adapter; an `alpha` of None is twice the rank. MIKO and MIND use rank 64.
    targets
        Names of the layers that get an adapter, or ``all-linear``: all but the output layer.
    learning_rate, warmup, weight_decay
        Of AdamW; the rate rises over this share of the steps, and falls along a cosine.
    epochs, steps
        How often each row is seen; or so many steps, whatever the rows.
    batch, accumulate
        Sequences at once, and batches in a step.
    max_length
        Tokens of the longest sequence; longer ones are left out.
    seed
        Of the adapter's beginning and of the order of the rows.
    dtype
        Of the model's own weights; the adapter is in float32. ``auto``: as they are saved.
    gradient_checkpointing
        Compute the forward pass twice, for less memory.
    """

    rank: int = 64
    alpha: int | None = None
    dropout: float = 0.0
    targets: str | tuple[str, ...] = "all-linear"
    learning_rate: float = 1e-4
    warmup: float = 0.1
    weight_decay: float = 0.0
    epochs: float = 3.0
    steps: int | None = None
    batch: int = 8
    accumulate: int = 1
    max_length: int = 2048
    seed: int = 0
    dtype: str = "auto"
    gradient_checkpointing: bool = False

    @property
    def scale(self) -> int:
        """`alpha`, or what stands for it."""
        return 2 * self.rank if self.alpha is None else self.alpha

    def check(self) -> None:
        """See that the values make sense.

        Raises
        ------
        UsageError
            If one does not.
        """
        for name in ("rank", "batch", "accumulate", "max_length"):
            _at_least(name, getattr(self, name), 1)
        for name in ("alpha", "steps"):
            if getattr(self, name) is not None:
                _at_least(name, getattr(self, name), 1)
        for name in ("learning_rate", "epochs"):
            if not 0 < getattr(self, name) < float("inf"):
                raise UsageError(f"{name} is {getattr(self, name)}", fix="use a number above 0")
        for name in ("dropout", "warmup"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}", fix="use 0 or more, below 1")
        if not 0 <= self.weight_decay < float("inf"):
            raise UsageError(f"weight_decay is {self.weight_decay}", fix="use 0 or more")
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"seed is {self.seed}", fix=f"use 0 to {2**32 - 1}")
        if self.dtype not in DTYPES:
            raise UsageError(
                f"there is no dtype {self.dtype!r}", fix=f"use one of: {', '.join(DTYPES)}"
            )
        if not self.targets:
            raise UsageError("no layer is to get an adapter", fix="use targets='all-linear'")

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for the record."""
        told = asdict(self)
        told["alpha"] = self.scale
        if not isinstance(self.targets, str):
            told["targets"] = list(self.targets)
        return told


def lora(**options: Any) -> Lora:
    """Make options by name, checked.

    Raises
    ------
    UsageError
        For a name or a value that does not exist.
    """
    known = [one.name for one in fields(Lora)]
    for name in options:
        if name not in known:
            raise UsageError(
                f"there is no option {name!r}", fix=f"options of a training: {', '.join(known)}"
            )
    made = Lora(**options)
    made.check()
    return made


def _at_least(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UsageError(f"{name} is {value!r}", fix=f"use a whole number, {least} or more")
