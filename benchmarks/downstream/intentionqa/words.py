"""Words that a question and an option share, weighted by how rare they are."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    type Array = npt.NDArray[np.float32]

_WORD = re.compile(r"\w\w+")


class Words:
    """Cosines of texts as bags of words (tf-idf, sublinear; no stop words).

    Parameters
    ----------
    texts
        Where the words' rarity is counted. A word that is in none of them is as rare as can be.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

        self._passed_over = ENGLISH_STOP_WORDS
        known = list(dict.fromkeys(texts))
        self._texts = len(known)
        self._holding = Counter(word for text in known for word in set(self._of(text)))
        self._bags: dict[str, dict[str, float]] = {}

    def shared(self, asked: str, options: Sequence[str]) -> Array:
        """Give the cosine of each option with what is asked, shape (len(options),)."""
        bag = self._bag(asked)
        return np.array(
            [
                sum(weight * bag.get(word, 0.0) for word, weight in self._bag(option).items())
                for option in options
            ],
            np.float32,
        )

    def _of(self, text: str) -> list[str]:
        return [word for word in _WORD.findall(text.lower()) if word not in self._passed_over]

    def _bag(self, text: str) -> dict[str, float]:
        if text not in self._bags:
            weights = {
                word: (1 + math.log(count))
                * (1 + math.log((1 + self._texts) / (1 + self._holding[word])))
                for word, count in Counter(self._of(text)).items()
            }
            length = math.sqrt(sum(weight**2 for weight in weights.values())) or 1.0
            self._bags[text] = {word: weight / length for word, weight in weights.items()}
        return self._bags[text]
