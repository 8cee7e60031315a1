"""Any backend as a zero-shot answerer, asked as MIND's appendix E has it.

The first letter of the reply is the answer; a reply that begins with another word is wrong, and
so is one that never came. Replies are kept in a request store: what was answered is not asked
again.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.downstream.intentionqa.questions import Question
from generation.backends import Backend
from generation.prompt import as_data
from generation.requests import TRANSIENT, Reply, Request, user
from generation.runner import run
from generation.store import RequestStore
from schema.errors import GenerationError

_FIRST = re.compile(r"[\s\"'`(\[*]*(?:answer\s*:?\s*)?[\s\"'`(\[*]*([A-Za-z])(?![A-Za-z])", re.I)
_BECAUSE = re.compile(r"because\b\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model answered.

    Attributes
    ----------
    letters
        One for each question; None where the reply is no letter of the question.
    failed
        How many of those got no reply at all, by reason.
    """

    letters: tuple[str | None, ...]
    failed: dict[str, int]


def prompt(question: Question) -> str:
    """Write a question out: what was bought, the candidates, and how to answer.

    The order of the parts is that of MIND's appendix E.
    """
    first, second = (as_data(title) for title in question.products)
    letters = list(question.options)
    if question.task == "understanding":
        asked = (
            f"Question: A customer buys {first} and {second}. "
            "Which is the most likely intention for buying them?"
        )
    else:
        why = _BECAUSE.sub("", as_data(question.intention).rstrip("."), count=1)
        asked = (
            f"Question: A customer buys {first}, because {why}. "
            "Which is the customer's most probable additional purchase?"
        )
    listed = [f"{letter}. {as_data(text)}" for letter, text in question.options.items()]
    only = f"Answer {' or '.join(letters)} only, without any other word."
    return "\n".join([asked, "Candidate answers:", *listed, only])


def first_letter(reply: str, letters: Sequence[str]) -> str | None:
    """Take the letter that a reply begins with; None if it begins with none of the question's.

    Examples
    --------
    >>> first_letter("B. because they match", "ABCD"), first_letter("Answer: c", "ABCD")
    ('B', 'C')
    >>> first_letter("Because they match", "ABCD") is None
    True
    """
    found = _FIRST.match(reply)
    letter = found[1].upper() if found else None
    return letter if letter in list(letters) else None


def ask(
    questions: Sequence[Question],
    backend: Backend,
    model: str,
    store: Path,
    *,
    tokens: int = 8,
    progress: Callable[[str], None] | None = None,
) -> Answers:
    """Ask a backend all questions.

    Parameters
    ----------
    questions
        See :func:`~benchmarks.downstream.intentionqa.questions.read_questions`.
    backend
        Closed when done.
    model
        The name that it knows the model by.
    store
        Where replies are kept, and looked up first.
    tokens
        Most tokens of a reply: enough for "Answer: B".

    Raises
    ------
    BackendError
        If the backend cannot answer at all.
    GenerationError
        If requests failed on the way, which may succeed another time: they are no wrong answers.
    """
    requests = [
        Request(
            model,
            [user(prompt(question))],
            {"temperature": 0.0, "max_tokens": tokens},
            stage=question.task,
            accept_cut_off=True,
        )
        for question in questions
    ]
    replies = asyncio.run(_all(requests, backend, store, progress))
    return read(questions, [replies[request.key] for request in requests])


def read(questions: Sequence[Question], replies: Sequence[Reply | str]) -> Answers:
    """Read replies, or the reasons for their lack, one for each question.

    Raises
    ------
    GenerationError
        As :func:`ask`.
    """
    failed = Counter(reply for reply in replies if isinstance(reply, str))
    if passing := sum(count for reason, count in failed.items() if reason in TRANSIENT):
        raise GenerationError(
            f"{passing} of {len(questions)} questions failed on the way",
            fix="run the same command again: it asks only those",
        )
    letters = [
        first_letter(reply.text, list(question.options)) if isinstance(reply, Reply) else None
        for question, reply in zip(questions, replies, strict=True)
    ]
    return Answers(tuple(letters), dict(failed))


async def _all(
    requests: Sequence[Request],
    backend: Backend,
    store: Path,
    progress: Callable[[str], None] | None,
) -> dict[str, Reply | str]:
    """Give replies, or reasons for their lack, by the requests' keys."""
    found: dict[str, Reply | str] = {}
    try:
        with RequestStore(store) as kept:
            async for request, outcome in run(requests, backend, kept):
                found[request.key] = outcome if isinstance(outcome, Reply) else outcome.reason
                if progress is not None and len(found) % 200 == 0:
                    progress(f"{len(found)} of {len(requests)} answered")
    finally:
        await backend.aclose()
    return found
