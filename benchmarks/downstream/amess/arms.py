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
    "text-ss+intentions": "text with SS + intentions",
    "text-ss+random": "text with SS + random intentions",
    "amess+intentions": "A-MESS + intentions",
    "amess+random": "A-MESS + random intentions",
}
"""What stands behind a "+" is read beside the words: a graph's intentions, or others' (control)."""

PLAIN = tuple(arm for arm in ARMS if "+" not in arm)


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
    dimension: int = 0,
) -> Recogniser:
    """Make a model.

    Parameters
    ----------
    dimension
        Length of the intentions' vectors, for arms with a "+".

    Raises
    ------
    UsageError
        If there is no arm of that name.
    """
    if arm not in ARMS:
        raise UsageError(f"there is no arm {arm!r}", fix=f"they are: {', '.join(ARMS)}")
    arm, _, beside = arm.partition("+")
    width = dimension if beside else 0
    if arm == "text":
        return TextOnly(bert, sizes)
    if arm == "text-ss":
        return TextOnly(bert, sizes, descriptions, temperature=temperature, dimension=width)
    if arm == "mag":
        return MagBert(bert, sizes, length=length, readout=readout)
    if arm == "mult":
        return MulT(bert, sizes)
    return AMess(
        bert,
        sizes,
        descriptions if arm in ("amess", "no-ame") else None,
        k=k,
        length=length,
        readout=readout,
        anchored=arm in ("amess", "no-ss"),
        temperature=temperature,
        dimension=width,
    )
