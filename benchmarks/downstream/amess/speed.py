"""How fast A-MESS trains at the published shapes, and in how much memory.

python -m benchmarks.downstream.amess.speed           # A-ME alone, against itself written out
python -m benchmarks.downstream.amess.speed --large   # all of A-MESS, as large as the paper's

``--large`` takes a BERT of bert-large's size with random weights, on CUDA where there is one.
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
from benchmarks.downstream.amess.model import AMess, Batch, Sizes

LAYOUT = LAYOUTS["mintrec2"]
INTENTS, SENTENCE = 30, 384
"""MIntRec2.0's classes; length of a description's vector."""


def measure(width: int, batch: int, naive_batch: int) -> dict[str, float]:
    """Seconds an utterance takes A-ME, forwards and backwards, and MiB that training adds.

    Returns
    -------
    dict
        ``module`` and ``naive`` in seconds per utterance (``naive`` absent where its batch is 0),
        ``mebibytes`` of the module's training step with AdamW above the process before it.
    """
    torch.manual_seed(0)
    before = _resident()
    net = AnchorEmbedding(width, LAYOUT.video[1], LAYOUT.audio[1], dropout=0.0)
    optimizer = torch.optim.AdamW(net.parameters(), 2e-5)

    def step(count: int, embed: Callable[..., torch.Tensor]) -> float:
        text = torch.randn(count, 50, width)
        words = torch.ones(count, 50, dtype=torch.bool)
        streams = _streams(count, torch.device("cpu"))
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


def whole(width: int, layers: int, batch: int, steps: int) -> dict[str, float]:
    """All of A-MESS with a BERT of random weights: its steps and its memory.

    Parameters
    ----------
    width, layers
        Of the BERT; bert-large has 1024 and 24. Heads are 64 wide.
    batch, steps
        Utterances in a step; steps that are timed, after one that is not.

    Returns
    -------
    dict
        ``parameters``; ``seconds`` a step takes (forwards, backwards, AdamW); ``mebibytes`` at
        most: on CUDA what tensors took, on a CPU the process above what it was before.
    """
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    before = _resident()
    shape = BertConfig(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=max(1, width // 64),
        intermediate_size=4 * width,
    )
    sizes = Sizes(LAYOUT.video[1], LAYOUT.audio[1], INTENTS)
    bert = BertModel(shape, add_pooling_layer=False)
    net = AMess(bert, sizes, torch.randn(INTENTS, 3, SENTENCE)).to(device).train()
    optimizer = torch.optim.AdamW(net.parameters(), 2e-5)
    length = LAYOUT.text[0]
    given = Batch(
        torch.randint(0, shape.vocab_size, (batch, length), device=device),
        torch.ones(batch, length, dtype=torch.bool, device=device),
        *_streams(batch, device),
    )
    labels = torch.randint(0, INTENTS, (batch,), device=device)
    times = []
    for _ in range(1 + steps):
        start = time.perf_counter()
        optimizer.zero_grad()
        net.loss(given, labels).backward()
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    peak = torch.cuda.max_memory_allocated() / 2**20 if device.type == "cuda" else None
    return {
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        "seconds": sum(times[1:]) / steps,
        "mebibytes": _resident() - before if peak is None else peak,
    }


def _streams(count: int, device: torch.device) -> list[Modality]:
    """Video and audio of the published shapes, without padding."""
    return [
        (
            torch.randn(count, *shape, device=device),
            torch.ones(count, shape[0], dtype=torch.bool, device=device),
        )
        for shape in (LAYOUT.video, LAYOUT.audio)
    ]


def _resident() -> float:
    """MiB that the process has had in memory at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _device() -> str:
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return f"CPU, {torch.get_num_threads()} thread(s)"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--naive", type=int, default=1, help="utterances of the naive one; 0: none")
    parser.add_argument("--large", action="store_true", help="all of A-MESS with a BERT that wide")
    parser.add_argument("--layers", type=int, default=24, help="of that BERT")
    parser.add_argument("--steps", type=int, default=2, help="that are timed, of all of A-MESS")
    given = parser.parse_args()
    if given.large:
        found = whole(given.width, given.layers, given.batch, given.steps)
        print("| device | batch | million parameters | seconds a step | steps a second | MiB |")
        print("|---|---|---|---|---|---|")
        print(
            f"| {_device()} | {given.batch} | {found['parameters'] / 1e6:.0f} "
            f"| {found['seconds']:.2f} | {1 / found['seconds']:.2f} | {found['mebibytes']:,.0f} |"
        )
        return
    for name, value in measure(given.width, given.batch, given.naive).items():
        print(f"{name}: {value:.3f}" + (" MiB" if name == "mebibytes" else " s an utterance"))


if __name__ == "__main__":
    main()
