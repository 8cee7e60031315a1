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
    draws = _draws(keys, seed, resamples)
    scored: list[dict[str, Scores]] = []
    found = []
    for each in candidates:
        said = [(each.by_key.get(key) or [""])[0] for key in keys]
        scores = {name: function(said, many) for name, function in measure.items()}
        scored.append(scores)
        found.append(_candidate(each.name, said, keys, scores, draws))
    differences = [
        _difference(found[0].name, found[n].name, name, scored[0][name], scored[n][name], draws)
        for n in range(1, len(found))
        for name in METRICS
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


def _draws(keys: Sequence[Key], seed: int, resamples: int) -> Scores:
    """How often each question counts in each resample, shape (resamples, questions)."""
    import numpy as np

    heads = sorted({head for head, _ in keys})
    place = {head: row for row, head in enumerate(heads)}
    rng = np.random.default_rng(seed)
    picked = rng.integers(0, len(heads), (resamples, len(heads)))
    counts = np.zeros((resamples, len(heads)))
    for row in range(resamples):
        counts[row] = np.bincount(picked[row], minlength=len(heads))
    return counts[:, [place[head] for head, _ in keys]]


def _figure(scores: Scores, draws: Scores) -> tuple[Figure, Scores]:
    """The mean with its interval, and the means of the resamples that have any question."""
    import numpy as np

    weights = draws.sum(axis=1)
    means = (draws @ scores)[weights > 0] / weights[weights > 0]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Figure(float(scores.mean()), float(low), float(high)), means


def _candidate(
    name: str, said: Sequence[str], keys: Sequence[Key], scores: dict[str, Scores], draws: Scores
) -> Candidate:
    relations = sorted({relation for _, relation in keys})
    rows = {r: [n for n, (_, relation) in enumerate(keys) if relation == r] for r in relations}
    return Candidate(
        name,
        sum(map(bool, said)),
        len(keys),
        {metric: _figure(values, draws)[0] for metric, values in scores.items()},
        {
            relation: {
                metric: _figure(values[some], draws[:, some])[0]
                for metric, values in scores.items()
            }
            for relation, some in rows.items()
        },
    )


def _difference(
    first: str, second: str, metric: str, a: Scores, b: Scores, draws: Scores
) -> Difference:
    figure, means = _figure(b - a, draws)
    below = float((means <= 0).mean())
    above = float((means >= 0).mean())
    return Difference(first, second, metric, figure, min(1.0, 2 * min(below, above)))
