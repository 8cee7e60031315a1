"""The baselines in the same harness: the text alone, MAG-BERT, MulT."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from benchmarks.downstream.amess.alignment import CTCAlignment
from benchmarks.downstream.amess.ame import Modality
from benchmarks.downstream.amess.model import Batch, Reading, Recogniser, Sizes
from schema.errors import UsageError


class TextOnly(Recogniser):
    """BERT on the words; with `descriptions` it is synchronised as A-MESS is."""

    def __init__(
        self,
        bert: Any,
        sizes: Sizes,
        descriptions: torch.Tensor | None = None,
        *,
        dimension: int = 0,
        **options: Any,
    ) -> None:
        reading = Reading(bert, dimension)
        super().__init__(reading.width, sizes.classes, descriptions, **options)
        self.reading = reading

    def states(self, batch: Batch) -> torch.Tensor:
        """As in :class:`Recogniser`."""
        return self.reading.encode(self.reading.embed(batch.tokens), batch)


class Gate(nn.Module):  # type: ignore[misc]  # torch is not followed
    """Multimodal adaptation gate (Rahman et al., ACL 2020, section 3.2).

    h = relu(W[v;t]) * (W v) + relu(W[a;t]) * (W a); t + min(|t| / |h| * beta, 1) * h, normalised.
    """

    def __init__(
        self, width: int, video: int, audio: int, *, beta: float = 1.0, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.beta = beta
        self.gates = nn.ModuleList(nn.Linear(size + width, width) for size in (video, audio))
        self.shifts = nn.ModuleList(nn.Linear(size, width) for size in (video, audio))
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, text: torch.Tensor, video: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
        """All three of shape (n, L, their width), to (n, L, width)."""
        moved = torch.zeros_like(text)
        for gate, shift, frames in zip(self.gates, self.shifts, (video, audio), strict=True):
            moved = moved + torch.relu(gate(torch.cat([frames, text], 2))) * shift(frames)
        far = moved.norm(dim=2, keepdim=True).clamp(min=1e-6)
        share = (text.norm(dim=2, keepdim=True) / far * self.beta).clamp(max=1.0)
        found: torch.Tensor = self.dropout(self.norm(text + share * moved))
        return found


class MagBert(Recogniser):
    """MAG-BERT: the gate between BERT's embeddings and its layers, on aligned modalities."""

    def __init__(self, bert: Any, sizes: Sizes, *, length: int = 50, readout: bool = True) -> None:
        reading = Reading(bert)
        super().__init__(reading.width, sizes.classes)
        self.reading = reading
        self.align = nn.ModuleList(
            CTCAlignment(d, length, readout=readout) for d in (sizes.video, sizes.audio)
        )
        self.gate = Gate(reading.width, sizes.video, sizes.audio)

    def states(self, batch: Batch) -> torch.Tensor:
        """As in :class:`Recogniser`; the text is at most as long as the alignment."""
        text = self.reading.embed(batch.tokens)
        if batch.video is not None and batch.audio is not None:
            count = text.shape[1]
            aligned = [
                align(*modality)[:, :count]
                for align, modality in zip(self.align, (batch.video, batch.audio), strict=True)
            ]
            text = self.gate(text, *aligned)
        return self.reading.encode(text, batch)


class _Across(nn.Module):  # type: ignore[misc]  # torch is not followed
    """One layer in which a sequence attends to another, or to itself."""

    def __init__(self, width: int, heads: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.own, self.others, self.between = (nn.LayerNorm(width) for _ in range(3))
        self.attention = nn.MultiheadAttention(width, heads, dropout, batch_first=True)
        self.net = nn.Sequential(
            nn.Linear(width, 4 * width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(4 * width, width)
        )

    def forward(self, own: torch.Tensor, other: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        keys = self.others(other)
        told = self.attention(
            self.own(own), keys, keys, key_padding_mask=~mask, need_weights=False
        )[0]
        moved = own + told
        found: torch.Tensor = moved + self.net(self.between(moved))
        return found


class MulT(Recogniser):
    """MulT (Tsai et al., ACL 2019): each modality attends to each other one, unaligned.

    Text comes from BERT; positions are the convolution's, over three steps. `layers` as in the
    authors' code would be 5; 2 here, which is what the small machine allows.
    """

    def __init__(
        self, bert: Any, sizes: Sizes, *, inner: int = 40, heads: int = 4, layers: int = 2
    ) -> None:
        super().__init__(6 * inner, sizes.classes)
        self.reading = Reading(bert)
        widths = (self.reading.width, sizes.video, sizes.audio)
        self.narrow = nn.ModuleList(nn.Conv1d(d, inner, 3, padding=1, bias=False) for d in widths)
        self.pairs = [(a, b) for a in range(3) for b in range(3) if a != b]
        self.across = nn.ModuleList(
            nn.ModuleList(_Across(inner, heads) for _ in range(layers)) for _ in self.pairs
        )
        self.within = nn.ModuleList(_Across(2 * inner, heads) for _ in range(3))

    def states(self, batch: Batch) -> torch.Tensor:
        """As in :class:`Recogniser`: the three streams' means, repeated for each word."""
        text = self.reading.encode(self.reading.embed(batch.tokens), batch)
        if batch.video is None or batch.audio is None:
            raise UsageError(
                "MulT needs video and audio", fix="give the features, or take another model"
            )
        streams: list[Modality] = [(text, batch.words), batch.video, batch.audio]
        narrow = [
            conv((frames * mask.unsqueeze(2)).transpose(1, 2)).transpose(1, 2)
            for conv, (frames, mask) in zip(self.narrow, streams, strict=True)
        ]
        told: list[list[torch.Tensor]] = [[], [], []]
        for (own, other), layers in zip(self.pairs, self.across, strict=True):
            found = narrow[own]
            for layer in layers:
                found = layer(found, narrow[other], streams[other][1])
            told[own].append(found)
        means = []
        for place, layer in enumerate(self.within):
            mask = streams[place][1]
            joined = torch.cat(told[place], 2)
            joined = layer(joined, joined, mask) * mask.unsqueeze(2)
            means.append(joined.sum(1) / mask.sum(1, keepdim=True).clamp(min=1))
        whole = torch.cat(means, 1)
        return whole.unsqueeze(1).expand(-1, text.shape[1], -1)
