"""A-ME written out example by example, as one reads it in the paper: oracle, and peer for speed.

It takes the weights of an :class:`AnchorEmbedding` and gives what that gives without dropout.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from benchmarks.downstream.amess.ame import AnchorEmbedding, Modality


def embed(
    module: AnchorEmbedding,
    text: torch.Tensor,
    words: torch.Tensor,
    video: Modality,
    audio: Modality,
) -> torch.Tensor:
    """As :meth:`AnchorEmbedding.forward`."""
    rows = []
    for n in range(len(text)):
        taken = []
        for number, (frames, present) in enumerate((video, audio)):
            one = aligned(module.align[number], frames[n], present[n])
            every = [True] * len(one)
            taken.append(attended(module.take[number], text[n], one, every))
        picked = [anchors(one, text[n], words[n], module.k) for one in taken]
        total = text[n]
        for own, other in ((0, 1), (1, 0)):
            net = module.interact[own]
            mine, theirs = taken[own][picked[own]], taken[other][picked[other]]
            there = [bool(words[n, place]) for place in picked[other]]
            mixed = mine + net.forward_net(net.norm(attended(net.attention, mine, theirs, there)))
            there = [bool(words[n, place]) for place in picked[own]]
            total = total + attended(module.restore[own], text[n], mixed, there)
        rows.append(module.norm(total))
    return torch.stack(rows)


def aligned(module: Any, frames: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """One example's frames at their places: (T, D) to (length, D)."""
    places = module.reader.hidden_size - 1
    if len(frames) == places:
        return frames
    states = module.reader(frames.unsqueeze(0))[0][0]
    shares = module.readout(states).softmax(1)
    rows = []
    for place in range(places):
        row = torch.zeros(frames.shape[1])
        for step in range(len(frames)):
            if present[step]:
                row = row + shares[step, place + 1] * frames[step]
        rows.append(row)
    return torch.stack(rows)


def anchors(tokens: torch.Tensor, text: torch.Tensor, words: torch.Tensor, k: int) -> list[int]:
    """Places of the k tokens whose nearest word is nearest against the second."""
    ranked = []
    for place, token in enumerate(tokens.detach()):
        near = []
        for word, real in zip(text.detach(), words, strict=True):
            if real:
                cosine = float(token @ word) / (float(token.norm()) * float(word.norm()))
                near.append((1.0 + cosine) / 2.0)
        near.sort(reverse=True)
        score = near[0] / near[1] if len(near) > 1 else 1.0
        ranked.append((score if words[place] else -1.0, -place))
    return [-place for _, place in sorted(ranked, reverse=True)[:k]]


def attended(
    module: Any, queries: torch.Tensor, keys: torch.Tensor, there: list[bool]
) -> torch.Tensor:
    """Multi-head attention of one example, head by head and query by query."""
    width = module.embed_dim
    if module.in_proj_weight is not None:
        weights = module.in_proj_weight.split(width)
    else:
        weights = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
    q, k, v = (
        each @ weight.T + bias
        for each, weight, bias in zip(
            (queries, keys, keys), weights, module.in_proj_bias.split(width), strict=True
        )
    )
    size = width // module.num_heads
    kept = [place for place, real in enumerate(there) if real]
    rows = []
    for query in range(len(queries)):
        heads = []
        for head in range(module.num_heads):
            part = slice(head * size, (head + 1) * size)
            weight = torch.stack([q[query, part] @ k[j, part] for j in kept]) / math.sqrt(size)
            shares = weight.softmax(0)
            heads.append(sum(shares[i] * v[j, part] for i, j in enumerate(kept)))
        rows.append(torch.cat(heads))
    return module.out_proj(torch.stack(rows))
