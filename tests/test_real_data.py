"""All published data sets in one knowledge base; its counts equal the sources'.

What is expected is read from the files a second time, with nothing but gzip, csv and json.
Each difference between a file's rows and what is stored is explained where it is asserted.
"""

from __future__ import annotations

import csv
import gzip
import html
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from door import answer, check_tidy, manifest, quick, rejected

pytestmark = pytest.mark.slow

Pair = frozenset[str]

SOCIAL = {"xNeed", "xIntent", "xAttr", "xEffect", "xReact", "xWant", "oEffect", "oReact", "oWant"}

# FolkScope's prompts (facts of the published system).
PHRASES = {
    "because they both are related to": "RelatedTo",
    "because they both are a type of": "IsA",
    "because they both are a part of": "PartOf",
    "because they both are made of": "MadeOf",
    "because they both are similar to": "SimilarTo",
    "because they are created by": "CreatedBy",
    "because they both have": "HasA",
    "because they both have a property of": "PropertyOf",
    "because they are distinct from": "DistinctFrom",
    "because they both are used for": "UsedFor",
    "because they could both": "Can",
    "because they both are capable of": "CapableOf",
    "because they both are defined as": "DefinedAs",
    "because they both are symbols of": "SymbolOf",
    "because they both are a manner of": "MannerOf",
    "because they are derived from": "DeriveFrom",
    "as a result, the person will": "Effect",
    "because the person wants to": "Cause",
    "because the person wants his": "CauseDesire",
    "and buying them was motivated by": "MotivatedBy",
    "because they both are": "Other",
}
CONTROL = re.compile(r"[\x80-\x84\x86-\x9f]")
PROMPT = re.compile(r"PersonX bought a product of Item A and a product of Item B,? ", re.IGNORECASE)


