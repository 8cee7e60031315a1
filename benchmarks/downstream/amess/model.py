"""A-MESS whole: A-ME, a BERT encoder, semantic synchronisation, a classifier, the joint loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from benchmarks.downstream.amess.ame import AnchorEmbedding, Modality, PlainSum
from benchmarks.downstream.amess.synchronisation import Token, mean_of, triplet_contrastive
from schema.errors import UsageError


@dataclass(frozen=True, slots=True)
class Batch:
    """What models read.

    Attributes
    ----------
    tokens
        Shape (n, L): word pieces; or (n, L, width), float: the text's published features.
    words
        Shape (n, L), bool: False for padding.
    video, audio
        None: there are no such features, and the text is read alone.
    intentions
        Vectors of graph intentions (n, k, d) and their mask (n, k); None: none are read.
    """

    tokens: torch.Tensor
    words: torch.Tensor
    video: Modality | None = None
    audio: Modality | None = None
    intentions: Modality | None = None


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers in a frame of video and audio, and classes."""

    video: int
    audio: int
    classes: int


class Reading(nn.Module):  # type: ignore[misc]  # torch is not followed
    """A BERT in two halves: embeddings of word pieces, and the layers above them.

    Parameters
    ----------
    bert
        Of ``transformers``.
    dimension
        Length of intentions' vectors, which become tokens behind the text's; 0: none are read.
    """

    def __init__(self, bert: Any, dimension: int = 0) -> None:
        super().__init__()
        if not hasattr(bert, "embeddings") or not hasattr(bert, "encoder"):
            raise UsageError(
                f"a {bert.config.model_type} model has no embedding layer and encoder apart",
                fix="name a BERT or RoBERTa as the backbone",
            )
        self.bert = bert
        self.width = int(bert.config.hidden_size)
        self.project = nn.Linear(dimension, self.width) if dimension else None

    def embed(self, tokens: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, L, width); features of that width are taken as they are."""
        if tokens.is_floating_point():
            return tokens
        found: torch.Tensor = self.bert.embeddings(input_ids=tokens)
        return found

    def encode(self, embedded: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Hidden states (n, L, width); intentions are read too, and left out of the answer."""
        words, count = batch.words, embedded.shape[1]
        if self.project is not None and batch.intentions is not None:
            vectors, present = batch.intentions
            embedded = torch.cat([embedded, self.project(vectors)], 1)
            words = torch.cat([words, present], 1)
        mask = torch.zeros(words.shape, dtype=embedded.dtype, device=words.device)
        mask = mask.masked_fill(~words, torch.finfo(embedded.dtype).min)[:, None, None, :]
        states: torch.Tensor = self.bert.encoder(embedded, attention_mask=mask).last_hidden_state
        return states[:, :count]


class Recogniser(nn.Module):  # type: ignore[misc]  # torch is not followed
    """What A-MESS and the baselines share: read, sum up, classify.

    Parameters
    ----------
    descriptions
        Shape (classes, m, d) (:func:`benchmarks.downstream.amess.synchronisation.describe`):
        synchronise with them; None: without SS, so the classifier sees the mean alone and the
        loss is cross-entropy alone.
    temperature
        Of the contrastive loss.
    """

    def __init__(
        self,
        width: int,
        classes: int,
        descriptions: torch.Tensor | None = None,
        *,
        temperature: float = 0.7,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.register_buffer("descriptions", descriptions, persistent=False)
        size = 0 if descriptions is None else int(descriptions.shape[2])
        self.token = Token(width, size) if size else None
        self.classifier = nn.Sequential(
            nn.LayerNorm(width + size), nn.Dropout(dropout), nn.Linear(width + size, classes)
        )

    def states(self, batch: Batch) -> torch.Tensor:
        """What was read, shape (n, L, width)."""
        raise NotImplementedError  # what subclasses are for

    def forward(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Logits (n, classes), and the synchronised token (n, d) or None."""
        hidden = self.states(batch)
        whole = mean_of(hidden, batch.words)
        if self.token is None:
            return self.classifier(whole), None
        token = self.token(hidden, batch.words)
        return self.classifier(torch.cat([whole, token], 1)), token

    def loss(self, batch: Batch, labels: torch.Tensor) -> torch.Tensor:
        """Joint loss (equation 17): cross-entropy plus the triplet contrastive loss."""
        logits, token = self(batch)
        total: torch.Tensor = nn.functional.cross_entropy(logits, labels)
        if token is not None:
            total = total + triplet_contrastive(
                token, labels, self.descriptions, temperature=self.temperature
            )
        return total


class AMess(Recogniser):
    """Anchor-based multimodal embedding with semantic synchronisation.

    Parameters
    ----------
    k, heads, length, readout
        See :class:`benchmarks.downstream.amess.ame.AnchorEmbedding`.
    anchored
        False: the ablation without A-ME.
    dimension
        Length of graph intentions' vectors; 0: none are read.
    """

    def __init__(
        self,
        bert: Any,
        sizes: Sizes,
        descriptions: torch.Tensor | None,
        *,
        k: int = 8,
        heads: int = 4,
        length: int = 50,
        readout: bool = True,
        anchored: bool = True,
        temperature: float = 0.7,
        dimension: int = 0,
    ) -> None:
        reading = Reading(bert, dimension)
        super().__init__(reading.width, sizes.classes, descriptions, temperature=temperature)
        self.reading = reading
        self.embedding = (
            AnchorEmbedding(
                reading.width,
                sizes.video,
                sizes.audio,
                length=length,
                k=k,
                heads=heads,
                readout=readout,
            )
            if anchored
            else PlainSum(reading.width, sizes.video, sizes.audio)
        )

    def states(self, batch: Batch) -> torch.Tensor:
        """As in :class:`Recogniser`."""
        text = self.reading.embed(batch.tokens)
        if batch.video is not None and batch.audio is not None:
            text = self.embedding(text, batch.words, batch.video, batch.audio)
        return self.reading.encode(text, batch)
