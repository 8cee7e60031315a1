"""Multiple-choice questions out of a person's file, in the forms in which MMLU is spread.

CSV with or without a header (``question,A,B,C,D,answer``; MMLU's own files have none), or JSON
lines::

    {"question": "...", "A": "...", "B": "...", "C": "...", "D": "...", "answer": "B"}
    {"question": "...", "choices": ["...", "..."], "answer": 1, "subject": "astronomy"}

An answer is a letter, or, in JSON lines with ``choices``, also a place counted from 0. A column
``subject`` is read where there is one. Two to ten choices are allowed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from schema.errors import InputError, UnsuitableFileError

LETTERS = "ABCDEFGHIJ"

_FIX = "write question,A,B,C,D,answer with a letter as the answer; or JSON lines, one question each"


@dataclass(frozen=True, slots=True)
class Question:
    """One question; `answer` is the place of the right choice, from 0."""

    text: str
    choices: tuple[str, ...]
    answer: int
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Questions:
    """The questions of a file, with its sha256."""

    file: str
    digest: str
    questions: tuple[Question, ...]


def read_questions(path: Path) -> Questions:
    """Read a file of questions.

    Raises
    ------
    InputError
        If a row is not a question; none is passed over, for that would change the score.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnsuitableFileError(
            f"cannot be read: {error.strerror}", file=str(path), fix="name a file of questions"
        ) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        raise InputError("is not UTF-8", file=str(path), row=row, fix="save it as UTF-8") from None
    is_json = path.suffix.lower() in (".jsonl", ".json") or text.lstrip().startswith("{")
    rows = _json_rows(text, str(path)) if is_json else _csv_rows(text, str(path))
    found = tuple(_question(row, str(path), number) for number, row in rows)
    if not found:
        raise InputError("holds no question", file=str(path), fix=_FIX)
    return Questions(str(path), sha256(data).hexdigest(), found)


def _csv_rows(text: str, file: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield rows by name; a first row that names its columns is a header."""
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    names: list[str] | None = None
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise InputError(f"is not CSV: {error}", file=file, row=number, fix=_FIX) from None
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        if names is None:
            heads = [cell.strip().casefold() for cell in cells]
            names = _names(len(cells))
            if {"question", "answer"} <= set(heads):
                names = [head.upper() if len(head) == 1 else head for head in heads]
                continue
        if len(cells) != len(names):
            raise InputError(
                f"has {len(cells)} cells, not {len(names)}", file=file, row=number, fix=_FIX
            )
        yield number, dict(zip(names, cells, strict=True))


def _names(count: int) -> list[str]:
    return ["question", *LETTERS[: max(0, min(count - 2, len(LETTERS)))], "answer"]


def _json_rows(text: str, file: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise InputError(f"is not JSON: {error}", file=file, row=number, fix=_FIX) from None
        if not isinstance(row, dict):
            raise InputError("is not a JSON object", file=file, row=number, fix=_FIX)
        yield number, row


def _question(row: Mapping[str, Any], file: str, number: int) -> Question:
    def fail(message: str) -> InputError:
        return InputError(message, file=file, row=number, fix=_FIX)

    text = row.get("question")
    if not isinstance(text, str) or not text.strip():
        raise fail("has no question")
    choices = row.get("choices")
    given = choices if choices is not None else _lettered(row)
    if not isinstance(given, list) or not all(_is_said(choice) for choice in given):
        raise fail("has a choice that is empty or not text")
    if not 2 <= len(given) <= len(LETTERS):
        raise fail(f"has {len(given)} choices; 2 to {len(LETTERS)} are allowed")
    answer = _place(row.get("answer"), len(given), may_count=choices is not None)
    if answer is None:
        raise fail(
            f"has the answer {row.get('answer')!r}, which is none of "
            f"{', '.join(LETTERS[: len(given)])}"
        )
    subject = row.get("subject")
    return Question(
        text.strip(),
        tuple(str(choice).strip() for choice in given),
        answer,
        subject.strip() if isinstance(subject, str) else "",
    )


def _lettered(row: Mapping[str, Any]) -> Sequence[Any]:
    found = []
    for letter in LETTERS:
        if letter not in row:
            break
        found.append(row[letter])
    return found


def _is_said(choice: Any) -> bool:
    is_text = isinstance(choice, str) and bool(choice.strip())
    return is_text or (isinstance(choice, int | float) and not isinstance(choice, bool))


def _place(answer: Any, count: int, *, may_count: bool) -> int | None:
    if isinstance(answer, str) and len(answer.strip()) == 1:
        place = LETTERS.find(answer.strip().upper())
        return place if 0 <= place < count else None
    is_place = may_count and isinstance(answer, int) and not isinstance(answer, bool)
    return answer if is_place and 0 <= answer < count else None
