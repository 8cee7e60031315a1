"""The offline scorer: which option fits a question best, by MiniLM's vectors and nothing learnt
of the questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Literal

import numpy as np

from benchmarks.downstream.intentionqa.bundles import Bundle, Made
from benchmarks.downstream.intentionqa.mapping import Mapping, identity
from benchmarks.downstream.intentionqa.norms import Norm, normed
from benchmarks.downstream.intentionqa.questions import Question, Task
from benchmarks.downstream.intentionqa.vectors import Vectors, unit
from benchmarks.downstream.intentionqa.words import Words

if TYPE_CHECKING:
    import numpy.typing as npt

    type Array = npt.NDArray[np.float32]

Reading = Literal["joined", "apart", "both"]

READINGS: tuple[Reading, ...] = ("joined", "apart", "both")

type Head = tuple[str, str]
"""What is asked about: two titles, or a title and an intention."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """One way to score.

    Attributes
    ----------
    reading
        ``joined``: the head's two texts in one sentence; ``apart``: the mean of their two
        vectors; ``both``: the mean of all three.
    norm, temperature
        See :func:`benchmarks.downstream.intentionqa.norms.normed`.
    mapping
        A map of all vectors.
    """

    reading: Reading = "joined"
    norm: Norm = "none"
    temperature: float = 1.0
    mapping: Mapping = identity

    def heads(self, heads: Sequence[Head], task: Task, vectors: Vectors) -> Array:
        """Give vectors of heads, shape (len(heads), dimension)."""
        word = " and " if task == "understanding" else " "
        found = np.zeros((len(heads), vectors.dimension), np.float32)
        if self.reading != "apart":
            found += self.mapping(vectors.of([word.join(head) for head in heads]))
        if self.reading != "joined":
            for end in (0, 1):
                found += self.mapping(vectors.of([head[end] for head in heads]))
        return unit(found)

    def scores(
        self,
        heads: Sequence[Head],
        options: Sequence[Sequence[str]],
        pool: Sequence[Head],
        task: Task,
        vectors: Vectors,
    ) -> list[Array]:
        """Score each head's options.

        Parameters
        ----------
        heads
            What is asked about.
        options
            Of each head.
        pool
            Heads against which an option's generality is measured.
        task
            Of all of them.

        Returns
        -------
        list of ndarray
            For each head, a score for each option; the highest is the answer.
        """
        known: dict[str, int] = {}
        for texts in options:
            for text in texts:
                known.setdefault(text, len(known))
        columns = self.mapping(vectors.of(list(known)))
        distinct: dict[Head, int] = {}
        for head in heads:
            distinct.setdefault(head, len(distinct))
        cosines = self.heads(list(distinct), task, vectors) @ columns.T
        others = list(dict.fromkeys(pool))
        same = others == list(distinct)
        background = cosines if same else self.heads(others, task, vectors) @ columns.T
        table = normed(cosines, background, self.norm, self.temperature)
        return [
            table[distinct[head], [known[text] for text in texts]]
            for head, texts in zip(heads, options, strict=True)
        ]


def head_of(question: Question) -> Head:
    """What a question shows: both products, or the first and the intention."""
    if question.task == "understanding":
        return question.products
    return question.products[0], question.intention


@dataclass(frozen=True, slots=True)
class Blend:
    """Several scorers with the same say, and the words that head and option share.

    Attributes
    ----------
    scorers
        None: words alone.
    words
        Weight of the words' cosine beside the scorers' mean.
    """

    scorers: Sequence[Scorer]
    words: float = 0.0

    def totals(
        self,
        heads: Sequence[Head],
        options: Sequence[Sequence[str]],
        pool: Sequence[Head],
        task: Task,
        vectors: Vectors,
        corpus: Sequence[str] | None = None,
    ) -> list[Array]:
        """Score each head's options; see :meth:`Scorer.scores`.

        Parameters
        ----------
        corpus
            Texts where the rarity of words is counted; default: heads and options.
        """
        found = [np.zeros(len(texts), np.float32) for texts in options]
        for one in self.scorers:
            for total, part in zip(
                found, one.scores(heads, options, pool, task, vectors), strict=True
            ):
                total += part / len(self.scorers)
        if self.words:
            asked = [" ".join(head) for head in heads]
            own = [*asked, *(text for texts in options for text in texts)]
            words = Words(own if corpus is None else corpus)
            for total, text, texts in zip(found, asked, options, strict=True):
                total += self.words * words.shared(text, texts)
        return found


def score(
    blend: Blend,
    questions: Sequence[Question],
    vectors: Vectors,
    *,
    pool: Sequence[Head] | None = None,
    corpus: Sequence[str] | None = None,
) -> list[list[float]]:
    """Score the options of questions of one task.

    Parameters
    ----------
    blend
        How.
    questions
        All of one task.
    pool, corpus
        Default: the texts of `questions` themselves. No label is looked at, but then a question's
        answer depends on which others are asked.

    Returns
    -------
    list of list of float
        For each question a score for each option, in their order.
    """
    heads = [head_of(question) for question in questions]
    options = [list(question.options.values()) for question in questions]
    others = heads if pool is None else pool
    totals = blend.totals(heads, options, others, questions[0].task, vectors, corpus)
    return [row.tolist() for row in totals]


def letters(questions: Sequence[Question], scores: Sequence[Sequence[float]]) -> list[str]:
    """Take each question's option with the highest score; the first of equals.

    Raises
    ------
    ValueError
        If the scores do not belong to the questions.
    """
    return [
        max(zip(row, question.options, strict=True), key=itemgetter(0))[1]
        for question, row in zip(questions, scores, strict=True)
    ]


def bundle_heads(bundles: Sequence[Bundle], task: Task) -> list[Head]:
    """Heads of bundles for a pool: the first two titles, or the first and the intent."""
    if task == "understanding":
        return [(bundle.titles[0], bundle.titles[1]) for bundle in bundles]
    return [(bundle.titles[0], bundle.intent) for bundle in bundles]


def made_accuracy(blend: Blend, made: Sequence[Made], task: Task, vectors: Vectors) -> float:
    """Accuracy in percent on questions made of bundles, whose heads are the pool.

    A tie is no answer: the right option stands first here.
    """
    heads: list[Head] = []
    options: list[list[str]] = []
    for one in made:
        if task == "understanding":
            heads.append(one.titles)
            options.append([one.intent, *(intent for _, intent in one.others)])
        else:
            heads.append((one.titles[0], one.intent))
            options.append([one.titles[1], *(title for title, _ in one.others)])
    totals = blend.totals(heads, options, heads, task, vectors)
    return 100.0 * float(np.mean([row[0] > row[1:].max() for row in totals]))
