"""Every module of A-MESS and its baselines: shapes, gradients, and what A-ME learns to find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel

from benchmarks.downstream.amess import synthetic
from benchmarks.downstream.amess.alignment import CTCAlignment
from benchmarks.downstream.amess.ame import AnchorEmbedding, Modality, PlainSum, pooled
from benchmarks.downstream.amess.anchors import AnchorAttention
from benchmarks.downstream.amess.arms import ARMS, build
from benchmarks.downstream.amess.baselines import Gate
from benchmarks.downstream.amess.features import LAYOUTS
from benchmarks.downstream.amess.model import AMess, Batch, Sizes
from benchmarks.downstream.amess.synchronisation import Token, triplet_contrastive

TEXT, VIDEO, AUDIO = (2, 5, 8), (2, 7, 3), (2, 9, 4)


def frames(*shapes: tuple[int, int, int]) -> list[torch.Tensor]:
    return [torch.randn(shape, dtype=torch.float64) for shape in shapes]


def all_of(values: torch.Tensor) -> torch.Tensor:
    """A mask by which nothing is padding."""
    return torch.ones(values.shape[:2], dtype=torch.bool)


def some_of(values: torch.Tensor) -> torch.Tensor:
    """A mask by which the last two of the first example are padding."""
    mask = all_of(values)
    mask[0, -2:] = False
    return mask


def aligning(readout: bool) -> tuple[nn.Module, list[torch.Tensor], Callable[..., Any]]:
    net = CTCAlignment(3, 5, readout=readout)
    return net, frames(VIDEO), lambda video: net(video, some_of(video))


def embedding(
    kind: type[nn.Module], **options: Any
) -> tuple[nn.Module, list[torch.Tensor], Callable[..., Any]]:
    net = kind(8, 3, 4, dropout=0.0, **options)

    def call(text: torch.Tensor, video: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = net(
            text, some_of(text), (video, some_of(video)), (audio, all_of(audio))
        )
        return found

    return net, frames(TEXT, VIDEO, AUDIO), call


def interacting() -> tuple[nn.Module, list[torch.Tensor], Callable[..., Any]]:
    net = AnchorAttention(8, 2, 0.0)
    return net, frames((2, 3, 8), (2, 4, 8)), lambda own, other: net(own, other, some_of(other))


def gating() -> tuple[nn.Module, list[torch.Tensor], Callable[..., Any]]:
    net = Gate(8, 3, 4, dropout=0.0)
    return net, frames(TEXT, (2, 5, 3), (2, 5, 4)), net


def summing() -> tuple[nn.Module, list[torch.Tensor], Callable[..., Any]]:
    net = Token(8, 6)
    return net, frames(TEXT), lambda hidden: net(hidden, some_of(hidden))


MODULES: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "alignment": (lambda: aligning(True), (2, 5, 3)),
    "alignment without readout": (lambda: aligning(False), (2, 5, 3)),
    "anchor attention": (interacting, (2, 3, 8)),
    "A-ME": (lambda: embedding(AnchorEmbedding, length=5, k=3, heads=2), TEXT),
    "plain sum": (lambda: embedding(PlainSum), TEXT),
    "gate": (gating, TEXT),
    "token": (summing, (2, 6)),
}


@pytest.mark.parametrize("name", MODULES)
def test_shape_and_gradient_of_each_module(name: str) -> None:
    """The gradient is the slope (float64), for what goes in and for every parameter."""
    torch.manual_seed(0)
    make, shape = MODULES[name]
    net, given, call = make()
    net.double()
    found = call(*given)
    assert found.shape == shape
    reaches_all(net, (found * torch.randn_like(found)).sum())
    inputs = [values.requires_grad_() for values in given]
    asked = (*inputs, *net.parameters())  # these are moved in place, so the call sees them
    assert torch.autograd.gradcheck(lambda *_: call(*inputs), asked, fast_mode=True)


def test_gradient_of_the_contrastive_loss() -> None:
    torch.manual_seed(0)
    token = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
    said = torch.randn(3, 2, 6, dtype=torch.float64)
    said[2] = 0.0  # out of scope
    labels = torch.tensor([0, 1, 2, 1])
    assert torch.autograd.gradcheck(lambda one: triplet_contrastive(one, labels, said), (token,))
    triplet_contrastive(token, labels, said).backward()
    assert token.grad is not None
    assert (token.grad.abs().sum(1) > 0).tolist() == [True, True, False, True]


def reaches_all(net: nn.Module, loss: torch.Tensor) -> None:
    """Every parameter gets a finite gradient that is not zero."""
    loss.backward()
    for name, parameter in net.named_parameters():
        if name.endswith("key.bias"):  # adds the same to all scores of a query: no effect
            continue
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def bert(width: int = 16, pieces: int = 50) -> Any:
    shape = BertConfig(
        vocab_size=pieces,
        hidden_size=width,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
    )
    return BertModel(shape, add_pooling_layer=False)


def batch(width: int = 0) -> Batch:
    """Three utterances; with a width, three graph intentions beside each."""
    beside = (torch.randn(3, 3, width), torch.ones(3, 3, dtype=torch.bool)) if width else None
    return Batch(
        torch.randint(0, 50, (3, 8)),
        torch.arange(8).expand(3, -1) < torch.tensor([[8], [5], [2]]),
        (torch.randn(3, 9, 6), torch.ones(3, 9, dtype=torch.bool)),
        (torch.randn(3, 11, 10), torch.ones(3, 11, dtype=torch.bool)),
        beside,
    )


@pytest.mark.parametrize("arm", ARMS)
def test_the_joint_loss_reaches_every_parameter_of_every_arm(arm: str) -> None:
    torch.manual_seed(0)
    said = torch.randn(4, 3, 12)
    options = {"k": 3, "length": 8, "temperature": 0.7, "dimension": 5}
    net = build(arm, bert(), Sizes(6, 10, 4), said, **options)
    given = batch(5 if "+" in arm else 0)
    reaches_all(net.eval(), net.loss(given, torch.tensor([0, 1, 2])))


@pytest.mark.parametrize("dataset", LAYOUTS)
def test_published_shapes_whole(dataset: str) -> None:
    """Text features as wide as published go in as they are, and are read by a BERT that wide."""
    layout = LAYOUTS[dataset]
    length, width = layout.text
    net = AMess(
        bert(width), Sizes(layout.video[1], layout.audio[1], 3), torch.randn(3, 3, 384),
        length=length,
    )  # fmt: skip
    streams = [torch.randn(2, *shape) for shape in (layout.video, layout.audio)]
    masks = [all_of(each) for each in streams]
    text = torch.randn(2, length, width)
    given = Batch(text, all_of(text), (streams[0], masks[0]), (streams[1], masks[1]))
    logits, token = net(given)
    assert logits.shape == (2, 3)
    assert token is not None
    assert token.shape == (2, 384)
    reaches_all(net.embedding, net.loss(given, torch.tensor([0, 1])))


WIDTH, STEPS = LAYOUTS["mintrec"].text[1], 50


class Learner(nn.Module):  # type: ignore[misc]  # torch is not followed
    """An embedding of the published shapes, the mean of its tokens, and a linear layer."""

    def __init__(self, embedding: nn.Module) -> None:
        super().__init__()
        self.embedding = embedding
        self.head = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 2))

    def forward(self, *given: Any) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.embedding(*given).mean(1))
        return logits


def utterances(count: int, seed: int, *, without: bool = False) -> tuple[Any, torch.Tensor]:
    """MIntRec's shapes: text that says nothing, and four frames that tell the label; or noise."""
    layout = LAYOUTS["mintrec"]
    made = synthetic.make(count, 2, layout, seed=seed, anchors=4, strength=8.0)
    torch.manual_seed(seed)
    text = torch.randn(count, *layout.text)
    streams: list[Modality] = []
    for values in (made.video, made.audio):
        whole = torch.from_numpy(values)
        if without:
            for row, places in enumerate(made.anchors):
                whole[row, places] = torch.randn(len(places), whole.shape[2])
        streams.append((whole, all_of(whole)))
    return (text, all_of(text), *streams), torch.tensor(made.labels)


