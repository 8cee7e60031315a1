"""The benchmark that survives annotation: what people accept, as JSON lines, with a datasheet."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from queries.annotation import agreement
from queries.annotation.protocols import PROTOCOLS
from queries.annotation.results import Judgement, goes_on, judgements
from queries.annotation.votes import Votes
from schema import relations
from schema.errors import StoreError, UsageError

ROWS, DATASHEET = "benchmark.jsonl", "datasheet.md"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What was written: rows, different heads, and rows by relation."""

    folder: Path
    rows: int
    heads: int
    relations: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {**asdict(self), "folder": str(self.folder)}


def write(folder: Path, first: Votes, second: Votes | None = None) -> Benchmark:
    """Write the assertions that survive.

    Parameters
    ----------
    folder
        A folder that is not there yet, or an empty one.
    first
        Votes of ``mind``, or of ``miko-1``.
    second
        Votes of ``miko-2``: of the posts that the first stage let through, those stay that are
        found logical and comprehensive, with what was not found implausible. Needed for MIKO.

    Raises
    ------
    UsageError
        If the two are not of these protocols, or the folder holds something.
    StoreError
        If nothing survives.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} holds something already", fix="name a new folder")
    names = [first.protocol.name, *([second.protocol.name] if second else [])]
    if names not in (["mind"], ["miko-1", "miko-2"]):
        raise UsageError(
            f"no benchmark comes of {' and '.join(names)}",
            fix="give the export of mind, or those of miko-1 and miko-2",
        )
    rows = list(_rows(first, second))
    if not rows:
        raise StoreError(
            "nothing survives: no assertion was accepted by a majority",
            fix="see how it was judged: intentkg analyse KB annotate agreement EXPORT",
        )
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ROWS).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    found = Benchmark(
        folder,
        len(rows),
        len({row["head_id"] for row in rows}),
        dict(sorted(Counter(row["relation"] for row in rows).items())),
    )
    (folder / DATASHEET).write_text(_datasheet(found, [first, *([second] if second else [])]),
                                    encoding="utf-8")  # fmt: skip
    return found


def _rows(first: Votes, second: Votes | None) -> Iterable[dict[str, Any]]:
    kept: set[str] | None = None
    if second is not None:
        through = set(goes_on(first))
        kept = {j.task.head_id for j in judgements(second) if j.accepted} & through
    for each in judgements(first):
        survives = each.accepted if kept is None else _survives(each, kept)
        if survives:
            yield {
                "head_type": each.task.head_type,
                "head_id": each.task.head_id,
                "relation": each.task.relation,
                "text": _tail(each),
                "assertion_id": each.task.assertions[0],
                "plausibility": each.plausible,
                "typicality": each.typical,
                "annotators": each.votes,
            }


def _tail(each: Judgement) -> str:
    """The intention without the phrase that led to it on the page."""
    family = PROTOCOLS[each.task.protocol].family
    relation = relations.get(str(each.task.relation), family)
    return relations.cut_phrase(each.task.said, relation) or each.task.said


def _survives(each: Judgement, kept: set[str]) -> bool:
    return each.task.head_id in kept and each.accepted is not False


def _datasheet(found: Benchmark, stages: list[Votes]) -> str:
    """In the headings of Gebru et al. (2021), Datasheets for Datasets."""
    lines = [
        "# Datasheet",
        "",
        "## Motivation",
        "",
        "A set of intentions that people judged right, to measure generators against. Who funded "
        "it, and for which task beyond that: *to be filled in by whoever publishes it.*",
        "",
        "## Composition",
        "",
        f"{found.rows:,} assertions (head, relation, intention as it was shown) about "
        f"{found.heads:,} heads, in `{ROWS}`, one JSON object a line.",
        "",
        "| relation | assertions |",
        "|---|--:|",
        *(f"| {relation} | {count:,} |" for relation, count in found.relations.items()),
        "",
        "Heads are named by their ids; their texts and images are in the knowledge base.",
        "",
        "## Collection process",
        "",
        "Intentions were written by models or people as the knowledge base says (`intentkg "
        "evidence`), and judged in Label Studio.",
        "",
        "| protocol | tasks judged | annotators | annotations | refused | skipped |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    lines += (
        f"| {votes.protocol.name} | {len(votes.by_task()):,} | {len(votes.annotators)} "
        f"| {len(votes.votes):,} | {len(votes.refused):,} | {votes.cancelled:,} |"
        for votes in stages
    )
    lines += [
        "",
        "| aspect | pairwise agreement | Fleiss' κ | Krippendorff's α |",
        "|---|--:|--:|--:|",
    ]
    for votes in stages:
        for each in agreement.of(votes):
            figures = (each.pairwise, each.kappa, each.alpha)
            shown = " | ".join("not defined" if f is None else f"{f:.3f}" for f in figures)
            lines.append(f"| {votes.protocol.name}: {each.aspect} | {shown} |")
    lines += [
        "",
        "Annotators' pay, place and consent: *to be filled in by whoever asked them.*",
        "",
        "## Preprocessing, cleaning, labelling",
        "",
        "The majority of an assertion's annotators decides; one without a majority is left out. "
        "Annotations of edited tasks, without an author, off the scale, or contradicting another "
        "of the same author are not counted.",
        "",
        "## Uses",
        "",
        "`intentkg analyse KB generators --benchmark` scores generators against it. It says what "
        "these annotators found right of what these models wrote: not that other intentions are "
        "wrong.",
        "",
        "## Distribution and maintenance",
        "",
        "Posts and product data keep their owners' terms: *to be filled in before publishing.*",
    ]
    return "\n".join(lines) + "\n"
