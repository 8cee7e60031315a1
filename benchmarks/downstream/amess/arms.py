"""The models that are compared, by name."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.downstream.amess.baselines import MagBert, MulT, TextOnly
from benchmarks.downstream.amess.model import AMess, Recogniser, Sizes
from schema.errors import UsageError

ARMS = {
    "text": "text alone",
    "text-ss": "text with SS",
    "mag": "MAG-BERT",
    "mult": "MulT",
    "amess": "A-MESS",
    "no-ame": "A-MESS without A-ME",
    "no-ss": "A-MESS without SS",
    "neither": "A-MESS without SS and A-ME",
}


def build(
    arm: str,
    bert: Any,
    sizes: Sizes,
    descriptions: torch.Tensor,
    *,
    k: int,
    length: int,
    temperature: float,
    readout: bool = True,
) -> Recogniser:
    """Make a model.

    Raises
    ------
    UsageError
        If there is no arm of that name.
    """
    if arm == "text":
        return TextOnly(bert, sizes)
    if arm == "text-ss":
        return TextOnly(bert, sizes, descriptions, temperature=temperature)
    if arm == "mag":
        return MagBert(bert, sizes, length=length, readout=readout)
    if arm == "mult":
        return MulT(bert, sizes)
    if arm not in ARMS:
        raise UsageError(f"there is no arm {arm!r}", fix=f"they are: {', '.join(ARMS)}")
    return AMess(
        bert,
        sizes,
        descriptions if arm in ("amess", "no-ame") else None,
        k=k,
        length=length,
        readout=readout,
        anchored=arm in ("amess", "no-ss"),
        temperature=temperature,
    )
