"""One question of a student's lesson with its answer, or several that follow one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from generation.requests import Request

Stage = Literal["key_information", "features", "intentions", "filter"]

STAGES: tuple[Stage, ...] = ("key_information", "features", "intentions", "filter")


@dataclass(frozen=True, slots=True)
class Row:
    """What one line of the files teaches.

    Attributes
    ----------
    head
        Id of the post, the co-buy or the product that it is about: what a split goes by.
    stage
        Which stage of a pipeline asks so.
    relations
        Names of the relations in the answers, one for each tail.
    system
        What the model is told before; may be empty.
    turns
        Questions with their answers, in their order.
    """

    head: str
    stage: Stage
    relations: tuple[str, ...]
    system: str
    turns: tuple[tuple[str, str], ...]


def row(head: str, stage: Stage, relations: tuple[str, ...], request: Request, answer: str) -> Row:
    """Make a row of a request without pictures and the answer to it."""
    *before, question = request.messages
    system = before[0]["content"] if before else ""
    return Row(head, stage, relations, system, ((question["content"], answer),))


def fields_reply(fields: Mapping[str, Any], *, as_json: bool) -> str:
    """Write a reply of several fields, as JSON or as labelled lines.

    Examples
    --------
    >>> fields_reply({"concept": "rain", "keywords": ["wet", "grey"]}, as_json=False)
    'Concept: rain\\nKeywords: wet, grey'
    """
    if as_json:
        return orjson.dumps(fields).decode()
    return "\n".join(
        f"{name[:1].upper()}{name[1:]}: {', '.join(v) if isinstance(v, list) else v}"
        for name, v in fields.items()
    )


def tails_reply(tails: Mapping[str, str], *, as_json: bool) -> str:
    """Write a reply with one tail for each of several relations."""
    if as_json:
        return orjson.dumps(tails).decode()
    return "\n".join(f"{name}: {text}" for name, text in tails.items())


def tail_reply(text: str, *, as_json: bool) -> str:
    """Write a reply of one tail."""
    return orjson.dumps({"intention": text}).decode() if as_json else text


def verdict_reply(accepted: bool, rationale: str, *, as_json: bool) -> str:
    """Write a customer's verdict."""
    if as_json:
        told = {"answer": "yes" if accepted else "no", "rationale": rationale}
        return orjson.dumps(told).decode()
    return f"{'Yes' if accepted else 'No'}, {rationale}"
