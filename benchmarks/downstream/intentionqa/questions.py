"""IntentionQA's questions (Ding et al. 2024): both tasks, by the paper's rules."""

from __future__ import annotations

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson

from schema.errors import InputError, UnsuitableFileError

Task = Literal["understanding", "utilization"]
Level = Literal["easy", "medium", "hard"]

FILES: Mapping[str, tuple[Task, str]] = {
    "understanding": ("understanding", "QA_fullInfo_task1.jsonl.gz"),
    "by relation": ("understanding", "QA_fullInfo_task1_byRelation.jsonl.gz"),
    "utilization": ("utilization", "QA_fullInfo_task2.jsonl.gz"),
}
"""The three files: what they are called in tables, their task, their name."""

OPTIONS = 4
"""Questions with fewer options are left out, as the paper does."""

LEVELS: tuple[Level, ...] = ("easy", "medium", "hard")
_HARD, _EASY = 0.60, 0.85

_HEAD = re.compile(r"PersonX bought a product of Item A and a product of Item B[\s,]*")
_FIX = "take the files as they are published"


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Attributes
    ----------
    id
        As in the file, such as ``FS_12``.
    task
        ``understanding``: both products are shown, the options are intentions.
        ``utilization``: `products`' first and `intention` are shown, the options are products.
    products
        Titles of the two co-bought products.
    keys
        Their ASINs.
    intention
        Why they were bought, from its ``because`` on: in understanding the right option.
    relation
        FolkScope's name of the relation; ``all`` where the file does not tell.
    options
        Text by letter, in the file's order.
    gold
        Letter of the right one.
    """

    id: str
    task: Task
    products: tuple[str, str]
    keys: tuple[str, str]
    intention: str
    relation: str
    options: Mapping[str, str]
    gold: str


@dataclass(frozen=True, slots=True)
class Questions:
    """The questions of a file that count.

    Attributes
    ----------
    left_out
        How many do not count, by their number of options.
    keys
        ASINs of all products in the file, those of wrong options and of what is left out too.
    """

    file: Path
    questions: tuple[Question, ...]
    left_out: Mapping[int, int]
    keys: frozenset[str]


def read_questions(path: Path, task: Task) -> Questions:
    """Read a file of questions (JSON lines, plain or gzip).

    Parameters
    ----------
    path
        One of `FILES`, or more of the same form.
    task
        What it asks.

    Raises
    ------
    InputError
        If a row is no question; none is passed over, for that would change the score. Also if
        no question has four options.
    """
    kept: list[Question] = []
    left_out: Counter[int] = Counter()
    keys: set[str] = set()
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        question, others = _question(line, task, str(path), number)
        keys.update(question.keys, others)
        if len(question.options) < OPTIONS:
            left_out[len(question.options)] += 1
        else:
            kept.append(question)
    if not kept:
        raise InputError(
            f"holds no question with {OPTIONS} options or more", file=str(path), fix=_FIX
        )
    return Questions(path, tuple(kept), dict(sorted(left_out.items())), frozenset(keys))


def level(similarity: float) -> Level:
    """Say how hard a question is: the less alike its two products, the harder.

    Examples
    --------
    >>> level(0.9), level(0.6), level(0.59)
    ('easy', 'medium', 'hard')
    """
    if similarity < _HARD:
        return "hard"
    return "easy" if similarity >= _EASY else "medium"


def accuracy(questions: Sequence[Question], chosen: Sequence[str | None]) -> float:
    """Share of right letters in percent; None, no letter, is wrong.

    Raises
    ------
    ValueError
        If there are not as many letters as questions, or none.
    """
    if len(questions) != len(chosen) or not questions:
        raise ValueError(f"{len(chosen)} letters for {len(questions)} questions")
    return (
        100.0
        * sum(letter == question.gold for question, letter in zip(questions, chosen, strict=True))
        / len(questions)
    )


def _lines(path: Path) -> list[bytes]:
    try:
        data = path.read_bytes()
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise UnsuitableFileError("is damaged", file=str(path), fix="fetch it again") from None
    except OSError as error:
        raise UnsuitableFileError(
            f"cannot be read: {error.strerror}", file=str(path), fix="name a file of questions"
        ) from None
    return data.split(b"\n")


def _question(line: bytes, task: Task, file: str, number: int) -> tuple[Question, list[str]]:
    """Read a row: the question, and the ids of what its wrong options were taken from."""

    def fail(message: str) -> InputError:
        return InputError(message, file=file, row=number, fix=_FIX)

    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise fail(f"is not JSON: {error}") from None
    if not isinstance(row, dict):
        raise fail("is not a JSON object")

    def said(name: str) -> str:
        value: Any = row.get(name)
        if not isinstance(value, str) or not value.strip():
            raise fail(f"has no {name}")
        return " ".join(value.split())

    options = row.get("options")
    if not isinstance(options, dict) or not options:
        raise fail("has no options")
    if not all(isinstance(text, str) and text.strip() for text in options.values()):
        raise fail("has an option that is empty or not text")
    if not all(re.fullmatch("[A-Z]", letter) for letter in options):
        raise fail(f"has options under {', '.join(options)}, which are no letters")
    gold: Any = row.get("gold_ind")
    if gold not in options:
        raise fail(f"has the answer {gold!r}, which is none of {', '.join(options)}")
    relation, others = row.get("relation"), row.get("distractors_id")
    question = Question(
        said("id"),
        task,
        (said("item_a_name"), said("item_b_name")),
        (said("item_a_id"), said("item_b_id")),
        _HEAD.sub("", said("assertion"), count=1),
        relation if isinstance(relation, str) else "all",
        {letter: " ".join(text.split()) for letter, text in options.items()},
        gold,
    )
    named = others if isinstance(others, list) else []
    return question, [other for other in named if isinstance(other, str)]
