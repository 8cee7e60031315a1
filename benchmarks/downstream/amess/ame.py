"""Anchor-based multimodal embedding, A-ME (A-MESS, section III-B and figure 3)."""

from __future__ import annotations

import torch
from torch import nn

from benchmarks.downstream.amess.alignment import CTCAlignment
from benchmarks.downstream.amess.anchors import AnchorAttention, choose, reliability

type Modality = tuple[torch.Tensor, torch.Tensor]
"""Frames (n, T, D), and a mask (n, T), False for padding."""


class AnchorEmbedding(nn.Module):  # type: ignore[misc]  # torch is not followed
    """A text's embeddings with what video and audio add to them.

    Where the paper's formulas are silent: the text is the query of the last attention as it is of
    the first, for the same words describe both; and the text itself is one of the summands of
    equation 13, without which the encoder would not see the words.

    Parameters
    ----------
    width
        Of the text's embeddings.
    video, audio
        Numbers in a frame of each.
    length
        Frames after alignment.
    k
        Anchors of each modality.
    readout
        Of the alignment: :class:`benchmarks.downstream.amess.alignment.CTCAlignment`.
    """

    def __init__(
        self,
        width: int,
        video: int,
        audio: int,
        *,
        length: int = 50,
        k: int = 8,
        heads: int = 4,
        readout: bool = True,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.k = k
        self.align = nn.ModuleList(
            CTCAlignment(size, length, readout=readout) for size in (video, audio)
        )
        self.take = nn.ModuleList(
            nn.MultiheadAttention(width, heads, dropout, kdim=size, vdim=size, batch_first=True)
            for size in (video, audio)
        )
        self.interact = nn.ModuleList(AnchorAttention(width, heads, dropout) for _ in range(2))
        self.restore = nn.ModuleList(
            nn.MultiheadAttention(width, heads, dropout, batch_first=True) for _ in range(2)
        )
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, text: torch.Tensor, words: torch.Tensor, video: Modality, audio: Modality
    ) -> torch.Tensor:
        """The multimodal embedding, shape (n, L, width).

        Parameters
        ----------
        text, words
            Shapes (n, L, width) and (n, L), False for padding.
        """
        anchors, there = [], []
        for number, modality in enumerate((video, audio)):
            aligned = self.align[number](*modality)
            taken = self.take[number](text, aligned, aligned, need_weights=False)[0]
            with torch.no_grad():
                scores = reliability(taken, text, words)
            chosen, places = choose(taken, scores, words, self.k)
            anchors.append(chosen)
            there.append(words.gather(1, places))
        total = text
        for own, other in ((0, 1), (1, 0)):
            mixed = self.interact[own](anchors[own], anchors[other], there[other])
            total = (
                total
                + self.restore[own](
                    text, mixed, mixed, key_padding_mask=~there[own], need_weights=False
                )[0]
            )
        fused: torch.Tensor = self.dropout(self.norm(total))
        return fused


class PlainSum(nn.Module):  # type: ignore[misc]  # torch is not followed
    """What stands in A-ME's place in the ablation: all frames, none of them selected.

    Each modality is averaged down to the words of its utterance (:func:`pooled`), projected to
    their width and added.
    """

    def __init__(self, width: int, video: int, audio: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.project = nn.ModuleList(nn.Linear(size, width) for size in (video, audio))
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, text: torch.Tensor, words: torch.Tensor, video: Modality, audio: Modality
    ) -> torch.Tensor:
        """As :meth:`AnchorEmbedding.forward`."""
        total = text
        for project, (frames, present) in zip(self.project, (video, audio), strict=True):
            total = total + project(pooled(frames, present, words))
        fused: torch.Tensor = self.dropout(self.norm(total))
        return fused


def pooled(frames: torch.Tensor, present: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
    """Average the frames of each utterance down to as many as it has words.

    Of t frames that are there and n words, word j gets the mean of frames floor(j t / n) to
    ceil((j + 1) t / n), as adaptive pooling has it. Padding is neither read nor written to: what
    stood there would be lost, as nothing after it reads padding.

    Parameters
    ----------
    frames, present
        Shapes (n, T, D) and (n, T), False for padding.
    words
        Shape (n, L), False for padding.

    Returns
    -------
    Tensor
        Shape (n, L, D), zeros for padding.
    """
    place = present.cumsum(1)[:, None] - 1  # of each frame among those that are there
    word = words.cumsum(1)[..., None] - 1
    t, n = present.sum(1)[:, None, None], words.sum(1)[:, None, None].clamp(min=1)
    start, end = word * t // n, -(-(word + 1) * t // n)
    taken = (place >= start) & (place < end) & present[:, None] & words[..., None]
    shares = taken.to(frames.dtype)
    return shares @ frames / shares.sum(2, keepdim=True).clamp(min=1.0)
