"""What happens when two rows have the same key.

- The first value of a field stands; a field that is null is filled by a later row.
- A row with another value in a field that has one is refused whole, unless updates are asked
  for: then the later value wins.
- Fields that do not decide sameness never conflict, the first stands: a product's `source`, and
  of evidence the spelling of its text, its run and its time. An image's row is never refused.
- `images`: the list that resolves more images stands; among equals, the one that knows of more
  failures (a list of mere references has not been tried yet).
- `attributes`: the union of both objects, the first value of each key stands.
- Co-buys: the element-wise maximum, whichever comes first; never refused.

This module holds the rules for a single pair of rows; :mod:`kg.fold` applies them to tables and
takes shortcuts where rows agree.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from schema.records import SCHEMAS, Table

type Row = dict[str, Any]

FIRST_STANDS: dict[Table, frozenset[str]] = {
    "posts": frozenset({"external_id"}),  # the id fixes it up to its Unicode form
    "products": frozenset({"source"}),
    "cobuys": frozenset(),
    "images": frozenset({"media_type", "width", "height", "size"}),
    "assertions": frozenset({"text", "run", "created_at"}),
}

GREATEST: dict[Table, frozenset[str]] = {
    "cobuys": frozenset({"support", "support_ab", "support_ba", "npmi"}),
}

_NOUN: dict[Table, str] = {
    "posts": "post",
    "products": "product",
    "cobuys": "co-buy",
    "images": "image",
    "assertions": "evidence",
}
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field for which two rows have different values."""

    field: str
    first: Any
    later: Any


def merge(table: Table, current: Row, row: Row, *, update: bool) -> Row | list[Conflict]:
    """Fold a later row into the one that stands; conflicts refuse it whole.

    Parameters
    ----------
    table
        The table of both rows.
    current, row
        Rows with the same key, columns as in ``SCHEMAS[table]``. Neither is changed.
    update
        Whether a later value replaces an earlier one.
    """
    merged = dict(current)
    conflicts: list[Conflict] = []
    for name in SCHEMAS[table].names:
        first, later = current[name], row[name]
        if _empty(later) or _same(first, later):
            continue
        if _empty(first):
            merged[name] = later
        elif name in GREATEST.get(table, ()):
            merged[name] = max(first, later)
        elif name == "images":
            merged[name] = _images(first, later, update=update)
        elif name == "attributes":
            merged[name] = _attributes(first, later, update=update)
        elif update:
            merged[name] = later
        elif name not in FIRST_STANDS[table]:
            conflicts.append(Conflict(name, first, later))
    return conflicts or merged


def describe(table: Table, identifier: str, conflicts: list[Conflict]) -> str:
    """Say why a row was refused."""
    fields = "; ".join(
        f"{c.field} was {_shorten(c.first)}, here {_shorten(c.later)}" for c in conflicts
    )
    return f"{_NOUN[table]} {identifier} is known with other content: {fields}"


def _empty(value: Any) -> bool:
    return value is None or value == []


def _same(first: Any, later: Any) -> bool:
    return bool(first == later or (first != first and later != later))


def _images(first: list[Row], later: list[Row], *, update: bool) -> list[Row]:
    if update and [image["ref"] for image in first] != [image["ref"] for image in later]:
        return later

    def known(images: list[Row]) -> tuple[int, int]:
        return (
            sum(image["id"] is not None for image in images),
            sum(image["error"] is not None for image in images),
        )

    return later if known(later) > known(first) else first


def _attributes(first: str, later: str, *, update: bool) -> str:
    try:
        standing, offered = json.loads(first), json.loads(later)
    except (ValueError, RecursionError):  # nested deeper than Python can follow
        return later if update else first
    winner = offered if update else standing
    union = {key: winner.get(key, value) for key, value in {**offered, **standing}.items()}
    ordered = _dump({key: union[key] for key in {**standing, **offered}})
    return first if ordered == _dump(standing) else ordered


def _dump(value: Row) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
