"""How far annotators agree: pairwise agreement, Fleiss' kappa, Krippendorff's alpha, drift.

- Fleiss (1971) wants as many ratings of every task: tasks with another number than most have are
  left out of kappa, and how many is said.
- Krippendorff's alpha takes any number of two or more; it is NLTK's, for nominal data, and for
  MIKO's scale also for interval data.
- With one annotator, or none who shares a task with another, none of them is defined.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from queries.annotation.votes import Votes

type Ratings = Mapping[str, Mapping[str, int]]
"""Values by task and annotator."""

_DRIFT = 0.15
_LEAST = 20  # judgements in each third of an annotator's, for drift to be told from chance


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement on one aspect.

    Attributes
    ----------
    aspect
        Its name.
    tasks
        Tasks with an answer, and among them those with two or more (`shared`).
    shares
        Share of each answer among all answers, by value.
    pairwise
        Share of pairs of answers to one task that are the same; None: there is no such pair.
    kappa
        Fleiss' kappa over the tasks with `raters` answers each; None: not defined.
    raters, left_out
        How many answers these have, and how many shared tasks have another number.
    alpha, alpha_interval
        Krippendorff's alpha; that for interval data only where the values are a scale.
    note
        Why something is not defined; empty if all is.
    """

    aspect: str
    tasks: int
    shared: int
    shares: dict[int, float]
    pairwise: float | None
    kappa: float | None
    raters: int
    left_out: int
    alpha: float | None
    alpha_interval: float | None
    note: str

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON, where a value is a text."""
        return {**asdict(self), "shares": {str(k): share for k, share in self.shares.items()}}


@dataclass(frozen=True, slots=True)
class Annotator:
    """One annotator beside the others.

    Attributes
    ----------
    name
        As Label Studio has it.
    votes
        Tasks judged.
    agreement
        Share of answers that are those of the majority of the others; None: nobody else judged
        the same.
    first, last
        The same for the first and the last third of the votes, by time; None with too few.
    drifts
        Whether these differ by more than 0.15, and more than chance explains.
    """

    name: str
    votes: int
    agreement: float | None
    first: float | None
    last: float | None
    drifts: bool

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return asdict(self)


def of(votes: Votes) -> list[Agreement]:
    """Agreement on each aspect of a protocol."""
    return [agreement(aspect.name, votes.values(aspect.name)) for aspect in votes.protocol.aspects]


def agreement(aspect: str, ratings: Ratings) -> Agreement:
    """Agreement on one aspect."""
    answers = Counter(value for given in ratings.values() for value in given.values())
    total = sum(answers.values())
    shared = {task: given for task, given in ratings.items() if len(given) > 1}
    sizes = Counter(len(given) for given in shared.values())
    raters = max(sizes, key=lambda size: (sizes[size], size), default=0)
    full = [list(given.values()) for given in shared.values() if len(given) == raters]
    kappa = fleiss_kappa(full)
    note = ""
    if not shared:
        people = {name for given in ratings.values() for name in given}
        who = "one annotator only" if len(people) == 1 else "no task was judged by two"
        note = f"{who}: agreement is not defined" if total else "no answers"
    elif kappa is None:
        note = "all answers are the same: kappa and alpha are not defined"
    scale = len(answers) > 2
    return Agreement(
        aspect,
        len(ratings),
        len(shared),
        {value: count / total for value, count in sorted(answers.items())},
        pairwise(shared),
        kappa,
        raters,
        len(shared) - len(full),
        alpha(shared),
        alpha(shared, interval=True) if scale else None,
        note,
    )


def pairwise(ratings: Ratings) -> float | None:
    """Share of pairs of answers to the same task that agree; None if there is no pair."""
    same = pairs = 0
    for given in ratings.values():
        count = len(given)
        pairs += count * (count - 1) // 2
        same += sum(n * (n - 1) // 2 for n in Counter(given.values()).values())
    return same / pairs if pairs else None


def fleiss_kappa(ratings: Sequence[Sequence[int]]) -> float | None:
    """Fleiss' kappa (1971) of tasks with equally many answers; None if it is not defined.

    Examples
    --------
    >>> fleiss_kappa([[1, 1, 1], [0, 0, 0], [1, 1, 1], [0, 0, 0]])
    1.0
    """
    if not ratings or len(ratings[0]) < 2:
        return None
    raters = len(ratings[0])
    totals = Counter(value for given in ratings for value in given)
    every = len(ratings) * raters
    expected = math.fsum((count / every) ** 2 for count in totals.values())
    if math.isclose(expected, 1.0):
        return None  # nobody ever answered anything else
    observed = math.fsum(
        (sum(n * n for n in Counter(given).values()) - raters) / (raters * (raters - 1))
        for given in ratings
    ) / len(ratings)
    return (observed - expected) / (1 - expected)


def alpha(ratings: Ratings, *, interval: bool = False) -> float | None:
    """Krippendorff's alpha over the tasks with two or more answers; None if it is not defined."""
    shared = [(task, given) for task, given in ratings.items() if len(given) > 1]
    if not shared or len({v for _, given in shared for v in given.values()}) < 2:
        return None
    from nltk.metrics import binary_distance, interval_distance
    from nltk.metrics.agreement import AnnotationTask

    rows = [(who, task, value) for task, given in shared for who, value in given.items()]
    distance = interval_distance if interval else binary_distance
    return float(AnnotationTask(rows, distance).alpha())


