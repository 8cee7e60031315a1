"""What several test files share."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt


class HashingEmbedder:
    """For tests only: vectors of hashed character trigrams, so that similar text is similar.

    Real vectors at no cost: no model, the same on every machine. Not for anyone's knowledge base.

    Parameters
    ----------
    dimension
        Length of a vector.
    name
        Another name stands for another model: its vectors differ.
    """

    def __init__(self, dimension: int = 64, *, name: str = "hashing") -> None:
        self.dimension = dimension
        self.name = f"{name}-{dimension}"
        self.encoded = 0

    def encode(
        self, texts: Sequence[str], *, progress: Callable[[int, int], None] | None = None
    ) -> npt.NDArray[np.float32]:
        """Embed `texts`; see :meth:`kg.embed.Embedder.encode`. Counts them in ``encoded``."""
        found = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            padded = f"  {text.casefold()} "
            for start in range(len(padded) - 2):
                code = zlib.crc32(f"{self.name} {padded[start : start + 3]}".encode())
                found[row, code % self.dimension] += 1 if code >> 31 else -1
            # Trigrams can cancel one another out; this half cannot, so no vector is without length.
            found[row, zlib.crc32(padded.encode()) % self.dimension] += 0.5
            if progress:
                progress(row + 1, len(texts))
        self.encoded += len(texts)
        return found / np.linalg.norm(found, axis=1, keepdims=True)
