"""Vectors that a long build has made so far, so that a killed build goes on where it was.

Lies in ``vectors/spool/``, one folder per model, one file per chunk: 16 bytes of id and the
vector in half precision for each text. A file is written as a whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kg.directory import sync_directory

if TYPE_CHECKING:
    import numpy.typing as npt

    type Vectors = npt.NDArray[np.float32]

_KIND = "in_"  # intentions only


class Spool:
    """Vectors of intentions, kept until the index is made.

    Parameters
    ----------
    root
        The folder of all spools; what other models left there is removed.
    model, dimension
        Name of the embedder, and length of a vector.
    """

    def __init__(self, root: Path, model: str, dimension: int) -> None:
        name = hashlib.sha256(f"{model}\n{dimension}".encode()).hexdigest()[:16]
        for other in root.glob("*"):
            if other.name != name:
                shutil.rmtree(other, ignore_errors=True)
        self._folder = root / name
        self._type = np.dtype([("id", "u1", (16,)), ("vector", "<f2", (dimension,))])
        self._files = sorted(self._folder.glob("*.chunk"))

    def ids(self) -> set[str]:
        """Ids of every vector that is kept."""
        return {identifier for file in self._files for identifier in _names(self._read(file))}

    def append(self, ids: Sequence[str], vectors: Vectors) -> None:
        """Keep some vectors; they are on stable storage afterwards."""
        rows = np.empty(len(ids), self._type)
        digits = "".join(identifier.removeprefix(_KIND) for identifier in ids)
        rows["id"] = np.frombuffer(bytes.fromhex(digits), np.uint8).reshape(-1, 16)
        rows["vector"] = vectors
        self._folder.mkdir(parents=True, exist_ok=True)
        target = self._folder / f"{len(self._files):06d}.chunk"
        temporary = target.with_suffix(".new")
        with temporary.open("wb") as file:
            file.write(rows.tobytes())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        sync_directory(self._folder)
        self._files.append(target)

    def __iter__(self) -> Iterator[tuple[list[str], Vectors]]:
        for file in self._files:
            rows = self._read(file)
            yield _names(rows), rows["vector"].astype(np.float32)

    def _read(self, file: Path) -> npt.NDArray[np.void]:
        return np.fromfile(file, self._type)


def _names(rows: npt.NDArray[np.void]) -> list[str]:
    digits = np.ascontiguousarray(rows["id"]).tobytes().hex()
    return [_KIND + digits[start : start + 32] for start in range(0, len(digits), 32)]
