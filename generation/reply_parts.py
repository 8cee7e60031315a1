"""What reading any reply needs: whether something is said at all, and the texts in loose JSON."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from generation.loose_json import unfenced, without_thoughts
from generation.refusals import is_refusal
from generation.requests import Reason
from generation.tails import bare

ITEM = re.compile(r"\s*(?:[-*•–▪●]\s+|\(?\d{1,2}\s?[.):、．])")
MOST_TAILS = 20  # that one reply may hold for one relation
TEXT_KEYS = frozenset(
    ["intention", "intentions", "text", "tail", "completion", "answer", "value", "sentence"]
)


@dataclass(frozen=True, slots=True)
class Bad:
    """Why a reply cannot be used."""

    reason: Reason
    message: str


def said(text: str) -> str | Bad:
    """See whether anything usable is said at all."""
    answer = without_thoughts(text)
    if not answer:
        return Bad("unparseable", "the reply is empty" if not text.strip() else "only thoughts")
    if answer[0] not in "{[" and is_refusal(bare(unfenced(answer)[:600])):
        return Bad("refusal", f"the model declined: {' '.join(answer.split())[:160]}")
    return answer


def folded(key: object) -> str:
    """Bring a key to its letters and digits, whatever its case."""
    plain = unicodedata.normalize("NFKC", str(key)).casefold()
    return "".join(character for character in plain if character.isalnum())


def inside(data: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    """Go into {"result": {...}} and the like, to where the known keys are."""
    for _ in range(3):
        if any(folded(key) in known for key in data):
            return data
        within = [value for value in data.values() if isinstance(value, dict)]
        if len(within) != 1:
            return data
        data = within[0]
    return data


def one(value: Any) -> str:
    """Make one text of a value."""
    return " ".join(", ".join(texts(value, 0)).split())


def texts(value: Any, depth: int) -> Iterator[str]:
    """Yield the texts in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, bool | None) or depth > 4:
        return
    elif isinstance(value, int | float):
        yield str(value)
    elif isinstance(value, dict):
        named = [text for key, text in value.items() if folded(key) in TEXT_KEYS]
        for within in named or value.values():
            yield from texts(within, depth + 1)
    elif isinstance(value, list | tuple):
        for within in value:
            yield from texts(within, depth + 1)