def text(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        yield from lines


def table(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(text(path), delimiter=delimiter))


def objects(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text(path)]


def same(words: str) -> str:
    """Sameness of intentions: case, white space, closing full stops, enclosing quotes."""
    words = " ".join(unicodedata.normalize("NFKC", words).casefold().split())
    before = None
    while words != before:
        before = words
        words = words.rstrip(".").strip()
        if len(words) > 1 and words[0] in "\"'" and words[-1] in "\"'":
            words = words[1:-1].strip()
    return words


def relation(sentence: str) -> str:
    rest = PROMPT.sub("", sentence).lower().replace("they are both", "they both are")
    for phrase in sorted(PHRASES, key=len, reverse=True):
        if re.match(rf"{phrase}\b", rest):
            return PHRASES[phrase]
    return "Open"


@dataclass
class Expected:
    """What the sources say, in sets of plain values."""

    products: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    cobuys: dict[str, Counter[Pair]] = field(default_factory=dict)
    posts: dict[str, dict[str, str]] = field(default_factory=dict)
    evidence: Counter[str] = field(default_factory=Counter)
    assertions: set[tuple[Any, ...]] = field(default_factory=set)
    intentions: set[str] = field(default_factory=set)
    relations: Counter[str] = field(default_factory=Counter)
    refused: set[tuple[str, str]] = field(default_factory=set)
    questions: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture(scope="module")
def expected(shared_data: Path) -> Expected:
    out = Expected()
    intentionqa(out, shared_data / "intentionqa")
    amazon(out, shared_data / "amazon_cobuy")
    for domain in ("electronic", "clothing"):
        bundles(out, shared_data / "bundle_intent" / domain)
    atomic(out, shared_data / "atomic2020" / "atomic2020_eval5000.tsv.gz")
    sarcasm = table(shared_data / "twitter_sarcasm" / "mmsd_24635.tsv.gz", "\t")
    out.posts["twitter-sarcasm"] = {r["image_id"]: r["text_original"] for r in sarcasm}
    mner = objects(shared_data / "twitter_mner" / "posts.jsonl.gz")
    out.posts["twitter-mner"] = {f"{r['dataset']}/{r['image_id']}": r["text"] for r in mner}
    return out


def intentionqa(out: Expected, folder: Path) -> None:
    rows = out.questions = table(folder / "cobuy_intentions.tsv.gz", "\t")
    pairs = {(r["item_a_id"], r["item_b_id"]) for r in rows}
    assert (len(rows), len(pairs)) == (2_315, 1_397)
    # Four pairs stand in both orders: an unordered pair is one co-buy. Each question says once
    # that the pair was bought together.
    out.cobuys["intentionqa"] = Counter(frozenset(pair) for pair in pairs)
    for row in rows:
        for end in "ab":
            out.products[row[f"item_{end}_id"]].add(row[f"item_{end}_name"])
        pair = frozenset((row["item_a_id"], row["item_b_id"]))
        name = relation(row["assertion"])
        # The sentence decides. The column agrees wherever it says more than "other".
        assert row["relation"] in ("", "other") or row["relation"].lower() == name.lower()
        out.relations[name] += 1
        out.evidence["intentionqa"] += 1
        out.assertions.add((pair, same(row["assertion"])))


def amazon(out: Expected, folder: Path) -> None:
    gift = objects(folder / "meta_Gift_Cards.json.gz")
    described = {p["asin"]: p["title"] for p in gift}
    links = {(p["asin"], other) for p in gift for other in p["also_buy"]}
    assert len(links) == 21_681
    # Of the links those count whose both ends the file describes; two opposite ones are one
    # co-buy with a support of two.
    inside = Counter(frozenset((a, b)) for a, b in links if b in described)
    assert (len(described), inside.total(), len(inside)) == (1_547, 5_993, 5_286)
    out.cobuys["amazon-2018"] = inside

    rows = table(folder / "also_buy_pairs.tsv.gz", "\t")
    out.cobuys["cobuys"] = Counter(frozenset((r["asin_a"], r["asin_b"])) for r in rows)
    assert out.cobuys["cobuys"] == inside, "the pairs were derived from the other file"

    snap = objects(folder / "snap_amazon_meta_slice.jsonl.gz")
    known = {p["asin"] for p in snap}
    inside = Counter(frozenset((p["asin"], o)) for p in snap for o in p["similar"] if o in known)
    assert (len(known), inside.total(), len(inside)) == (458, 3, 2)
    out.cobuys["amazon-snap"] = inside
    for asin, title in [*described.items(), *((p["asin"], p["title"]) for p in snap)]:
        out.products[asin].add(title)


def bundles(out: Expected, folder: Path) -> None:
    asin = {r["item ID"]: r["source ID"] for r in table(folder / "item_asin.csv.gz")}
    earlier = {a: titles for a, titles in out.products.items() if titles}
    for row in table(folder / "item_titles.csv.gz"):
        key, title = asin[row["item ID"]], " ".join(html.unescape(row["titles"]).split())
        if key in earlier and title not in earlier[key]:
            # Some ASINs are IntentionQA's, too, and named otherwise there: what is stored
            # stands, the row is refused.
            out.refused.add((folder.name, key))
        else:
            out.products[key].add(title)
    items: dict[str, set[str]] = defaultdict(set)
    for row in table(folder / "bundle_item.csv.gz"):
        items[row["bundle ID"]].add(asin[row["item ID"]])
    pairs = {b: [frozenset(p) for p in combinations(sorted(i), 2)] for b, i in items.items()}
    counted = out.cobuys.setdefault("bundlerec", Counter())
    counted.update(pair for inside in pairs.values() for pair in inside)
    for row in table(folder / "bundle_intent.csv.gz"):
        bundle, intent = row["bundle ID"], row["intent"]
        if not intent.strip():
            out.refused.add((folder.name, ""))
            continue
        # An intent goes to each pair of its bundle and to each product in it. Two bundles with
        # the same pair and intent are two pieces of evidence for one assertion.
        heads = [*pairs[bundle], *items[bundle]]
        out.evidence["bundlerec"] += len(heads)
        out.relations["Open"] += len(heads)
        out.assertions |= {(head, "Open", same(intent)) for head in heads}
        out.intentions.add(same(intent))


def atomic(out: Expected, path: Path) -> None:
    lines = [line.rstrip("\n").split("\t") for line in text(path)][1:]
    social = [row for row in lines if row[1] in SOCIAL]
    stated = [row for row in social if row[2].strip().lower() != "none"]
    assert (len(lines), len(social), len(social) - len(stated)) == (20_699, 11_991, 1_264)
    assert len({row[0] for row in social}) == 1_888
    # The other 8,708 rows have relations that are not social. "none" says that there is no such
    # intention; 193 of the 1,888 heads have nothing else.
    out.posts["atomic2020"] = {row[0].strip(): row[0].strip() for row in stated}
    assert len(out.posts["atomic2020"]) == 1_695
    # 42 of the 10,727 rows say what another one says, but for case or a full stop.
    found = {(head.strip(), name, same(tail)) for head, name, tail in stated}
    assert (len({tuple(row) for row in stated}), len(found)) == (10_727, 10_685)
    out.evidence["atomic2020"] = len(found)
    out.relations.update(name for _, name, _ in found)
    out.assertions |= found
    out.intentions |= {tail for _, _, tail in found}


# --------------------------------------------------------------------------------------------


def commands(data: Path) -> list[tuple[str, ...]]:
    """How the files go in: verb, format, options and files."""
    qa, amazon_, bundle = data / "intentionqa", data / "amazon_cobuy", data / "bundle_intent"
    questions = sorted(str(path) for path in qa.glob("QA_*.jsonl.gz"))
    assert len(questions) == 3
    return [
        ("import", "intentionqa", *questions, str(qa / "cobuy_intentions.tsv.gz")),
        ("ingest", "amazon-2018", str(amazon_ / "meta_Gift_Cards.json.gz")),
        ("ingest", "cobuys", "--directed", str(amazon_ / "also_buy_pairs.tsv.gz")),
        ("ingest", "amazon-snap", str(amazon_ / "snap_amazon_meta_slice.jsonl.gz")),
        ("ingest", "twitter-sarcasm", str(data / "twitter_sarcasm" / "mmsd_24635.tsv.gz")),
        ("ingest", "twitter-mner", str(data / "twitter_mner" / "posts.jsonl.gz")),
        ("import", "bundlerec", str(bundle / "electronic"), str(bundle / "clothing")),
        ("import", "atomic", str(data / "atomic2020" / "atomic2020_eval5000.tsv.gz")),
    ]


@pytest.fixture(scope="module")
def built(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything in one knowledge base, through the command line, and built."""
    kb = tmp_path_factory.mktemp("real") / "all.kg"
    for verb, name, *words in commands(shared_data):
        for report in answer(verb, kb, "--format", name, *words)["files"]:
            assert "error" not in report
    report = answer("build", kb)
    assert report["graph"] == report["vectors"] == "built"
    return kb


@pytest.fixture(scope="module")
def counts(built: Path) -> dict[str, int]:
    found: dict[str, int] = answer("status", built)["counts"]
    return found


def stored(kb: Path, name: str, *columns: str) -> list[dict[str, Any]]:
    """Rows of a table, later parts over earlier ones."""
    rows: dict[Any, dict[str, Any]] = {}
    for part in manifest(kb)["tables"][name]:
        for row in pq.read_table(kb / part["file"]).to_pylist():
            rows[row["id"], row["source"]] = row
    if name == "products":
        rows = {key: row for (key, _), row in rows.items()}
    return [{c: row[c] for c in columns} if columns else row for row in rows.values()]


def test_counts_equal_the_sources(expected: Expected, counts: dict[str, int]) -> None:
    pairs = set().union(*expected.cobuys.values())
    assert counts["posts"] == sum(map(len, expected.posts.values())) == 24_635 + 13_076 + 1_695
    # 15 ASINs stand in two of the files.
    assert counts["products"] == len(expected.products) == 2_507 + 1_547 + 458 + 3_499 + 4_487 - 15
    assert counts["cobuys"] == len(pairs) == 1_393 + 5_286 + 2 + 9_387 + 8_554
    assert counts["evidence"] == expected.evidence.total()
    assert counts["assertions"] == len(expected.assertions)
    # No file brings images: they are addresses, which are fetched only when asked.
    assert counts["images"] == counts["concepts"] == 0


def test_what_was_refused_is_what_the_sources_contradict_each_other_in(
    built: Path, expected: Expected
) -> None:
    rows = rejected(built)
    found = set()
    for row in rows:
        blank = row["reason"] == "the intent is empty"
        assert blank or "is known with other content: title was" in row["reason"]
        found.add((Path(row["file"]).parent.name, "" if blank else row["excerpt"]))
        assert row["row"] and row["fix"]
    assert len(found) == len(rows)
    assert found == expected.refused
    assert len([1 for _, key in found if not key]) == 1


def test_posts_are_the_sources_posts(built: Path, expected: Expected) -> None:
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for row in stored(built, "posts"):
        found[row["source"]][row["external_id"]] = row["text"]
    assert found.keys() == expected.posts.keys()
    for source, posts in expected.posts.items():
        # White space is one space. Control characters are off: one post of Twitter-2017 has
        # U+0092 twice, where its makers took Windows-1252 for Unicode.
        tidy = {key: " ".join(CONTROL.sub("", words).split()) for key, words in posts.items()}
        assert {key: " ".join(t.split()) for key, t in found[source].items()} == tidy


def test_products_are_the_sources_products(built: Path, expected: Expected) -> None:
    def tidy(title: str) -> str:
        return " ".join(html.unescape(html.unescape(re.sub("<[^>]*>", " ", title))).split())

    for row in stored(built, "products", "id", "title"):
        assert tidy(row["title"]) in {tidy(t) for t in expected.products[row["id"]]}, row


def test_cobuys_have_the_sources_support(built: Path, expected: Expected) -> None:
    found: dict[str, Counter[Pair]] = defaultdict(Counter)
    for row in stored(built, "cobuys", "a", "b", "source", "support", "support_ab", "support_ba"):
        assert row["a"] < row["b"]
        found[row["source"]][frozenset((row["a"], row["b"]))] = row["support"]
        if row["source"] in ("amazon-2018", "cobuys", "amazon-snap"):  # links have a direction
            assert row["support"] == row["support_ab"] + row["support_ba"]
    assert {s: set(pairs) for s, pairs in found.items()} == {
        s: set(pairs) for s, pairs in expected.cobuys.items()
    }
    for source in ("amazon-2018", "cobuys", "amazon-snap", "bundlerec"):
        assert found[source] == expected.cobuys[source], source


def test_evidence_has_the_sources_relations(built: Path, expected: Expected) -> None:
    status = answer("status", built)
    assert status["relations"] == dict(expected.relations)
    assert status["sources"]["assertions"] == dict(expected.evidence)


def test_verify_is_clean_and_the_graph_holds_what_is_stored(
    built: Path, counts: dict[str, int], expected: Expected
) -> None:
    report = answer("verify", built)
    assert report == {"ok": True, "findings": []}
    check_tidy(built)
    labels = quick("cypher", built, "MATCH (n) RETURN labels(n)[0] AS label, count(*) AS n")
    assert dict(labels["rows"]) == {
        "Post": counts["posts"],
        "Product": counts["products"],
        "CoBuy": counts["cobuys"],
        "Intention": counts["intentions"],
    }
    types = quick("cypher", built, "MATCH ()-[r]->() RETURN type(r) AS type, count(*) AS n")
    edges = dict(types["rows"])
    assert edges.pop("OF") == 2 * counts["cobuys"]
    assert edges.pop("CO_BUY") == counts["cobuys"]
    assert sum(edges.values()) == counts["assertions"]
    assert edges.keys() == expected.relations.keys()
    # What is not IntentionQA's, whose tails a test cannot cut off the sentence that simply.
    others = quick(
        "cypher",
        built,
        "MATCH (h)-[r]->(i:Intention) WHERE NOT 'intentionqa' IN r.sources "
        "RETURN count(DISTINCT i) AS n",
    )
    assert others["rows"] == [[len(expected.intentions)]]


def test_a_pull_gives_the_sentences_of_the_pair(built: Path, expected: Expected) -> None:
    by_pair: dict[Pair, list[dict[str, str]]] = defaultdict(list)
    for row in expected.questions:
        by_pair[frozenset((row["item_a_id"], row["item_b_id"]))].append(row)
    richest = sorted(by_pair, key=lambda pair: (-len(by_pair[pair]), sorted(pair)))[:5]
    for pair in richest:
        edges = quick("cobuy", built, *sorted(pair))["edges"]
        best: dict[tuple[str, str], float] = {}
        for row in by_pair[pair]:
            key = relation(row["assertion"]), same(row["assertion"]).strip('".')
            best[key] = max(best.get(key, 0), float(row["typicality"]))
        assert len(edges) == len(best) >= 5
        for edge in edges:
            [score] = [
                score
                for (name, sentence), score in best.items()
                if name == edge["relation"] and sentence.endswith(same(edge["text"].strip('".')))
            ]
            assert edge["typicality"] == pytest.approx(score)
            assert edge["models"] == ["folkscope"]


def test_search_finds_what_was_meant(built: Path, counts: dict[str, int]) -> None:
    for meant, words, kind in (
        ("protect the phone's screen from scratches", {"screen", "scratch", "phone"}, "CoBuy"),
        ("a costume for Halloween", {"halloween", "costume"}, "CoBuy"),
        ("to get some sleep because of being tired", {"sleep", "tired", "nap"}, "Post"),
    ):
        hits = quick("search", built, meant, "-k", "5", "--head-type", kind)["results"]
        assert len(hits) == 5
        assert all(any(word in hit["text"].lower() for word in words) for hit in hits), hits
        assert all(head["type"] == kind for hit in hits for head in hit["heads"])
    [exact] = quick("search", built, "to listen to personX", "-k", "1")["results"]
    assert exact["text"].lower() == "to listen to personx"
    assert exact["score"] == pytest.approx(1, abs=0.01)


def test_cypher_follows_a_bundle_to_its_products(built: Path) -> None:
    found = quick(
        "cypher",
        built,
        "MATCH (c:CoBuy)-[r:Open]->(i:Intention) WHERE i.text = $t "
        "MATCH (c)-[:OF]->(p:Product) RETURN DISTINCT p.id AS id",
        "-p",
        "t=Local area network for home or office",
    )
    assert len(found["rows"]) >= 2


def test_everything_once_more_recognised_by_itself_changes_nothing(
    built: Path, shared_data: Path, counts: dict[str, int]
) -> None:
    """The second time without a format: each file is recognised, and nothing is new in it."""
    before, listed = manifest(built), rejected(built)
    for verb, name, *words in commands(shared_data):
        for report in quick(verb, built, *words)["files"]:
            assert report["format"] == name
            assert "error" not in report
            assert all(t["added"] == t["changed"] == 0 for t in report["tables"].values()), report
    assert manifest(built) == before
    assert rejected(built) == listed
    report = quick("build", built)
    assert report["graph"] == report["vectors"] == "current"
    assert manifest(built) == before
    assert quick("status", built)["counts"] == counts
