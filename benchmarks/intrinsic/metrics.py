"""What written tails are measured by, against what several people wrote of the same head.

Silence is the empty text: it scores 0 against any reference. All figures are shares in [0, 1].
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from schema.identity import normalise_text

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    type Shares = npt.NDArray[np.float64]


def bleu2(written: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Corpus BLEU of words and word pairs (Papineni et al., ACL 2002), case ignored.

    sacrebleu's, not nltk's: nltk's counts one bigram that was missed for every tail of one word.

    Parameters
    ----------
    written
        One tail for each question.
    references
        As many sequences of one or more texts.
    """
    from sacrebleu.metrics.bleu import BLEU

    most = max(map(len, references), default=0)
    if not any(written):
        return 0.0
    # sacrebleu wants streams: the first references of all, then the second ones, ...
    streams = [[many[n] if n < len(many) else None for many in references] for n in range(most)]
    metric = BLEU(lowercase=True, max_ngram_order=2, smooth_method="none")
    return float(metric.corpus_score(list(written), streams).score / 100)


def rouge_l(written: Sequence[str], references: Sequence[Sequence[str]]) -> Shares:
    """ROUGE-L's F of each tail (Lin 2004), words as they are, the best over its references.

    Returns
    -------
    ndarray
        Shape (len(written),).
    """
    import numpy as np
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"])
    return np.array(
        [
            scorer.score_multi(list(many), tail)["rougeL"].fmeasure if tail else 0.0
            for tail, many in zip(written, references, strict=True)
        ],
        np.float64,
    )


def distinct2(written: Sequence[str]) -> float:
    """Distinct word pairs of all tails among all their word pairs (after Li et al., NAACL 2016).

    Comparable only between equal numbers of tails. 0 where no tail has two words.
    """
    pairs = [
        pair
        for words in (normalise_text(tail).split() for tail in written)
        for pair in pairwise(words)
    ]
    return len(set(pairs)) / len(pairs) if pairs else 0.0


def copied(written: Sequence[str], training: Collection[str], *, least_words: int = 1) -> float:
    """Share of the tails that stand in the training data word for word.

    Parameters
    ----------
    training
        Training tails in the form of :func:`schema.identity.normalise_text`.
    least_words
        Leave shorter tails out: one word such as "happy" can hardly be anything new.
    """
    forms = [normalise_text(tail) for tail in written if tail]
    forms = [form for form in forms if len(form.split()) >= least_words]
    return sum(form in training for form in forms) / len(forms) if forms else 0.0


def mean(values: Shares) -> float:
    """Mean, 0 where there is nothing."""
    return float(values.mean()) if len(values) else 0.0