def majority(values: Sequence[int]) -> int | None:
    """The answer that more than half gave; None if there is none."""
    if not values:
        return None
    value, count = Counter(values).most_common(1)[0]
    return value if 2 * count > len(values) else None


def annotators(votes: Votes) -> list[Annotator]:
    """Each annotator beside the majority of the others, and over time."""
    given: defaultdict[str, defaultdict[str, dict[str, int]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for vote in votes.votes:
        for aspect, value in vote.values.items():
            given[vote.task][aspect][vote.annotator] = value
    found = []
    for name in votes.annotators:
        mine = sorted((v for v in votes.votes if v.annotator == name), key=lambda v: (v.at, v.task))
        agrees = [_agrees(given[vote.task], name) for vote in mine]
        third = len(agrees) // 3
        parts = [[a for some in part for a in some] for part in (agrees[:third], agrees[-third:])]
        flat = [a for some in agrees for a in some]
        enough = third > 0 and all(len(part) >= _LEAST for part in parts)
        first, last = map(_mean, parts) if enough else (None, None)
        found.append(
            Annotator(name, len(mine), _mean(flat), first, last, enough and _drifted(*parts))
        )
    return found


def pairs_of(votes: Votes) -> dict[tuple[str, str], float]:
    """Share of equal answers of each two annotators who judged the same tasks."""
    same: Counter[tuple[str, str]] = Counter()
    every: Counter[tuple[str, str]] = Counter()
    for aspect in votes.protocol.aspects:
        for given in votes.values(aspect.name).values():
            for a, b in combinations(sorted(given), 2):
                every[a, b] += 1
                same[a, b] += given[a] == given[b]
    return {pair: same[pair] / count for pair, count in sorted(every.items())}


def _agrees(given: Mapping[str, Mapping[str, int]], name: str) -> list[bool]:
    found = []
    for answers in given.values():
        others = majority([value for who, value in answers.items() if who != name])
        if name in answers and others is not None:
            found.append(answers[name] == others)
    return found


def _mean(values: Sequence[bool]) -> float | None:
    return sum(values) / len(values) if values else None


def _drifted(first: Sequence[bool], last: Sequence[bool]) -> bool:
    """Whether two shares differ by more than chance explains (two-sided z test, 5 %)."""
    a, b = sum(first) / len(first), sum(last) / len(last)
    both = (sum(first) + sum(last)) / (len(first) + len(last))
    spread = math.sqrt(both * (1 - both) * (1 / len(first) + 1 / len(last)))
    return abs(a - b) > _DRIFT and abs(a - b) > 1.96 * spread
