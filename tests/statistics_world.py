"""A knowledge base small enough to work its figures out by hand, and the sample's truth."""

from __future__ import annotations

from pathlib import Path

import intentkg
from intentkg import sample
from kg.directory import Directory
from schema.identity import cobuy_id
from tests.truth_world import Row, batch, cobuy, commit, evidence, post, product

C1, C2 = cobuy_id("a", "b"), cobuy_id("b", "c")


def small(root: Path) -> Directory:
    """Five pieces of evidence for four assertions, about two of three co-buys and one of two posts.

    "keep warm" for C1 has two pieces: the better typicality is 0.8, and one verdict is a rejection.
    """
    directory = Directory.create(root)
    first = post("1", "it snows", images=[{"ref": "i.png", "id": None, "error": None}])
    rows = [
        evidence(C1, "keep warm", plausibility=0.6, typicality=0.2, accepted=True),
        evidence(
            C1,
            "keep warm",
            model="m2",
            typicality=0.8,
            accepted=False,
            rationale="It is too vague.",
        ),
        evidence(C2, "keep warm at night", typicality=0.4, accepted=True),
        evidence(C1, "comfort", relation="Open"),
        evidence(first["id"], "share joy", relation="Open", head_type="Post", typicality=1.0),
    ]
    commit(
        directory,
        batch("posts", [first, post("2", "it rains")]),
        batch("products", [product(name) for name in "abcd"]),
        batch("cobuys", [cobuy("a", "b"), cobuy("b", "c"), cobuy("c", "d")]),
        batch("assertions", rows),
    )
    return directory


def about_one(root: Path, rows: list[Row]) -> Directory:
    """A knowledge base with one co-buy, C1, and this evidence."""
    directory = Directory.create(root)
    commit(
        directory,
        batch("products", [product("a"), product("b")]),
        batch("cobuys", [cobuy("a", "b")]),
        batch("assertions", rows),
    )
    return directory


def sampled(root: Path) -> Directory:
    """The sample that is bundled, ingested and imported but not built."""
    Directory.create(root)
    with intentkg.open(root) as base:
        names = ("products.jsonl", "cobuys.csv", "posts.jsonl")
        base.ingest([sample.FOLDER / name for name in names], source="sample")
        base.import_intentions([sample.FOLDER / "intentions.jsonl"], source="sample")
    return Directory(root)
