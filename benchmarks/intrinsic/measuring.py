"""Puts a writer's questions, and measures what it wrote."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.intrinsic import metrics
from benchmarks.intrinsic.agreeing import auc
from benchmarks.intrinsic.bertscore import BertScore
from benchmarks.intrinsic.questions import Question
from benchmarks.intrinsic.writers import Tail, Writer
from generation.critic.calibration import expected_calibration_error
from kg.embed import Embedder

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    type Shares = npt.NDArray[np.float64]

ACCEPTABLE = 0.5
"""Cosine to the closest reference from which a tail counts as acceptable.

It tells best of all thresholds whether two people wrote of one event or of two: on Event2Mind's
dev split 52 % of the intents (27 % of the reactions) of one person reach it beside the others' of
the same event, and 18 % (15 %) beside those of another event.
"""


@dataclass(frozen=True, slots=True)
class Scored:
    """What was written to each question, and how good the best of it is.

    Attributes
    ----------
    tails
        To each question, best first; empty: no answer.
    said, rouge_l, bert_score
        Whether something was written to each question that has references, and the best tail's
        scores; shape (answerable,).
    """

    tails: list[list[Tail]]
    said: npt.NDArray[np.bool_]
    rouge_l: Shares
    bert_score: Shares

    @property
    def best(self) -> list[str]:
        """The best tail of each question, or the empty text."""
        return [found[0].text if found else "" for found in self.tails]


class Measure:
    """Measures writers on one corpus.

    Parameters
    ----------
    questions
        With and without references.
    training
        Training tails in the form of :func:`schema.identity.normalise_text`.
    """

    def __init__(
        self,
        questions: Sequence[Question],
        training: Collection[str],
        bert_score: BertScore,
        embedder: Embedder,
    ) -> None:
        self.questions = questions
        self.answerable = [row for row, one in enumerate(questions) if one.references]
        self.references = [questions[row].references for row in self.answerable]
        self.others = [self.references[row] for row in _elsewhere(self._asked())]
        self._training = training
        self._bert_score = bert_score
        self._embedder = embedder

    def _asked(self) -> list[Question]:
        return [self.questions[row] for row in self.answerable]

    def ask(self, writer: Writer) -> Scored:
        """Put all questions to a writer, and score its best tails."""
        import numpy as np

        tails = writer.write(
            [one.head for one in self.questions], [one.relation for one in self.questions]
        )
        tails = [[tail for tail in found if tail.text.strip()] for found in tails]
        best = [tails[row][0].text if tails[row] else "" for row in self.answerable]
        return Scored(
            tails,
            np.array([bool(text) for text in best], np.bool_),
            metrics.rouge_l(best, self.references),
            self._bert_score.f1(best, self.references),
        )

    def figures(self, scored: Scored) -> dict[str, Any]:
        """Sum up a writer.

        Returns
        -------
        dict
            Of the best tails to questions with references, silence counting 0: ``bleu2``,
            ``rouge_l``, ``bert_score``, the last two also over what was ``answered``; ``lift``,
            how much better ``bert_score`` is than beside what people wrote of another head in
            the same relation; ``distinct2``; ``copied`` and ``copied_longer`` (of tails of two
            or more words). The same of ``all`` tails where there are more than the best.
            ``no_answer`` and ``calibration``: see the methods below.
        """
        best = [scored.best[row] for row in self.answerable]
        said = scored.said
        found = {
            "bleu2": metrics.bleu2(best, self.references),
            "rouge_l": metrics.mean(scored.rouge_l),
            "bert_score": metrics.mean(scored.bert_score),
            "lift": metrics.mean(scored.bert_score - self._bert_score.f1(best, self.others)),
            "answered": {
                "share": _share(said.tolist()),
                "rouge_l": metrics.mean(scored.rouge_l[said]),
                "bert_score": metrics.mean(scored.bert_score[said]),
            },
            **self._novelty(best),
            "no_answer": self._no_answer(scored),
            "calibration": self._calibration(scored),
        }
        if any(len(tails) > 1 for tails in scored.tails):
            found["all"] = self._all(scored)
        return found

    def people(self) -> dict[str, Any]:
        """Measure people by one another: each head's first tail against the others' tails.

        Only of questions with two or more references; a writer has one reference more, and the
        questions with a single one besides, so this is a hint of what can be reached.
        """
        rows = [row for row, many in enumerate(self.references) if len(many) > 1]
        written = [self.references[row][0] for row in rows]
        references = [self.references[row][1:] for row in rows]
        score = self._bert_score.f1(written, references)
        # As many of another head's, so that the best of more does not flatter them.
        others = [self.others[row][: len(self.references[row]) - 1] for row in rows]
        return {
            "questions": len(rows),
            "bleu2": metrics.bleu2(written, references),
            "rouge_l": metrics.mean(metrics.rouge_l(written, references)),
            "bert_score": metrics.mean(score),
            "lift": metrics.mean(score - self._bert_score.f1(written, others)),
            "acceptable": _share(self._acceptable(written, references)),
            **self._novelty([many[0] for many in self.references]),
        }

    def _novelty(self, written: Sequence[str]) -> dict[str, float]:
        return {
            "distinct2": metrics.distinct2(written),
            "copied": metrics.copied(written, self._training),
            "copied_longer": metrics.copied(written, self._training, least_words=2),
        }

    def _all(self, scored: Scored) -> dict[str, float]:
        """Measure every tail as if it were the best."""
        pairs = [
            (tail.text, self.questions[row].references)
            for row in self.answerable
            for tail in scored.tails[row]
        ]
        written, references = [tail for tail, _ in pairs], [many for _, many in pairs]
        return {
            "tails": len(written),
            "rouge_l": metrics.mean(metrics.rouge_l(written, references)),
            "bert_score": metrics.mean(self._bert_score.f1(written, references)),
            **self._novelty(written),
        }

    def _no_answer(self, scored: Scored) -> dict[str, float] | None:
        """How often it is silent where people wrote none, and writes where they wrote something.

        ``balanced`` is the mean of both. None where people always wrote something.
        """
        silent = [not tails for tails in scored.tails]
        where_none = [
            quiet for quiet, one in zip(silent, self.questions, strict=True) if not one.references
        ]
        if not where_none:
            return None
        kept = _share(where_none)
        wrote = _share([not silent[row] for row in self.answerable])
        return {
            "silent_where_none": kept,
            "wrote_where_some": wrote,
            "balanced": (kept + wrote) / 2,
        }

    def _calibration(self, scored: Scored) -> dict[str, float | None]:
        """Set the confidence of the best tails beside the share of acceptable ones.

        ``auc``: how well the confidence tells acceptable tails from others; None where there are
        only such, or none.
        """
        import numpy as np

        rows = [row for row in self.answerable if scored.tails[row]]
        best = [scored.tails[row][0] for row in rows]
        right = self._acceptable(
            [tail.text for tail in best], [self.questions[row].references for row in rows]
        )
        confidence = np.array([tail.confidence for tail in best], np.float64)
        return {
            "acceptable": _share(right),
            "confidence": metrics.mean(confidence),
            "ece": expected_calibration_error(confidence, np.array(right, np.float64)),
            "auc": auc(right, confidence) if 0 < sum(right) < len(right) else None,
        }

    def _acceptable(
        self, written: Sequence[str], references: Sequence[Sequence[str]]
    ) -> list[bool]:
        return acceptable(written, references, self._embedder)


def acceptable(
    written: Sequence[str], references: Sequence[Sequence[str]], embedder: Embedder
) -> list[bool]:
    """See which tails are close enough to one of their references; see `ACCEPTABLE`."""
    texts = list(dict.fromkeys([*written, *(text for many in references for text in many)]))
    vectors = dict(zip(texts, embedder.encode(texts), strict=True))
    return [
        any(float(vectors[tail] @ vectors[text]) >= ACCEPTABLE for text in many)
        for tail, many in zip(written, references, strict=True)
    ]


def _elsewhere(questions: Sequence[Question]) -> list[int]:
    """Give for each question another one of its relation: half of them farther on."""
    rows: dict[str, list[int]] = {}
    for row, one in enumerate(questions):
        rows.setdefault(one.relation.key, []).append(row)
    found = [0] * len(questions)
    for places in rows.values():
        for number, row in enumerate(places):
            found[row] = places[(number + len(places) // 2) % len(places)]
    return found


def _share(true: Sequence[bool]) -> float:
    return sum(true) / len(true) if true else 0.0
