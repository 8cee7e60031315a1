"""Knowledge bases of any size from real text: published sentences, titles and posts recombined.

An intention is two real tails joined ("extending the length of USB cables, so as to be warm in
winter"), a title two halves of real titles, a post a real post. The words, their lengths and
their frequencies are those of the sources; the combinations are new, and distinct as long as the
sources allow (some ten million). The same size and seed give the same rows everywhere.

Three quarters of the assertions are about co-buys (ten each), one quarter about posts (ten each);
of a hundred edges about fifteen have evidence from a second model.
"""

from __future__ import annotations

import csv
import gzip
import os
import random
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from kg.directory import Directory
from kg.truth import Transaction
from schema import identity, relations
from schema.errors import InputError
from schema.records import SCHEMAS, Rows, Table

_ROWS = 8192
_PER_HEAD = 10
_JOINTS = (", so as ", " and then ", " or ", ", which helps ", " while ", ", because of ")
_MODELS = ("llava-1.5-13b", "opt-30b", "mistral-7b-instruct")


@dataclass(frozen=True, slots=True)
class Sources:
    """The real text that everything is made of."""

    cobuy_tails: list[str]
    social_tails: list[str]
    titles: list[str]
    posts: list[str]


def shared_data() -> Path:
    """Find the folder with the published data sets.

    Raises
    ------
    InputError
        If it is not there.
    """
    default = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("INTENTKG_SHARED_DATA", default))
    if not folder.is_dir():
        raise InputError(
            f"there are no published data sets in {folder}",
            fix="set INTENTKG_SHARED_DATA to the folder that holds them",
        )
    return folder


def load_sources(folder: Path | None = None) -> Sources:
    """Read the sentences, titles and posts, each distinct one once, in a fixed order."""
    folder = folder or shared_data()
    cobuys = _rows(folder / "intentionqa/cobuy_intentions.tsv.gz", "\t")
    lead = re.compile(r"^PersonX bought .*? Item B (?:because|and|as a result),? ?")
    tails = [relations.match_phrase(lead.sub("", row["assertion"]))[1] for row in cobuys]
    titles = [row[side] for row in cobuys for side in ("item_a_name", "item_b_name")]
    for domain in ("clothing", "electronic"):
        bundles = folder / "bundle_intent" / domain
        tails += [row["intent"] for row in _rows(bundles / "bundle_intent.csv.gz", ",")]
        titles += [row["titles"] for row in _rows(bundles / "item_titles.csv.gz", ",")]
    atomic = _rows(folder / "atomic2020/atomic2020_eval5000.tsv.gz", "\t")
    social = [row["tail"] for row in atomic if row["relation"][0] in "xo" and row["tail"] != "none"]
    posts = [
        row["text_original"] for row in _rows(folder / "twitter_sarcasm/mmsd_24635.tsv.gz", "\t")
    ]
    return Sources(*(_distinct(texts) for texts in (tails, social, titles, posts)))


def intentions(count: int, *, seed: int = 0, sources: Sources | None = None) -> list[str]:
    """Give `count` distinct texts of intentions (distinct also after normalisation)."""
    sources = sources or load_sources()
    maker = _Tails(sources.cobuy_tails + sources.social_tails, random.Random(seed))
    return [maker.new() for _ in range(count)]


def rows(
    assertions: int, *, seed: int = 0, first: int = 0, sources: Sources | None = None
) -> Iterator[Rows]:
    """Yield the tables of a knowledge base with that many assertions.

    `first` is where the numbers of posts and products begin: two sets of rows with other seeds
    and without common numbers can go into one knowledge base.
    """
    sources = sources or load_sources()
    chance = random.Random(seed)
    for table, found in _tables(assertions, first, chance, sources):
        for start in range(0, len(found), _ROWS):
            piece = found[start : start + _ROWS]
            batch = pa.RecordBatch.from_pylist(piece, schema=SCHEMAS[table])
            lines = pa.array(range(start + 1, start + len(piece) + 1), pa.int64())
            yield Rows(table, batch, lines, "recombined")


def knowledge_base(path: Path, assertions: int, *, seed: int = 0) -> Directory:
    """Make the truth of such a knowledge base at `path`, or take the one that is there.

    Neither graph nor vectors are built.
    """
    directory = Directory(path)
    if (path / "kb.json").exists():
        if directory.manifest().parts("assertions"):
            return directory
        shutil.rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    directory = Directory.create(path)
    with Transaction(directory, "benchmark") as transaction:
        for item in rows(assertions, seed=seed):
            transaction.add(item)
        transaction.commit()
    return directory


class _Tails:
    """Makes tails, each a new one."""

    def __init__(self, texts: Sequence[str], chance: random.Random) -> None:
        self._texts = texts
        self._chance = chance
        self._seen: set[str] = set()

    def new(self) -> str:
        while True:
            first, second = self._chance.choice(self._texts), self._chance.choice(self._texts)
            text = first.rstrip(". ") + self._chance.choice(_JOINTS) + second
            key = identity.intention_id(text)
            if key not in self._seen:
                self._seen.add(key)
                return text


