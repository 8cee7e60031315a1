"""LightGCN (He et al., SIGIR 2020) as PyTorch Geometric has it, asked about bundles it never saw.

A bundle is the mean of its items, so that what completes one and what is bought after one item are
the same question to the same model.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch_geometric.nn import LightGCN
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.nn.models.lightgcn import BPRLoss

from benchmarks.downstream.harness.training import History, Schedule, fit

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from benchmarks.downstream.recommendation.edges import Edges

TEMPERATURE = 0.1
"""Scores are divided by it in the loss: cosines differ by little."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is tuned.

    Attributes
    ----------
    layers
        How many steps along edges a node sees.
    rate
        AdamW's learning rate.
    drop
        Share of the edges that is left out of each training step. In training the bundle that is
        asked about has its edges in the graph; in use it has not.
    weight, k, least, way
        Of edges beside the co-buys: see :mod:`benchmarks.downstream.recommendation.edges`; `way`
        says whether an item's own intentions come first (``own``), or all items take those nearest
        to their titles (``meaning``).
    """

    layers: int
    rate: float
    drop: float
    weight: float
    k: int
    least: float
    way: str


class FromVectors(nn.Module):  # type: ignore[misc]  # torch is not followed
    """Node embeddings that start as given vectors: a learnt map of them, and a learnt rest.

    Parameters
    ----------
    vectors
        Shape (nodes, dimension).
    """

    def __init__(self, vectors: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("vectors", vectors)
        self.map = nn.Parameter(torch.eye(vectors.shape[1]))

    def forward(self, rest: torch.Tensor) -> torch.Tensor:
        """Embeddings, shape (nodes, dimension)."""
        return rest + self.vectors @ self.map


class Recommender(nn.Module):  # type: ignore[misc]
    """LightGCN over items and whatever joins them.

    Parameters
    ----------
    items
        How many nodes are items; they come first.
    edges
        The graph.
    vectors
        Shape (items, dimension): what the items' titles say; None: embeddings are learnt alone.
    dimension
        Length of an embedding.
    """

    def __init__(
        self,
        items: int,
        edges: Edges,
        vectors: npt.NDArray[np.float32] | None,
        dimension: int,
        settings: Settings,
    ) -> None:
        super().__init__()
        self.items = items
        nodes = items + len(edges.others)
        self.net = LightGCN(nodes, dimension, settings.layers, normalize=False)
        nn.init.normal_(self.net.embedding.weight, std=0.1)
        if vectors is not None:
            nn.init.zeros_(self.net.embedding.weight)
            known = torch.cat([torch.from_numpy(vectors), torch.from_numpy(edges.others)])
            parametrize.register_parametrization(
                self.net.embedding, "weight", FromVectors(known), unsafe=True
            )
        self._drop = settings.drop
        self.register_buffer("ends", torch.from_numpy(edges.ends))
        self.register_buffer("weights", torch.from_numpy(edges.weights))
        self._whole = self._adjacency(self.ends, self.weights)

    def forward(self) -> torch.Tensor:
        """Embeddings of all items, shape (items, dimension), each of length 1."""
        graph = self._whole
        if self.training and self._drop:
            kept = torch.rand(self.ends.shape[1]) >= self._drop
            graph = self._adjacency(self.ends[:, kept], self.weights[kept])
        found = self.net.get_embedding(graph)[: self.items]
        # An item without edges has one layer only: unnormalised, it would lose to all others.
        normed: torch.Tensor = nn.functional.normalize(found, dim=1)
        return normed

    def _adjacency(self, ends: Any, weights: Any) -> torch.Tensor:
        """The graph both ways, normalised; as a sparse matrix, which spares a row for each edge."""
        nodes = self.net.num_nodes
        both, normed = gcn_norm(
            torch.cat([ends, ends.flip(0)], 1),
            torch.cat([weights, weights]),
            nodes,
            add_self_loops=False,
        )
        with warnings.catch_warnings():  # torch calls this layout beta
            warnings.simplefilter("ignore", UserWarning)
            return torch.sparse_coo_tensor(both, normed, (nodes, nodes)).to_sparse_csr()


def train(
    model: Recommender,
    bundles: Sequence[Sequence[int]],
    score: Callable[[Any], float],
    settings: Settings,
    *,
    epochs: int,
    patience: int,
    batch: int,
    negatives: int,
    seed: int,
    folder: Path,
) -> History:
    """Learn to rank an item of a bundle above items of others, given the bundle's rest.

    Every second time one item is given only, as for the next buy. Wrong answers are drawn from
    the training bundles' items: cold ones are not pushed away for not having been seen.

    Parameters
    ----------
    score
        Takes the items' embeddings; its best epoch is kept.
    negatives
        Wrong answers for each right one.
    folder
        For the checkpoint.
    """
    asked = [(number, item) for number, bundle in enumerate(bundles) for item in bundle]
    warm = sorted({item for _, item in asked})
    ranked = BPRLoss(0.0)

    def loss(places: list[int]) -> torch.Tensor:
        draw = random.Random(f"{seed}/{places[0]}/{int(torch.randint(1 << 30, ()))}")
        known = model()
        given, right, wrong = [], [], []
        for place in places:
            number, item = asked[place]
            rest = [other for other in bundles[number] if other != item]
            given.append(rest if draw.random() < 0.5 else [draw.choice(rest)])
            right.append(item)
            wrong.append(draw.choices(warm, k=negatives))
        asks = means(known, given)
        good = (asks * known[torch.tensor(right)]).sum(1, keepdim=True)
        bad = torch.einsum("nd,nwd->nw", asks, known[torch.tensor(wrong)])
        value: torch.Tensor = ranked(
            (good / TEMPERATURE).expand_as(bad).flatten(), (bad / TEMPERATURE).flatten()
        )
        return value

    return fit(
        model,
        len(asked),
        loss,
        lambda: score(model().numpy()),
        Schedule(epochs=epochs, patience=patience, batch=batch, rate=settings.rate),
        seed=seed,
        folder=folder,
    )


def means(known: torch.Tensor, groups: Sequence[Sequence[int]]) -> torch.Tensor:
    """Mean embedding of each group of items, shape (groups, dimension)."""
    flat = torch.tensor([item for group in groups for item in group])
    sizes = torch.tensor([len(group) for group in groups])
    place = torch.repeat_interleave(torch.arange(len(groups)), sizes)
    total = torch.zeros(len(groups), known.shape[1]).index_add(0, place, known[flat])
    return total / sizes[:, None]
