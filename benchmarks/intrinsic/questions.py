"""What writers are asked on held-out heads, and what people wrote there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from benchmarks.learning.corpora import EVALUATED, Example, by_head
from schema.relations import Relation

type Head = tuple[str, ...]
"""One text: an event or a post. Two: the titles of a pair of products."""


@dataclass(frozen=True, slots=True)
class Question:
    """A held-out head in one relation.

    Attributes
    ----------
    references
        What people wrote; empty: all of them wrote that there is none.
    """

    head: Head
    relation: Relation
    references: tuple[str, ...]


def read(folder: Path, corpus: str, limit: int | None = None) -> list[Question]:
    """Read the test questions of a corpus of :data:`benchmarks.learning.corpora.EVALUATED`.

    Parameters
    ----------
    limit
        At most about so many, chosen by the hash of their heads: a head comes with all its
        relations, and the same ones come every time.
    """
    tests = [example for example in EVALUATED[corpus](folder) if example.split == "test"]
    return choose(gather(tests), limit)


def gather(examples: Iterable[Example]) -> list[Question]:
    """Make questions of what people wrote, in the order of the examples."""
    examples = list(examples)
    written = by_head(examples)
    relations = {(one.head, one.relation.name): one.relation for one in examples}
    return [
        Question(head, relation, tuple(written.get((head, name), ())))
        for (head, name), relation in relations.items()
    ]


def choose(questions: list[Question], limit: int | None) -> list[Question]:
    """Choose whole heads until `limit` is reached."""
    if limit is None or len(questions) <= limit:
        return questions
    by_hash: dict[bytes, list[Question]] = {}
    for question in questions:
        name = "\0".join(question.head).encode()
        by_hash.setdefault(blake2b(name, digest_size=8).digest(), []).append(question)
    found: list[Question] = []
    for key in sorted(by_hash):
        if len(found) >= limit:
            break
        found += by_hash[key]
    return found
