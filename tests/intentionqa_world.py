"""Questions in IntentionQA's form, made up."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

PAIRS = (
    ("Tent for two", "Camping stove", "camping"),
    ("USB cable", "Phone", "charging a phone"),
    ("Silver ring", "Silver necklace", "wear at a wedding"),
)


def row(place: int, **changes: Any) -> dict[str, Any]:
    """One row; the right option is its own sentence, at a letter that goes round."""
    first, second, use = PAIRS[place % len(PAIRS)]
    said = f"because they are both used for {use}."
    wrong = [f"because they are both used for {word}." for word in ("rain", "cooking", "reading")]
    gold = place % 4
    texts = [*wrong[:gold], said, *wrong[gold:]]
    return {
        "id": f"FS_{place}",
        "item_a_id": f"A{place}",
        "item_b_id": f"B{place}",
        "item_a_name": first,
        "item_b_name": second,
        "relation": "all",
        "assertion": f"PersonX bought a product of Item A and a product of Item B {said}",
        "distractors_id": ["B0BAD"],
        "typicality": 0.8,
        "gold_ind": "ABCD"[gold],
        "options": dict(zip("ABCD", texts, strict=True)),
        **changes,
    }


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows as JSON lines, gzipped if the name says so."""
    data = "".join(json.dumps(one) + "\n" for one in rows).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path
