"""What a judge replies: yes or no, and one of three degrees."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from generation.loose_json import find_json, unfenced
from generation.reply_parts import Bad, folded, inside, one, said
from generation.reply_schemas import Schema

# FolkScope's scale; what its annotators call implausible is the other question's no.
DEGREES = {"strongly acceptable": 1.0, "weakly acceptable": 0.5, "reject": 0.0}

_PLAUSIBLE = dict.fromkeys(("plausible", "plausibility", "isplausible"), "")
_TYPICAL = dict.fromkeys(("typicality", "typical", "istypical"), "")
_YES_NO = re.compile(r"\W*(?:(yes|true|plausible)|(no|false|not|implausible))\b", re.IGNORECASE)
_DEGREE = re.compile(r"\b(?:(strong)(?:ly)?|(weak)(?:ly)?|(reject)(?:ed)?)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the judge says.

    Attributes
    ----------
    plausibility
        1 for yes, 0 for no.
    typicality
        1, 0.5 or 0; what is not plausible is not typical.
    """

    plausibility: float
    typicality: float


def judgement_schema() -> Schema:
    """Yes or no, then the degree."""
    properties = {
        "plausible": {"type": "string", "enum": ["yes", "no"]},
        "typicality": {"type": "string", "enum": list(DEGREES)},
    }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def parse_judgement(text: str) -> Judgement | Bad:
    """Read both answers, as JSON or in one line.

    Examples
    --------
    >>> parse_judgement("Yes, weakly acceptable")
    Judgement(plausibility=1.0, typicality=0.5)
    """
    answer = said(text)
    if isinstance(answer, Bad):
        return answer
    data: Any = find_json(answer)
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    if isinstance(data, dict):
        known = {folded(key): value for key, value in inside(data, _PLAUSIBLE | _TYPICAL).items()}
        told = _value(next((known[name] for name in _PLAUSIBLE if name in known), None))
        degree = _value(next((known[name] for name in _TYPICAL if name in known), None))
    else:
        told = degree = unfenced(answer)
    verdict, found = _YES_NO.match(told), _DEGREE.search(degree)
    if verdict is None:
        return Bad("unparseable", "the reply says neither yes nor no")
    if verdict[2]:
        return Judgement(0.0, 0.0)
    if found is None:
        return Bad("unparseable", "the reply does not say how typical it is")
    return Judgement(1.0, 1.0 if found[1] else 0.5 if found[2] else 0.0)


def _value(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else one(value)
