"""Vectors of length 1, and ids for them."""

from __future__ import annotations

import numpy as np

from schema.identity import intention_id

DIMENSION = 32


def unit(count: int, *, seed: int = 0, dimension: int = DIMENSION) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def names(count: int, *, start: int = 0) -> list[str]:
    return [intention_id(f"intention {number}") for number in range(start, start + count)]
