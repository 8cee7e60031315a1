"""What makes a row acceptable, once for all readers.

:func:`complete` takes a row as a reader gives it, derives its ids, and checks every field. What a
record cannot hold is refused with a reason and a fix; nothing is repaired silently but outer
white space.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson

from ingest.cleaning import BadValue, check_words, shorten
from schema import relations
from schema.errors import UnknownRelationError
from schema.identity import (
    assertion_id,
    cobuy_id,
    evidence_id,
    intention_id,
    normalise_text,
    post_id,
    product_id,
)
from schema.records import SCHEMAS, Table

Row = dict[str, Any]

MAX_ID = 1024
"""Longest identifier, in characters."""

_BLANK: dict[Table, Row] = {table: dict.fromkeys(s.names) for table, s in SCHEMAS.items()}

_NUL_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_MAX_COUNT = 2**63 - 1


def complete(table: Table, given: Mapping[str, Any], source: str) -> Row:
    """Return the full, checked row of `table` for what a reader gives.

    Parameters
    ----------
    table
        Which table.
    given
        Fields by name; absent ones are null. Ids may be left out where they follow from the rest:
        a post's from `external_id`, a co-buy's from `a` and `b` (in either order: the supports
        are turned with them), an assertion's from its head, relation and text. `attributes` may
        be a mapping.
    source
        Taken where `given` names no source.

    Raises
    ------
    BadValue
        If a field is missing or cannot stand.
    """
    blank = _BLANK[table]
    row: Row = {**blank, **given}
    if len(row) != len(blank):
        unknown = ", ".join(sorted(row.keys() - blank.keys()))
        raise TypeError(f"table {table} has no column {unknown}")
    if row.get("source", "") is None:
        row["source"] = source
    _COMPLETERS[table](row)
    return row


def _post(row: Row) -> None:
    row["external_id"] = check_id(row["external_id"], "id")
    row["text"] = _words(row["text"], "text", required=True)
    row["language"] = _optional(row["language"], "language")
    _time(row)
    row["images"] = _images(row["images"])
    row["attributes"] = _attributes(row["attributes"])
    row["id"] = post_id(row["source"], row["external_id"])


def _product(row: Row) -> None:
    row["id"] = check_id(row["id"], "id")
    row["title"] = _words(row["title"], "title", required=False)
    row["description"] = _optional(row["description"], "description")
    row["brand"] = _optional(row["brand"], "brand")
    for name in ("features", "categories"):
        row[name] = _list(row[name], name)
    price = row["price"]
    if price is not None and not (math.isfinite(price) and price >= 0):
        raise BadValue(f"price {price} is not an amount", "give a price of 0 or more, or none")
    row["images"] = _images(row["images"])
    row["attributes"] = _attributes(row["attributes"])


def _cobuy(row: Row) -> None:
    a, b = check_id(row["a"], "a"), check_id(row["b"], "b")
    if a == b:
        raise BadValue(f"a co-buy of {shorten(a)} with itself", "name two different products")
    if a > b:
        a, b = b, a
        row["support_ab"], row["support_ba"] = row["support_ba"], row["support_ab"]
    row["a"], row["b"] = a, b
    if row["support"] is None:
        raise BadValue("a co-buy without support", "give how often the two were bought together")
    for name, least in (("support", 1), ("support_ab", 0), ("support_ba", 0)):
        count = row[name]
        if count is not None and not least <= count <= _MAX_COUNT:
            raise BadValue(
                f"{name} {count} is out of range", f"give a whole number from {least} up"
            )
    _range(row, "npmi", -1.0, 1.0)
    row["id"] = cobuy_id(a, b)


def _image(row: Row) -> None:
    for name in ("id", "media_type", "width", "height", "size"):
        if row[name] is None:
            raise BadValue(f"an image without {name}", f"give its {name}")


def _assertion(row: Row) -> None:
    head_type = row["head_type"]
    family = relations.Family.SOCIAL if head_type == "Post" else relations.Family.COBUY
    if head_type not in ("Post", "CoBuy", "Product"):
        raise BadValue(f"head type {shorten(head_type)} is unknown", "use Post, CoBuy or Product")
    relation = row["relation"]
    if not isinstance(relation, str) or not relation:
        raise BadValue("no relation", f"name one of {', '.join(relations.names(family))}")
    try:
        # However it is spelled, what is stored is the registry's name.
        relation = row["relation"] = relations.get(relation, family).name
    except UnknownRelationError as error:
        raise BadValue(error.message, error.fix or "see the registry of relations") from None
    row["head_id"] = check_id(row["head_id"], "head id")
    text = _words(row["text"], "the intention", required=True)
    row["text"] = text
    if not normalise_text(text or ""):
        raise BadValue("the intention is empty", "give it as a phrase")
    for name in ("model", "prompt_hash", "run", "request", "rationale"):
        row[name] = _optional(row[name], name)
    row["image_ids"] = _list(row["image_ids"], "image_ids")
    _range(row, "plausibility", 0.0, 1.0)
    _range(row, "typicality", 0.0, 1.0)
    if row["accepted"] not in (None, True, False):
        raise BadValue("accepted is neither true nor false", "write true, false or nothing")
    _time(row)
    row["intention_id"] = intention_id(text or "")
    row["assertion_id"] = assertion_id(head_type, row["head_id"], relation, row["intention_id"])
    row["id"] = evidence_id(
        row["assertion_id"],
        source=row["source"],
        model=row["model"],
        prompt_hash=row["prompt_hash"],
        request=row["request"],
    )


_COMPLETERS: dict[Table, Callable[[Row], None]] = {
    "posts": _post,
    "products": _product,
    "cobuys": _cobuy,
    "images": _image,
    "assertions": _assertion,
}


def _string(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise BadValue(f"{name} is {shorten(value)}, not text", f"give {name} as text")
    if "\0" in value:
        raise BadValue(f"{name} holds a NUL character", f"take U+0000 out of {name}")
    if not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise BadValue(
                f"{name} holds half of a surrogate pair", f"write {name} in well-formed Unicode"
            ) from None
    return value


def check_id(value: object, name: str) -> str:
    """Return an identifier in its one form, or raise a BadValue if it cannot be one."""
    if value is None or value == "":
        raise BadValue(f"{name} is missing", f"give every row its {name}")
    key = product_id(_string(value, name))
    if not key:
        raise BadValue(f"{name} is only white space", f"give every row its {name}")
    if len(key) > MAX_ID:
        raise BadValue(
            f"{name} is {len(key):,} characters long", f"use at most {MAX_ID:,}; is it the text?"
        )
    if not key.isprintable():
        raise BadValue(
            f"{name} {shorten(key)} holds a line break or control character",
            f"take it out of {name}",
        )
    return key


def _words(value: object, name: str, *, required: bool) -> str | None:
    if value is None or value == "":
        if required:
            raise BadValue(f"{name} is missing", f"give every row its {name}, or drop the row")
        return None
    text = _string(value, name).strip()
    check_words(text, name)
    return text


def _optional(value: object, name: str) -> str | None:
    return None if value is None else _string(value, name).strip() or None


def _list(value: object, name: str) -> list[str] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple):
        raise BadValue(f"{name} is not a list", f"give {name} as a list of strings")
    return [_string(member, name) for member in value] or None


def _images(value: Any) -> list[Row] | None:
    for image in value or ():
        for name in ("ref", "id", "error"):
            if image.get(name) is not None:
                _string(image[name], "images")
    return value or None


def _time(row: Row) -> None:
    value = row["created_at"]
    if value is not None and not isinstance(value, datetime):
        raise BadValue(f"created_at {shorten(value)} is not a time", "write it as ISO 8601")


def _range(row: Row, name: str, least: float, most: float) -> None:
    value = row[name]
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadValue(f"{name} {shorten(value)} is not a number", f"give {name} as a number")
    if not least <= value <= most:  # also refuses NaN
        raise BadValue(
            f"{name} {value:g} is outside [{least:g}, {most:g}]",
            f"scale {name} to [{least:g}, {most:g}], or leave it empty",
        )


def _attributes(value: object) -> str | None:
    """Write what else a source says as a JSON object with sorted keys; empty values are left out.

    A string is taken as that JSON already.
    """
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str):
            if not isinstance(orjson.loads(value), dict):
                raise BadValue("attributes are not a JSON object", "give attributes as an object")
            data = value.encode("utf-8")
        elif isinstance(value, Mapping):
            kept = {k: v for k, v in value.items() if v not in (None, "", [], {})}
            data = orjson.dumps(kept, option=_JSON, default=_as_json) if kept else b""
        else:
            raise BadValue("attributes are not a JSON object", "give attributes as an object")
    except (TypeError, ValueError) as error:  # orjson's errors are of both kinds
        raise BadValue(
            f"the other columns cannot be written as JSON: {error}", "check their values"
        ) from None
    if b"\\u0000" in data and _NUL_ESCAPE.search(data):
        raise BadValue("the other columns hold a NUL character", "take U+0000 out of them")
    return data.decode("utf-8") or None


def _as_json(value: object) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value):,} bytes"  # say that there were some, keep none
    return str(value)


_JSON = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC
