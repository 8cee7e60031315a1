"""Which pairs of intentions are taken for the same, on labelled pairs.

    python -m benchmarks.intrinsic.duplicates [--threshold 0.86] [--wrong]

The pairs (``benchmarks/learning/same_meaning.tsv``) were written for this: sentences in the style
of intentions of posts and co-buys, alike and nearly alike, by kind. ``dev`` is what the threshold
and the guards were chosen on. ``test`` was written together with it by the same hand, which had
the guards' words in mind, so it flatters them; ``late`` was written after both were fixed.

Prints precision, recall and F0.5 (precision counts double: what is wrongly merged misleads, what
is not merged is merely there twice) with and without the guards, by kind, and the curve.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from kg.embed import load_embedder
from queries.duplicates import THRESHOLD, guards, shingles
from schema.identity import normalise_text

PAIRS = Path(__file__).resolve().parent.parent / "learning" / "same_meaning.tsv"
SPLITS = ("dev", "test", "late")
CURVE = (0.70, 0.74, 0.76, 0.78, 0.80, 0.82, 0.84, 0.86, 0.88, 0.90, 0.95)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts, what people would say, and what was measured.

    Attributes
    ----------
    split, kind, same, a, b
        As in the file.
    cosine
        Of their vectors.
    reason
        The guard that tells them apart; None if none does.
    spelling
        Whether MinHash has them as candidates.
    """

    split: str
    kind: str
    same: bool
    a: str
    b: str
    cosine: float
    reason: str | None
    spelling: bool


def measured() -> list[Pair]:
    """Read the pairs and compare each."""
    with PAIRS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    texts = [[normalise_text(row[side]) for row in rows] for side in ("a", "b")]
    embedder = load_embedder()
    cosines = (embedder.encode(texts[0]) * embedder.encode(texts[1])).sum(1).tolist()
    found = []
    for row, a, b, cosine in zip(rows, *texts, cosines, strict=True):
        reason = guards.difference(guards.Reading.of(a), guards.Reading.of(b))
        alike = any(len(pairs) for pairs in shingles.candidates(shingles.signatures([a, b])))
        labels = (row["split"], row["kind"], row["same"] == "1")
        found.append(Pair(*labels, a, b, cosine, reason, alike))
    return found


def scores(pairs: Sequence[Pair], threshold: float, *, guarded: bool = True) -> dict[str, Any]:
    """Precision, recall and F0.5 at a threshold; None where there is nothing to divide by."""
    taken = [p for p in pairs if p.cosine >= threshold and not (guarded and p.reason)]
    right = sum(p.same for p in taken)
    same = sum(p.same for p in pairs)
    precision = right / len(taken) if taken else None
    recall = right / same if same else None
    both = precision and recall and 1.25 * precision * recall / (0.25 * precision + recall)
    return {
        "pairs": len(pairs),
        "same": same,
        "taken": len(taken),
        "precision": precision,
        "recall": recall,
        "f05": both,
    }


def by_kind(pairs: Sequence[Pair], threshold: float) -> list[dict[str, Any]]:
    """For each kind how many of its pairs are taken for the same, and how many have one say so."""
    kinds = dict.fromkeys((p.same, p.kind) for p in pairs)
    return [
        {
            "same": same,
            "kind": kind,
            "pairs": len(some),
            "taken": scores(some, threshold)["taken"],
            "without_guards": scores(some, threshold, guarded=False)["taken"],
            "candidates_by_spelling": sum(p.spelling for p in some),
        }
        for same, kind in kinds
        if (some := [p for p in pairs if (p.same, p.kind) == (same, kind)])
    ]


@click.command()
@click.option("--threshold", type=float, default=THRESHOLD, show_default=True)
@click.option("--wrong", is_flag=True, help="Print the pairs that are judged wrongly.")
@click.option("--output", type=click.Path(path_type=Path), help="Also write the figures as JSON.")
def main(threshold: float, wrong: bool, output: Path | None) -> None:
    """Measure precision and recall of near-duplicates."""
    pairs = measured()
    splits = {name: [p for p in pairs if p.split == name] for name in SPLITS}
    click.echo("| split | pairs | same | precision | recall | F0.5 | without guards: P | R |")
    click.echo("|---|--:|--:|--:|--:|--:|--:|--:|")
    for name, some in splits.items():
        with_, without = scores(some, threshold), scores(some, threshold, guarded=False)
        figures = [with_[key] for key in ("precision", "recall", "f05")]
        figures += [without["precision"], without["recall"]]
        told = " | ".join("" if f is None else f"{f:.3f}" for f in figures)
        click.echo(f"| {name} | {with_['pairs']} | {with_['same']} | {told} |")
    click.echo("\n| same | kind | pairs | taken | without guards | candidates by spelling |")
    click.echo("|---|---|--:|--:|--:|--:|")
    for row in by_kind(pairs, threshold):
        click.echo("| " + " | ".join(map(str, row.values())) + " |")
    click.echo("\n| threshold | dev: P | R | F0.5 | test: P | R | F0.5 | late: P | R | F0.5 |")
    click.echo("|--:|" + "--:|" * 9)
    for each in CURVE:
        found = [scores(some, each) for some in splits.values()]
        cells = [row[key] for row in found for key in ("precision", "recall", "f05")]
        shown = " | ".join("" if c is None else f"{c:.3f}" for c in cells)
        click.echo(f"| {each:.2f} | {shown} |")
    for pair in pairs if wrong else ():
        if (pair.cosine >= threshold and not pair.reason) != pair.same:
            why = pair.reason or f"{pair.cosine:.3f}"
            click.echo(f"{pair.split}\t{pair.kind}\t{pair.same}\t{why}\t{pair.a} | {pair.b}")
    if output:
        figures_of = {name: scores(some, threshold) for name, some in splits.items()}
        kinds = by_kind(pairs, threshold)
        text = json.dumps({"threshold": threshold, "splits": figures_of, "kinds": kinds}, indent=1)
        output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
