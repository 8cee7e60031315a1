"""Scores for intentions that have none, by the critic that comes with IntentKG; nobody is asked."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intentkg.generating.committing import Written
from intentkg.generating.heads import family_of, pair_id
from kg.directory import Directory
from kg.truth import Transaction
from kg.unscored import Unscored
from schema.errors import UsageError
from schema.identity import evidence_id, intention_id
from schema.records import ASSERTIONS, Rows
from schema.relations import get

if TYPE_CHECKING:
    from generation.critic import Critic
    from generation.mind import Scores

    type OnScored = Callable[[int, int], None]

SOURCE = "critic"
_AT_ONCE = 8_192  # intentions that are judged together
_COMMIT = 65_536  # rows that become part of the truth together


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which intentions are scored, and how.

    Attributes
    ----------
    sources, heads, limit
        Of which heads: of these sources, of these ids, so many at most.
    relations
        In which relations; None: all.
    rescore
        Also those that others have scored.
    run
        Name of the run, for the evidence; None: the critic and the time.
    critic
        A folder of other weights; None: those that come with IntentKG.
    """

    sources: Sequence[str] = ()
    heads: Sequence[str] = ()
    limit: int | None = None
    relations: Sequence[str] | None = None
    rescore: bool = False
    run: str | None = None
    critic: Path | str | None = None


def choose(**options: Any) -> Choice:
    """Make a choice of options by name.

    Raises
    ------
    UsageError
        For an option that does not exist.
    """
    known = [one.name for one in fields(Choice)]
    for name in options:
        if name not in known:
            raise UsageError(f"there is no option {name!r}", fix=f"options: {', '.join(known)}")
    return Choice(**options)


@dataclass(slots=True)
class Scored:
    """What came of it.

    Attributes
    ----------
    intentions
        Those that were chosen.
    lacking
        Those among them that lacked a score.
    scored
        Those that were given one.
    speechless
        Those that were not: their head has no title or text, or their tail no words.
    """

    model: str
    run: str
    intentions: int
    lacking: int
    scored: int = 0
    speechless: int = 0
    relations: Counter[str] = field(default_factory=Counter)
    written: Written = field(default_factory=Written)
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "pipeline": SOURCE,
            "source": SOURCE,
            "model": self.model,
            "run": self.run,
            "intentions": self.intentions,
            "lacking": self.lacking,
            "scored": self.scored,
            "speechless": self.speechless,
            "relations": dict(sorted(self.relations.items())),
            "rows": asdict(self.written),
            "seconds": round(self.seconds, 3),
        }


def score(directory: Directory, choice: Choice, *, progress: OnScored | None = None) -> Scored:
    """Give every chosen intention the scores that it lacks, as evidence of its own.

    Only what is missing is written: an intention that someone found typical, and of which nobody
    said how plausible it is, gets a plausibility. What this critic has scored before it leaves
    alone, so a second run changes nothing, and one that was broken off goes on.

    Parameters
    ----------
    progress
        Called with how many are done, and how many there are.

    Raises
    ------
    UsageError
        If a source, a head or a relation does not exist.
    CorruptError
        If the weights were altered.
    LockedError
        If another process writes to the knowledge base.
    """
    from generation.critic import load_critic

    directory.manifest()
    if choice.limit is not None and choice.limit < 1:
        raise UsageError(f"a limit of {choice.limit} leaves no heads", fix="give 1 or more")
    began = time.monotonic()
    critic = load_critic(choice.critic)
    run = choice.run or f"{SOURCE}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    with directory.write("generate"):
        pass  # it can be written to
    with Unscored(
        directory,
        source=SOURCE,
        model=critic.name,
        again=choice.rescore,
        relations=[get(name).name for name in choice.relations or ()],
        sources=choice.sources,
        heads=[pair_id(head) for head in choice.heads],
        limit=choice.limit,
    ) as unscored:
        report = Scored(critic.name, run, unscored.all(), unscored.count())
        if not report.intentions:
            raise UsageError(
                f"{directory.root} has no intentions to score",
                fix=f"intentkg generate {directory.root} --pipeline mind, or intentkg import",
            )
        waiting: list[dict[str, Any]] = []
        for rows in _some(unscored.rows()):
            waiting += _judged(critic, rows, choice, report)
            if len(waiting) >= _COMMIT:
                _commit(directory, waiting, report)
                waiting = []
            if progress:
                progress(report.scored + report.speechless, report.lacking)
        _commit(directory, waiting, report)
    report.seconds = time.monotonic() - began
    return report


def _some(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while some := list(islice(rows, _AT_ONCE)):
        yield some


def _judged(
    critic: Critic, rows: list[dict[str, Any]], choice: Choice, report: Scored
) -> list[dict[str, Any]]:
    from generation.critic import Assertion

    asked = [
        Assertion(
            tuple(text or "" for text in row["heads"]),
            get(row["relation"], family_of(row["head_type"])),
            row["text"],
        )
        for row in rows
    ]
    at = datetime.now(UTC)
    found = []
    for row, scores in zip(rows, critic.judge(asked), strict=True):
        if scores.plausibility is None:
            report.speechless += 1
            continue
        report.scored += 1
        report.relations[row["relation"]] += 1
        found.append(_row(row, scores, critic.name, report.run, at, everything=choice.rescore))
    return found


def _row(
    row: Mapping[str, Any],
    scores: Scores,
    model: str,
    run: str,
    at: datetime,
    *,
    everything: bool,
) -> dict[str, Any]:
    def lacking(name: str) -> float | None:
        is_wanted = everything or row[name] is None
        return getattr(scores, name) if is_wanted else None

    evidence = evidence_id(row["id"], source=SOURCE, model=model, prompt_hash=None, request=None)
    return {
        "id": evidence,
        "assertion_id": row["id"],
        "head_type": row["head_type"],
        "head_id": row["head_id"],
        "relation": row["relation"],
        "intention_id": intention_id(row["text"]),
        "text": row["text"],
        "source": SOURCE,
        "model": model,
        "run": run,
        "plausibility": lacking("plausibility"),
        "typicality": lacking("typicality"),
        "created_at": at,
    }


def _commit(directory: Directory, rows: list[dict[str, Any]], report: Scored) -> None:
    import pyarrow as pa

    if not rows:
        return
    batch = pa.RecordBatch.from_pylist(rows, schema=ASSERTIONS)
    lines = pa.array(range(1, len(rows) + 1), pa.int64())
    with Transaction(directory, "generate") as transaction:
        transaction.add(Rows("assertions", batch, lines, f"critic run {report.run}"))
        summary = transaction.commit()
    report.written.add(summary)