def _tables(
    count: int, first: int, chance: random.Random, sources: Sources
) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    social = count // 4
    total = social // _PER_HEAD + 1
    posts = [_post(first + number, text) for number, text in _cycle(sources.posts, total)]
    yield "posts", posts
    pairs = (count - social) // _PER_HEAD + 1
    numbers = range(first, first + max(8, pairs // 2))  # enough for that many pairs
    products = [_product(number, chance, sources) for number in numbers]
    yield "products", products
    cobuys = _cobuys(pairs, products, chance)
    yield "cobuys", cobuys
    makers = {
        "Post": _Heads([p["id"] for p in posts], sources.social_tails, relations.SOCIAL, chance),
        "CoBuy": _Heads([c["id"] for c in cobuys], sources.cobuy_tails, relations.COBUY, chance),
    }
    for head_type, total in (("Post", social), ("CoBuy", count - social)):
        for start in range(0, total, 100_000):
            numbers = range(start, min(total, start + 100_000))
            found: list[dict[str, Any]] = []
            for number in numbers:
                found += makers[head_type].evidence(head_type, number)
            yield "assertions", found


class _Heads:
    """Makes the evidence of assertions about one type of head."""

    def __init__(
        self,
        ids: list[str],
        tails: list[str],
        vocabulary: Sequence[relations.Relation],
        chance: random.Random,
    ) -> None:
        self._ids = ids
        self._tails = _Tails(tails, chance)
        self._names = [relation.name for relation in vocabulary]
        self._chance = chance
        self._used: list[tuple[str, str]] = []

    def evidence(self, head_type: str, number: int) -> list[dict[str, Any]]:
        """Rows for the assertion of that number."""
        chance = self._chance
        head = self._ids[number // _PER_HEAD]
        name = self._names[number % len(self._names)]
        # Three of ten intentions were said before, about another head.
        if self._used and chance.random() < 0.3:
            text, tail = chance.choice(self._used)
        else:
            text = self._tails.new()
            tail = identity.intention_id(text)
            self._used.append((text, tail))
        assertion = identity.assertion_id(head_type, head, name, tail)
        models = chance.sample(_MODELS, 2 if chance.random() < 0.15 else 1)
        return [
            {
                "id": identity.evidence_id(
                    assertion, source="recombined", model=model, request=str(number)
                ),
                "assertion_id": assertion,
                "head_type": head_type,
                "head_id": head,
                "relation": name,
                "intention_id": tail,
                "text": text,
                "source": "recombined",
                "model": model,
                "request": str(number),
                "plausibility": round(chance.random(), 4),
                "typicality": round(chance.random(), 4) if chance.random() < 0.8 else None,
                "accepted": chance.random() < 0.7 if chance.random() < 0.9 else None,
            }
            for model in models
        ]


def _post(number: int, text: str) -> dict[str, Any]:
    return {
        "id": identity.post_id("recombined", str(number)),
        "source": "recombined",
        "external_id": str(number),
        "text": text,
        "language": "en",
    }


def _product(number: int, chance: random.Random, sources: Sources) -> dict[str, Any]:
    first, second = chance.choice(sources.titles), chance.choice(sources.titles)
    return {
        "id": f"R{number:09d}",
        "source": "recombined",
        "title": first[: len(first) // 2].rsplit(" ", 1)[0] + second[len(second) // 2 :],
        "brand": first.split(" ", 1)[0],
        "price": round(chance.uniform(3, 300), 2),
        "categories": ["recombined", second.split(" ", 1)[0]],
    }


def _cobuys(
    count: int, products: list[dict[str, Any]], chance: random.Random
) -> list[dict[str, Any]]:
    """Distinct pairs; a few products are in many, as in a shop."""
    found: dict[str, dict[str, Any]] = {}
    while len(found) < count:
        a = products[int(len(products) * chance.random() ** 2)]["id"]
        b = products[int(len(products) * chance.random() ** 2)]["id"]
        if a != b:
            a, b = sorted((a, b))
            key = identity.cobuy_id(a, b)
            row = {"id": key, "a": a, "b": b, "source": "recombined"}
            found[key] = {**row, "support": chance.randrange(1, 50), "npmi": chance.uniform(0, 1)}
    return list(found.values())


def _cycle(texts: Sequence[str], count: int) -> Iterator[tuple[int, str]]:
    return ((number, texts[number % len(texts)]) for number in range(count))


def _rows(path: Path, delimiter: str) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        if delimiter == "\t":
            return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        return list(csv.DictReader(file))


def _distinct(texts: Sequence[str]) -> list[str]:
    clean = (re.sub(r"\s+", " ", text).strip() for text in texts)
    return list(dict.fromkeys(text for text in clean if len(text) > 2))
