"""How well the rules that read rationales agree with a person.

Run ``python -m benchmarks.intrinsic.rationales [FILE]``.

``rationales.tsv`` holds sixty rationales, written and labelled by hand for this project in the
manner of customers' replies: thirty that the rules were made with, and thirty that they were not
fitted to. One hand wrote them and the rules, so real rationales will agree less; label some of
your own in the same layout and name the file.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

from queries.statistics.rejections import classify

FILE = Path(__file__).with_name("rationales.tsv")


def measure(file: Path = FILE) -> dict[str, dict[str, Any]]:
    """Agreement of the rules with the labels, by part of the set.

    Returns
    -------
    dict
        By part: ``n``, ``accuracy``, ``kappa`` (Cohen's), ``unclassified`` (share that no rule
        matches though it has a class), ``mistakes`` (label, rule's class, rationale).
    """
    from sklearn.metrics import accuracy_score, cohen_kappa_score

    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    found = [kind or "none" for kind in classify([row["rationale"] for row in rows])]
    result = {}
    for part in sorted({row["part"] for row in rows}):
        pairs = [
            (row["class"], kind, row["rationale"])
            for row, kind in zip(rows, found, strict=True)
            if row["part"] == part
        ]
        labels, guesses = [p[0] for p in pairs], [p[1] for p in pairs]
        classed = [guess for label, guess, _ in pairs if label != "none"]
        result[part] = {
            "n": len(pairs),
            "accuracy": round(float(accuracy_score(labels, guesses)), 3),
            "kappa": round(float(cohen_kappa_score(labels, guesses)), 3),
            "unclassified": round(classed.count("none") / len(classed), 3),
            "mistakes": [list(p) for p in pairs if p[0] != p[1]],
        }
    return result


if __name__ == "__main__":
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    print(json.dumps(measure(given), indent=2, ensure_ascii=False))
