"""JSON schemas that hold a model's reply to a form, made from the registry.

They leave a decoder no room to wander: every key is required and stands in a fixed order, nothing
may be added, every text has a longest length, lists have a longest size. White space between the
parts is the server's own matter (vLLM: ``--structured-outputs-config '{"backend": "xgrammar",
"disable_any_whitespace": true}'``); the prompts ask for one line, and ``max_tokens`` bounds what is
left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schema.relations import Relation

type Schema = dict[str, Any]

TAIL_CHARACTERS = 240
RATIONALE_CHARACTERS = 600
KEY_FIELDS = ("concept", "action", "object", "emotion")
FEWEST_KEYWORDS, MOST_KEYWORDS = 3, 5


def aspects_schema(relations: Sequence[Relation]) -> Schema:
    """One tail for each relation, in the order of the registry.

    Examples
    --------
    >>> from schema.relations import SOCIAL
    >>> aspects_schema(SOCIAL)["required"][:2]
    ['xWant', 'oEffect']
    """
    return _object({relation.name: _text(TAIL_CHARACTERS) for relation in relations})


def intention_schema() -> Schema:
    """One tail."""
    return _object({"intention": _text(TAIL_CHARACTERS)})


def key_information_schema() -> Schema:
    """Concept, action, object, emotion and three to five keywords."""
    fields = {name: _text(80) for name in KEY_FIELDS}
    keywords = {
        "type": "array",
        "items": _text(40),
        "minItems": FEWEST_KEYWORDS,
        "maxItems": MOST_KEYWORDS,
    }
    return _object({**fields, "keywords": keywords})


def verdict_schema() -> Schema:
    """Yes or no, then why."""
    answer = {"type": "string", "enum": ["yes", "no"]}
    return _object({"answer": answer, "rationale": _text(RATIONALE_CHARACTERS)})


def _text(most: int) -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": most}


def _object(properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
