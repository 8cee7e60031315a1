"""How many questions a model answers rightly: what a student must not lose (MIKO, Table 4).

A question is put as MMLU's authors do (Hendrycks et al., ICLR 2021): the choices under their
letters, then ``Answer:``; the letter with the highest log-likelihood is the model's answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from generation.distill.options import OnProgress
from generation.distill.questions import LETTERS, Question, Questions
from schema.errors import InputError

_HEADING = "The following are multiple choice questions (with answers){about}."


def prompt(question: Question, shots: Sequence[Question] = ()) -> str:
    """Write a question out, with examples before it.

    Examples
    --------
    >>> print(prompt(Question("Which is a colour?", ("red", "rain"), 0)))
    The following are multiple choice questions (with answers).
    <BLANKLINE>
    Which is a colour?
    A. red
    B. rain
    Answer:
    """
    about = f" about {question.subject.replace('_', ' ')}" if question.subject else ""
    parts = [_HEADING.format(about=about)]
    parts += [f"{_shown(shot)} {LETTERS[shot.answer]}" for shot in shots]
    return "\n\n".join([*parts, _shown(question)])


def answers(
    model: Any,
    tokenizer: Any,
    asked: Questions,
    *,
    shots: Questions | None = None,
    batch: int = 8,
    progress: OnProgress | None = None,
    stage: str = "guard",
) -> list[int]:
    """Let a model answer; gives the place of its choice for each question.

    Parameters
    ----------
    shots
        Examples that are shown before every question; where both name subjects, those of its
        own subject.

    Raises
    ------
    InputError
        If a question is longer than the model's context.
    """
    import torch

    from generation.distill.models import context_of

    most = context_of(model)
    model.eval()
    found: list[int] = []
    questions = asked.questions
    for start in range(0, len(questions), batch):
        rows = [
            _row(tokenizer, question, _of(shots, question))
            for question in questions[start : start + batch]
        ]
        for number, row in enumerate(rows, start + 1):
            if most is not None and row.length > most:
                raise InputError(
                    f"question {number} has {row.length:,} tokens, more than the model's context "
                    f"of {most:,}",
                    file=asked.file,
                    fix="leave it out, or show fewer examples",
                )
        with torch.inference_mode():
            scores = _scores(model, tokenizer.pad_token_id, rows)
        found += [max(range(len(mine)), key=mine.__getitem__) for mine in scores]
        if progress:
            progress(stage, len(found), len(questions), "")
    return found


def score(asked: Questions, chosen: Sequence[int]) -> dict[str, Any]:
    """Count right answers, in all and by subject."""
    right = [q.answer == mine for q, mine in zip(asked.questions, chosen, strict=True)]
    subjects: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    for question, is_right in zip(asked.questions, right, strict=True):
        if question.subject:
            totals[question.subject] += 1
            subjects[question.subject] += is_right
    told: dict[str, Any] = {"right": sum(right), "accuracy": sum(right) / len(right)}
    if totals:
        told["subjects"] = {name: subjects[name] / totals[name] for name in sorted(totals)}
    return told


def compare(asked: Questions, before: Sequence[int], after: Sequence[int]) -> dict[str, Any]:
    """Say what changed between two models.

    Returns
    -------
    ``difference`` of the accuracies, and how many questions were ``lost`` and ``won``.
    """
    lost = won = 0
    for question, old, new in zip(asked.questions, before, after, strict=True):
        lost += old == question.answer != new
        won += old != question.answer == new
    return {"difference": (won - lost) / len(asked.questions), "lost": lost, "won": won}


def _shown(question: Question) -> str:
    choices = [f"{letter}. {text}" for letter, text in zip(LETTERS, question.choices, strict=False)]
    return "\n".join([question.text, *choices, "Answer:"])


def _of(shots: Questions | None, question: Question) -> Sequence[Question]:
    if shots is None:
        return ()
    own = [one for one in shots.questions if one.subject == question.subject]
    return own if own and question.subject else shots.questions


@dataclass(frozen=True, slots=True)
class _Row:
    """A question as tokens, and the tokens of each letter that may follow."""

    prompt: list[int]
    letters: list[list[int]]

    @property
    def length(self) -> int:
        return len(self.prompt) + max(map(len, self.letters))


def _row(tokenizer: Any, question: Question, shots: Sequence[Question]) -> _Row:
    text = prompt(question, shots)
    letters = LETTERS[: len(question.choices)]
    ids = [list(tokenizer(f"{text} {letter}")["input_ids"]) for letter in letters]
    # A token that ends the sequence is not part of the answer.
    if all(one[-1] == tokenizer.eos_token_id for one in ids):
        ids = [one[:-1] for one in ids]
    begin = next(place for place, some in enumerate(zip(*ids, strict=False)) if len({*some}) > 1)
    return _Row(ids[0][:begin], [one[begin:] for one in ids])


def _scores(model: Any, pad: int, rows: Sequence[_Row]) -> list[list[float]]:
    """Give the log-likelihood of each letter of each question."""
    import torch

    # Letters of one token, as they usually are, are read off one and the same sequence.
    plain = all(len(letter) == 1 for row in rows for letter in row.letters)
    asked = [
        (row.prompt, letter if not plain else [])
        for row in rows
        for letter in (row.letters[:1] if plain else row.letters)
    ]
    sequences = [before + after for before, after in asked]
    width = max(map(len, sequences))
    ids = torch.full((len(sequences), width), pad)
    mask = torch.zeros_like(ids)
    for place, sequence in enumerate(sequences):
        ids[place, : len(sequence)] = torch.tensor(sequence)
        mask[place, : len(sequence)] = 1
    keep = width - min(len(before) for before, _ in asked) + 1
    logits = model(
        input_ids=ids.to(model.device), attention_mask=mask.to(model.device), logits_to_keep=keep
    ).logits
    offset = width - logits.shape[1]

    def chances(place: int, row: _Row, count: int) -> Any:
        begin = len(row.prompt) - 1 - offset
        return torch.log_softmax(logits[place, begin : begin + count].float(), dim=-1)

    found: list[list[float]] = []
    place = 0
    for row in rows:
        if plain:
            (first,) = chances(place, row, 1)
            found.append([float(first[token]) for (token,) in row.letters])
            place += 1
            continue
        mine = []
        for letter in row.letters:
            seen = chances(place, row, len(letter))
            mine.append(sum(float(seen[step, token]) for step, token in enumerate(letter)))
            place += 1
        found.append(mine)
    return found
