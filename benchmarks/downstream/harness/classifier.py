"""The network that classifies texts, with a stream of features beside the encoder's own."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Classifier(nn.Module):  # type: ignore[misc]  # torch is not followed
    """An encoder, the mean of its token vectors, a stream beside it, and a linear layer.

    Parameters
    ----------
    encoder
        Of ``transformers``; its token vectors have length `width`.
    classes
        How many logits.
    beside
        Length of the vectors beside the text; 0: there are none.
    """

    def __init__(self, encoder: Any, width: int, classes: int, beside: int = 0) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(0.1)
        self.stream = nn.Sequential(nn.Linear(beside, width), nn.GELU()) if beside else None
        self.head = nn.Linear(width * (2 if beside else 1), classes)

    def forward(self, words: dict[str, torch.Tensor], vectors: torch.Tensor) -> torch.Tensor:
        """Logits, shape (n, classes), of tokens (n, length) and vectors (n, beside)."""
        hidden = self.encoder(**words).last_hidden_state
        mask = words["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        found = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1.0)
        if self.stream is not None:
            found = torch.cat([found, self.stream(vectors)], 1)
        logits: torch.Tensor = self.head(self.dropout(found))
        return logits
