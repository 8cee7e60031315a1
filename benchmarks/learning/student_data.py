"""What the student is shown: heads in their wordings, and what people wrote of each."""

from __future__ import annotations

import html
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.learning.corpora import Example, share
from generation.student.wording import clean_title, first_person, people_as_words
from schema.relations import Family

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

NOTHING = "none"
"""The tail of a head of which there is nothing to say, as ATOMIC writes it."""

WEIGHTS: Mapping[str, float] = {
    "event2mind": 1.0,
    "atomic2020": 2.0,
    "ckbp": 0.3,  # sentences that were mined, in bare word forms
    "intentionqa": 6.0,  # few
}
PAIRS = 0.15
"""Share of the heads in a batch that are pairs of products: few were written of, all unlike events.
"""

_GARBLED = 0.02  # share of heads that are shown as nonsense
_FOREIGN = 0.01  # share of heads beside which one in another script is shown
_THINNED = 4  # copies of a pair's titles of which words are left out
_LEFT_OUT = 0.3
_SHORT = 8  # words of a short title
_SCRIPTS = (
    *((0x3041, 0x3096), (0x30A1, 0x30FA), (0x4E00, 0x9FA0), (0xAC00, 0xD7A3)),
    *((0x0430, 0x044F), (0x03B1, 0x03C9), (0x0627, 0x064A), (0x0905, 0x0939), (0x0E01, 0x0E2E)),
)  # first and last letters: Japanese, Chinese, Korean, Cyrillic, Greek, Arabic, Hindi, Thai


@dataclass(slots=True)
class Lesson:
    """One head and all that was written of it.

    Attributes
    ----------
    wordings
        The head's texts, in each of the ways in which it may be put.
    tails
        Relation (``family:name``) and tail, with a weight.
    """

    wordings: list[tuple[str, ...]]
    tails: dict[tuple[str, str], float] = field(default_factory=dict)

    @property
    def weight(self) -> float:
        """How much was written of it."""
        return sum(self.tails.values())

    @property
    def is_pair(self) -> bool:
        """Whether it is a pair of products."""
        return len(self.wordings[0]) == 2


def parted(examples: Iterable[Example]) -> tuple[list[Example], list[Example]]:
    """Part off a twelfth of the product pairs, for the confidence; events have a dev split."""
    kept: tuple[list[Example], list[Example]] = ([], [])
    for example in examples:
        kept[len(example.head) == 2 and share(example.key) < 1 / 12].append(example)
    return kept


def lessons(examples: Iterable[Example], *, seed: int) -> list[Lesson]:
    """Gather the examples by head, and add nonsense of which there is nothing to say."""
    found: dict[tuple[str, ...], dict[tuple[str, str], float]] = defaultdict(
        lambda: defaultdict(float)
    )
    for example in examples:
        key = (example.relation.key, written(example))
        found[example.head][key] += WEIGHTS[example.source]
    chance = random.Random(seed)
    made = [Lesson(wordings(head, chance), dict(tails)) for head, tails in sorted(found.items())]
    nonsense = []
    for spoil, part in ((garbled, _GARBLED), (foreign, _FOREIGN)):
        for lesson in chance.sample(made, int(len(made) * part)):
            relation = chance.choice(sorted(lesson.tails))[0]
            texts = [tuple(spoil(text, chance) for text in lesson.wordings[0])]
            nonsense.append(Lesson(texts, {(relation, NOTHING): 3.0}))
    return made + nonsense


def chances(made: list[Lesson]) -> npt.NDArray[np.float64]:
    """Give the chance of each lesson to be drawn: the root of its weight, pairs `PAIRS` in all."""
    import numpy as np

    weights = np.sqrt([lesson.weight for lesson in made])
    pairs = np.array([lesson.is_pair for lesson in made])
    for kind, part in ((pairs, PAIRS), (~pairs, 1 - PAIRS)):
        if kind.any():
            weights[kind] *= part / weights[kind].sum()
    return np.asarray(weights / weights.sum())


def wordings(head: tuple[str, ...], chance: random.Random) -> list[tuple[str, ...]]:
    """Give an event as ATOMIC and as a person would say it; a pair in many ways.

    Either way round, with short titles, and with some of their words.
    """
    if len(head) == 1:
        return list(dict.fromkeys([head, (first_person(head[0]),)]))
    full = tuple(map(clean_title, head))
    found = [full, tuple(" ".join(text.split()[:_SHORT]) for text in full)]
    found += [tuple(thinned(text, chance) for text in full) for _ in range(_THINNED)]
    return list(dict.fromkeys(order for one in found for order in (one, one[::-1])))


def written(example: Example) -> str:
    """Give a tail as the student is to write it."""
    told = html.unescape(example.tail or NOTHING).replace('"', " ")
    told = " ".join(told.split()).rstrip(" .").strip("' ")
    if example.source == "ckbp":
        told = people_as_words(told)  # mined, it names its subject
    return told or NOTHING


def thinned(title: str, chance: random.Random) -> str:
    """Leave words of a title out."""
    words = title.split()
    return " ".join(word for word in words if chance.random() >= _LEFT_OUT) or title


def garbled(text: str, chance: random.Random) -> str:
    """Shuffle the letters of each word."""
    words = text.split()
    return " ".join("".join(chance.sample(word, len(word))) for word in words)


def foreign(text: str, chance: random.Random) -> str:
    """Put letters of another script for those of each word."""
    first, last = chance.choice(_SCRIPTS)
    return " ".join(
        "".join(chr(chance.randint(first, last)) for _ in word) for word in text.split()
    )


def relations_of(made: Iterable[Lesson]) -> tuple[str, ...]:
    """Give the relations that occur, the social ones last."""
    found = {relation for lesson in made for relation, _ in lesson.tails}
    return tuple(sorted(found, key=lambda name: (name.startswith(Family.SOCIAL.value), name)))
