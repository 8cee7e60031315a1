"""How fast A-ME trains at the published shapes, against itself written out; and its memory.

python -m benchmarks.downstream.amess.speed [--width 1024] [--batch 8] [--naive 1]
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import torch

from benchmarks.downstream.amess import naive
from benchmarks.downstream.amess.ame import AnchorEmbedding, Modality
from benchmarks.downstream.amess.features import LAYOUTS


def measure(width: int, batch: int, naive_batch: int) -> dict[str, float]:
    """Seconds an utterance takes, forwards and backwards, and MiB that training adds.

    Returns
    -------
    dict
        ``module`` and ``naive`` in seconds per utterance (``naive`` absent where its batch is 0),
        ``mebibytes`` of the module's training step with AdamW above the process before it.
    """
    torch.manual_seed(0)
    layout = LAYOUTS["mintrec2"]
    before = _resident()
    net = AnchorEmbedding(width, layout.video[1], layout.audio[1], dropout=0.0)
    optimizer = torch.optim.AdamW(net.parameters(), 2e-5)

    def step(count: int, embed: Callable[..., torch.Tensor]) -> float:
        text = torch.randn(count, 50, width)
        words = torch.ones(count, 50, dtype=torch.bool)
        streams: list[Modality] = []
        for shape in (layout.video, layout.audio):
            mask = torch.ones(count, shape[0], dtype=torch.bool)
            streams.append((torch.randn(count, *shape), mask))
        start = time.perf_counter()
        optimizer.zero_grad()
        embed(text, words, *streams).pow(2).mean().backward()
        optimizer.step()
        return (time.perf_counter() - start) / count

    step(batch, net)  # the first one allocates
    found = {"module": min(step(batch, net) for _ in range(3)), "mebibytes": _resident() - before}
    if naive_batch:
        found["naive"] = step(naive_batch, lambda *given: naive.embed(net, *given))
    return found


def _resident() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--naive", type=int, default=1, help="utterances of the naive one; 0: none")
    given = parser.parse_args()
    for name, value in measure(given.width, given.batch, given.naive).items():
        print(f"{name}: {value:.3f}" + (" MiB" if name == "mebibytes" else " s an utterance"))
