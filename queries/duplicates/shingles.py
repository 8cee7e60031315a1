"""Candidates by spelling: MinHash over character trigrams, and bands sorted in bulk.

Broder (1997), "On the resemblance and containment of documents"; Leskovec, Rajaraman and Ullman,
"Mining of Massive Datasets", section 3.4. A trigram lies within a word, so that the order of words
does not matter. Two texts of Jaccard similarity s share a band with probability
1 - (1 - s^ROWS)^BANDS: 0.99 at 0.75, 0.80 at 0.6, 0.05 at 0.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    type Signatures = npt.NDArray[np.uint32]
    type Pairs = npt.NDArray[np.int32]

BANDS, ROWS = 20, 5
LEAST = 0.6  # estimated Jaccard similarity of a candidate
WINDOW = 32  # of more texts in one bucket, each is paired with so many neighbours

_SEED = 20_241
_TEXTS = 16_384  # hashed together
_PAIRS = 65_536  # compared together
_NO_WORD = re.compile(r"\W+")


def signatures(texts: Sequence[str]) -> Signatures:
    """MinHash signatures of normalised texts.

    Returns
    -------
    ndarray
        Shape (len(texts), BANDS * ROWS), uint32: 400 bytes a text.
    """
    import numpy as np
    from rensa import RMinHash

    found = np.empty((len(texts), BANDS * ROWS), np.uint32)
    for start in range(0, len(texts), _TEXTS):
        hashes, offsets = trigrams(texts[start : start + _TEXTS])
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets, BANDS * ROWS, _SEED)
        found[start : start + _TEXTS] = matrix.to_rows()
    return found


def trigrams(texts: Sequence[str]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Hashes of the trigrams of all texts, one text after the other.

    Returns
    -------
    hashes : ndarray
        uint64.
    offsets : ndarray
        Shape (len(texts) + 1,): where each text's hashes begin, and where the last one's end.
    """
    import numpy as np

    words = [f" {_NO_WORD.sub(' ', text).strip() or text} " for text in texts]
    whole = "".join(words).encode("utf-32-le", "surrogatepass")
    letters = np.frombuffer(whole, np.uint32).astype(np.uint64)
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    if len(letters) < 3:
        return np.empty(0, np.uint64), np.zeros(len(texts) + 1, np.uint64)
    # Where two texts meet there are two spaces, so no trigram that is kept spans both.
    kept = letters[1:-1] != ord(" ")
    packed = letters[:-2] << np.uint64(42) | letters[1:-1] << np.uint64(21) | letters[2:]
    counts = np.concatenate([[0], np.cumsum(kept)])
    # The trigram in the middle of which letter i stands has number i - 1.
    ends = np.concatenate([[0], np.maximum(np.cumsum(lengths) - 1, 0)])
    offsets = counts[np.minimum(ends, len(counts) - 1)]
    return _mixed(packed[kept]), offsets.astype(np.uint64)


def candidates(found: Signatures, *, least: float = LEAST) -> Iterator[Pairs]:
    """Yield the pairs of rows that share a band and look alike in all, each pair once.

    Memory goes with the rows, not with the pairs: the bands are sorted one after the other, and a
    pair belongs to the first band that it shares.

    Yields
    ------
    ndarray
        Shape (n, 2), int32: rows, the smaller first.
    """
    import numpy as np

    if not len(found):
        return
    bands = found.reshape(len(found), BANDS, ROWS)
    # The last eight bits of each hash, for a first look: a quarter of the memory to read.
    brief = found.astype(np.uint8)
    fewest = np.int64(np.ceil(least * found.shape[1] - 1e-9))
    following = _keys(bands[:, 0])
    for band in range(BANDS):
        keys, following = following, _keys(bands[:, (band + 1) % BANDS])
        # Within a bucket those that share the next band too are neighbours.
        order = np.lexsort((following, keys)).astype(np.int32)
        keys = keys[order]
        for step in range(1, min(WINDOW, len(order) - 1) + 1):
            (left,) = np.nonzero(keys[step:] == keys[:-step])
            if not len(left):
                break
            for start in range(0, len(left), _PAIRS):
                places = left[start : start + _PAIRS]
                a, b = order[places], order[places + step]
                alike = np.count_nonzero(brief[a] == brief[b], axis=1) >= fewest
                a, b = a[alike], b[alike]
                equal = found[a] == found[b]
                shared = equal.reshape(-1, BANDS, ROWS).all(2)
                good = shared[:, band] & ~shared[:, :band].any(1)
                good &= np.count_nonzero(equal, axis=1) >= fewest
                a, b = a[good], b[good]
                if len(a):
                    yield np.column_stack((np.minimum(a, b), np.maximum(a, b)))


def _keys(rows: Signatures) -> npt.NDArray[np.uint64]:
    """One number for each row of a band."""
    import numpy as np

    keys = np.zeros(len(rows), np.uint64)
    for column in range(rows.shape[1]):
        keys = _mixed(keys ^ rows[:, column].astype(np.uint64))
    return keys


def _mixed(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Hash 64-bit numbers (the finaliser of SplitMix64; Steele, Lea and Flood 2014)."""
    import numpy as np

    numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ numbers >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ numbers >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return numbers ^ numbers >> np.uint64(31)
