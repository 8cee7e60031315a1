"""The critic that comes with IntentKG, to compare with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.downstream.intentionqa.questions import Question
from benchmarks.learning.corpora import held_out, pair_key
from generation.critic import Assertion, load_critic
from ingest.intentions.folkscope import RESIDUAL
from ingest.intentions.sentences import read_sentence


def held_places(questions: Sequence[Question]) -> list[int]:
    """Places of the questions about pairs that no shipped weights learnt from."""
    held = held_out()
    return [place for place, question in enumerate(questions) if pair_key(*question.keys) in held]


def judged(questions: Sequence[Question], places: Sequence[int]) -> list[str]:
    """Let the shipped critic choose the most plausible intention.

    It learnt from four fifths of IntentionQA's pairs and from their wrong options: on these its
    answers would be what it was told. On the held-out pairs it has not seen the products, though
    an option's sentence may have been shown to it with others.

    Parameters
    ----------
    questions
        Of understanding, with their relation.
    places
        Which of them: :func:`held_places`.

    Returns
    -------
    list of str
        Letters, one for each of `places`.
    """
    asked = [questions[place] for place in places]
    claims = [
        Assertion(question.products, reading.relation, reading.tail)
        for question in asked
        for text in question.options.values()
        for reading in [read_sentence(text, question.relation, "folkscope", residual=RESIDUAL)]
    ]
    scores = iter(load_critic().judge(claims))
    letters = []
    for question in asked:
        rated = [next(scores).plausibility or 0.0 for _ in question.options]
        letters.append(list(question.options)[int(np.argmax(rated))])
    return letters
