"""Scores of candidates against references, with bootstrap intervals and paired differences.

MIKO's Table 3 (arXiv 2402.18169, section 5.3) has BERTScore by relation. Here every head and
relation that has references is one question; a candidate's first text is its answer, scored beside
the best of the references; no answer scores 0. Relations weigh as many as they have questions.
Intervals come of resampling heads, not questions: those of one head are not independent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.intrinsic import metrics
from benchmarks.intrinsic.bertscore import BertScore
from benchmarks.intrinsic.generators.replies import Key, Texts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from kg.embed import Embedder

    type Scores = npt.NDArray[np.float64]

METRICS = ("bert_score", "rouge_l", "bleu", "meteor", "cosine")
RESAMPLES = 1_000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean, and the interval in which it lies with 95 % by the bootstrap."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate's figures.

    Attributes
    ----------
    name
        Its name.
    answered, questions
        How many questions it answered, and of how many.
    overall
        By metric.
    by_relation
        By relation, then by metric.
    """

    name: str
    answered: int
    questions: int
    overall: dict[str, Figure]
    by_relation: dict[str, dict[str, Figure]]

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Difference:
    """The second candidate's mean less the first one's, on the same questions.

    Attributes
    ----------
    first, second, metric
        What is compared.
    figure
        The difference with its interval.
    p
        Two-sided: how often resampling turns its sign, twice.
    """

    first: str
    second: str
    metric: str
    figure: Figure
    p: float

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Candidates on one set of questions: figures of each, and differences from the first."""

    questions: int
    heads: int
    relations: dict[str, int]
    candidates: tuple[Candidate, ...]
    differences: tuple[Difference, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return asdict(self)


def compare(
    references: Texts,
    candidates: Sequence[Texts],
    *,
    embedder: Embedder,
    model: Path | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Score candidates.

    Parameters
    ----------
    references
        What is right.
    candidates
        Whose answers are scored; differences are from the first.
    embedder
        For the cosine of sentences.
    model
        A folder with a transformers encoder for BERTScore; None: the MiniLM that is installed.
    seed, resamples
        Of the bootstrap.
    """
    keys = sorted(references.by_key)
    many = [references.by_key[key] for key in keys]
    measure = _measures(BertScore(model), embedder)
    said = {each.name: [(each.by_key.get(key) or [""])[0] for key in keys] for each in candidates}
    scores = {
        (name, metric): function(texts, many)
        for name, texts in said.items()
        for metric, function in measure.items()
    }
    columns = list(scores)
    means = resampled(keys, [scores[column] for column in columns], seed, resamples)
    place = {column: row for row, column in enumerate(columns)}
    found = [_candidate(name, texts, keys, scores, means, place) for name, texts in said.items()]
    first = candidates[0].name
    differences = [
        _difference(first, each.name, metric, scores, means[None], place)
        for each in candidates[1:]
        for metric in METRICS
    ]
    counts: dict[str, int] = {}
    for _, relation in keys:
        counts[relation] = counts.get(relation, 0) + 1
    heads = len({head for head, _ in keys})
    return Comparison(len(keys), heads, counts, tuple(found), tuple(differences))


