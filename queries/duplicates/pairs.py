"""Pairs of rows on their way from candidates to duplicates: joined, compared, and told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, get_args

from queries.duplicates import guards
from queries.duplicates.meanings import Meanings, Progress

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    type Pairs = npt.NDArray[np.int32]
    type Keys = npt.NDArray[np.int64]

Origin = Literal["spelling", "meaning", "both", "cluster"]
ORIGINS: tuple[Origin, ...] = get_args(Origin)


class Checker:
    """Verifies pairs, and counts what the guards refused."""

    def __init__(self, texts: Sequence[str], meanings: Meanings, threshold: float) -> None:
        self._meanings = meanings
        self._threshold = threshold
        self._reasons: Counter[guards.Reason] = Counter()
        # A reading takes a kilobyte or two: not all of a million are kept.
        self._reading = lru_cache(100_000)(lambda row: guards.Reading.of(texts[row]))

    def near(self, pairs: Pairs) -> Pairs:
        """Those pairs whose cosine reaches the threshold; their vectors are here."""
        found: Pairs = pairs[self._meanings.cosines(pairs[:, 0], pairs[:, 1]) >= self._threshold]
        return found

    def passing(self, pairs: Pairs) -> Pairs:
        """Those near pairs that no guard refuses."""
        import numpy as np

        reasons = [self._difference(a, b) for a, b in pairs.tolist()]
        self._reasons.update(reason for reason in reasons if reason is not None)
        found: Pairs = pairs[np.array([reason is None for reason in reasons], bool)]
        return found

    def similar(self, row: int, others: Sequence[int]) -> list[float]:
        """Cosine of a row to others, -1 where a guard tells them apart."""
        import numpy as np

        b = np.array(others, np.int32)
        scores = self._meanings.cosines(np.full(len(b), row, np.int32), b).tolist()
        return [
            -1.0 if score >= self._threshold and self._difference(row, other) else score
            for score, other in zip(scores, others, strict=True)
        ]

    def refused(self) -> dict[str, int]:
        """How many near pairs each guard refused."""
        return {r: self._reasons[r] for r in guards.REASONS if self._reasons[r]}

    def _difference(self, a: int, b: int) -> guards.Reason | None:
        return guards.difference(self._reading(a), self._reading(b))


def joined(
    found: Iterable[Pairs], keep: Callable[[Pairs], Pairs] | None, report: Progress, stage: str
) -> tuple[int, Pairs]:
    """How many pairs there were, and those kept."""
    import numpy as np

    parts = [np.empty((0, 2), np.int32)]
    count = 0
    for pairs in found:
        parts.append(pairs if keep is None else keep(pairs))
        count += len(pairs)
        report(f"candidates by {stage}", count, None)
    return count, np.concatenate(parts)


def keys_of(pairs: Pairs) -> Keys:
    """One number for each pair, ascending."""
    import numpy as np

    return np.sort(pairs[:, 0].astype(np.int64) << 32 | pairs[:, 1])


def pairs_of(keys: Keys) -> Pairs:
    """The pairs of such numbers; shape (n, 2)."""
    import numpy as np

    pairs: Pairs = np.column_stack((keys >> 32, keys & 0xFFFFFFFF)).astype(np.int32)
    return pairs


def origins(near: dict[str, Keys]) -> Callable[[int, int], Origin]:
    """Tell for two rows which candidates had the pair."""

    def origin(a: int, b: int) -> Origin:
        key = min(a, b) << 32 | max(a, b)
        had = []
        for name, keys in near.items():
            place = int(keys.searchsorted(key))
            if place < len(keys) and keys[place] == key:
                had.append(name)
        if len(had) == 2:
            return "both"
        return "spelling" if had == ["spelling"] else "meaning" if had else "cluster"

    return origin
