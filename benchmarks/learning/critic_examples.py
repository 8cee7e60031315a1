"""What the critic learns from: people's labels, and what was put together by chance.

==============  ======================================  ============  ==============================
group           what                                    plausibility  typicality
==============  ======================================  ============  ==============================
written         Event2Mind's and ATOMIC's tails         1             0.8; written by several: 1
by chance       the same, a tail or a head exchanged    0             0
unreadable      the same in letters that mean nothing   0             0
labelled        CKBP's dev split                        people's      (none)
published       IntentionQA's pairs (training part)     1             people's, 0.6 to 1
distractors     IntentionQA's other options             0             0
==============  ======================================  ============  ==============================
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.learning import corpora
from benchmarks.learning.distractors import distractors
from generation.critic.wording import head_texts, tail_text

UNKNOWN = math.nan

# CKBP's relations that the registry does not hold: they teach, and are measured apart.
_LEADS = {
    "HinderedBy": "unless",
    "isAfter": "after",
    "isBefore": "before",
    "Causes": "causes",
    "HasSubEvent": "includes",
    "xReason": "because",
    "general Effect": "people then",
    "general Want": "people want to",
    "general React": "people feel",
}
_ALPHABETS = ((0x430, 0x44F), (0x4E00, 0x6FFF), (0x3041, 0x3096), (0x627, 0x64A), (0x905, 0x939))
_ENDINGS = ("en", "os", "ung", "ar", "ia", "eux", "lar", "ção")


@dataclass(frozen=True, slots=True)
class Item:
    """One example, as the network reads it.

    Attributes
    ----------
    plausible, typical
        In [0, 1]; NaN where nobody said.
    group
        What folds go by.
    """

    head: tuple[str, ...]
    tail: str
    plausible: float
    typical: float
    relation: str
    group: str


def written(folder: Path, split: corpora.Split = "train") -> list[Item]:
    """Give what people wrote, of the heads that may be learnt from or of those of another split."""
    found: dict[tuple[tuple[str, ...], str, str], str] = {}
    times: Counter[tuple[tuple[str, ...], str, str]] = Counter()
    if split == "train":
        examples = corpora.learnable(folder)
    else:
        everything = [*corpora.event2mind(folder), *corpora.atomic(folder)]
        examples = [example for example in everything if example.split == split]
    for example in examples:
        if example.source in ("event2mind", "atomic2020") and example.tail is not None:
            text = tail_text(example.relation, example.tail)
            key = (head_texts(example.head), text, example.relation.name)
            found[key] = example.key
            times[key] += 1
    return [
        Item(head, tail, 1.0, 1.0 if times[head, tail, name] > 1 else 0.8, name, key)
        for (head, tail, name), key in found.items()
    ]


def by_chance(items: Sequence[Item], rng: random.Random) -> list[Item]:
    """Exchange the tail for another of its relation or of any, or the head; what was written stays.

    Three in a hundred become unreadable instead.
    """
    same = defaultdict(list)
    for item in items:
        same[item.relation].append(item)
    known = {(item.head, item.tail) for item in items}
    made = []
    for item in items:
        chance = rng.random()
        if chance < 0.03:
            made.append(_unreadable(item, rng))
            continue
        if chance < 0.55:
            new = replace(item, tail=rng.choice(same[item.relation]).tail)
        elif chance < 0.8:
            new = replace(item, tail=rng.choice(items).tail)
        else:
            new = replace(item, head=rng.choice(same[item.relation]).head)
        if (new.head, new.tail) not in known:
            made.append(replace(new, plausible=0.0, typical=0.0))
    return made


def labelled(folder: Path, split: corpora.Split) -> list[Item]:
    """Give CKBP's labels in the registry's relations."""
    return [
        Item(
            head_texts(example.head),
            tail_text(example.relation, example.tail or ""),
            float(bool(example.plausible)),
            UNKNOWN,
            example.relation.name,
            example.key,
        )
        for example in corpora.ckbp(folder)
        if example.split == split
    ]


def labelled_elsewhere(folder: Path, split: corpora.Split) -> list[Item]:
    """Give CKBP's labels in other relations."""
    return [
        Item(
            head_texts([head]),
            f"{_LEADS[relation]} {' '.join(head_texts([tail]))}",
            float(plausible),
            UNKNOWN,
            relation,
            head,
        )
        for where, head, relation, tail, plausible in corpora.ckbp_elsewhere(folder)
        if where == split
    ]


def shopping(folder: Path, split: corpora.Split) -> tuple[list[Item], list[Item]]:
    """Give IntentionQA's published intentions, and its distractors."""
    published = [_item(e, 1.0) for e in corpora.intentionqa(folder) if e.split == split]
    known = {(item.head, item.tail) for item in published}
    others = {_item(e, 0.0) for e in distractors(folder) if e.split == split}
    wrong = sorted(others, key=lambda item: (item.group, item.head, item.tail))
    return published, [item for item in wrong if (item.head, item.tail) not in known]


def unreadable(items: Iterable[Item], rng: random.Random) -> list[Item]:
    """Put letters that mean nothing in the place of heads, tails or both."""
    return [_unreadable(item, rng) for item in items]


def _item(example: corpora.Example, plausible: float) -> Item:
    typical = example.typicality if example.typicality is not None else 0.0
    text = tail_text(example.relation, example.tail or "")
    head = head_texts(example.head)
    return Item(head, text, plausible, typical, example.relation.name, example.key)


def _unreadable(item: Item, rng: random.Random) -> Item:
    chance = rng.random()
    head, tail = item.head, item.tail
    if chance < 0.55:
        head = tuple(_garbled(text, rng) for text in head)
    if chance > 0.3:
        tail = _garbled(tail, rng)
    return replace(item, head=head, tail=tail, plausible=0.0, typical=0.0)


def _garbled(text: str, rng: random.Random) -> str:
    """Write in another alphabet, or in words whose letters were shaken."""
    if rng.random() < 0.5:
        first, last = rng.choice(_ALPHABETS)
        lengths = [rng.randint(2, 8) for _ in range(rng.randint(1, 6))]
        return " ".join(
            "".join(chr(rng.randint(first, last)) for _ in range(length)) for length in lengths
        )
    words = [list(word + rng.choice(_ENDINGS)) for word in text.split()]
    for word in words:
        rng.shuffle(word)
    return " ".join("".join(word) for word in words)
