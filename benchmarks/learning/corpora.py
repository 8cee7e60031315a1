"""The published data that the shipped weights learn from, and what is held back from them.

=============  =========  ============  ==================================================
source         licence    learnt from   held back
=============  =========  ============  ==================================================
event2mind     MIT        train         dev and test, as published
atomic2020     CC BY      seven tenths  a tenth (dev) and two tenths (test), split by head
ckbp           MIT        both splits   nothing of its own; its labels are the critic's
intentionqa    MIT        four fifths   a fifth of the product pairs (`splits/`)
bundlerec      none       never         all of it: for evaluation only
=============  =========  ============  ==================================================

An event that is held back in one source is learnt from in none: `learnable` sees to it.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from itertools import combinations
from pathlib import Path
from typing import Literal

from ingest.intentions.folkscope import RESIDUAL
from ingest.intentions.sentences import read_sentence
from schema.errors import InputError, UnsuitableFileError
from schema.identity import normalise_text
from schema.relations import Family, Relation, get, names

Split = Literal["train", "dev", "test"]

HELD_OUT = Path(__file__).parent / "splits" / "intentionqa_held_out.txt"
_SOCIAL = frozenset(names(Family.SOCIAL)) - {"Open"}
_COLUMNS = {"Xintent": "xIntent", "Xemotion": "xReact", "Otheremotion": "oReact"}
_NONE = frozenset({"none", "none."})


@dataclass(frozen=True, slots=True)
class Example:
    """What one person (or, in IntentionQA, a model that people judged) wrote of a head.

    Attributes
    ----------
    head
        One text: an event; two: the titles of a pair of products.
    tail
        None: they wrote that there is none.
    plausible
        CKBP's label; None elsewhere.
    typicality
        IntentionQA's, in [0, 1]; None elsewhere.
    key
        What a split goes by: the event, or the pair's ids ``A,B``.
    """

    source: str
    split: Split
    head: tuple[str, ...]
    relation: Relation
    tail: str | None
    key: str
    plausible: bool | None = None
    typicality: float | None = None


def event2mind(folder: Path) -> Iterator[Example]:
    """Read Event2Mind (Rashkin et al., ACL 2018), every annotation of every event."""
    splits: tuple[Split, ...] = ("train", "dev", "test")
    for split in splits:
        for row in _table(folder / "event2mind" / f"{split}.csv.gz", ","):
            for column, name in _COLUMNS.items():
                for text in json.loads(row[column] or "[]"):
                    yield Example(
                        "event2mind",
                        split,
                        (row["Event"],),
                        get(name, Family.SOCIAL),
                        _tail(text),
                        _plain(row["Event"]),
                    )


def atomic(folder: Path) -> Iterator[Example]:
    """Read ATOMIC 2020's evaluation sample (Hwang et al., AAAI 2021), split by head."""
    for row in _table(folder / "atomic2020" / "atomic2020_eval5000.tsv.gz", "\t"):
        if row["relation"] in _SOCIAL:
            key = _plain(row["head"])
            yield Example(
                "atomic2020",
                _by_hash(key),
                (row["head"],),
                get(row["relation"], Family.SOCIAL),
                _tail(row["tail"]),
                key,
            )


def ckbp(folder: Path) -> Iterator[Example]:
    """Read CKBP's human labels (Fang et al., EMNLP 2021); `split` is dev or test, as published."""
    for row in _table(folder / "ckbp" / "evaluation_set.csv.gz", ","):
        if row["relation"] in _SOCIAL:
            yield Example(
                "ckbp",
                "test" if row["split"] == "tst" else "dev",
                (row["head"],),
                get(row["relation"], Family.SOCIAL),
                row["tail"],
                _plain(row["head"]),
                plausible=row["label"] == "1",
            )


def ckbp_elsewhere(folder: Path) -> Iterator[tuple[Split, str, str, str, bool]]:
    """Give CKBP's labels in relations that the registry does not hold, such as HinderedBy.

    Yields
    ------
    tuple
        Split, head, relation, tail, and whether it is plausible.
    """
    for row in _table(folder / "ckbp" / "evaluation_set.csv.gz", ","):
        if row["relation"] not in _SOCIAL:
            split: Split = "test" if row["split"] == "tst" else "dev"
            yield split, row["head"], row["relation"], row["tail"], row["label"] == "1"


def intentionqa(folder: Path) -> Iterator[Example]:
    """Read IntentionQA (Ding et al. 2024); ``test`` are the pairs that are held out."""
    for _, example in intentionqa_rows(folder):
        yield example


