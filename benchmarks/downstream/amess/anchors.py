"""Anchors: the few tokens of a modality that clearly belong to one word, and how they interact."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import normalize

_LEAST = 1e-6


def reliability(auxiliary: torch.Tensor, text: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
    """How clearly each token of a modality belongs to one word (A-MESS section III-B, eq. 4-7).

    The ratio of a token's first to its second nearest neighbour among the words, by cosine, after
    Lowe's test. The paper does not say how a ratio of cosines that may be negative is meant; here
    they are brought to [0, 1] by (1 + cosine) / 2 first, which keeps their order.

    Parameters
    ----------
    auxiliary
        Shape (n, a, d).
    text
        Shape (n, t, d).
    words
        Shape (n, t), bool: False for padding, which is no neighbour.

    Returns
    -------
    Tensor
        Shape (n, a), 1 or more; 1 where there is one word only.
    """
    cosines = normalize(auxiliary, dim=-1) @ normalize(text, dim=-1).transpose(1, 2)
    likeness = (1.0 + cosines) / 2.0
    likeness = likeness.masked_fill(~words.unsqueeze(1), -1.0)
    if likeness.shape[-1] < 2:
        return torch.ones_like(likeness[..., 0])
    best = likeness.topk(2, dim=-1).values
    ratio = best[..., 0] / best[..., 1].clamp(min=_LEAST)
    return torch.where(best[..., 1] < 0, torch.ones_like(ratio), ratio)


def choose(
    auxiliary: torch.Tensor, scores: torch.Tensor, present: torch.Tensor, k: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The k most reliable tokens.

    Parameters
    ----------
    auxiliary
        Shape (n, a, d).
    scores
        Shape (n, a).
    present
        Shape (n, a), bool: False for what may not be chosen unless there is nothing else.
    k
        How many; at most a.

    Returns
    -------
    anchors : Tensor
        Shape (n, k, d).
    places : Tensor
        Shape (n, k): where they stood.
    """
    ranked = scores.masked_fill(~present, -1.0)
    places = ranked.topk(min(k, scores.shape[1]), dim=1).indices
    gathered = auxiliary.gather(1, places.unsqueeze(-1).expand(-1, -1, auxiliary.shape[-1]))
    return gathered, places


class AnchorAttention(nn.Module):  # type: ignore[misc]  # torch is not followed
    """One modality's anchors take from the other's (A-MESS eq. 8-10).

    ``anchors + FFN(attention(query=anchors, key=value=others))``, normalised before the FFN.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.forward_net = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
        )

    def forward(
        self, anchors: torch.Tensor, others: torch.Tensor, there: torch.Tensor
    ) -> torch.Tensor:
        """Anchors (n, k, d) with what the others (n, j, d), those `there` (n, j), add to them."""
        told, _ = self.attention(
            anchors, others, others, key_padding_mask=~there, need_weights=False
        )
        found: torch.Tensor = anchors + self.forward_net(self.norm(told))
        return found
