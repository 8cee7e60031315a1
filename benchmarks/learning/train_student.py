"""Make the student's weights from a folder of published data.

::

    python -m benchmarks.learning.train_student ../shared/data

Takes under two hours on two cores. The same seed on the same machine gives the same weights.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from benchmarks.learning.corpora import atomic, event2mind, learnable
from benchmarks.learning.student_confidence import UNFITTED, asked, fit
from benchmarks.learning.student_data import Lesson, chances, lessons, parted, relations_of
from generation import minilm
from generation.student.net import Net, Shape, additive
from generation.student.student import SHIPPED, Student, digest
from generation.weights import Source, load, save

if TYPE_CHECKING:
    import torch

NAME, VERSION = "intentkg-student", "1"
_DRAWN = 4  # tails of one head in a batch
_ROOM = 18  # their tokens in all: one long row would pad all the others
_CHUNK = 50  # batches that are sorted by length together
_CLIP = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to train.

    Attributes
    ----------
    heads
        Heads in a batch.
    rate, reader_rate
        Highest learning rates, of the decoder and of MiniLM's upper layers.
    """

    steps: int = 1600
    heads: int = 128
    rate: float = 6e-4
    reader_rate: float = 1e-4
    smoothing: float = 0.1
    seed: int = 1
    upper: int = 2
    layers: tuple[int, ...] = (1, 3, 5)


class Course:
    """The lessons, each wording read once up to where the student's own layers begin."""

    def __init__(self, net: Net, made: list[Lesson], *, heads: int, seed: int) -> None:
        self.net = net
        self.made = made
        self.heads = heads
        self._chance = np.random.default_rng(seed)
        self._share = chances(made)
        self._states, self._lengths = self._read()
        self._tails = {tail: net.told(tail) for lesson in made for _, tail in lesson.tails}
        self._places = {name: at for at, name in enumerate(net.shape.relations)}

    def _read(self) -> tuple[list[list[torch.Tensor]], np.ndarray[Any, Any]]:
        import torch

        rows = [
            (at, self.net.tokens(texts))
            for at, lesson in enumerate(self.made)
            for texts in lesson.wordings
        ]
        order = sorted(range(len(rows)), key=lambda at: len(rows[at][1]))
        states: list[list[torch.Tensor]] = [[] for _ in self.made]
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            for start in range(0, len(order), 256):
                some = [rows[at] for at in order[start : start + 256]]
                ids, mask, kinds = self.net.batch([tokens for _, tokens in some])
                hidden = self.net.lower(ids, mask, kinds).to(torch.bfloat16)
                for (at, tokens), state in zip(some, hidden, strict=True):
                    states[at].append(state[: len(tokens)].clone())
        return states, np.array([len(found[0]) for found in states])

    def batches(
        self,
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor, list[tuple[int, int, list[int]]]]]:
        """Give, without end, hidden states, their mask, and (head, relation, tail) of each row."""
        while True:
            chosen = self._chance.choice(len(self.made), self.heads * _CHUNK, p=self._share)
            chosen = chosen[np.argsort(self._lengths[chosen], kind="stable")]
            starts = self._chance.permutation(_CHUNK) * self.heads
            for start in starts:
                yield self._batch(chosen[start : start + self.heads])

    def _batch(self, chosen: np.ndarray[Any, Any]) -> Any:
        import torch

        rows: list[tuple[int, int, list[int]]] = []
        states = []
        for place, at in enumerate(chosen):
            found = self._states[at]
            states.append(found[self._chance.integers(len(found))])
            keys = list(self.made[at].tails)
            weights = np.array(list(self.made[at].tails.values()))
            drawn = self._chance.choice(
                len(keys), min(_DRAWN, len(keys)), replace=False, p=weights / weights.sum()
            )
            room = _ROOM
            for relation, tail in (keys[key] for key in drawn):
                tokens = self._tails[tail]
                if room == _ROOM or len(tokens) < room:
                    rows.append((place, self._places[relation], tokens))
                    room -= len(tokens) + 1
        hidden = torch.nn.utils.rnn.pad_sequence(states, batch_first=True)
        mask = torch.zeros(hidden.shape[:2], dtype=torch.long)
        for place, state in enumerate(states):
            mask[place, : len(state)] = 1
        return hidden, mask, rows