def learnt(net: Learner, rate: float) -> Learner:
    """Trained on new utterances at each step; the alignment learns fifty times as fast."""
    fast = [p for name, p in net.named_parameters() if ".align." in name]
    slow = [p for name, p in net.named_parameters() if ".align." not in name]
    groups = [{"params": slow}, *([{"params": fast, "lr": 50 * rate}] if fast else [])]
    optimizer = torch.optim.AdamW(groups, rate, fused=True)
    for step in range(STEPS):
        given, labels = utterances(8, step)
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(*given), labels).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
    return net.eval()


@pytest.mark.parametrize("words", [1, 3, 5, 8])
@pytest.mark.parametrize("count", [1, 4, 7])
def test_the_ablation_pools_what_is_there_to_the_words(words: int, count: int) -> None:
    """A frame that fell on a padded word would be lost: nothing after it reads padding."""
    (given,) = frames((2, 7, 3))
    present, read = all_of(given), torch.ones(2, 8, dtype=torch.bool)
    present[0, count:], read[0, words:] = False, False
    found = pooled(given, present, read)
    for row, frame_count, word_count in ((0, count, words), (1, 7, 8)):
        expected = nn.functional.adaptive_avg_pool1d(given[row, :frame_count].T, word_count)
        torch.testing.assert_close(found[row, :word_count], expected.T)
    assert not found[0, words:].any()


def accuracy(net: Learner, *, without: bool = False) -> float:
    with torch.no_grad():
        right = []
        for seed in range(1_000, 1_006):
            given, labels = utterances(20, seed, without=without)
            right.append((net(*given).argmax(1) == labels).float().mean())
    return float(torch.stack(right).mean())


@pytest.mark.slow
def test_at_the_published_shapes_anchors_are_found_and_the_ablation_is_beaten() -> None:
    """4 of 230 and of 480 frames tell the label; that takes half a minute on one thread."""
    layout = LAYOUTS["mintrec"]
    sizes = (WIDTH, layout.video[1], layout.audio[1])
    torch.manual_seed(0)
    whole = learnt(Learner(AnchorEmbedding(*sizes, length=layout.text[0], dropout=0.0)), 1e-4)
    torch.manual_seed(0)
    plain = learnt(Learner(PlainSum(*sizes, dropout=0.0)), 2e-3)
    assert accuracy(whole) > 0.93
    assert accuracy(whole) > accuracy(plain) + 0.05
    assert accuracy(whole, without=True) < 0.65  # it is the anchors that it goes by
    given, _ = utterances(20, 1_000)
    drawn = shares(whole, given[2])
    places = synthetic.make(20, 2, layout, seed=1_000, anchors=4, strength=8.0).anchors
    on = torch.stack([drawn[row, torch.from_numpy(four)].mean() for row, four in enumerate(places)])
    assert on.mean() > 3 * drawn.mean()


def shares(net: Learner, video: Modality) -> torch.Tensor:
    """How much of each frame of video (n, T) goes to any place at all."""
    align = net.embedding.align[0]
    with torch.no_grad():
        found: torch.Tensor = 1.0 - align.readout(align.reader(video[0])[0]).softmax(-1)[..., 0]
    return found