def intentionqa_rows(folder: Path) -> Iterator[tuple[str, Example]]:
    """Read the same with each row's id, by which its questions name it."""
    held = held_out()
    for row in _table(folder / "intentionqa" / "cobuy_intentions.tsv.gz", "\t"):
        reading = read_sentence(
            row["assertion"], row["relation"] or None, "folkscope", residual=RESIDUAL
        )
        key = pair_key(row["item_a_id"], row["item_b_id"])
        example = Example(
            "intentionqa",
            "test" if key in held else "train",
            (row["item_a_name"], row["item_b_name"]),
            reading.relation,
            reading.tail,
            key,
            typicality=float(row["typicality"]),
        )
        yield row["id"], example


def bundles(folder: Path) -> Iterator[Example]:
    """Read BundleRec (Sun et al., SIGIR 2022): each pair of a bundle with the bundle's intent.

    For evaluation only: it states no licence.
    """
    for domain in ("electronic", "clothing"):
        place = folder / "bundle_intent" / domain
        titles = {
            row["item ID"]: row["titles"] for row in _table(place / "item_titles.csv.gz", ",")
        }
        items: dict[str, list[str]] = {}
        for row in _table(place / "bundle_item.csv.gz", ","):
            items.setdefault(row["bundle ID"], []).append(row["item ID"])
        for row in _table(place / "bundle_intent.csv.gz", ","):
            for pair in combinations(sorted(items.get(row["bundle ID"], [])), 2):
                if all(titles.get(item) for item in pair) and row["intent"].strip():
                    yield Example(
                        "bundlerec",
                        "test",
                        (titles[pair[0]], titles[pair[1]]),
                        get("Open", Family.COBUY),
                        " ".join(row["intent"].split()),
                        f"{domain}:{pair[0]},{pair[1]}",
                    )


def learnable(folder: Path) -> list[Example]:
    """Give all that weights may learn from: no head that is held back, no implausible tuple."""
    events = [*event2mind(folder), *atomic(folder)]
    held = {example.key for example in events if example.split != "train"}
    found = [example for example in events if example.key not in held]
    found += [e for e in ckbp(folder) if e.plausible and e.key not in held]
    return found + [e for e in intentionqa(folder) if e.split == "train"]


def pair_key(a: str, b: str) -> str:
    """Name a pair, whichever way round."""
    return ",".join(sorted((a, b)))


@cache
def held_out() -> frozenset[str]:
    """Give the pairs of IntentionQA that nothing learns from."""
    lines = HELD_OUT.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def choose_held_out(folder: Path) -> list[str]:
    """Choose a fifth of the pairs so that no product stands on both sides where that can be had.

    Pairs that share a product hang together; whole groups are held out, by their hash, until a
    fifth is reached.
    """
    import networkx

    graph = networkx.Graph()
    for row in _table(folder / "intentionqa" / "cobuy_intentions.tsv.gz", "\t"):
        graph.add_edge(row["item_a_id"], row["item_b_id"])
    groups = sorted(
        networkx.connected_components(graph), key=lambda group: share("group " + min(group))
    )
    chosen: list[str] = []
    for group in groups:
        pairs = [pair_key(a, b) for a, b in graph.subgraph(group).edges]
        if len(chosen) + len(pairs) <= graph.number_of_edges() / 5:
            chosen += pairs
    return sorted(chosen)


def by_head(
    examples: Iterable[Example],
) -> dict[tuple[tuple[str, ...], str], list[str]]:
    """Gather what was written of each head in each relation, without those who wrote none."""
    found: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for example in examples:
        if example.tail is not None:
            found.setdefault((example.head, example.relation.name), []).append(example.tail)
    return found


EVALUATED: dict[str, Callable[[Path], Iterator[Example]]] = {
    "event2mind": event2mind,
    "atomic2020": atomic,
    "intentionqa": intentionqa,
    "bundlerec": bundles,
}
"""Where a writer of intentions is measured, each on its test split."""


def _table(path: Path, delimiter: str) -> Iterator[dict[str, str]]:
    if not path.is_file():
        raise InputError(
            "the corpus is not there",
            file=str(path),
            fix="name the folder that holds event2mind, atomic2020, ckbp and intentionqa",
        )
    quoting: Literal[0, 3] = csv.QUOTE_NONE if "atomic2020" in path.name else csv.QUOTE_MINIMAL
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.DictReader(lines, delimiter=delimiter, quoting=quoting)):
            if None in row.values() or None in row:
                raise UnsuitableFileError(
                    "the row has another number of cells than the header",
                    file=str(path),
                    row=number + 2,
                    fix="take the file as it was published",
                )
            yield row


def _tail(text: str) -> str | None:
    text = " ".join(text.split())
    return None if not text or text.casefold() in _NONE else text


def _plain(event: str) -> str:
    return normalise_text(event).rstrip(" .")


def _by_hash(key: str) -> Split:
    part = share(key)
    return "test" if part < 0.2 else "dev" if part < 0.3 else "train"


def share(key: str) -> float:
    """Give a number in [0, 1) that a text always has: what splits go by."""
    return int.from_bytes(blake2b(key.encode(), digest_size=4).digest()) / 2**32