def loss_of(
    net: Net,
    relations: torch.Tensor,
    hidden: torch.Tensor,
    mask: torch.Tensor,
    rows: list[tuple[int, int, list[int]]],
    smoothing: float,
) -> torch.Tensor:
    """Give the mean loss of a batch's tokens.

    Parameters
    ----------
    relations
        Embeddings of the relation tokens; (relations, 384).
    """
    import torch
    from torch.nn import functional

    read = net.upper(hidden, mask)
    given, wanted, places, seen = _packed(net, rows, len(hidden))
    words = net.writer.bert.embeddings.word_embeddings.weight
    table = torch.cat([relations, words[len(relations) :]])
    out = net.writer.bert(
        inputs_embeds=functional.embedding(given, table),
        position_ids=places,
        attention_mask=seen,
        encoder_hidden_states=read,
        encoder_attention_mask=mask,
        use_cache=False,
    ).last_hidden_state
    kept = wanted != -100
    predictions = net.writer.cls.predictions
    scores = predictions.transform(out[kept]) @ words.T + predictions.bias
    return functional.cross_entropy(scores.float(), wanted[kept], label_smoothing=smoothing)


def _packed(
    net: Net, rows: list[tuple[int, int, list[int]]], heads: int
) -> tuple[torch.Tensor, ...]:
    """Put all tails of a head into one row, each blind to the others.

    So the head is attended to once, and little is padding.

    Returns
    -------
    given, wanted, places
        Tokens, the next tokens (-100: none) and their positions; (heads, tokens).
    seen
        Which token attends to which, as is added to the scores; (heads, 1, tokens, tokens).
    """
    import torch

    by_head: list[list[tuple[int, list[int]]]] = [[] for _ in range(heads)]
    for head, relation, tail in rows:
        by_head[head].append((relation, tail))
    width = max(sum(len(tail) + 1 for _, tail in told) for told in by_head)
    given = torch.full((heads, width), net.pad)
    wanted = torch.full((heads, width), -100)
    places = torch.zeros(heads, width, dtype=torch.long)
    owners = torch.full((heads, width), -1)
    for head, told in enumerate(by_head):
        at = 0
        for owner, (relation, tail) in enumerate(told):
            end = at + len(tail) + 1
            given[head, at:end] = torch.tensor([relation, *tail])
            wanted[head, at:end] = torch.tensor([*tail, net.end])
            places[head, at:end] = torch.arange(end - at)
            owners[head, at:end] = owner
            at = end
    same = owners[:, :, None] == owners[:, None, :]
    seen = same & torch.ones(width, width).tril().bool()
    return given, wanted, places, additive(seen[:, None])


def train(net: Net, made: list[Lesson], plan: Plan) -> dict[str, torch.Tensor]:
    """Train; gives the student's own tensors."""
    import torch

    torch.manual_seed(plan.seed)
    course = Course(net, made, heads=plan.heads, seed=plan.seed)
    own = net.parameters()
    for module in (net.reader, net.writer):
        module.requires_grad_(False)
    count = len(net.shape.relations)
    relations = torch.nn.Parameter(
        net.writer.bert.embeddings.word_embeddings.weight[:count].clone()
    )
    for value in own.values():
        value.requires_grad_(True)
    groups = [
        {"params": [v for k, v in own.items() if k.startswith("reader.")], "lr": plan.reader_rate},
        {
            "params": [*(v for k, v in own.items() if k.startswith("writer.")), relations],
            "lr": plan.rate,
        },
    ]
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    warm = max(1, plan.steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda at: min((at + 1) / warm, max(0.01, (plan.steps - at) / plan.steps))
    )
    net.reader.train()
    net.writer.train()
    began, total = time.monotonic(), 0.0
    for step, (hidden, mask, rows) in zip(range(1, plan.steps + 1), course.batches(), strict=False):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = loss_of(net, relations, hidden.float(), mask, rows, plan.smoothing)
        loss.backward()
        for group in groups:
            torch.nn.utils.clip_grad_norm_(group["params"], _CLIP)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad(set_to_none=True)
        total += loss.item()
        if step % 100 == 0 or step == plan.steps:
            click.echo(
                f"step {step:,} of {plan.steps:,}: loss {total / (step % 100 or 100):.3f}, "
                f"{time.monotonic() - began:,.0f} s",
            )
            total = 0.0
    net.reader.eval()
    net.writer.eval()
    return {name: v.detach() for name, v in own.items()} | {"relations": relations.detach()}


