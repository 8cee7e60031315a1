"""Which of the candidates is written, and how sure the student is of it.

Beam search gives candidates with their probabilities. The one that agrees best with all the
others, each counted by its probability, is written first (minimum Bayes risk: Kumar and Byrne,
NAACL 2004; Eikema and Aziz, COLING 2020): what most of the probability says, if in other words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FEATURES = ("agreement", "log_probability", "log_nothing", "tokens", "letters", "pair")
_ALIKE = 0.8  # agreement from which two tails say the same
_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class Candidate:
    """One tail that the beam found.

    Attributes
    ----------
    tokens
        In the decoder's vocabulary, without relation and end.
    log_probability
        Natural logarithm of the probability of all its tokens.
    """

    tokens: tuple[int, ...]
    log_probability: float


@dataclass(frozen=True, slots=True)
class Choice:
    """A candidate that is written.

    Attributes
    ----------
    features
        What :class:`Confidence` goes by, in the order of `FEATURES`.
    """

    tokens: tuple[int, ...]
    features: tuple[float, ...]


def choose(
    candidates: Sequence[Candidate],
    words: npt.NDArray[np.float32],
    *,
    nothing: tuple[int, ...],
    letters: float,
    pair: bool,
    most: int,
) -> list[Choice]:
    """Choose up to `most` candidates that say different things, best first.

    Parameters
    ----------
    words
        Embeddings of the decoder's vocabulary, of length 1; shape (tokens, 384).
    nothing
        The tail that says that there is nothing to say.
    letters
        Letters per word piece of the head: few where its language is not known.

    Returns
    -------
    list of Choice
        Empty if there is nothing to say.
    """
    import numpy as np

    real = [one for one in candidates if one.tokens and one.tokens != nothing]
    if not real:
        return []
    silent = sum(math.exp(one.log_probability) for one in candidates if one.tokens == nothing)
    vectors = np.array([_vector(one.tokens, words) for one in real])
    overlaps = np.array([[_overlap(a.tokens, b.tokens) for b in real] for a in real])
    alike = (vectors @ vectors.T).clip(0, 1) * 0.5 + overlaps * 0.5
    shares = np.exp(np.array([one.log_probability for one in real]))
    agreement = alike @ (shares / shares.sum())
    found: list[int] = []
    for at in np.argsort(-agreement, kind="stable"):
        if len(found) < most and all(alike[at, other] < _ALIKE for other in found):
            found.append(int(at))
    return [
        Choice(
            real[at].tokens,
            (
                float(agreement[at]),
                real[at].log_probability,
                math.log(max(silent, _LEAST)),
                float(len(real[at].tokens)),
                letters,
                float(pair),
            ),
        )
        for at in found
    ]


def _vector(tokens: Sequence[int], words: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    import numpy as np

    mean = words[list(tokens)].mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)


def _overlap(a: Sequence[int], b: Sequence[int]) -> float:
    """Give the F1 of shared tokens."""
    both = len(set(a) & set(b))
    return 2 * both / (len(set(a)) + len(set(b)))


@dataclass(frozen=True, slots=True)
class Confidence:
    """A logistic regression from features to the chance that a person would have written alike.

    Attributes
    ----------
    weights, bias
        By feature, on features as they are.
    least
        Chance below which the student would rather say nothing.
    silence
        Probability of "none" from which it says nothing.
    """

    weights: tuple[float, ...]
    bias: float
    least: float
    silence: float

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> Confidence:
        """Take it from a configuration."""
        return cls(tuple(config["weights"]), config["bias"], config["least"], config["silence"])

    def of(self, choice: Choice) -> float:
        """Give the chance, in [0, 1]."""
        told = sum(w * x for w, x in zip(self.weights, choice.features, strict=True))
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, told + self.bias))))

    def is_silent(self, choice: Choice) -> bool:
        """See whether "none" is too likely."""
        return choice.features[FEATURES.index("log_nothing")] >= math.log(self.silence)
