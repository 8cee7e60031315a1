"""Tables, sentences and the picture of the sarcasm benchmark, beside MIKO's Table 5."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.downstream.harness import Report, Table
from benchmarks.downstream.harness.comparing import Difference, Interval, interval, paired
from benchmarks.downstream.harness.graphs import coverage
from benchmarks.downstream.harness.metrics import classification, hits
from benchmarks.downstream.harness.pictures import dots
from benchmarks.downstream.sarcasm.data import Posts
from benchmarks.downstream.sarcasm.f1 import gap_of_f1

if TYPE_CHECKING:
    from queries.features import Retrieved

NAMES = {
    "text": "Text",
    "text+image": "Text+IMGDES",
    "text+intentions": "Text+INTE",
    "text+random": "Text+random INTE",
    "all": "Text+IMGDES+INTE",
    "all-random": "Text+IMGDES+random INTE",
}
MEASURES = ("accuracy", "precision", "recall", "f1")
PAPER = {
    "text": (83.85, 78.72, 82.27, 80.22),
    "text+image": (86.89, 82.06, 85.76, 83.87),
    "text+intentions": (87.14, 82.43, 85.97, 84.16),
    "all": (87.22, 82.08, 86.81, 84.38),
}
"""MIKO, Table 5: BERT-base, all training posts, words by LLaVA and ChatGPT."""
_PAIRS = (
    ("text+image", "text"),
    ("text+intentions", "text"),
    ("text+intentions", "text+random"),
    ("text+random", "text"),
    ("all", "text+image"),
    ("all", "all-random"),
    ("all-random", "text+image"),
)


def report(
    seeds: int, posts: Posts, found: Retrieved, cells: dict[str, dict[str, list[dict[str, Any]]]]
) -> Report:
    """Score what was predicted by each labelling."""
    tables, findings = [], []
    figures: dict[str, Any] = {}
    bars: dict[str, dict[str, Interval]] = {}
    if found.missing.all():
        findings.append("The graph has no intention for any post: intentions were left out.")
    for learnt, labellings in posts.sets.items():
        for name in labellings:
            gold = [row.labels[name] for row in posts.rows[posts.part("test")]]
            scored = {
                arm: [
                    classification(gold, cell["predicted"], positive=posts.positive)
                    for cell in done
                ]
                for arm, done in cells[learnt].items()
            }
            rows: list[list[Any]] = []
            for arm, each in scored.items():
                told = [interval([scores[measure] for scores in each]) for measure in MEASURES]
                paper = PAPER.get(arm) if name == "hashtag" else None
                rows.append(
                    [
                        NAMES[arm],
                        *map(str, told),
                        " / ".join(f"{value:.2f}" for value in paper) if paper else None,
                    ]
                )
                bars.setdefault(name, {})[NAMES[arm]] = told[-1]
                figures[f"{name}/{arm}"] = {
                    measure: value.mean for measure, value in zip(MEASURES, told, strict=True)
                }
            usual = max(set(gold), key=gold.count)
            naive = classification(gold, [usual] * len(gold), positive=posts.positive)
            rows.append(["most frequent class", *(f"{naive[m]:.2f}" for m in MEASURES), None])
            figures[f"{name}/naive"] = naive
            tables.append(
                Table(
                    name,
                    f"Labels: {name}; {posts.part('train').stop:,} training, {len(gold):,} test",
                    ["input", "ACC %", "P %", "R %", "F1 %", "MIKO: ACC / P / R / F1"],
                    rows,
                    f"Mean and 95 % interval over {seeds} seed(s); learnt from the labels "
                    f"{learnt!r}. {coverage(found, 'posts')}",
                )
            )
            right = {
                arm: hits(gold, [cell["predicted"] for cell in done])
                for arm, done in cells[learnt].items()
            }
            gaps = {
                (one, other): paired(right[one], right[other])
                for one, other in _PAIRS
                if one in right and other in right
            }
            tables.append(
                Table(
                    f"{name}-differences",
                    f"Labels: {name}; accuracy compared, post by post",
                    ["", "against", "difference, 95 % interval, p", "significant"],
                    [
                        [NAMES[one], NAMES[other], str(gap), "yes" if gap.significant else "no"]
                        for (one, other), gap in gaps.items()
                    ],
                    "Each post counts with its mean over the seeds; paired permutation test.",
                )
            )
            figures |= {f"{name}/{a} - {b}": gap.mean for (a, b), gap in gaps.items()}
            said = {
                arm: [cell["predicted"] for cell in done] for arm, done in cells[learnt].items()
            }
            by_f1 = {
                (one, other): gap_of_f1(gold, said[one], said[other], posts.positive)
                for one, other in gaps
            }
            tables.append(
                Table(
                    f"{name}-f1-differences",
                    f"Labels: {name}; F1 compared",
                    ["", "against", "difference, 95 % interval", "shown"],
                    [
                        [NAMES[one], NAMES[other], str(gap), "yes" if gap.shown else "no"]
                        for (one, other), gap in by_f1.items()
                    ],
                    "Mean over the seeds; bootstrap over posts. Shown: the interval leaves out 0.",
                )
            )
            figures |= {f"{name}/f1/{a} - {b}": gap.mean for (a, b), gap in by_f1.items()}
            if ("text+intentions", "text") in gaps:
                findings.append(_verdict(name, gaps))
    return Report(
        tables,
        findings,
        {"f1": partial(dots, series=bars, title="Sarcasm in posts", axis="F1 %")},
        figures,
    )


def _verdict(name: str, gaps: dict[tuple[str, str], Difference]) -> str:
    """A gain counts if it is one over the text alone and over another post's intentions."""
    text = gaps["text+intentions", "text"]
    control = gaps["text+intentions", "text+random"]
    figures = f"over the text {text}; over another post's intentions {control}"
    over_text, over_control = (gap.significant and gap.mean > 0 for gap in (text, control))
    if over_text and over_control:
        return f"Labels {name}: intentions help, and another post's do not: {figures}."
    if over_text:
        return f"Labels {name}: a gain that another post's intentions give as well: {figures}."
    if over_control:
        return f"Labels {name}: better than another post's intentions, not than text: {figures}."
    return f"Labels {name}: intentions do not help: {figures}."
