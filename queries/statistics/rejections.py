"""Why the filter rejected what it rejected: classes of its rationales (MIND, appendix C)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kg import sql
from kg.directory import Directory
from queries.corpus import Chosen
from queries.results import Table, plain
from queries.statistics.cues import MEANINGS, MIND_SHARES, RULES, ErrorClass

_EXAMPLES = 3
_UNCLASSIFIED = "unclassified"
_BY_FILTER = "NOT starts_with(lower(coalesce(model, '')), 'human')"
_HIGH = 0.75  # scores from which a rejection looks like a misjudgement


@dataclass(frozen=True, slots=True)
class RejectionClass:
    """One class of rationales.

    Attributes
    ----------
    name
        ``weak``, ``misjudged``, ``implausible`` or ``unclassified``.
    meaning
        In words; empty for what no rule matched.
    count, share
        Rationales in it, and their share of all.
    mind
        The share that MIND's annotators found; None for what no rule matched.
    rules
        How often each rule decided, by its name.
    examples
        Some of its rationales with relation and intention, always the same ones.
    """

    name: str
    meaning: str
    count: int
    share: float
    mind: float | None
    rules: dict[str, int]
    examples: tuple[dict[str, str], ...]


@dataclass(frozen=True, slots=True)
class Rejections:
    """What :func:`rejections` found.

    Attributes
    ----------
    rejected
        Pieces of evidence whose verdict is a rejection.
    explained
        Those of them that have a rationale: only they are classified.
    classes
        In MIND's order, the unclassified last.
    high_scores
        Rejections of assertions that some evidence gives both scores of 0.75 or more: candidates
        for misjudgement, whatever the rationale says.
    scored
        Rejections of assertions that have both scores.
    """

    rejected: int
    explained: int
    classes: tuple[RejectionClass, ...]
    high_scores: int
    scored: int

    def to_dict(self) -> dict[str, Any]:
        """The same as plain dicts and lists, for JSON."""
        found: dict[str, Any] = plain(self)
        return found

    def table(self) -> Table:
        """Classes with their shares, beside MIND's."""
        return Table(
            ["class", "meaning", "rationales", "share", "in MIND"],
            [
                [c.name, c.meaning, c.count, f"{c.share:.0%}", c.mind and f"{c.mind:.0%}"]
                for c in self.classes
            ],
        )

    def examples(self) -> Table:
        """Some rationales of each class."""
        columns = ["class", "relation", "intention", "rationale"]
        return Table(columns, [[c.name, *e.values()] for c in self.classes for e in c.examples])


def rule_number(column: str) -> str:
    """SQL for the place of the first rule in :data:`RULES` that a text meets, or NULL."""
    cases = " ".join(
        f"WHEN regexp_matches({column}, {sql.quote('(?is)' + rule.pattern)}) THEN {place}"
        for place, rule in enumerate(RULES)
    )
    return f"CASE {cases} END"


def classify(texts: list[str]) -> list[ErrorClass | None]:
    """Class of each rationale; None if no rule matches."""
    import duckdb

    query = f"SELECT {rule_number('text')} FROM (SELECT unnest(?) AS text)"
    with duckdb.connect(":memory:") as db:
        places = [row[0] for row in db.execute(query, [texts]).fetchall()]
    return [None if place is None else RULES[place].kind for place in places]


def rejections(directory: Directory, chosen: Chosen | None = None) -> Rejections:
    """Sort the rationales of rejections into MIND's three classes of errors, by rules.

    Parameters
    ----------
    directory
        The knowledge base.
    chosen
        Which evidence counts; by default all but people's judgements, whose rationales count
        votes (`queries.annotation`).
    """
    base = chosen or Chosen()
    where, by_filter = base.where(), _BY_FILTER if base.model is None else "true"
    with (
        sql.store_errors(f"reading {directory.root}"),
        sql.connect(directory, tables=["assertions"]) as db,
    ):
        db.execute(
            f"""
            CREATE TEMP TABLE rejected AS
            SELECT id, assertion_id, relation, text, nullif(trim(rationale), '') AS rationale,
                   {rule_number("rationale")} AS rule
            FROM (FROM assertions {where}) WHERE accepted = false AND {by_filter}
            """
        )
        by_rule = db.execute(
            "SELECT rule, count(*) FROM rejected WHERE rationale IS NOT NULL GROUP BY rule"
        ).fetchall()
        shown = db.execute(
            f"""
            SELECT rule, relation, text, rationale FROM rejected WHERE rationale IS NOT NULL
            QUALIFY row_number() OVER (PARTITION BY rule ORDER BY md5(id)) <= {_EXAMPLES}
            ORDER BY rule, md5(id)
            """
        ).fetchall()
        rejected, high, scored = db.execute(
            f"""
            SELECT count(*), count(*) FILTER (p >= {_HIGH} AND t >= {_HIGH}),
                   count(*) FILTER (p IS NOT NULL AND t IS NOT NULL)
            FROM rejected LEFT JOIN (
                SELECT assertion_id, max(plausibility) AS p, max(typicality) AS t
                FROM assertions SEMI JOIN rejected USING (assertion_id) GROUP BY assertion_id
            ) USING (assertion_id)
            """
        ).fetchall()[0]
    explained = sum(n for _, n in by_rule)
    kinds: list[ErrorClass | None] = [*MEANINGS, None]
    return Rejections(
        rejected=rejected,
        explained=explained,
        classes=tuple(_class(kind, by_rule, shown, explained) for kind in kinds)
        if explained
        else (),
        high_scores=high,
        scored=scored,
    )


def _class(
    kind: ErrorClass | None,
    by_rule: list[tuple[int | None, int]],
    shown: list[tuple[int | None, str, str, str]],
    explained: int,
) -> RejectionClass:
    def belongs(rule: int | None) -> bool:
        return (None if rule is None else RULES[rule].kind) == kind

    counts = sorted((rule, n) for rule, n in by_rule if rule is not None and belongs(rule))
    count = sum(n for rule, n in by_rule if belongs(rule))
    found = [
        {"relation": relation, "intention": text, "rationale": rationale}
        for rule, relation, text, rationale in shown
        if belongs(rule)
    ]
    return RejectionClass(
        name=kind or _UNCLASSIFIED,
        meaning=MEANINGS[kind] if kind else "",
        count=count,
        share=count / explained,
        mind=MIND_SHARES[kind] if kind else None,
        rules={RULES[rule].name: n for rule, n in counts},
        examples=tuple(found[:_EXAMPLES]),
    )
