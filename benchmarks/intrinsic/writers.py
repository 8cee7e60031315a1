"""Who writes the tails: two baselines that take them from the training data, and the student.

Retrieval answers with what was written of the nearest training head; the other baseline with what
was written most often in that relation. A relation that stands in fewer than `FEW` training
examples is answered from all relations of its family, and `notes` says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from benchmarks.intrinsic.questions import Head
from benchmarks.learning.corpora import Example
from kg.embed import Embedder, EncodeProgress
from schema.identity import normalise_text
from schema.relations import Family, Relation

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FEW = 20
_BLOCK = 1024


@dataclass(frozen=True, slots=True)
class Tail:
    """What was written.

    Attributes
    ----------
    confidence
        In [0, 1].
    """

    text: str
    confidence: float


class Writer(Protocol):
    """Writes tails.

    Attributes
    ----------
    notes
        What is to be known of its answers, by relation (`Relation.key`).
    """

    name: str
    notes: dict[str, str]

    def write(self, heads: Sequence[Head], relations: Sequence[Relation]) -> list[list[Tail]]:
        """Write of each head in the relation beside it.

        Parameters
        ----------
        heads, relations
            Of equal length.

        Returns
        -------
        list of list of Tail
            For each head its tails, best first; empty where the writer has no answer.
        """
        ...


class Frequent:
    """What was written most often in the relation; its confidence: how often, among all."""

    name = "frequent"

    def __init__(self, training: Sequence[Example]) -> None:
        self.notes: dict[str, str] = {}
        self._training = _Training(training, self.notes)
        self._known: dict[str, Tail] = {}

    def write(self, heads: Sequence[Head], relations: Sequence[Relation]) -> list[list[Tail]]:
        """Write the same tail of every head. See :meth:`Writer.write`."""
        return [[self._most(relation)] for relation in relations]

    def _most(self, relation: Relation) -> Tail:
        key = relation.key
        if key not in self._known:
            tails = [one.tail for one in self._training.of(relation) if one.tail]
            text, count = most_frequent(tails)
            self._known[key] = Tail(text, count / len(tails))
        return self._known[key]


class Nearest:
    """What was written most often of the nearest training head; confidence: the heads' cosine.

    Parameters
    ----------
    silent
        Count "none" among what was written, and then have no answer. Otherwise heads of which
        nothing else was written are not there for it: it always answers.
    """

    def __init__(
        self,
        training: Sequence[Example],
        embedder: Embedder,
        *,
        silent: bool = False,
    ) -> None:
        self.name = "nearest or none" if silent else "nearest"
        self.notes: dict[str, str] = {}
        self._silent = silent
        self._embedder = embedder
        self._training = _Training(training, self.notes)
        self._known: dict[str, tuple[list[str | None], npt.NDArray[np.float32]]] = {}

    def write(self, heads: Sequence[Head], relations: Sequence[Relation]) -> list[list[Tail]]:
        """Write what the nearest head has. See :meth:`Writer.write`."""
        found: list[list[Tail]] = [[] for _ in heads]
        rows: dict[str, list[int]] = {}
        for row, relation in enumerate(relations):
            rows.setdefault(relation.key, []).append(row)
        for places in rows.values():
            answers, vectors = self._heads_of(relations[places[0]])
            for start in range(0, len(places), _BLOCK):
                block = places[start : start + _BLOCK]
                cosines = self._embedder.encode([_joined(heads[row]) for row in block]) @ vectors.T
                for row, near, cosine in zip(
                    block, cosines.argmax(axis=1), cosines.max(axis=1), strict=True
                ):
                    if answer := answers[near]:
                        found[row] = [Tail(answer, float(cosine.clip(0, 1)))]
        return found

    def _heads_of(self, relation: Relation) -> tuple[list[str | None], npt.NDArray[np.float32]]:
        key = relation.key
        if key not in self._known:
            tails: dict[Head, list[str | None]] = {}
            for example in self._training.of(relation):
                if self._silent or example.tail:
                    tails.setdefault(example.head, []).append(example.tail)
            answers = [most_frequent(one)[0] for one in tails.values()]
            vectors = self._embedder.encode([_joined(head) for head in tails])
            self._known[key] = (answers, vectors)
        return self._known[key]


class Remembering:
    """An embedder that embeds a text once, for all who ask."""

    def __init__(self, embedder: Embedder) -> None:
        self.name, self.dimension = embedder.name, embedder.dimension
        self._embedder = embedder
        self._known: dict[str, npt.NDArray[np.float32]] = {}

    def encode(
        self, texts: Sequence[str], *, progress: EncodeProgress | None = None
    ) -> npt.NDArray[np.float32]:
        """Embed what is new, and look up the rest. See :meth:`kg.embed.Embedder.encode`."""
        import numpy as np

        if new := [text for text in dict.fromkeys(texts) if text not in self._known]:
            self._known.update(zip(new, self._embedder.encode(new), strict=True))
        return np.array([self._known[text] for text in texts], np.float32)


class Student:
    """The student that ships with IntentKG, or one whose weights lie in a folder.

    It has no answer in a relation that it has never seen.
    """

    name = "student"

    def __init__(self, weights: Path | None = None, *, most: int = 1) -> None:
        from generation.student import Student as Shipped

        self.notes: dict[str, str] = {}
        self._student = Shipped.load(weights)
        self._most = most

    def write(self, heads: Sequence[Head], relations: Sequence[Relation]) -> list[list[Tail]]:
        """Let it write. See :meth:`Writer.write`."""
        known = {relation.key for relation in self._student.relations}
        rows = [row for row, relation in enumerate(relations) if relation.key in known]
        for relation in relations:
            if relation.key not in known:
                self.notes[relation.key] = f"{relation.name}: the student has never seen it"
        written = self._student.write(
            [heads[row] for row in rows], [relations[row] for row in rows], most=self._most
        )
        found: list[list[Tail]] = [[] for _ in heads]
        for row, tails in zip(rows, written, strict=True):
            found[row] = [Tail(one.text, one.confidence) for one in tails]
        return found


@dataclass(frozen=True, slots=True)
class Means:
    """What writers are made from.

    Attributes
    ----------
    training
        What may be learnt from.
    weights
        The student's; None: those that are shipped.
    most
        Tails that the student may write of a head in a relation.
    """

    training: Sequence[Example]
    embedder: Embedder
    weights: Path | None = None
    most: int = 1


WRITERS: dict[str, Callable[[Means], Writer]] = {
    "frequent": lambda means: Frequent(means.training),
    "nearest": lambda means: Nearest(means.training, means.embedder),
    "nearest or none": lambda means: Nearest(means.training, means.embedder, silent=True),
    "student": lambda means: Student(means.weights, most=means.most),
}
"""Who can be measured, by name."""


def most_frequent[T: (str, str | None)](texts: Sequence[T]) -> tuple[T, int]:
    """Give the text that was written most often, in its first wording, and how often.

    Of equally frequent ones the first.
    """
    forms = [None if text is None else normalise_text(text) for text in texts]
    form, count = Counter(forms).most_common(1)[0]
    return texts[forms.index(form)], count


def _joined(head: Head) -> str:
    return " and ".join(head)


class _Training:
    """Training examples by relation, with what stands in for a relation that has hardly any."""

    def __init__(self, examples: Sequence[Example], notes: dict[str, str]) -> None:
        self._relations: dict[str, list[Example]] = {}
        self._families: dict[Family, list[Example]] = {}
        self._notes = notes
        for example in examples:
            self._relations.setdefault(example.relation.key, []).append(example)
            self._families.setdefault(example.relation.family, []).append(example)

    def of(self, relation: Relation) -> list[Example]:
        found = self._relations.get(relation.key, [])
        if len(found) >= FEW:
            return found
        self._notes[relation.key] = (
            f"{relation.name}: {len(found)} training examples, so the baselines take all of the "
            f"{relation.family} family"
        )
        return self._families[relation.family]
