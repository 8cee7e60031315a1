"""Fine-tune an encoder to classify texts, alone or with intentions beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.downstream.harness.metrics import classification
from benchmarks.downstream.harness.training import History, Schedule, fit, seeded
from schema.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch


@dataclass(frozen=True, slots=True)
class Examples:
    """Texts to classify.

    Attributes
    ----------
    texts, labels
        n texts and their class numbers.
    beside
        n further texts, read as the second segment ("" for nothing); None: there is none.
    vectors
        Shape (n, d), float32: a stream beside the encoder's own, zeros for nothing; None: none.
    """

    texts: Sequence[str]
    labels: Sequence[int]
    beside: Sequence[str] | None = None
    vectors: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a trained classifier said of the test examples.

    Attributes
    ----------
    predicted
        Class numbers, shape (n,).
    history
        What training saw.
    """

    predicted: list[int]
    history: History


def check_classes(labels: Sequence[int], names: Sequence[str], where: str) -> None:
    """See that every class can be learnt.

    Raises
    ------
    InputError
        If a class has fewer than two training examples: it cannot be told from its one example.
    """
    counts = [0] * len(names)
    for label in labels:
        counts[label] += 1
    if few := [name for name, count in zip(names, counts, strict=True) if count < 2]:
        raise InputError(
            f"class {few[0]!r} has {counts[names.index(few[0])]} training example(s)",
            file=where,
            fix="give each class two examples or more, or take the class out",
        )


def classify(
    backbone: str,
    train: Examples,
    valid: Examples,
    test: Examples,
    *,
    classes: int,
    schedule: Schedule,
    seed: int,
    folder: Path,
    max_tokens: int = 64,
    trained_layers: int | None = None,
    measure: str = "f1",
    positive: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> Outcome:
    """Train on `train`, stop by `valid`, say what `test` is.

    Parameters
    ----------
    backbone
        See :func:`benchmarks.downstream.harness.backbones.load_backbone`.
    classes
        How many there are.
    max_tokens
        Texts are cut there, what stands beside them included.
    trained_layers
        Only so many upper layers learn, the embeddings and the others stay; None: all learn.
    measure, positive
        What validation goes by; see :func:`benchmarks.downstream.harness.metrics.classification`.
    """
    import torch

    from benchmarks.downstream.harness.backbones import load_backbone
    from benchmarks.downstream.harness.classifier import Classifier

    seeded(seed)
    loaded = load_backbone(backbone)
    _freeze(loaded.model, trained_layers)
    width = 0 if train.vectors is None else int(train.vectors.shape[1])
    net = Classifier(loaded.model, loaded.width, classes, width)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net.to(device)
    readers = [Reader(loaded.tokenizer, each, max_tokens, device) for each in (train, valid, test)]
    labels = torch.tensor(list(train.labels), device=device)

    def loss(chosen: list[int]) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(net(*readers[0](chosen)), labels[chosen])

    def score() -> float:
        found = predict(net, readers[1], schedule.batch)
        return classification(valid.labels, found, positive=positive)[measure]

    history = fit(
        net,
        len(train),
        loss,
        score,
        schedule,
        seed=seed,
        folder=folder,
        encoder=loaded.model,
        progress=progress,
    )
    return Outcome(predict(net, readers[2], schedule.batch), history)


class Reader:
    """Turns numbers of examples into what a classifier takes."""

    def __init__(
        self, tokenizer: Any, examples: Examples, max_tokens: int, device: torch.device
    ) -> None:
        import torch

        self._tokenizer = tokenizer
        self._device = device
        pairs = () if examples.beside is None else (list(examples.beside),)
        self._words = tokenizer(
            list(examples.texts), *pairs, truncation="longest_first", max_length=max_tokens
        )
        vectors = examples.vectors
        self._vectors = (
            torch.zeros(len(examples), 0) if vectors is None else torch.from_numpy(vectors)
        )
        self.count = len(examples)

    def __call__(self, chosen: list[int]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """Tokens, padded to the longest, and the vectors beside them."""
        rows = {name: [values[i] for i in chosen] for name, values in self._words.items()}
        padded = self._tokenizer.pad(rows, return_tensors="pt")
        words = {name: value.to(self._device) for name, value in padded.items()}
        return words, self._vectors[chosen].to(self._device)

    def lengths(self) -> list[int]:
        """Tokens of each example."""
        return [len(row) for row in self._words["input_ids"]]


def predict(net: torch.nn.Module, reader: Reader, batch: int) -> list[int]:
    """The class of each example, those of like length read together."""
    import torch

    lengths = reader.lengths()
    order = sorted(range(reader.count), key=lengths.__getitem__)
    found = [0] * reader.count
    net.eval()
    with torch.no_grad():
        for start in range(0, reader.count, 2 * batch):
            chosen = order[start : start + 2 * batch]
            for place, label in zip(chosen, net(*reader(chosen)).argmax(1).tolist(), strict=True):
                found[place] = label
    return found


def _freeze(model: Any, trained_layers: int | None) -> None:
    if trained_layers is None:
        return
    if not hasattr(model, "encoder") or not hasattr(model.encoder, "layer"):
        raise UsageError(
            f"a {model.config.model_type} model has no layers by the name of encoder.layer",
            fix="name a BERT or RoBERTa as the backbone",
        )
    layers = model.encoder.layer
    upper = layers[max(0, len(layers) - trained_layers) :]
    kept = {id(parameter) for layer in upper for parameter in layer.parameters()}
    for parameter in model.parameters():
        parameter.requires_grad = id(parameter) in kept
