"""What the votes come to: evidence for assertions, posts that go on, the benchmark that survives.

The majority is one piece of evidence for an assertion, of the model ``human`` and the source
``annotation``: `plausibility` and `typicality` are the shares of annotators who say so, `accepted`
is the majority's verdict (None where it has none), `rationale` counts the votes. Single voices do
not become evidence: one dissenter would reject the edge for everybody.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from kg import sql
from kg.directory import Directory
from kg.truth import Transaction
from queries.annotation.agreement import majority
from queries.annotation.protocols import MIKO_TOTAL
from queries.annotation.votes import Task, Vote, Votes
from schema.identity import evidence_id
from schema.records import ASSERTIONS, Rejection, Rows

MODEL, SOURCE = "human", "annotation"

_OF = re.compile(r"\d+ of (\d+) ")  # "plausible: 2 of 3 yes, 1 of 3 no"


@dataclass(slots=True)
class Recorded:
    """What reading votes back did.

    Attributes
    ----------
    added, unchanged
        Assertions that got a judgement, or the same one again.
    accepted, rejected, undecided
        How these were judged.
    unknown
        Assertions that the knowledge base does not have (any more).
    refused
        What did not count of the exports, and why.
    """

    added: int = 0
    unchanged: int = 0
    accepted: int = 0
    rejected: int = 0
    undecided: int = 0
    unknown: int = 0
    refused: list[Rejection] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What annotators together say of one task.

    Attributes
    ----------
    task, votes
        What was judged, and by how many.
    plausible, typical
        Shares, or None where the protocol does not ask.
    accepted
        The majority's verdict; None where there is no majority, or none is asked for.
    told
        The votes, in words.
    at
        When the last one was cast.
    """

    task: Task
    votes: int
    plausible: float | None
    typical: float | None
    accepted: bool | None
    told: str
    at: str


def judgements(votes: Votes) -> list[Judgement]:
    """What annotators together say of each task that has a vote."""
    return [
        _judge(votes, votes.tasks[task], given) for task, given in sorted(votes.by_task().items())
    ]


def record(directory: Directory, votes: Votes) -> Recorded:
    """Write the judgements as evidence; the same again changes nothing.

    Parameters
    ----------
    directory
        The knowledge base that the tasks were exported from.
    votes
        Of exports of one protocol.
    """
    import pyarrow as pa

    found = Recorded(refused=list(votes.refused))
    decided = judgements(votes)
    wanted = [(assertion, each) for each in decided for assertion in each.task.assertions]
    known = _assertions(directory, [assertion for assertion, _ in wanted])
    stored = _voters(directory)
    rows = []
    for assertion, each in wanted:
        if assertion not in known:
            found.unknown += 1
            task = each.task
            found.refused.append(
                Rejection(
                    SOURCE, None, f"the knowledge base has no assertion {assertion}",
                    "read votes into the knowledge base that the tasks were exported from",
                    task.said[:200],
                )
            )  # fmt: skip
            continue
        if (before := stored.get((assertion, each.task.id), 0)) > each.votes:
            found.refused.append(
                Rejection(
                    SOURCE, None, f"{each.votes} of the {before} people who have judged this are "
                    "in the export: what is stored stays",
                    "give all exports of the project together", each.task.said[:200],
                )
            )  # fmt: skip
            continue
        found.accepted += each.accepted is True
        found.rejected += each.accepted is False
        found.undecided += each.accepted is None
        rows.append(_row(assertion, known[assertion], each))
    if rows:
        batch = pa.RecordBatch.from_pylist(rows, schema=ASSERTIONS)
        lines = pa.array(range(1, len(rows) + 1), pa.int64())
        with Transaction(directory, "analyse", update=True) as transaction:
            transaction.add(Rows("assertions", batch, lines, f"{votes.protocol.name} votes"))
            summary = transaction.commit().tables["assertions"]
        found.added = summary.added + summary.changed
        found.unchanged = summary.unchanged
    return found