def new_net(made: list[Lesson], plan: Plan) -> Net:
    """Make an untrained student that writes with the word pieces of the lessons."""
    from transformers import AutoTokenizer

    folder = minilm.folder()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    texts = {text for lesson in made for head in lesson.wordings for text in head}
    texts |= {tail for lesson in made for _, tail in lesson.tails}
    found = tokenizer(sorted(texts), add_special_tokens=False)["input_ids"]
    pieces = sorted({piece for row in found for piece in row})
    return Net(Shape(relations_of(made), plan.upper, plan.layers), pieces, folder)


def sources() -> tuple[Source, ...]:
    """Give what the weights learn from, for their manifest."""
    return (
        Source("ATOMIC 2020, evaluation sample", "CC-BY-4.0"),
        Source("Event2Mind, training split", "MIT"),
        Source("CKBP, tuples labelled plausible", "MIT"),
        Source("IntentionQA, four fifths of the pairs", "MIT"),
    )


def shipped(net: Net, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Give the tensors as they are shipped: in bf16, with the decoder's vocabulary."""
    import torch

    found = {name: value.to(torch.bfloat16) for name, value in tensors.items()}
    return {**found, "vocabulary": torch.tensor(net.pieces, dtype=torch.int32)}


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path), default=SHIPPED, show_default="shipped")
@click.option("--steps", type=click.IntRange(1), default=Plan().steps, show_default=True)
@click.option("--seed", type=int, default=Plan().seed, show_default=True)
@click.option("--upper", type=click.IntRange(0, 6), default=Plan().upper, show_default=True)
@click.option("--layers", default="1,3,5", show_default=True, help="MiniLM's, for the decoder.")
@click.option("--refit", is_flag=True, help="Keep the weights; fit their confidence anew.")
def main(
    data: Path, out: Path, steps: int, seed: int, upper: int, layers: str, refit: bool
) -> None:
    """Train on the folder DATA and write the weights."""
    began = time.monotonic()
    plan = Plan(steps=steps, seed=seed, upper=upper, layers=tuple(map(int, layers.split(","))))
    learnt, pairs = parted(learnable(data))
    if not refit:
        made = lessons(learnt, seed=seed)
        click.echo(f"{len(learnt):,} annotations of {len(made):,} heads")
        net = new_net(made, plan)
        tensors = shipped(net, train(net, made, plan))
        config = {
            "shape": net.shape.as_dict(),
            "confidence": asdict(UNFITTED),
            "minilm": digest(minilm.folder()),
            "plan": asdict(plan),
        }
        _save(out, config, tensors)
    events = [e for e in (*event2mind(data), *atomic(data)) if e.split == "dev"]
    questions = asked([*events, *pairs], most=250, seed=seed)
    confidence = fit(Student.load(out), questions, seed=seed)
    found = load(out)
    _save(out, {**found.config, "confidence": asdict(confidence)}, found.tensors)
    size = sum(file.stat().st_size for file in out.iterdir()) / 1e6
    click.echo(f"{out}: {size:.1f} MB in {(time.monotonic() - began) / 60:.0f} minutes")


def _save(out: Path, config: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
    save(out, name=NAME, version=VERSION, config=config, tensors=tensors, sources=sources())


if __name__ == "__main__":
    main()
