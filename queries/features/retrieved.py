"""Intentions retrieved for many entities: compact, pooled on demand, in the forms models take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from queries.features.dealing import deal
from schema.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa
    import torch

    type Floats = npt.NDArray[np.float32]
    type Places = npt.NDArray[np.int32]

Pooling = Literal["mean", "max", "weighted", "first"]

POOLINGS: tuple[Pooling, ...] = get_args(Pooling)

NONE, OWN, NEAREST = 0, 1, 2
"""Where an entity's intentions come from; see :attr:`Retrieved.origins`."""

_ORIGINS = ("none", "own", "nearest")
_CHUNK = 8_192  # entities whose vectors are gathered at a time


@dataclass(frozen=True, slots=True, eq=False)
class Retrieved:
    """Up to k intentions for each of n entities.

    The vectors of the m distinct intentions are held once; :meth:`vectors` and :meth:`pooled`
    gather them.

    Attributes
    ----------
    keys
        The n entities, as they were asked for.
    intention_ids, texts
        The m distinct intentions.
    table
        Shape (m, dimension), float32: their vectors, each of length 1.
    places
        Shape (n, k), int32: rows of `table`, best first; -1 where there are fewer than k.
    scores
        Shape (n, k), float32: of an own edge its typicality (else its plausibility, else NaN), of
        a nearest intention its cosine; NaN where there is none.
    relations
        Shape (n, k), object: an own edge's relation; None for the nearest.
    origins
        Shape (n,), int8: :data:`OWN`, :data:`NEAREST` or :data:`NONE`.
    times
        Shape (n,), datetime64[us] in UTC: when the latest evidence behind an entity's intentions
        came in; NaT where the evidence states no time.
    """

    keys: Sequence[str]
    intention_ids: Sequence[str]
    texts: Sequence[str]
    table: Floats
    places: Places
    scores: Floats
    relations: npt.NDArray[np.object_]
    origins: npt.NDArray[np.int8]
    times: npt.NDArray[np.datetime64]

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self.table.shape[1])

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Shape (n, k): True where there is an intention."""
        import numpy as np

        return np.asarray(self.places >= 0)

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Shape (n,): True for an entity without any intention."""
        import numpy as np

        return np.asarray(self.origins == NONE)

    def vectors(self, rows: slice | Places | None = None) -> Floats:
        """Vectors of all entities, or of some.

        Returns
        -------
        ndarray
            Shape (n, k, dimension); zeros where there is no intention.
        """
        places = self.places if rows is None else self.places[rows]
        gathered: Floats = self._padded()[places]
        return gathered

    def pooled(self, how: Pooling = "mean") -> Floats:
        """One vector for each entity.

        Parameters
        ----------
        how
            ``mean``, ``max`` (by component), ``weighted`` (mean with the scores as weights,
            unscored edges with the mean of the entity's others, or 1) or ``first`` (the best).

        Returns
        -------
        ndarray
            Shape (n, dimension); zeros where :attr:`missing`.

        Raises
        ------
        UsageError
            If there is no such pooling.
        """
        import numpy as np

        if how not in POOLINGS:
            raise UsageError(
                f"there is no pooling {how!r}", fix=f"use one of {', '.join(POOLINGS)}"
            )
        found = np.zeros((len(self), self.dimension), np.float32)
        if not self.places.size:
            return found
        weights = self._weights(how)
        for start in range(0, len(self), _CHUNK):
            part = slice(start, start + _CHUNK)
            vectors = self.vectors(part)
            if how == "max":
                there = self.mask[part][..., None]
                best = np.where(there, vectors, -np.inf).max(1)
                found[part] = np.where(self.missing[part, None], 0.0, best)
            else:
                found[part] = np.einsum("nk,nkd->nd", weights[part], vectors)
        return found

    def sentences(self, joint: str = "; ", *, most: int | None = None) -> list[str]:
        """The intentions of each entity in words, best first; empty where there is none."""
        return [
            joint.join(self.texts[place] for place in row[:most] if place >= 0)
            for row in self.places.tolist()
        ]

    def ids(self) -> list[list[str]]:
        """The intentions' ids of each entity, best first."""
        return [
            [self.intention_ids[place] for place in row if place >= 0]
            for row in self.places.tolist()
        ]

    def shuffled(self, seed: int = 0) -> Retrieved:
        """The control: every entity keeps the number of its intentions, but gets random ones.

        They are dealt anew over all entities (:func:`queries.features.dealing.deal`): how often
        each occurs stays as it is, and none gets one twice, as far as that can be; what is lost is
        which entity each belongs to. Scores, relations and origins stay.
        """
        return replace(self, places=deal(self.places, seed))

    def to_numpy(self) -> dict[str, npt.NDArray[Any]]:
        """Arrays by name: ``vectors`` (n, k, dimension), ``mask``, ``scores``, ``origins``."""
        return {
            "vectors": self.vectors(),
            "mask": self.mask,
            "scores": self.scores,
            "origins": self.origins,
        }

    def to_torch(self) -> dict[str, torch.Tensor]:
        """The arrays of :meth:`to_numpy` as tensors.

        Raises
        ------
        MissingExtraError
            If torch is not installed.
        """
        from queries.features.tables import as_tensors

        return as_tensors(self.to_numpy())

    def to_arrow(self, *, key: str = "entity_id", pooling: Pooling = "mean") -> pa.Table:
        """A table with a row for each entity, as feature stores expect.

        Returns
        -------
        pyarrow.Table
            `key` (string), ``event_timestamp`` (UTC; null where the evidence states no time),
            ``origin`` (own, nearest or none), ``intention_ids`` (list of string), ``scores`` (list
            of float; null if unscored), ``embedding`` (list of float, `dimension` long; null
            where there is no intention).
        """
        from queries.features.tables import entity_table

        return entity_table(self, key, pooling, _ORIGINS)

    def write_parquet(
        self, path: Path, *, key: str = "entity_id", pooling: Pooling = "mean"
    ) -> None:
        """Write :meth:`to_arrow` as one Parquet file, whole or not at all."""
        from queries.features.tables import write

        write(self.to_arrow(key=key, pooling=pooling), path)

    def _padded(self) -> Floats:
        """The table with a last row of zeros, which place -1 falls on."""
        import numpy as np

        return np.concatenate([self.table, np.zeros((1, self.dimension), np.float32)])

    def _weights(self, how: Pooling) -> Floats:
        import numpy as np

        mask = self.mask
        if how == "first":
            weights = np.zeros(mask.shape, np.float32)
            weights[:, 0] = mask[:, 0]
            return weights
        if how == "weighted":
            known = mask & np.isfinite(self.scores)
            count = known.sum(1, keepdims=True)
            total = np.where(known, self.scores, 0.0).sum(1, keepdims=True)
            usual = np.divide(total, count, out=np.ones_like(total), where=count > 0)
            weights = np.where(known, self.scores, usual).clip(min=0.0) * mask
        else:
            weights = mask.astype(np.float32)
        sums = weights.sum(1, keepdims=True)
        # All scores zero: they say nothing, so all count alike.
        weights = np.where(sums > 0, weights, mask).astype(np.float32)
        sums = weights.sum(1, keepdims=True)
        shares: Floats = np.divide(weights, sums, out=np.zeros_like(weights), where=sums > 0)
        return shares