def totals(votes: Votes) -> dict[str, int]:
    """Points of each post after MIKO's first stage: the sum of what the majority gives each.

    Where no value has a majority the middle one counts.
    """
    found: defaultdict[str, int] = defaultdict(int)
    for task, given in votes.by_task().items():
        values = sorted(vote.values["typicality"] for vote in given)
        decided = majority(values)
        found[votes.tasks[task].head_id] += (
            values[(len(values) - 1) // 2] if decided is None else decided
        )
    return dict(found)


def goes_on(votes: Votes) -> list[str]:
    """Posts whose total exceeds 5, sorted: those for MIKO's second stage."""
    return sorted(head for head, total in totals(votes).items() if total > MIKO_TOTAL)


def _judge(votes: Votes, task: Task, given: list[Vote]) -> Judgement:
    counts = {
        aspect.name: [vote.values[aspect.name] for vote in given if aspect.name in vote.values]
        for aspect in votes.protocol.aspects
    }
    plausible = typical = None
    verdicts: Sequence[int | None]
    match votes.protocol.name:
        case "miko-1":
            values = counts["typicality"]
            plausible, typical = _share(v >= 0 for v in values), _share(v == 1 for v in values)
            # The verdict is the second stage's; but what is implausible is out.
            verdicts = [0 if majority([int(v < 0) for v in values]) else None]
        case "miko-2":
            verdicts = [majority(counts["logical"]), majority(counts["comprehensive"])]
        case _:
            plausible, typical = (
                _share(v == 1 for v in counts[n]) for n in ("plausible", "typical")
            )
            verdicts = [majority(counts[n]) for n in ("plausible", "typical", "human_centric")]
    accepted = None if None in verdicts else all(verdicts)
    if 0 in verdicts:
        accepted = False
    told = "; ".join(
        f"{name}: " + ", ".join(f"{n} of {len(values)} {_label(votes, name, v)}"
                                for v, n in Counter(values).most_common())
        for name, values in counts.items() if values
    )  # fmt: skip
    return Judgement(
        task, len(given), plausible, typical, accepted, told, max(vote.at for vote in given)
    )


def _share(values: Iterable[bool]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)


def _label(votes: Votes, name: str, value: int) -> str:
    aspect = votes.protocol.aspect(name)
    assert aspect is not None
    return next(label for label, each in aspect.choices.items() if each == value)


def _assertions(directory: Directory, ids: list[str]) -> dict[str, dict[str, Any]]:
    with (
        sql.store_errors(f"reading {directory.root}"),
        sql.connect(directory, tables=["assertions"]) as connection,
    ):
        connection.execute("CREATE TABLE wanted AS SELECT unnest($1) AS assertion_id", [ids])
        found = connection.sql(
            "SELECT assertion_id, any_value(head_type) AS head_type, "
            "any_value(head_id) AS head_id, any_value(relation) AS relation, "
            "any_value(intention_id) AS intention_id, arg_min(text, id) AS text "
            "FROM assertions SEMI JOIN wanted USING (assertion_id) GROUP BY assertion_id"
        ).to_arrow_table()
    return {row["assertion_id"]: row for row in found.to_pylist()}


def _voters(directory: Directory) -> dict[tuple[str, str], int]:
    """How many people judged what is stored already, by assertion and task."""
    with (
        sql.store_errors(f"reading {directory.root}"),
        sql.connect(directory, tables=["assertions"]) as connection,
    ):
        rows = connection.execute(
            "SELECT assertion_id, request, rationale FROM assertions "
            f"WHERE source = {sql.quote(SOURCE)} AND model = {sql.quote(MODEL)}"
        ).fetchall()
    return {
        (assertion, task): max((int(n) for n in _OF.findall(told or "")), default=0)
        for assertion, task, told in rows
    }


def _row(assertion: str, known: dict[str, Any], each: Judgement) -> dict[str, Any]:
    return {
        **known,
        "id": evidence_id(assertion, source=SOURCE, model=MODEL, request=each.task.id),
        "source": SOURCE,
        "model": MODEL,
        "run": each.task.protocol,
        "request": each.task.id,
        "plausibility": each.plausible,
        "typicality": each.typical,
        "accepted": each.accepted,
        "rationale": each.told,
        "created_at": _time(each.at),
    }


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
