"""What the student is shown: heads in their wordings, and what people wrote of each."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from benchmarks.learning.corpora import Example, share
from generation.student.wording import clean_title, first_person
from schema.relations import Family

NOTHING = "none"
"""The tail of a head of which there is nothing to say, as ATOMIC writes it."""

WEIGHTS: Mapping[str, float] = {
    "event2mind": 1.0,
    "atomic2020": 2.0,
    "ckbp": 0.3,  # sentences that were mined, in bare word forms
    "intentionqa": 6.0,  # few
}
_GARBLED = 0.02  # share of heads that are shown as nonsense


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
        key = (example.relation.key, written(example.tail))
        found[example.head][key] += WEIGHTS[example.source]
    made = [Lesson(wordings(head), dict(tails)) for head, tails in sorted(found.items())]
    chance = random.Random(seed)
    for lesson in chance.sample(made, int(len(made) * _GARBLED)):
        relation = chance.choice(sorted(lesson.tails))[0]
        texts = [tuple(garbled(text, chance) for text in lesson.wordings[0])]
        made.append(Lesson(texts, {(relation, NOTHING): 3.0}))
    return made


def wordings(head: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Give an event as ATOMIC and as a person would say it; a pair either way round."""
    if len(head) == 1:
        return list(dict.fromkeys([head, (first_person(head[0]),)]))
    a, b = map(clean_title, head)
    return [(a, b), (b, a)]


def written(tail: str | None) -> str:
    """Give a tail as the student is to write it."""
    told = " ".join((tail or NOTHING).split()).rstrip(" .").strip("\"' ")
    return told or NOTHING


def garbled(text: str, chance: random.Random) -> str:
    """Shuffle the letters of each word."""
    words = text.split()
    return " ".join("".join(chance.sample(word, len(word))) for word in words)


def relations_of(made: Iterable[Lesson]) -> tuple[str, ...]:
    """Give the relations that occur, the social ones last."""
    found = {relation for lesson in made for relation, _ in lesson.tails}
    return tuple(sorted(found, key=lambda name: (name.startswith(Family.SOCIAL.value), name)))
