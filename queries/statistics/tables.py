"""The figures as tables: MIKO's Tables 1 and 2, MIND's Table 1, and several graphs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from queries.results import Table
from queries.statistics.shapes import Distribution, Rate, RelationFigures, Statistics
from schema.relations import RELATIONS

_SAMPLE = 100  # characters of a sample text
_NAMES = {None: "all", "social": "social", "cobuy": "co-buy"}

LONG_COLUMNS = [
    "graph",
    "family",
    "relation",
    "assertions",
    "heads",
    "intentions",
    "words",
    "judged",
    "accepted",
    "preserve_rate",
    "preserve_low",
    "preserve_high",
    *(
        f"{score}_{part}"
        for score in ("plausibility", "typicality")
        for part in ("n", "mean", "low", "high", "min", "q25", "median", "q75", "max")
    ),
]


def title(figures: RelationFigures) -> str:
    """What to call a row: a relation's name, which of the two Opens, or which total."""
    if figures.relation is None:
        return "total" if figures.family is None else f"total, {_NAMES[figures.family]}"
    if figures.relation == "Open":
        return f"Open ({_NAMES[figures.family]})"
    return figures.relation


def keys(graphs: Sequence[Statistics]) -> list[tuple[str | None, str | None]]:
    """Families and relations that occur in any of the graphs, in the registry's order."""
    present = {figures.key for graph in graphs for figures in graph.relations}
    order = [(r.family.value, r.name) for r in RELATIONS]
    known: list[tuple[str | None, str | None]] = [key for key in order if key in present]
    return known + sorted(present.difference(known), key=str)


def sources(graph: Statistics) -> Table:
    """MIKO's Table 1: what each source brought, with a sample."""
    columns = ["source", "posts", "with images", "products", "co-buys", "evidence", "sample"]
    return Table(
        columns,
        [
            [
                s.source,
                s.posts,
                s.posts_with_images,
                s.products,
                s.cobuys,
                s.evidence,
                _short(s.sample),
            ]
            for s in graph.sources
        ],
    )


def aspects(graph: Statistics) -> Table:
    """MIKO's Table 2: intentions of each social aspect, their average and their total.

    Average and total are over MIKO's ten aspects, those without an intention counted as 0.
    """
    counts = {figures.key: figures.assertions for figures in graph.relations}
    ten = [r for r in RELATIONS if r.family.value == "social" and not r.import_only]
    numbers = [counts.get((r.family.value, r.name), 0) for r in ten]
    columns = [*(r.name for r in ten), "average", "total"]
    return Table(columns, [[*numbers, round(sum(numbers) / len(ten), 1), sum(numbers)]])


def preserved(graph: Statistics) -> Table:
    """MIND's Table 1: accepted intentions by relation, with mean plausibility and typicality.

    Where nothing was judged all count; means are over all that are scored. MIND's two columns
    that only people can fill (is it human-centric, is the rationale right) come from annotation.
    """
    rows: list[list[Any]] = []
    for figures in (*graph.relations, *graph.totals):
        kept = figures.preserved.count if figures.preserved else figures.assertions
        rows.append([title(figures), kept, _mean(figures.plausibility), _mean(figures.typicality)])
    return Table(["relation", "intentions", "plausibility", "typicality"], rows)


def relations(graph: Statistics) -> Table:
    """One row per relation with everything that is counted."""
    columns = ["relation", "assertions", "heads", "intentions", "words", "judged", "preserved"]
    return Table(
        [*columns, "plausibility", "typicality"],
        [
            [
                title(f),
                f.assertions,
                f.heads,
                f.intentions,
                f"{f.words:.1f}",
                f.preserved.of if f.preserved else None,
                _rate(f.preserved),
                _mean(f.plausibility),
                _mean(f.typicality),
            ]
            for f in (*graph.relations, *graph.totals)
        ],
    )


def scores(graph: Statistics, score: str) -> Table:
    """How one score lies: MIKO's Figure 4 as a table.

    Parameters
    ----------
    score
        ``plausibility`` or ``typicality``.
    """
    columns = ["relation", "n", "mean", "95 % of the mean", "q25", "median", "q75"]
    rows: list[list[Any]] = []
    for figures in (*graph.relations, *graph.totals):
        found: Distribution | None = getattr(figures, score)
        if found is None:
            continue
        interval = None if found.low is None else f"{found.low:.2f} to {found.high:.2f}"
        rows.append(
            [title(figures), found.n, found.mean, interval, found.q25, found.median, found.q75]
            + [f"{share:.0%}" for share in found.shares]
        )
    return Table([*columns, "low", "middle", "high"], rows)


def side_by_side(graphs: Sequence[Statistics], measure: str) -> Table:
    """One measure of several graphs, a column each (MIND's Figures 5 and 7 as tables).

    Parameters
    ----------
    measure
        ``assertions``, ``preserved``, ``plausibility`` or ``typicality``. Empty if none has it.
    """
    totals: list[tuple[str | None, str | None]] = [(None, None)]
    rows = []
    for key in (*keys(graphs), *totals):
        found = [graph.get(key) for graph in graphs]
        values = [None if each is None else _value(each, measure) for each in found]
        name = next((title(each) for each in found if each), None)
        if name and any(value is not None for value in values):
            rows.append([name, *values])
    return Table(["relation", *(graph.label for graph in graphs)], rows)


def long(graphs: Sequence[Statistics]) -> Table:
    """All figures of all graphs, a row for each graph and relation: for spreadsheets."""
    rows = [
        [
            graph.label,
            f.family or "all",
            f.relation or "total",
            *(f.assertions, f.heads, f.intentions, f.words),
            *_verdicts(f.preserved),
            *_spread(f.plausibility),
            *_spread(f.typicality),
        ]
        for graph in graphs
        for f in (*graph.relations, *graph.totals)
    ]
    return Table(LONG_COLUMNS, rows)


def _value(figures: RelationFigures, measure: str) -> Any:
    if measure == "assertions":
        return figures.assertions
    if measure == "preserved":
        return _rate(figures.preserved)
    return _mean(getattr(figures, measure))


def _verdicts(found: Rate | None) -> list[Any]:
    if found is None:
        return [None] * 5
    return [found.of, found.count, found.rate, found.low, found.high]


def _spread(found: Distribution | None) -> list[Any]:
    if found is None:
        return [None] * 9
    ends = [found.minimum, found.q25, found.median, found.q75, found.maximum]
    return [found.n, found.mean, found.low, found.high, *ends]


def _mean(found: Distribution | None) -> float | None:
    return None if found is None else found.mean


def _rate(found: Rate | None) -> str | None:
    return None if found is None else f"{found.rate:.0%}"


def _short(text: str | None) -> str | None:
    if text is None:
        return None
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= _SAMPLE else one_line[: _SAMPLE - 1].rstrip() + "…"
