"""Deal intentions out anew over entities: the control for what a graph's intentions add."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    type Places = npt.NDArray[np.int32]

_TRIES = 16  # partners that are tried for a slot before it is left as it is


def deal(places: Places, seed: int) -> Places:
    """Give each entity as many intentions as it had, drawn from those of all.

    All are permuted; then whoever holds one twice changes with a random other, if neither has the
    same trouble afterwards. An entity may get one of its own by chance: were that ruled out, what
    it does not get would tell what it had, and the control would know more than nothing.

    Parameters
    ----------
    places
        Shape (n, k); -1 where an entity has fewer than k.

    Returns
    -------
    ndarray
        Shape (n, k): -1 where it was, and every intention as often as before.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    found = places.copy()
    filled = np.argwhere(places >= 0)
    if not len(filled):
        return found
    owners = filled[:, 0].tolist()
    dealt = rng.permutation(places[places >= 0]).tolist()
    held: list[list[int]] = [[] for _ in places]
    for owner, value in zip(owners, dealt, strict=True):
        held[owner].append(value)
    for slot in rng.permutation(len(owners)).tolist():
        one = owners[slot]
        if held[one].count(dealt[slot]) < 2:
            continue
        for other_slot in rng.integers(0, len(owners), _TRIES).tolist():
            other, given, taken = owners[other_slot], dealt[slot], dealt[other_slot]
            if other != one and taken not in held[one] and given not in held[other]:
                held[one][held[one].index(given)] = taken
                held[other][held[other].index(taken)] = given
                dealt[slot], dealt[other_slot] = taken, given
                break
    found[places >= 0] = dealt
    return found
