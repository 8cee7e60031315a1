"""Votes out of Label Studio's JSON export: read, checked, what cannot count refused with a reason.

An export is a list of tasks, each with its ``data`` and its ``annotations``; an annotation names
who completed it and holds a result for each question (Label Studio's own documentation, "Export
results"). Nothing of a task is believed that its id does not vouch for.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from queries.annotation.protocols import PROTOCOLS, Protocol
from queries.annotation.tasks import seal
from schema.errors import InputError, UnsuitableFileError
from schema.records import Rejection


@dataclass(frozen=True, slots=True)
class Task:
    """What was judged, as the export has it.

    Attributes
    ----------
    id
        Its seal.
    protocol, head_type, head_id, relation, assertions
        As the export of the knowledge base wrote them.
    said
        What annotators read.
    """

    id: str
    protocol: str
    head_type: str
    head_id: str
    relation: str | None
    assertions: tuple[str, ...]
    said: str


@dataclass(frozen=True, slots=True)
class Vote:
    """What one annotator said of one task.

    Attributes
    ----------
    task
        Its id.
    annotator
        Who, as Label Studio has it.
    values
        The answer to each question that was answered, by the aspect's name.
    at
        When, as ISO 8601 text; orders an annotator's votes.
    """

    task: str
    annotator: str
    values: dict[str, int]
    at: str


@dataclass(slots=True)
class Votes:
    """Everything that counts of one or several exports.

    Attributes
    ----------
    protocol
        The one that all tasks are of.
    tasks
        By id.
    votes
        Each annotator once for a task.
    refused
        What does not count, and why.
    cancelled
        Annotations that were skipped or taken back.
    unjudged
        Tasks without a vote.
    """

    protocol: Protocol
    tasks: dict[str, Task] = field(default_factory=dict)
    votes: list[Vote] = field(default_factory=list)
    refused: list[Rejection] = field(default_factory=list)
    cancelled: int = 0
    unjudged: int = 0

    @property
    def annotators(self) -> list[str]:
        """Who voted, sorted."""
        return sorted({vote.annotator for vote in self.votes})

    def by_task(self) -> dict[str, list[Vote]]:
        """Votes of each task that has one."""
        found: defaultdict[str, list[Vote]] = defaultdict(list)
        for vote in self.votes:
            found[vote.task].append(vote)
        return dict(found)

    def values(self, aspect: str) -> dict[str, dict[str, int]]:
        """Answers to one question, by task and annotator."""
        found: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for vote in self.votes:
            if aspect in vote.values:
                found[vote.task][vote.annotator] = vote.values[aspect]
        return dict(found)


def read(files: Sequence[Path]) -> Votes:
    """Read exports of one project, or of several of the same protocol.

    Raises
    ------
    UnsuitableFileError
        If a file is not there, is not Label Studio's JSON, or two are of different protocols.
    InputError
        If no task of it is of ours.
    """
    found: Votes | None = None
    collected: list[tuple[Vote, str, int]] = []
    for file in files:
        for row, task in enumerate(_load(file), start=1):
            known = _task(task, file, row)
            if isinstance(known, Rejection):
                if found is None:
                    found = Votes(next(iter(PROTOCOLS.values())))
                found.refused.append(known)
                continue
            if found is None or not found.tasks:
                earlier = [] if found is None else found.refused
                found = Votes(PROTOCOLS[known.protocol], refused=earlier)
            elif known.protocol != found.protocol.name:
                raise UnsuitableFileError(
                    f"a task of the protocol {known.protocol}, after tasks of "
                    f"{found.protocol.name}",
                    file=str(file),
                    row=row,
                    fix="read the exports of each protocol by themselves",
                )
            found.tasks[known.id] = known
            given = _annotations(found, known, task, file, row)
            collected += [(vote, str(file), row) for vote in given]
    if found is None or not found.tasks:
        first = f": {found.refused[0].reason}" if found and found.refused else ""
        raise InputError(
            f"{', '.join(map(str, files))}: no task that intentkg wrote is in it{first}",
            file=str(files[0]) if files else None,
            fix="export the project as JSON, with all that its tasks held when they were imported",
        )
    _settle(found, collected)
    found.unjudged = len(found.tasks.keys() - {vote.task for vote in found.votes})
    return found


def _load(file: Path) -> list[Any]:
    if not file.is_file():
        raise UnsuitableFileError(
            "there is no such file", file=str(file), fix="name Label Studio's export"
        )
    try:
        found = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise UnsuitableFileError(
            f"is no JSON: {error}",
            file=str(file),
            fix="choose JSON when you export from Label Studio, not CSV or JSON-MIN",
        ) from None
    whole = isinstance(found, list) and all(isinstance(t, dict) and "data" in t for t in found)
    if not whole:
        raise UnsuitableFileError(
            "is not what Label Studio exports as JSON: no list of tasks with their data",
            file=str(file),
            fix="choose JSON when you export from Label Studio, not JSON-MIN",
        )
    return list(found)


def _task(task: dict[str, Any], file: Path, row: int) -> Task | Rejection:
    data = task["data"] if isinstance(task["data"], dict) else {}
    protocol = data.get("protocol")
    if not isinstance(protocol, str) or protocol not in PROTOCOLS:
        return _refuse(file, row, "the task is of no protocol that intentkg knows", data)
    if data.get("task") != seal(data):
        return _refuse(file, row, "what the task shows was edited: it does not fit its id", data)
    return Task(
        data["task"],
        data["protocol"],
        str(data.get("head_type")),
        data["head_id"],
        data.get("relation"),
        tuple(data["assertions"]),
        data["said"],
    )


def _annotations(
    found: Votes, known: Task, task: dict[str, Any], file: Path, row: int
) -> Iterator[Vote]:
    given = task.get("annotations") or []
    for annotation in given if isinstance(given, list) else [given]:
        results = annotation.get("result") or [] if isinstance(annotation, dict) else None
        if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
            found.refused.append(
                _refuse(file, row, "an annotation is not in Label Studio's form", task["data"])
            )
            continue
        if annotation.get("was_cancelled"):
            found.cancelled += 1
            continue
        annotator = _annotator(annotation.get("completed_by"))
        if annotator is None:
            found.refused.append(
                _refuse(file, row, "an annotation does not say who made it", task["data"])
            )
            continue
        values = _values(found.protocol, results)
        if isinstance(values, str):
            found.refused.append(_refuse(file, row, f"{annotator}: {values}", task["data"]))
            continue
        at = str(annotation.get("created_at") or annotation.get("updated_at") or "")
        yield Vote(known.id, annotator, values, at)


def _annotator(who: Any) -> str | None:
    """Who made an annotation: an address, or a number."""
    if isinstance(who, dict):
        who = who.get("email") or who.get("id")
    return str(who) if isinstance(who, str | int) and not isinstance(who, bool) and who else None


def _values(protocol: Protocol, results: Iterable[Any]) -> dict[str, int] | str:
    """Answers by aspect, or why they cannot count."""
    found: dict[str, int] = {}
    for result in results:
        aspect = protocol.aspect(str(result.get("from_name")))
        if aspect is None:
            continue  # a question that someone added to the page
        value = result.get("value")
        chosen = value.get("choices") if isinstance(value, dict) else None
        label = chosen[0] if isinstance(chosen, list) and len(chosen) == 1 else None
        if not isinstance(label, str) or label not in aspect.choices:
            scale = ", ".join(aspect.choices)
            return f"{aspect.name} is {chosen!r:.80}, not one of {scale}"
        answer = aspect.choices[label]
        if found.setdefault(aspect.name, answer) != answer:
            return f"{aspect.name} is answered twice, differently"
    missing = [a.name for a in protocol.aspects if a.required and a.name not in found]
    return f"no answer to {', '.join(missing)}" if missing else found


def _settle(found: Votes, collected: list[tuple[Vote, str, int]]) -> None:
    """Keep one vote of each annotator for a task; refuse all of those that contradict."""
    groups: defaultdict[tuple[str, str], list[tuple[Vote, str, int]]] = defaultdict(list)
    for entry in collected:
        groups[entry[0].task, entry[0].annotator].append(entry)
    for group in groups.values():
        answers = Counter(tuple(sorted(vote.values.items())) for vote, _, _ in group)
        if len(answers) == 1:
            found.votes.append(min((vote for vote, _, _ in group), key=lambda vote: vote.at))
            continue
        vote, file, row = group[0]
        found.refused.append(
            Rejection(
                file,
                row,
                f"{vote.annotator} judged the task {len(group)} times, and differently",
                "delete all but one of these annotations in Label Studio, and export again",
                found.tasks[vote.task].said[:200],
            )
        )


def _refuse(file: Path, row: int, reason: str, data: Any) -> Rejection:
    said = str(data.get("said", "")) if isinstance(data, dict) else ""
    return Rejection(
        str(file), row, reason, "mend it in Label Studio, and export again", said[:200] or None
    )
