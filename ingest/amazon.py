"""What the readers of Amazon's published metadata share."""

from __future__ import annotations

import re
from typing import Any

from ingest import cleaning
from ingest.batching import Collector
from ingest.cleaning import BadValue
from ingest.markup import plain
from ingest.pairs import Pairs
from ingest.validation import check_id

# What crept from the page into some titles of the 2018 edition, and what its authors filter by.
_PAGE_CODE = re.compile(r"getTime|var\s+\w+\s*=|function\s*\(|{\s*[\w-]+\s*:[^}]*;")

UNTITLED = "products without a title"
CODE_TITLES = "titles that are a page's program code, left out"
NO_IDS = "links that are no product ids, left out"


def title(value: object, out: Collector) -> str | None:
    """Read a title without its mark-up; None, and counted, if there is none."""
    found = cleaning.text(value, "title")
    if found is None:
        out.note(UNTITLED)
        return None
    if _PAGE_CODE.search(found):
        out.note(CODE_TITLES)
        return None
    return plain(found) or " "  # white space alone is refused


def text(value: object, name: str) -> str | None:
    """Read a text or a list of paragraphs, without mark-up; paragraphs are joined by line ends."""
    members = value if isinstance(value, list) else [value]
    return "\n".join(texts(members, name) or ()) or None


def texts(value: object, name: str) -> list[str] | None:
    """Read a list of texts without mark-up; repeated ones count once."""
    found = cleaning.strings(value, name) if isinstance(value, list | str) else None
    return list(dict.fromkeys(filter(None, map(plain, found or ())))) or None


def brand(value: object) -> str | None:
    """Read a brand or store; what is far too long for one is a piece of the page."""
    found = plain(value) if isinstance(value, str) else ""
    return found if 0 < len(found) <= 200 else None


def addresses(*candidates: object) -> list[dict[str, str | None]] | None:
    """Read image addresses from the first of several fields that holds some."""
    for candidate in candidates:
        members = candidate if isinstance(candidate, list) else [candidate]
        found = [m.strip() for m in members if isinstance(m, str) and m.strip()]
        if found:
            return cleaning.image_refs(found)
    return None


class Links:
    """Gathers a file's products and the links between them.

    Parameters
    ----------
    pairs
        Where they are kept until the end of the file.
    out
        Where what is no link is counted.
    shape
        What a product id must look like; None: any identifier.
    """

    def __init__(self, pairs: Pairs, out: Collector, shape: re.Pattern[str] | None = None) -> None:
        self._pairs = pairs
        self._out = out
        self._shape = shape
        out.note(NO_IDS, 0)

    def add(self, product: str, others: object, line: int) -> None:
        """Add a product that was accepted, and the products that it links to."""
        product = check_id(product, "id")
        self._pairs.describe(product)
        members = others if isinstance(others, list) else []
        seen: dict[str, None] = {}
        for other in cleaning.flatten(members):
            key = _key(other)
            if not key or (self._shape and not self._shape.fullmatch(key)):
                self._out.note(NO_IDS)
                continue
            seen[key] = None
        for key in seen:
            self._pairs.link(product, key, line)


def _key(other: object) -> str:
    """Return a linked product's id in its one form, or nothing if it is none."""
    if isinstance(other, str) and len(other) < 64 and other.isascii() and other.isalnum():
        return other  # nearly all are ASINs, and there are many
    try:
        return check_id(cleaning.identifier(other), "id")
    except BadValue:
        return ""


def rest(value: dict[str, Any], used: frozenset[str]) -> dict[str, Any]:
    """Return what no field took."""
    return {key: member for key, member in value.items() if key not in used}
