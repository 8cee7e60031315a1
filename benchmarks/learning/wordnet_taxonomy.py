"""Derive the compact is-a table that ships with IntentKG from Open English WordNet.

    python -m benchmarks.learning.wordnet_taxonomy ../shared/data/oewn

writes ``queries/hypernyms/data/wordnet.parquet`` (`instance`, `concept`, `count`), in the form of
Probase (Wu et al. 2012): how often is the instance said to be of the concept? WordNet does not
count that, so it is put together from what it has:

- a word means each of its noun senses as often as WordNet's sense-tagged text says, half a time
  more for each sense, so that none is impossible;
- of each sense every hypernym is a concept, half as much with each step further away: the nearest
  say most, and several senses or several words still meet in broader ones; together the
  hypernyms of a sense weigh as much as the sense;
- a hypernym that spans more than four of a hundred nouns (*entity*, *artifact*, *activity*) says
  too little to be one; *person* spans more, and stays. A sense that has none other keeps the
  nearest.

A concept is named by the first member of its synset. Counts are scaled to 1,000 a word, and a word
keeps its six most typical concepts.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter, defaultdict
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.parquet as pq

from schema.errors import UnsuitableFileError

OUT = Path(__file__).parents[2] / "queries" / "hypernyms" / "data" / "wordnet.parquet"
CREDIT = (
    "Derived from Open English WordNet (CC BY 4.0, https://en-word.net) and Princeton WordNet "
    "(WordNet licence)"
)
DECAY = 0.5  # what a hypernym keeps of the weight of the one below it
SMOOTHING = 0.5  # times that each sense is taken to have been seen beyond what was
WIDEST = 0.04  # share of all nouns that a concept may span
KEPT = frozenset({"person"})
MOST = 6  # concepts of a word
SCALE = 1_000


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=OUT)
def main(data: Path, out: Path) -> None:
    """Write the table; DATA holds synsets.tsv.gz and senses.tsv.gz."""
    rows = derive(data)
    table = pa.table(
        {
            "instance": [instance for instance, _, _ in rows],
            "concept": pa.array([concept for _, concept, _ in rows]).dictionary_encode(),
            "count": pa.array([count for _, _, count in rows], pa.int32()),
        }
    ).replace_schema_metadata({"credit": CREDIT})
    out.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, out, compression="zstd", compression_level=19)
    concepts = len({concept for _, concept, _ in rows})
    instances = len({instance for instance, _, _ in rows})
    print(
        f"{out}: {len(rows):,} rows, {instances:,} instances, {concepts:,} concepts, "
        f"{out.stat().st_size / 1e6:.1f} MB"
    )


def derive(data: Path) -> list[tuple[str, str, int]]:
    """Rows of the table (instance, concept, count), sorted."""
    parents: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for row in _read(data / "synsets.tsv.gz"):
        if row["pos"] == "n":
            above = [row["hypernyms"], row["instance_hypernyms"]]
            parents[row["synset"]] = [key for keys in above for key in keys.split("|") if key]
            names[row["synset"]] = row["members"].split("|")[0]
    senses: dict[str, dict[str, float]] = defaultdict(dict)
    for row in _read(data / "senses.tsv.gz"):
        if row["pos"] == "n" and row["synset"] in parents:
            counts = senses[_plain(row["lemma"])]
            counts[row["synset"]] = (
                counts.get(row["synset"], 0.0) + SMOOTHING + int(row["tag_count"])
            )

    spans: Counter[str] = Counter()
    for synsets in senses.values():
        spans.update({key for synset in synsets for key in _above(synset, parents)})
    too_wide = {
        key
        for key, count in spans.items()
        if count > WIDEST * len(senses) and names[key] not in KEPT
    }
    rows = []
    for word, synsets in senses.items():
        weights: defaultdict[str, float] = defaultdict(float)
        for synset, count in synsets.items():
            found = {
                key: weight
                for key, weight in _climb(synset, parents).items()
                if key not in too_wide and _plain(names[key]) != word
            } or dict.fromkeys(parents[synset], 1.0)
            for key, weight in found.items():
                weights[_plain(names[key])] += count * weight / sum(found.values())
        best = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST]
        total = sum(weight for _, weight in best)
        rows += [
            (word, concept, count)
            for concept, weight in best
            if (count := round(SCALE * weight / total))
        ]
    return sorted(rows, key=lambda row: (row[0], -row[2], row[1]))


def _above(synset: str, parents: dict[str, list[str]]) -> set[str]:
    """All hypernyms of a synset."""
    found: set[str] = set()
    waiting = list(parents[synset])
    while waiting:
        if (key := waiting.pop()) not in found:
            found.add(key)
            waiting += parents[key]
    return found


def _climb(synset: str, parents: dict[str, list[str]]) -> dict[str, float]:
    """Weight of each hypernym of a synset."""
    found: defaultdict[str, float] = defaultdict(float)
    level = {synset: 1.0}
    while level:
        above: defaultdict[str, float] = defaultdict(float)
        for key, weight in level.items():
            for parent in parents[key]:
                above[parent] += weight / len(parents[key])
        for key, weight in above.items():
            found[key] += weight
        level = {key: weight * DECAY for key, weight in above.items()}
    return found


def _plain(name: str) -> str:
    return name.replace("_", " ").casefold()


def _read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        raise UnsuitableFileError(
            "is missing", file=str(path), fix="name the folder of Open English WordNet"
        )
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


if __name__ == "__main__":
    main()
