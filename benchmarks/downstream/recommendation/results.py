"""Tables and sentences from the ranks of all arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.downstream.harness import Report, Table
from benchmarks.downstream.harness.comparing import Difference, Interval, interval, paired
from benchmarks.downstream.harness.metrics import by_group, gains
from benchmarks.downstream.harness.pictures import dots
from benchmarks.downstream.recommendation.data import Question
from benchmarks.downstream.recommendation.experiment import ARMS, TASKS, Known

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

NAIVE = {"popularity": "popularity", "company": "bought together before", "cosine": "title cosine"}

AGAINST = (
    ("ids+intentions", "ids"),
    ("ids+intentions", "ids+random"),
    ("ids+intentions", "ids+alike"),
    ("titles+intentions", "titles"),
    ("titles+intentions", "titles+random"),
    ("titles+intentions", "titles+alike"),
)

type Done = Mapping[str, Sequence[dict[str, Any]]]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Questions of one kind: all of a task's, or those whose answer is cold.

    Attributes
    ----------
    sessions
        Of each bundle, by its number, the session that it comes from.
    """

    questions: Sequence[Question]
    places: npt.NDArray[np.int64]
    sessions: Sequence[int]

    def scores(self, ranks: Sequence[float], measure: str) -> npt.NDArray[np.float64]:
        """Mean of each bundle, shape (bundles,)."""
        import numpy as np

        chosen = np.asarray(ranks)[self.places]
        return by_group(gains(chosen)[measure], self._bundles())

    def by_session(self, ranks: Sequence[float], measure: str) -> npt.NDArray[np.float64]:
        """Mean of each session over its bundles, shape (sessions,).

        Bundles of one session share a shopper and are split together: they are not independent.
        """
        bundles = sorted(set(self._bundles()))
        return by_group(self.scores(ranks, measure), [self.sessions[one] for one in bundles])

    def _bundles(self) -> list[int]:
        return [self.questions[place].bundle for place in self.places]


def report(domains: Mapping[str, Known], cells: Mapping[str, Done]) -> Report:
    """Put all results together."""
    tables, findings = [], []
    figures: dict[str, Any] = {}
    drawn: dict[str, dict[str, Interval]] = {}
    compared: list[tuple[str, str, str, str, str, Difference]] = []
    for name, known in domains.items():
        asked = known.questions(known.domain.test)
        for task, title in TASKS.items():
            parts = _parts(known, asked[task])
            rows = []
            for arm, done in cells[name].items():
                row: list[Any] = [NAIVE.get(arm) or ARMS[arm]]
                for kind, part in parts.items():
                    for measure in ("recall", "ndcg"):
                        means = [part.scores(cell[task], measure).mean() for cell in done]
                        spread = interval(means)
                        row.append(str(spread) if len(means) > 1 else f"{spread.mean:.2f}")
                        figures[f"{name}/{task}/{kind}/{measure}/{arm}"] = spread.mean
                        if (kind, measure) == ("all", "ndcg"):
                            drawn.setdefault(f"{name}, {task}", {})[row[0]] = spread
                rows.append(row)
            share = 100.0 * len(parts["cold"].places) / len(asked[task])
            tables.append(
                Table(
                    f"{name}-{task}",
                    f"{title}, {name}",
                    ["model", "recall@10", "NDCG@10", "cold recall@10", "cold NDCG@10"],
                    rows,
                    f"{len(asked[task]):,} questions about {len(known.domain.test):,} bundles, "
                    f"{len(known.domain.titles):,} items; each bundle counts once. Cold: the "
                    f"answer is in no training bundle ({share:.0f} % of the questions).",
                )
            )
            for one, other in AGAINST:
                if one not in cells[name]:
                    continue
                for kind, part in parts.items():
                    if len(part.places):
                        gap = paired(
                            _mean(part, task, cells[name][one]),
                            _mean(part, task, cells[name][other]),
                        )
                        compared.append((name, task, kind, one, other, gap))
                        figures[f"{name}/{task}/{kind}/{one} - {other}"] = gap.mean
        if "ids+intentions" not in cells[name]:
            findings.append(f"{name}: the graph has no intention for any item; only co-buys count.")
    if compared:
        held = significant([gap.p for *_, gap in compared])
        tables.append(_differences(compared, held))
        findings += _verdicts(compared, held)
    draw = partial(dots, series=drawn, title="What was bought together", axis="NDCG@10, %")
    return Report(tables, findings, {"ndcg": draw}, figures)


def significant(p_values: Sequence[float]) -> list[bool]:
    """Which of many comparisons hold at a false discovery rate of 5 % (Benjamini-Hochberg).

    Examples
    --------
    >>> significant([0.001, 0.04, 0.9])
    [True, False, False]
    """
    from scipy.stats import false_discovery_control

    return [bool(value < 0.05) for value in false_discovery_control(list(p_values))]


def _parts(known: Known, questions: Sequence[Question]) -> dict[str, Part]:
    import numpy as np

    warm = known.domain.warm
    cold = [place for place, one in enumerate(questions) if one.answer not in warm]
    return {
        "all": Part(questions, np.arange(len(questions)), known.domain.sessions),
        "cold": Part(questions, np.array(cold, np.int64), known.domain.sessions),
    }


def _mean(part: Part, task: str, done: Sequence[dict[str, Any]]) -> list[float]:
    """NDCG of each session, mean over the seeds."""
    import numpy as np

    found: list[float] = np.mean([part.by_session(cell[task], "ndcg") for cell in done], 0).tolist()
    return found


def _differences(
    compared: Sequence[tuple[str, str, str, str, str, Difference]], held: Sequence[bool]
) -> Table:
    return Table(
        "differences",
        "NDCG@10 compared, session by session",
        ["domain", "task", "answers", "", "against", "difference, 95 % interval, p", "holds"],
        [
            [name, task, kind, ARMS[one], ARMS[other], str(gap), "yes" if holds else "no"]
            for (name, task, kind, one, other, gap), holds in zip(compared, held, strict=True)
        ],
        "Each session counts with its mean over its bundles and the seeds; p of a paired "
        "permutation test. Holds: among all these comparisons, at a false discovery rate of 5 %.",
    )


def _verdicts(
    compared: Sequence[tuple[str, str, str, str, str, Difference]], held: Sequence[bool]
) -> list[str]:
    """A gain is one over the same model without intentions, with random ones, and like titles."""
    gained: dict[tuple[str, str, str], list[tuple[str, bool, float]]] = {}
    for (name, task, kind, one, other, gap), holds in zip(compared, held, strict=True):
        if kind == "all":
            rivals = gained.setdefault((name, task, one), [])
            rivals.append((other, holds and gap.mean > 0, gap.mean))
    found = []
    for (name, task, one), rivals in gained.items():
        said = ", ".join(f"{mean:+.2f} over {ARMS[other]}" for other, _, mean in rivals)
        base, control, alike = (wins for _, wins, _ in rivals)
        if not (base and control):
            what = "do not help"
        else:
            what = "help" if alike else "help, though no more than like titles,"
        head = f"{name}, {TASKS[task].lower()}: intention edges {what}"
        found.append(f"{head} {ARMS[one.partition('+')[0]]} (NDCG@10 {said}).")
    return found
