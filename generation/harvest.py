"""What comes out of one head, the figures of all of them, and rows for the table of assertions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from generation.requests import TRANSIENT, Reason, Request
from generation.tails import Discard
from schema.identity import assertion_id, evidence_id, intention_id
from schema.records import ASSERTIONS, Rows
from schema.relations import Relation


@dataclass(slots=True)
class Found:
    """One tail that is kept, with where it comes from.

    Attributes
    ----------
    prompt_hash
        None where no prompt was used.
    request
        Key of the request that wrote it.
    accepted, rationale
        The filter's verdict; None where nobody judged.
    """

    relation: Relation
    text: str
    model: str
    prompt_hash: str | None
    request: str
    image_ids: tuple[str, ...] = ()
    plausibility: float | None = None
    typicality: float | None = None
    accepted: bool | None = None
    rationale: str | None = None


@dataclass(slots=True)
class Harvest:
    """What came of one head.

    Attributes
    ----------
    found
        The tails that are kept, those the filter rejects among them.
    discarded
        What was written and not kept: relation and reason.
    failed
        Requests without a usable reply: stage and reason.
    notes
        What else a person should know, by label.
    finished
        False if a later run can do more: something failed on the way.
    """

    head_type: str
    head_id: str
    found: list[Found] = field(default_factory=list)
    discarded: Counter[tuple[str, Discard]] = field(default_factory=Counter)
    failed: Counter[tuple[str, Reason]] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    finished: bool = True
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def is_new(self, relation: Relation, text: str) -> bool:
        """See whether the head has no such tail in that relation yet, and remember it."""
        key = (relation.name, intention_id(text))
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def fail(self, request: Request, reason: Reason) -> None:
        """Note that a request has no usable reply."""
        self.failed[request.stage, reason] += 1
        if reason in TRANSIENT or reason == "missing":
            self.finished = False


@dataclass(slots=True)
class Tally:
    """Figures of a run.

    Attributes
    ----------
    heads, unfinished
        Heads worked on, and those of which a later run can do more.
    fruitless
        Heads of which nothing came, for a request of theirs failed.
    begun
        Heads for which something was asked when the run was stopped, and that are not done.
    relations
        By relation: ``kept``, of these ``accepted`` and ``rejected`` (the filter's), and what was
        discarded, by reason.
    failed
        By stage: requests without a usable reply, by reason.
    notes
        What else was noted, by label.
    """

    heads: int = 0
    unfinished: int = 0
    fruitless: int = 0
    begun: int = 0
    relations: dict[str, Counter[str]] = field(default_factory=dict)
    failed: dict[str, Counter[str]] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)

    def add(self, harvest: Harvest) -> None:
        """Count one head."""
        self.heads += 1
        self.unfinished += not harvest.finished
        self.fruitless += bool(harvest.failed and not harvest.found)
        for found in harvest.found:
            counts = self.relations.setdefault(found.relation.name, Counter())
            counts["kept"] += 1
            if found.accepted is not None:
                counts["accepted" if found.accepted else "rejected"] += 1
        for (relation, reason), count in harvest.discarded.items():
            self.relations.setdefault(relation, Counter())[reason] += count
        for (stage, why), count in harvest.failed.items():
            self.failed.setdefault(stage, Counter())[why] += count
        self.notes.update(harvest.notes)

    def preserved(self, relation: str) -> float | None:
        """Share of the judged tails of a relation that the filter accepts; None if none was."""
        counts = self.relations.get(relation, Counter())
        judged = counts["accepted"] + counts["rejected"]
        return counts["accepted"] / judged if judged else None

    def as_dict(self) -> dict[str, Any]:
        """Give the figures as JSON can hold them."""
        total: Counter[str] = sum(self.relations.values(), Counter())
        rates = {name: self.preserved(name) for name in self.relations}
        return {
            "heads": self.heads,
            "unfinished": self.unfinished,
            "fruitless": self.fruitless,
            "begun": self.begun,
            "intentions": total.pop("kept", 0),
            **dict(sorted(total.items())),
            "relations": {
                name: dict(counts) | ({} if rates[name] is None else {"preserved": rates[name]})
                for name, counts in self.relations.items()
            },
            "failed": {stage: dict(counts) for stage, counts in self.failed.items()},
            "notes": dict(self.notes),
        }


class Sheaf:
    """Gathers harvests into a batch for the table of assertions.

    Parameters
    ----------
    source
        Source of the evidence, such as ``miko``.
    run
        Name of the run.
    """

    def __init__(self, source: str, run: str) -> None:
        self._source = source
        self._run = run
        self._rows: list[dict[str, Any]] = []
        self._before = 0

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, harvest: Harvest, at: datetime) -> None:
        """Add one head's tails."""
        self._rows += [
            self._row(harvest.head_type, harvest.head_id, found, at) for found in harvest.found
        ]

    def take(self) -> Rows:
        """Give the batch, and begin anew."""
        rows, self._rows = self._rows, []
        lines = pa.array(range(self._before + 1, self._before + len(rows) + 1), pa.int64())
        self._before += len(rows)
        batch = pa.RecordBatch.from_pylist(rows, schema=ASSERTIONS)
        return Rows("assertions", batch, lines, f"{self._source} run {self._run}")

    def _row(self, head_type: str, head_id: str, found: Found, at: datetime) -> dict[str, Any]:
        tail = intention_id(found.text)
        assertion = assertion_id(head_type, head_id, found.relation.name, tail)
        evidence = evidence_id(
            assertion,
            source=self._source,
            model=found.model,
            prompt_hash=found.prompt_hash,
            request=found.request,
        )
        images: Sequence[str] | None = list(found.image_ids) or None
        return {
            "id": evidence,
            "assertion_id": assertion,
            "head_type": head_type,
            "head_id": head_id,
            "relation": found.relation.name,
            "intention_id": tail,
            "text": found.text,
            "source": self._source,
            "model": found.model,
            "prompt_hash": found.prompt_hash,
            "run": self._run,
            "request": found.request,
            "image_ids": images,
            "plausibility": found.plausibility,
            "typicality": found.typicality,
            "accepted": found.accepted,
            "rationale": found.rationale,
            "created_at": at,
        }
