"""The critic's network in PyTorch, as it is trained: lower layers of MiniLM and a perceptron."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.learning.critic_examples import Item
from generation.critic.tokens import Pair, batches, padded

LAYERS = 3
_HIDDEN = 256
_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "out": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm2": "output.LayerNorm",
}


class CriticNet(nn.Module):  # type: ignore[misc]  # torch is not followed
    """Two logits for a pair of texts that are read together.

    The word embeddings stay what they are, so that they need not ship.
    """

    def __init__(self, encoder: Path, layers: int = LAYERS) -> None:
        from transformers import AutoModel

        super().__init__()
        self.bert: Any = AutoModel.from_pretrained(str(encoder), attn_implementation="sdpa")
        self.bert.pooler = None
        self.bert.encoder.layer = self.bert.encoder.layer[:layers]
        self.bert.embeddings.word_embeddings.weight.requires_grad = False
        width = int(self.bert.config.hidden_size)
        self.inner = nn.Linear(2 * width, _HIDDEN)
        self.outer = nn.Linear(_HIDDEN, 2)
        self.drop = nn.Dropout(0.1)

    def forward(self, ids: Tensor, types: Tensor, mask: Tensor) -> Tensor:
        """Give logits of shape (batch, 2)."""
        x = self.bert(input_ids=ids, token_type_ids=types, attention_mask=mask).last_hidden_state
        seen = mask[..., None].to(x.dtype)
        mean = (x * seen).sum(1) / seen.sum(1)
        inner = functional.gelu(self.inner(self.drop(torch.cat([x[:, 0], mean], 1))))
        out: Tensor = self.outer(self.drop(inner))
        return out

    def depth(self, name: str) -> int:
        """Count from the word embeddings up."""
        if ".layer." in name:
            return 1 + int(name.split(".layer.")[1].split(".")[0])
        return 0 if "embeddings" in name else 1 + len(self.bert.encoder.layer)


def exported(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give the tensors under the names of `generation.critic.network`, in fp16."""
    found = {
        "embeddings.token_type": state["bert.embeddings.token_type_embeddings.weight"],
        "embeddings.position": state["bert.embeddings.position_embeddings.weight"],
    }
    renamed = {"embeddings.norm": "bert.embeddings.LayerNorm"}
    layers = 1 + max(int(k.split(".layer.")[1].split(".")[0]) for k in state if ".layer." in k)
    for number in range(layers):
        for ours, theirs in _PARTS.items():
            renamed[f"layer.{number}.{ours}"] = f"bert.encoder.layer.{number}.{theirs}"
    renamed |= {"score.inner": "inner", "score.outer": "outer"}
    for ours, theirs in renamed.items():
        for end in ("weight", "bias"):
            found[f"{ours}.{end}"] = state[f"{theirs}.{end}"]
    return {name: tensor.detach().to(torch.float16) for name, tensor in found.items()}


def train(
    net: CriticNet,
    items: Sequence[Item],
    pairs: Sequence[Pair],
    *,
    epochs: float,
    rate: float,
    seed: int,
    size: int = 32,
    typical: float = 0.5,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Train it where it stands.

    Parameters
    ----------
    epochs
        May be less than one.
    rate
        Of the top; each layer below learns a tenth less.
    typical
        Weight of typicality beside plausibility in the loss.
    """
    torch.manual_seed(seed)
    rng = random.Random(seed)
    targets = torch.tensor([[i.plausible, i.typical] for i in items], dtype=torch.float32)
    weights = torch.tensor([1.0, typical])
    steps = math.ceil(epochs * len(items) / size)
    optimiser = torch.optim.AdamW(_groups(net, rate))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, 10 * (step + 1) / steps) * max(0.0, 1 - step / steps)
    )
    net.train()
    began, loss_sum = time.monotonic(), 0.0
    for step, rows in zip(range(1, steps + 1), _shuffled(pairs, size, rng), strict=False):
        inputs = map(torch.from_numpy, padded([pairs[row] for row in rows]))
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(*inputs)
        wanted = targets[rows]
        told = ~torch.isnan(wanted)
        raw = functional.binary_cross_entropy_with_logits(
            logits.float(), torch.nan_to_num(wanted), reduction="none"
        )
        loss = (raw * told * weights).sum() / len(rows)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
        loss_sum += float(loss.detach())
        if step % 200 == 0 or step == steps:
            done = time.monotonic() - began
            say(f"step {step}/{steps}, loss {loss_sum / (step % 200 or 200):.4f}, {done:.0f} s")
            loss_sum = 0.0


@torch.no_grad()  # type: ignore[untyped-decorator]
def logits(net: CriticNet, pairs: Sequence[Pair]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Give logits of shape (pairs, 2)."""
    net.eval()
    found = np.zeros((len(pairs), 2), dtype=np.float32)
    for rows in batches(pairs):
        inputs = map(torch.from_numpy, padded([pairs[row] for row in rows]))
        with torch.autocast("cpu", torch.bfloat16):
            found[rows] = net(*inputs).float().numpy()
    return found


def keep(net: CriticNet, file: Path | None) -> None:
    """Write the net's weights, if there is somewhere to."""
    from safetensors.torch import save_file

    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file(net.state_dict(), str(file))


def take(net: CriticNet, file: Path) -> None:
    """Read what :func:`keep` wrote."""
    from safetensors.torch import load_file

    net.load_state_dict(load_file(str(file)))


def _groups(net: CriticNet, rate: float) -> list[dict[str, Any]]:
    top = 1 + len(net.bert.encoder.layer)
    return [
        {
            "params": [parameter],
            "lr": rate * 0.9 ** (top - net.depth(name)) * (5 if net.depth(name) == top else 1),
            "weight_decay": 0.01 if parameter.ndim > 1 else 0.0,
        }
        for name, parameter in net.named_parameters()
        if parameter.requires_grad
    ]


def _shuffled(pairs: Sequence[Pair], size: int, rng: random.Random) -> Iterator[list[int]]:
    """Yield batches for ever; those of one batch are of similar length."""
    while True:
        order = list(range(len(pairs)))
        rng.shuffle(order)
        found = []
        for start in range(0, len(order), size * 32):
            chunk = sorted(order[start : start + size * 32], key=lambda n: len(pairs[n].ids))
            found += [chunk[n : n + size] for n in range(0, len(chunk), size)]
        rng.shuffle(found)
        yield from found
