"""What IntentionQA offers beside the right answer: intentions of other pairs, and other products.

They are the critic's examples of what is not plausible. A distractor is left out of what is learnt
from if it belongs to a pair that is held out.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.learning.corpora import Example, held_out, intentionqa_rows

_UNDERSTANDING = ("QA_fullInfo_task1", "QA_fullInfo_task1_byRelation")
_UTILIZATION = "QA_fullInfo_task2"


def distractors(folder: Path) -> Iterator[Example]:
    """Yield what does not go together: a pair with another's intention, or with another product.

    ``test`` are the questions about pairs that are held out, all their options; ``train`` those of
    the others, less what stems from a pair that is held out.
    """
    rows = dict(intentionqa_rows(folder))
    kept = {product for key in held_out() for product in key.split(",")}
    for name in _UNDERSTANDING:
        for question in _questions(folder, name):
            asked = rows[question["id"]]
            for other in (rows[one] for one in question["distractors_id"] if one in rows):
                if asked.split == "test" or other.split == "train":
                    yield replace(
                        asked,
                        relation=other.relation,
                        tail=other.tail,
                        plausible=False,
                        typicality=None,
                    )
    for question in _questions(folder, _UTILIZATION):
        asked = rows[question["id"]]
        pairs = zip(question["distractors_id"], question["distractors_product"], strict=True)
        for product, title in pairs:
            is_free = asked.split == "test" or product not in kept
            if is_free and any(map(str.isalpha, title)):  # "-1" stands for none
                yield replace(asked, head=(asked.head[0], title), plausible=False, typicality=None)


def _questions(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(folder / "intentionqa" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)
