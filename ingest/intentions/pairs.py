"""Rows for an intention about two products: both products, their co-buy, the assertion."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from ingest.batching import Collector
from ingest.cleaning import BadValue, identifier, text
from ingest.markup import plain
from schema.identity import cobuy_id
from schema.records import Table

_REMEMBERED = 1 << 17


def product(external_id: object, title: object, column: str, **details: Any) -> dict[str, Any]:
    """Return the row of a product at one end of a pair.

    Parameters
    ----------
    external_id, title
        Cells. Mark-up and entities (``&amp;``) are taken out of the title.
    column
        What the file calls the id, for the message where it is missing.
    **details
        Further fields of the row.
    """
    key = identifier(external_id, column)
    if key is None:
        raise BadValue(f"{column} is missing", f"give both products of the pair, {column} too")
    name = text(title, "title")
    return {"id": key, "title": plain(name) or name if name else None, **details}


class PairWriter:
    """Adds the rows of intentions about co-buys.

    A co-buy's support is 1, and it has no direction: a file of intentions says that two products
    were bought together, not how often, nor which came first.

    Products that were just added are not added again. Of those, 131,072 hashes are remembered at
    most, so memory is bounded.
    """

    def __init__(self, out: Collector) -> None:
        self._out = out
        self._seen: set[bytes] = set()

    def add(
        self, line: int, excerpt: str, a: dict[str, Any], b: dict[str, Any], **assertion: Any
    ) -> bool:
        """Add one row's products, co-buy and assertion, all or none.

        Parameters
        ----------
        line, excerpt
            Where in the file, for a refusal.
        a, b
            As :func:`product` makes them.
        **assertion
            Fields of the assertion but its head.

        Returns
        -------
        Whether they were accepted.
        """
        marks = [(_mark(row), row) for row in (a, b)]
        rows: list[tuple[Table, dict[str, Any]]] = [
            ("products", row) for mark, row in marks if mark not in self._seen
        ]
        rows.append(("cobuys", {"a": a["id"], "b": b["id"], "support": 1}))
        head = {"head_type": "CoBuy", "head_id": cobuy_id(a["id"], b["id"])}
        rows.append(("assertions", {**head, **assertion}))
        if not self._out.add_all(rows, line=line, excerpt=excerpt):
            return False
        if len(self._seen) > _REMEMBERED:
            self._seen.clear()
        self._seen.update(mark for mark, _ in marks)
        return True


def row_key(*parts: str) -> str:
    """Key of a row that has no id of its own: a hash of what it says, 16 hexadecimal digits.

    The same row in another file, or at another place, has the same key.
    """
    hasher = blake2b(digest_size=8, person=b"row")
    for part in parts:
        hasher.update(part.encode("utf-8", "replace") + b"\0")
    return hasher.hexdigest()


def _mark(row: dict[str, Any]) -> bytes:
    return blake2b(repr(row).encode("utf-8", "replace"), digest_size=16).digest()
