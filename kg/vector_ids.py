"""Which ids an index holds: 128-bit digests, sorted, beside the 63-bit keys inside FAISS.

FAISS numbers its vectors with 63 bits (:func:`schema.identity.vector_key`); an id has 128. The
table keeps the whole digest of each, so that a key leads back to exactly one id, and two ids that
share a key are noticed when the second one comes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from schema.errors import CorruptError, StoreError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    type Digests = npt.NDArray[np.uint64]  # (n, 2): the high and the low half
    type Keys = npt.NDArray[np.int64]

_HEX = re.compile(r"[0-9a-f]*\Z")
_DIGITS = 32


class IdTable:
    """A set of ids of one kind, such as ``in_…``.

    Attributes
    ----------
    kind
        What stands before the underscore; None while the table never held an id.
    keys
        The key of each id, ascending.
    """

    def __init__(self, kind: str | None = None, digests: Digests | None = None) -> None:
        import numpy as np

        self.kind = kind
        self._hold(np.empty((0, 2), np.uint64) if digests is None else digests)

    def __len__(self) -> int:
        return len(self._digests)

    @classmethod
    def read(cls, path: Path, kind: str | None) -> IdTable:
        """Read a table that :meth:`write` wrote."""
        import numpy as np

        raw = np.fromfile(path, dtype="<u8")
        if len(raw) % 2:
            raise CorruptError(f"{path} is cut short", fix="intentkg build KB --fresh")
        return cls(kind, raw.astype(np.uint64, copy=False).reshape(-1, 2))

    def write(self, path: Path) -> None:
        """Write the digests, 16 bytes each (two little-endian halves), in ascending order."""
        path.write_bytes(self._digests.astype("<u8", copy=False).tobytes())

    def all(self) -> list[str]:
        """Every id, ascending."""
        return self._format(self._digests)

    def has(self, ids: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Tell for each id whether it is here."""
        import numpy as np

        mine = [i for i, identifier in enumerate(ids) if self._mine(identifier)]
        found = np.zeros(len(ids), np.bool_)
        digests = self._parse([ids[i] for i in mine])
        found[mine] = self._positions(digests) >= 0
        return found

    def find(self, ids: Sequence[str]) -> Keys:
        """Keys of those ids that are here, each once, ascending."""
        import numpy as np

        digests = self._parse([identifier for identifier in ids if self._mine(identifier)])
        return np.unique(_keys(digests[self._positions(digests) >= 0]))

    def keys_of(self, ids: Sequence[str]) -> Keys:
        """Keys of ids, all of which are here, in their order."""
        return _keys(self._parse(ids))

    def names(self, keys: Keys) -> list[str]:
        """Ids behind keys.

        Raises
        ------
        CorruptError
            If a key is not in the table.
        """
        import numpy as np

        places = np.searchsorted(self.keys, keys)
        known = len(keys) == 0 or (
            places.max() < len(self) and np.array_equal(self.keys[places], keys)
        )
        if not known:
            raise CorruptError(
                "the vector index holds a vector whose id is unknown",
                fix="intentkg build KB --fresh",
            )
        return self._format(self._digests[places])

    def add(self, ids: Sequence[str]) -> Keys:
        """Add ids that are not here yet; returns their keys, in the order of `ids`.

        Raises
        ------
        UsageError
            If an id is not a digest behind a prefix, is of another kind, or comes twice.
        StoreError
            If two different ids have the same key: at a million ids, in one of 18 million cases.
        """
        import numpy as np

        if ids and self.kind is None:
            self.kind = ids[0].partition("_")[0]
        strange = next((identifier for identifier in ids if not self._mine(identifier)), None)
        if strange is not None:
            raise UsageError(
                f"{strange!r} cannot go into a vector index of ids of the form "
                f"{self.kind}_ and 32 hexadecimal digits",
                fix="use the ids that schema.identity makes",
            )
        fresh = self._parse(ids)
        order = np.lexsort((fresh[:, 1], fresh[:, 0]))
        where = np.searchsorted(self.keys, _keys(fresh[order]))
        merged = np.insert(self._digests, where, fresh[order], axis=0)
        keys = _keys(merged)
        clash = np.flatnonzero(keys[1:] == keys[:-1])
        if len(clash):
            first, second = self._format(merged[clash[0] : clash[0] + 2])
            if first == second:
                raise UsageError(f"{first} is in the vector index already", fix="remove it first")
            raise StoreError(
                f"{first} and {second} have the same 63-bit key; the vector index cannot hold both",
                fix="leave one of the two texts out; so rare a chance is worth a report",
            )
        self._hold(merged)
        return _keys(fresh)

    def remove(self, keys: Keys) -> None:
        """Remove the ids with these keys."""
        import numpy as np

        self._hold(self._digests[~np.isin(self.keys, keys)])

    def _hold(self, digests: Digests) -> None:
        self._digests = digests
        self.keys = _keys(digests)

    def _mine(self, identifier: str) -> bool:
        kind, _, digits = identifier.partition("_")
        return kind == self.kind and len(digits) == _DIGITS and bool(_HEX.match(digits))

    def _parse(self, ids: Sequence[str]) -> Digests:
        import numpy as np

        raw = bytes.fromhex("".join(identifier[-_DIGITS:] for identifier in ids))
        return np.frombuffer(raw, dtype=">u8").astype(np.uint64).reshape(-1, 2)

    def _format(self, digests: Digests) -> list[str]:
        digits = digests.astype(">u8").tobytes().hex()
        return [f"{self.kind}_{digits[at : at + _DIGITS]}" for at in range(0, len(digits), _DIGITS)]

    def _positions(self, digests: Digests) -> npt.NDArray[np.int64]:
        """Where each digest stands; -1 if it is not here."""
        import numpy as np

        if not len(self):
            return np.full(len(digests), -1, np.int64)
        # Keys are distinct, so there is one candidate for each.
        places = np.searchsorted(self.keys, _keys(digests))
        places[places == len(self)] = 0
        same = (self._digests[places] == digests).all(axis=1)
        return np.where(same, places, -1)


def _keys(digests: Digests) -> Keys:
    """63-bit keys of digests, as :func:`schema.identity.vector_key` computes them."""
    import numpy as np

    return (digests[:, 0] >> np.uint64(1)).astype(np.int64)
