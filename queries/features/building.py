"""Put the intentions of many entities together, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from queries.features.retrieved import NEAREST, NONE, OWN

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Builder:
    """Arrays of n entities with up to k intentions each, filled by place."""

    def __init__(self, keys: list[str], k: int) -> None:
        import numpy as np

        n = len(keys)
        self.keys, self.k = keys, k
        self.names: list[str] = []
        self._rows: dict[str, int] = {}
        self.places = np.full((n, k), -1, np.int32)
        self.scores = np.full((n, k), np.nan, np.float32)
        self.relations: npt.NDArray[np.object_] = np.full((n, k), None, object)
        self.origins = np.full(n, NONE, np.int8)
        self.times = np.full(n, "NaT", "datetime64[us]")

    @property
    def complete(self) -> bool:
        """Whether no entity is left without an intention."""
        return bool((self.origins != NONE).all())

    def empty(self) -> list[int]:
        """Places of entities without an intention."""
        return [int(place) for place in (self.origins == NONE).nonzero()[0]]

    def put_own(self, found: dict[str, Any]) -> None:
        """Take edges, ordered by place."""
        import numpy as np

        place = found["place"]
        if not len(place):
            return
        starts = np.r_[True, place[1:] != place[:-1]]
        column = np.arange(len(place)) - np.maximum.accumulate(
            np.where(starts, np.arange(len(place)), 0)
        )
        self.places[place, column] = [self._row(name) for name in found["intention"]]
        self.scores[place, column] = found["score"]
        self.relations[place, column] = found["relation"]
        self.origins[place] = OWN
        self.times = latest_times(place, found["time"], len(self.keys))

    def put_nearest(self, place: int, names: Sequence[str], scores: Any) -> None:
        """Take what a search found for one entity."""
        if not names:
            return
        self.places[place, : len(names)] = [self._row(name) for name in names]
        self.scores[place, : len(names)] = scores[: len(names)]
        self.origins[place] = NEAREST

    def _row(self, name: str) -> int:
        row = self._rows.setdefault(name, len(self.names))
        if row == len(self.names):
            self.names.append(name)
        return row


def latest_times(place: Any, times: Any, n: int) -> npt.NDArray[np.datetime64]:
    """The latest time of each of n places; NaT where none is stated."""
    import numpy as np

    moments = np.asarray(times).astype("datetime64[us]")
    known = ~np.isnat(moments)
    latest = np.full(n, np.iinfo(np.int64).min, np.int64)
    np.maximum.at(latest, place[known], moments[known].astype(np.int64))
    found: npt.NDArray[np.datetime64] = latest.view("datetime64[us]")  # the least number is NaT
    return found
