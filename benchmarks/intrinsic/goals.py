"""What the student's goals come to, beside the baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.intrinsic.measuring import Scored
from benchmarks.intrinsic.metrics import mean

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    type Shares = npt.NDArray[np.float64]

BETTER = 1.1
"""How many times retrieval's figure the student's is to be."""

MOST_COPIED = 0.5
RATE, MEMORY_MB = 200.0, 1500.0

_SAMPLES = 1000


def goals(scored: dict[str, Scored], figures: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Set the student beside the goals; empty where it or a baseline was not measured.

    Returns
    -------
    dict
        ``bert_score``: the gains over the most frequent tail of the student and of retrieval.
        Where retrieval has none, any gain meets the goal, so ``beats_both`` says whether the
        student is also above the better of the two. ``rouge_l``: likewise, with the ratios.
        ``over_...``: mean difference over a baseline, with its 95 % interval. ``answered``: the
        same over the questions that the student answered, with their ``share``. ``copied``.
    """
    if not {"student", "nearest", "frequent"} <= scored.keys():
        return {}
    said = scored["student"].said
    return {
        **_scores(scored, said | True),
        "answered": {"share": float(said.mean()) if len(said) else 0.0, **_scores(scored, said)},
        "copied": _copied(figures["student"]),
    }


def interval(
    differences: Shares, samples: int = _SAMPLES, seed: int = 0
) -> tuple[float, float, float]:
    """Give the mean and its 95 % interval, by the bootstrap over questions (Koehn, EMNLP 2004)."""
    import numpy as np

    if not len(differences):
        return 0.0, 0.0, 0.0
    random = np.random.default_rng(seed)
    means = [
        differences[random.integers(0, len(differences), len(differences))].mean()
        for _ in range(samples)
    ]
    low, high = np.percentile(means, (2.5, 97.5))
    return float(differences.mean()), float(low), float(high)


def lines(found: dict[str, Any]) -> list[str]:
    """Put the goals of one corpus into words."""
    if not found:
        return []
    copied = found["copied"]
    return [
        "of all questions, silence counting 0:",
        *_score_lines(found),
        f"of the {found['answered']['share']:.1%} that the student answers:",
        *_score_lines(found["answered"]),
        f"copied: {copied['share']:.1%}: {_met(copied['met'])}; of tails of two or more words "
        f"{copied['longer']:.1%}: {_met(copied['longer_met'])}",
    ]


def speed_line(found: dict[str, Any]) -> str:
    """Put what :mod:`benchmarks.intrinsic.speed` measured into words."""
    return (
        f"{found['per_s']:,.0f} tails/s (goal {RATE:,.0f}: {_met(found['per_s'] >= RATE)}), "
        f"{found['questions_per_s']:,.0f} questions/s, "
        f"{found['peak_mb']:,.0f} MB at most (goal {MEMORY_MB:,.0f}: "
        f"{_met(found['peak_mb'] < MEMORY_MB)}), loaded in {found['load_s']:.1f} s; "
        f"load {found['load']}"
    )


def _scores(scored: dict[str, Scored], rows: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Compare the three on some of the questions."""
    student, nearest, frequent = (
        (scored[name].bert_score[rows], scored[name].rouge_l[rows])
        for name in ("student", "nearest", "frequent")
    )
    return {
        "bert_score": _bert_score(student[0], nearest[0], frequent[0]),
        "rouge_l": _rouge_l(student[1], nearest[1], frequent[1]),
    }


def _bert_score(student: Shares, nearest: Shares, frequent: Shares) -> dict[str, Any]:
    own, theirs, least = mean(student), mean(nearest), mean(frequent)
    return {
        "gain": own - least,
        "gain_of_nearest": theirs - least,
        "met": own > least and own - least >= BETTER * (theirs - least),
        "beats_both": own > max(theirs, least),
        "over_nearest": interval(student - nearest),
        "over_frequent": interval(student - frequent),
    }


def _rouge_l(student: Shares, nearest: Shares, frequent: Shares) -> dict[str, Any]:
    own, theirs, least = mean(student), mean(nearest), mean(frequent)
    return {
        "ratio": own / theirs if theirs else None,
        "ratio_to_frequent": own / least if least else None,
        "met": own > 0 and own >= BETTER * theirs,
        "beats_both": own > max(theirs, least),
        "over_nearest": interval(student - nearest),
        "over_frequent": interval(student - frequent),
    }


def _score_lines(found: dict[str, Any]) -> list[str]:
    score, rouge = found["bert_score"], found["rouge_l"]
    return [
        f"  BERTScore's gain over frequent: {score['gain']:+.4f}, nearest's "
        f"{score['gain_of_nearest']:+.4f}: {_met(score['met'])}; over nearest "
        f"{_interval(score['over_nearest'])}; {_beats(score['beats_both'])}",
        f"  ROUGE-L: {_times(rouge['ratio'])} nearest's: {_met(rouge['met'])}; "
        f"{_times(rouge['ratio_to_frequent'])} frequent's; over nearest "
        f"{_interval(rouge['over_nearest'])}; {_beats(rouge['beats_both'])}",
    ]


def _copied(student: dict[str, Any]) -> dict[str, Any]:
    return {
        "share": student["copied"],
        "met": student["copied"] <= MOST_COPIED,
        "longer": student["copied_longer"],
        "longer_met": student["copied_longer"] <= MOST_COPIED,
    }


def _met(met: bool) -> str:
    return "met" if met else "missed"


def _beats(beats: bool) -> str:
    return "above both baselines" if beats else "not above both baselines"


def _times(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f} times"


def _interval(found: tuple[float, float, float]) -> str:
    mean, low, high = found
    return f"{mean:+.4f} (95 %: {low:+.4f} to {high:+.4f})"
