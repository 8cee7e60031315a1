"""From the texts of an assertion to what the network takes: ``[CLS] head [SEP] tail [SEP]``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

type Ids = npt.NDArray[np.int64]

POST_TOKENS = 48
TITLE_TOKENS = 16  # of each of two products; they say what it is at the beginning
TAIL_TOKENS = 24
TOKENS_PER_BATCH = 2048


@dataclass(frozen=True, slots=True)
class Pair:
    """One assertion as token ids.

    Attributes
    ----------
    ids
        With the encoder's marks.
    first
        How many of them belong to the head; the rest to the tail.
    """

    ids: list[int]
    first: int


class Reader:
    """Turns texts into token ids.

    Parameters
    ----------
    tokenizer
        A `tokenizers.Tokenizer` of the encoder.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._begin = int(tokenizer.token_to_id("[CLS]"))
        self._end = int(tokenizer.token_to_id("[SEP]"))
        (self._between,) = self._plain([";"])[0]

    def read(self, heads: Sequence[tuple[str, ...]], tails: Sequence[str]) -> list[Pair]:
        """Tokenise assertions; a head that occurs again is tokenised once."""
        found: dict[tuple[str, ...], list[int]] = {head: [] for head in heads}
        texts = [text for head in found for text in head]
        pieces = iter(self._plain(texts))
        for head in found:
            ids: list[int] = [self._begin]
            most = POST_TOKENS if len(head) == 1 else TITLE_TOKENS
            for number in range(len(head)):
                ids += [self._between] if number else []
                ids += next(pieces)[:most]
            found[head] = [*ids, self._end]
        return [
            Pair([*found[head], *tail[:TAIL_TOKENS], self._end], len(found[head]))
            for head, tail in zip(heads, self._plain(tails), strict=True)
        ]

    def _plain(self, texts: Sequence[str]) -> list[list[int]]:
        # Half a surrogate pair is no text, and no tokenizer takes it.
        clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        encoded = self._tokenizer.encode_batch_fast(clean, add_special_tokens=False)
        return [one.ids for one in encoded]


def batches(pairs: Sequence[Pair], most: int = TOKENS_PER_BATCH) -> Iterator[list[int]]:
    """Group pairs of similar length, so that a group, padded, holds at most so many tokens."""
    order = sorted(range(len(pairs)), key=lambda number: len(pairs[number].ids))
    group: list[int] = []
    for number in order:
        if group and (len(group) + 1) * len(pairs[number].ids) > most:
            yield group
            group = []
        group.append(number)
    if group:
        yield group


def padded(pairs: Sequence[Pair]) -> tuple[Ids, Ids, Ids]:
    """Give token ids, token types and mask, each of shape (pairs, longest)."""
    longest = max(len(pair.ids) for pair in pairs)
    ids = np.zeros((len(pairs), longest), dtype=np.int64)
    types, mask = np.zeros_like(ids), np.zeros_like(ids)
    for row, pair in enumerate(pairs):
        ids[row, : len(pair.ids)] = pair.ids
        types[row, pair.first : len(pair.ids)] = 1
        mask[row, : len(pair.ids)] = 1
    return ids, types, mask
