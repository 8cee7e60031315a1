"""Train one recogniser on one set of examples and say what it makes of the test set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from benchmarks.downstream.amess.model import Batch, Recogniser
from benchmarks.downstream.amess.outside import reject
from benchmarks.downstream.harness.metrics import classification
from benchmarks.downstream.harness.training import History, Schedule, fit

if TYPE_CHECKING:
    from benchmarks.downstream.amess.features import Frames


@dataclass(frozen=True, slots=True)
class Examples:
    """Utterances as models read them.

    Attributes
    ----------
    texts, labels
        n of each; labels are class numbers.
    video, audio
        Shapes (n, T, D), zero-padded; None: there are none.
    intentions
        Vectors (n, k, d) and mask (n, k) of graph intentions; None: none are read.
    """

    texts: Sequence[str]
    labels: Sequence[int]
    video: Frames | None = None
    audio: Frames | None = None
    intentions: tuple[Frames, Any] | None = None

    def __len__(self) -> int:
        return len(self.texts)


class Reader:
    """Makes batches of numbers of examples.

    Parameters
    ----------
    length
        Word pieces at most. With video and audio every text is padded to it, as A-MESS does.
    """

    def __init__(
        self, tokenizer: Any, examples: Examples, length: int, device: torch.device
    ) -> None:
        self._examples = examples
        self._tokenizer = tokenizer
        self._pad = "max_length" if examples.video is not None else "longest"
        self._length = length
        self._device = device
        self._pieces = tokenizer(list(examples.texts), truncation=True, max_length=length)

    def __call__(self, chosen: Sequence[int]) -> Batch:
        """The batch of these examples."""
        rows = {
            name: [self._pieces[name][i] for i in chosen]
            for name in ("input_ids", "attention_mask")
        }
        found = self._tokenizer.pad(
            rows, padding=self._pad, max_length=self._length, return_tensors="pt"
        )
        given = self._examples
        return Batch(
            found["input_ids"].to(self._device),
            found["attention_mask"].bool().to(self._device),
            self._frames(given.video, chosen),
            self._frames(given.audio, chosen),
            None
            if given.intentions is None
            else tuple(
                torch.from_numpy(part[list(chosen)]).to(self._device) for part in given.intentions
            ),
        )

    def _frames(
        self, values: Frames | None, chosen: Sequence[int]
    ) -> tuple[torch.Tensor, torch.Tensor] | None:
        if values is None:
            return None
        frames = torch.from_numpy(values[list(chosen)]).to(self._device)
        return frames, frames.any(2)


def learn(
    net: Recogniser,
    tokenizer: Any,
    train: Examples,
    valid: Examples,
    test: Examples,
    schedule: Schedule,
    *,
    seed: int,
    folder: Path,
    length: int = 50,
    encoder: torch.nn.Module | None = None,
    rejecting: bool = False,
    progress: Callable[[str], None] | None = None,
) -> tuple[list[int], History]:
    """Train `net`, stop by the accuracy on `valid`; gives what `test` is said to be.

    An interrupted training goes on from `folder` and ends in the same weights
    (:func:`benchmarks.downstream.harness.training.fit`).

    Parameters
    ----------
    rejecting
        Whether `test` has utterances of no class of training's: those are said to be of the
        class after the last (:func:`benchmarks.downstream.amess.outside.reject`).
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net.to(device)
    readers = [Reader(tokenizer, each, length, device) for each in (train, valid, test)]
    labels = torch.tensor(list(train.labels), device=device)

    def loss(chosen: list[int]) -> torch.Tensor:
        return net.loss(readers[0](chosen), labels[chosen])

    def score() -> float:
        said = read_all(net, readers[1], len(valid), schedule.batch).argmax(1).tolist()
        return classification(valid.labels, said)["accuracy"]

    history = fit(
        net,
        len(train),
        loss,
        score,
        schedule,
        seed=seed,
        folder=folder,
        encoder=encoder,
        progress=progress,
    )
    said = read_all(net, readers[2], len(test), schedule.batch)
    if not rejecting:
        return said.argmax(1).tolist(), history
    seen = read_all(net, readers[0], len(train), schedule.batch)
    return reject(seen, labels, said), history


def read_all(net: Recogniser, reader: Reader, count: int, batch: int) -> torch.Tensor:
    """Logits of all examples, shape (count, classes)."""
    net.eval()
    with torch.no_grad():
        parts = [
            net(reader(range(start, min(count, start + 2 * batch))))[0]
            for start in range(0, count, 2 * batch)
        ]
    return torch.cat(parts)
