"""Semantic synchronisation: what was read is pulled towards what its label means (A-MESS III-C)."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import normalize

from benchmarks.downstream.intents.data import OUTSIDE
from schema.errors import InputError

if TYPE_CHECKING:
    from kg.embed import Embedder

DESCRIPTIONS = Path(__file__).with_name("descriptions.toml")


def describe(labels: Sequence[str], embedder: Embedder, file: Path = DESCRIPTIONS) -> torch.Tensor:
    """Sentence embeddings of the descriptions of labels.

    Parameters
    ----------
    labels
        Class names; their case does not matter.
    file
        TOML: for each label its descriptions, the same number for all.

    Returns
    -------
    Tensor
        Shape (labels, descriptions, dimension), rows of length 1; zeros for :data:`OUTSIDE`.

    Raises
    ------
    InputError
        If a label is not described, or not as often as the others.
    """
    stated = tomllib.loads(file.read_text(encoding="utf-8"))
    known = {name.lower(): texts for name, texts in stated.items()}
    each = {len(texts) for texts in known.values()}
    if len(each) != 1:
        raise InputError(
            f"labels have {min(each)} to {max(each)} descriptions",
            file=str(file),
            fix="give each label as many as the others",
        )
    rows = []
    for label in labels:
        if label == OUTSIDE:
            # It has no meaning to be pulled towards.
            rows.append(torch.zeros(next(iter(each)), embedder.dimension))
            continue
        texts = known.get(label.lower())
        if texts is None:
            raise InputError(
                f"does not describe the label {label!r}",
                file=str(file),
                fix=f'add a line: "{label.lower()}" = ["…", "…", "…"]',
            )
        rows.append(torch.from_numpy(embedder.encode(texts).copy()))
    return torch.stack(rows)


def triplet_contrastive(
    tokens: torch.Tensor,
    labels: torch.Tensor,
    descriptions: torch.Tensor,
    *,
    temperature: float = 0.7,
) -> torch.Tensor:
    """Triplet contrastive loss (A-MESS eq. 15).

    For each sample the mean over its label's descriptions p of
    ``-log(exp(cos(s, p)/t) / (exp(cos(s, p)/t) + sum over n of exp(cos(s, n)/t)))``, n being the
    descriptions of all other labels. The paper's prose has the similarity to negatives maximised
    and that to positives minimised, which is the loss's opposite; as its figure 5 and its aim
    ask, positives are pulled here. It also leaves open whose descriptions are the negatives;
    those of all labels are taken, so that the loss does not depend on who shares a batch.

    Parameters
    ----------
    tokens
        Shape (n, d): s.
    labels
        Shape (n,): class numbers.
    descriptions
        Shape (classes, m, d). A class whose descriptions are zeros (out of scope) has none: its
        samples do not count, and it is nobody's negative.

    Returns
    -------
    Tensor
        A scalar; 0 where no sample counts.
    """
    classes, each, _ = descriptions.shape
    described = descriptions.abs().sum((1, 2)) > 0
    flat = normalize(descriptions.reshape(classes * each, -1), dim=-1)
    alike = normalize(tokens, dim=-1) @ flat.T / temperature
    owner = torch.arange(classes, device=labels.device).repeat_interleave(each)
    mine = owner.unsqueeze(0) == labels.unsqueeze(1)
    absent = ~described[owner].unsqueeze(0)
    others = alike.masked_fill(mine | absent, float("-inf")).logsumexp(1, keepdim=True)
    each_loss = torch.logaddexp(alike, others) - alike
    counted = mine & described[labels].unsqueeze(1)
    return (each_loss * counted).sum() / counted.sum().clamp(min=1)


class Token(nn.Module):  # type: ignore[misc]  # torch is not followed
    """One token of a sequence: its mean, normalised, through two layers (A-MESS III-C)."""

    def __init__(self, width: int, dimension: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Linear(width, dimension),
        )

    def forward(self, hidden: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """Shape (n, dimension), of hidden (n, words, width) and a mask (n, words)."""
        found: torch.Tensor = self.net(mean_of(hidden, words))
        return found


def mean_of(hidden: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
    """Mean over the words that are there: (n, width)."""
    mask = words.unsqueeze(-1).to(hidden.dtype)
    return (hidden * mask).sum(1) / mask.sum(1).clamp(min=1.0)
