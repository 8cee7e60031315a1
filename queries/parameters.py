"""Types of the parameters of named queries: what may be given, and what reaches Cypher."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from queries.filters import check_count, check_head_type, check_text
from schema import relations
from schema.errors import UsageError
from schema.identity import concept_id, intention_id, normalise_key, product_id

_INTENTION = re.compile(r"in_[0-9a-f]{32}\Z")
_CONCEPT = re.compile(r"cn_[0-9a-f]{32}\Z")


@dataclass(frozen=True, slots=True)
class ParameterType:
    """A type: `check` takes the parameter's name and a value, and raises UsageError."""

    check: Callable[[str, Any], Any]
    description: str


def _string(name: str, value: Any) -> str:
    return check_text(name, value)


def _product(name: str, value: Any) -> str:
    return product_id(check_text(name, value))


def _post(name: str, value: Any) -> str:
    return normalise_key(check_text(name, value))


def _intention(name: str, value: Any) -> str:
    text = check_text(name, value).strip()
    return text if _INTENTION.match(text) else intention_id(text)


def _concept(name: str, value: Any) -> str:
    text = check_text(name, value).strip()
    return text if _CONCEPT.match(text) else concept_id(text)


def _relation(name: str, value: Any) -> str:
    return relations.get(check_text(name, value)).name


def _head(name: str, value: Any) -> str:
    return check_head_type(value).value


def _integer(name: str, value: Any) -> int:
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            raise UsageError(
                f"{name} is {value!r}, not a whole number", fix=f"write {name}=20"
            ) from None
    return check_count(name, value, most=2**31 - 1)


def _number(name: str, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(f"{name} is {value!r}, not a number", fix=f"write {name}=0.5")
    return number


def _boolean(name: str, value: Any) -> bool:
    words = {"true": True, "false": False, "yes": True, "no": False}
    found = words.get(value.strip().lower()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise UsageError(f"{name} is {value!r}", fix=f"write {name}=true or {name}=false")
    return found


TYPES: Mapping[str, ParameterType] = {
    "string": ParameterType(_string, "text"),
    "product": ParameterType(_product, "a product's id"),
    "post": ParameterType(_post, "a post's id, source:external"),
    "intention": ParameterType(_intention, "an intention's id or its text"),
    "concept": ParameterType(_concept, "a concept's id or its name"),
    "category": ParameterType(_string, "a product category, spelled as there"),
    "relation": ParameterType(_relation, "the name of a relation"),
    "head": ParameterType(_head, "Post, CoBuy or Product"),
    "integer": ParameterType(_integer, "a whole number, 1 or more"),
    "number": ParameterType(_number, "a number"),
    "boolean": ParameterType(_boolean, "true or false"),
}