def bleu(written: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """Sentence BLEU (sacrebleu, up to the order that a short text has), the references together."""
    import numpy as np
    from sacrebleu.metrics.bleu import BLEU

    metric = BLEU(lowercase=True, effective_order=True)
    return np.array(
        [
            metric.sentence_score(tail, list(many)).score / 100 if tail else 0.0
            for tail, many in zip(written, references, strict=True)
        ],
        np.float64,
    )


def meteor(written: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """METEOR (NLTK's) by words and their stems, the best over the references.

    Without its synonyms: for these NLTK wants all of WordNet installed.
    """
    import numpy as np
    from nltk.translate.meteor_score import meteor_score

    return np.array(
        [
            meteor_score([text.split() for text in many], tail.split(), wordnet=_NoSynonyms())
            if tail
            else 0.0
            for tail, many in zip(written, references, strict=True)
        ],
        np.float64,
    )


class _NoSynonyms:
    """A WordNet that knows no word."""

    def synsets(self, word: str) -> list[Any]:
        return []


def cosine(
    embedder: Embedder, written: Sequence[str], references: Sequence[Sequence[str]]
) -> Scores:
    """Cosine of the sentences' embeddings, the best over the references."""
    import numpy as np

    texts = list(dict.fromkeys([*filter(None, written), *(t for many in references for t in many)]))
    place = {text: row for row, text in enumerate(texts)}
    vectors = embedder.encode(texts)
    return np.array(
        [
            float(max(vectors[place[tail]] @ vectors[place[text]] for text in many))
            if tail
            else 0.0
            for tail, many in zip(written, references, strict=True)
        ],
        np.float64,
    )


def _measures(
    bert: BertScore, embedder: Embedder
) -> dict[str, Callable[[Sequence[str], Sequence[Sequence[str]]], Scores]]:
    return {
        "bert_score": bert.f1,
        "rouge_l": metrics.rouge_l,
        "bleu": bleu,
        "meteor": meteor,
        "cosine": lambda written, many: cosine(embedder, written, many),
    }


def resampled(
    keys: Sequence[Key], columns: Sequence[Scores], seed: int, resamples: int
) -> dict[str | None, Scores]:
    """Means of each column over heads that are drawn with replacement, again and again.

    Returns
    -------
    dict
        By relation, and under None over all: shape (resamples, columns). A resample in which a
        relation has no question gives nan there.

    Notes
    -----
    Holds sums by head and relation, not a weight for each question and resample.
    """
    import numpy as np

    heads = {head: row for row, head in enumerate(sorted({head for head, _ in keys}))}
    owner = np.array([heads[head] for head, _ in keys])
    table = np.column_stack(columns)
    groups: dict[str | None, list[int]] = {None: list(range(len(keys)))}
    for row, (_, relation) in enumerate(keys):
        groups.setdefault(relation, []).append(row)
    sums = {}
    for name, rows in groups.items():
        some, inverse = np.unique(owner[rows], return_inverse=True)
        total = np.zeros((len(some), table.shape[1]))
        np.add.at(total, inverse, table[rows])
        sums[name] = some, total, np.bincount(inverse, minlength=len(some))
    rng = np.random.default_rng(seed)
    found = {name: np.full((resamples, table.shape[1]), np.nan) for name in groups}
    for draw in range(resamples):
        times = np.bincount(rng.integers(0, len(heads), len(heads)), minlength=len(heads))
        for name, (some, total, count) in sums.items():
            weight = times[some]
            questions = weight @ count
            if questions:
                found[name][draw] = weight @ total / questions
    return found


def _figure(mean: float, means: Scores) -> Figure:
    """A mean with the interval of its resamples."""
    import numpy as np

    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(means, [tail, 1 - tail])
    return Figure(mean, float(low), float(high))


def _candidate(
    name: str,
    said: Sequence[str],
    keys: Sequence[Key],
    scores: dict[tuple[str, str], Scores],
    means: dict[str | None, Scores],
    place: dict[tuple[str, str], int],
) -> Candidate:
    rows: dict[str, list[int]] = {}
    for row, (_, relation) in enumerate(keys):
        rows.setdefault(relation, []).append(row)
    return Candidate(
        name,
        sum(map(bool, said)),
        len(keys),
        {
            metric: _figure(float(scores[name, metric].mean()), means[None][:, place[name, metric]])
            for metric in METRICS
        },
        {
            relation: {
                metric: _figure(
                    float(scores[name, metric][some].mean()),
                    means[relation][:, place[name, metric]],
                )
                for metric in METRICS
            }
            for relation, some in sorted(rows.items())
        },
    )


def _difference(
    first: str,
    second: str,
    metric: str,
    scores: dict[tuple[str, str], Scores],
    means: Scores,
    place: dict[tuple[str, str], int],
) -> Difference:
    apart = means[:, place[second, metric]] - means[:, place[first, metric]]
    mean = float(scores[second, metric].mean() - scores[first, metric].mean())
    # One more than was counted: so many resamples cannot show that something never happens.
    turned = min(int((apart <= 0).sum()), int((apart >= 0).sum())) + 1
    p = min(1.0, 2 * turned / (len(apart) + 1))
    return Difference(first, second, metric, _figure(mean, apart), p)
