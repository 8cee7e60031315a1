"""Import of BundleRec's bundles, from constructed tables and from the published ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from import_world import Outcome, take, write_csv

from ingest import reading
from ingest.intentions.bundlerec import categories
from schema.errors import InputError
from schema.identity import cobuy_id

INTENTS = [{"bundle ID": 0, "intent": "Keep warm\nin winter"}, {"bundle ID": 7, "intent": "Light"}]
MEMBERS = [{"bundle ID": b, "item ID": i} for b, i in ((0, 3), (0, 1), (0, 2), (7, 2), (7, 1))]


def domain(tmp_path: Path, name: str = "home", **tables: list[dict[str, Any]]) -> Path:
    """A domain whose items 1 and 2 have all, and item 3 nothing but its number."""
    folder = tmp_path / name
    folder.mkdir(parents=True)
    given: dict[str, list[dict[str, Any]]] = {
        "bundle_intent": INTENTS,
        "bundle_item": MEMBERS,
        "item_asin": [{"item ID": 1, "source ID": "P1"}, {"item ID": 2, "source ID": "P2"}],
        "item_titles": [{"item ID": 1, "titles": "Hat &amp; scarf, red"}],
        "item_categories": [{"item ID": 1, "categories": "[[Wool, Silk & More,Hats],[Hats]]"}],
    }
    for table, rows in (given | tables).items():
        if rows:
            write_csv(folder / f"{table}.csv", rows)
    return folder


def heads(out: Outcome) -> set[tuple[str, str, str]]:
    return {(r["head_type"], r["head_id"], r["request"]) for r in out.assertions}


def test_an_intent_is_about_each_pair_and_each_product_of_its_bundle(tmp_path):
    folder = domain(tmp_path)
    assert reading.detect(folder).name == "bundlerec"
    out = take(folder)
    third = "bundlerec-home-3"
    assert {(p["id"], p["title"]) for p in out.products} == {
        ("P1", "Hat & scarf, red"),
        ("P2", None),
        (third, None),
    }
    assert {p["id"]: p["categories"] for p in out.products}["P1"] == ["Wool, Silk & More", "Hats"]
    assert {(c["a"], c["b"]): c["support"] for c in out.cobuys} == {
        ("P1", "P2"): 2,  # in both bundles
        ("P1", third): 1,
        ("P2", third): 1,
    }
    assert {c["support_ab"] for c in out.cobuys} == {None}
    expected = {("CoBuy", cobuy_id(a, b), "home/0") for a, b in
                (("P1", "P2"), ("P1", third), ("P2", third))}  # fmt: skip
    expected |= {("Product", p, "home/0") for p in ("P1", "P2", third)}
    expected |= {("CoBuy", cobuy_id("P1", "P2"), "home/7")}
    expected |= {("Product", "P1", "home/7"), ("Product", "P2", "home/7")}
    assert heads(out) == expected
    assert set(out.triples()) == {("Open", "Keep warm\nin winter"), ("Open", "Light")}
    assert {(r["model"], r["source"]) for r in out.assertions} == {("human", "bundlerec")}
    assert not out.rejections


def test_the_file_finds_its_neighbours_and_a_directory_its_domains(tmp_path):
    folder = domain(tmp_path / "all")
    domain(tmp_path / "all", "garden", item_asin=[])
    one = take(folder)
    assert reading.detect(folder / "bundle_intent.csv").name == "bundlerec"
    by_file = take(folder / "bundle_intent.csv")
    assert by_file.ids("assertions") == one.ids("assertions")
    both = take(tmp_path / "all")
    assert one.ids("products") < both.ids("products")
    assert "bundlerec-garden-1" in both.ids("products")


def test_bad_rows_of_each_table_are_refused_with_their_file(tmp_path):
    folder = domain(
        tmp_path,
        bundle_intent=[*INTENTS, {"bundle ID": 7, "intent": "Twice"},
                       {"bundle ID": 8, "intent": "No items"}, {"bundle ID": "", "intent": "x"}],
        bundle_item=[*MEMBERS, {"bundle ID": 9, "item ID": ""}, {"bundle ID": 9, "item ID": 5}],
        item_titles=[{"item ID": 1, "titles": "Hat"}, {"item ID": 2.5, "titles": ""}],
    )  # fmt: skip
    with (folder / "item_asin.csv").open("a", encoding="utf-8") as file:
        file.write("2\n")
    out = take(folder)
    assert {(Path(r.file).name, r.row, r.reason) for r in out.rejections} == {
        ("bundle_item.csv", 7, "item ID is missing"),
        ("item_asin.csv", 4, "1 cells where the header has 2"),
        # lines 2 and 3 hold the first intent
        ("bundle_intent.csv", 5, "bundle 7 stands in line 4 already"),
        ("bundle_intent.csv", 6, "bundle 8 has no items"),
        ("bundle_intent.csv", 7, "bundle ID is missing"),
    }
    assert out.notes == {"bundles without an intent": 1}
    assert "bundlerec-home-5" in out.ids("products")


def test_a_bundle_without_words_keeps_its_cobuys(tmp_path):
    intents = [{"bundle ID": 0, "intent": ""}, {"bundle ID": 7, "intent": "\U0001f600"}]
    out = take(domain(tmp_path, bundle_intent=intents))
    assert [r.reason for r in out.rejections] == [
        "the intent is empty",
        "the intention is only symbols or emoji",
    ]
    assert not out.assertions
    assert len(out.cobuys) == 3


def test_a_bundle_that_is_too_large_is_left_out(tmp_path):
    out = take(domain(tmp_path), max_basket=2)
    assert out.notes == {"bundles with more than 2 items, left out": 1}
    assert len(out.cobuys) == 1


def test_missing_tables(tmp_path):
    with pytest.raises(InputError, match=r"bundle_item\.csv is not beside it"):
        take(domain(tmp_path, bundle_item=[]))
    with pytest.raises(InputError, match=r"no bundle_intent\.csv"):
        (tmp_path / "empty").mkdir()
        take(tmp_path / "empty", "bundlerec")
    with pytest.raises(InputError, match="no column for 'item ID'"):
        take(domain(tmp_path, "b", bundle_item=[{"bundle ID": 1, "thing": 2}]))


def test_categories_without_quotes():
    cell = "[[Clothing, Shoes & Jewelry,Men,Surf, Skate & Street,Jeans],[Jeans]]"
    assert categories(cell) == ["Clothing, Shoes & Jewelry", "Men", "Surf, Skate & Street", "Jeans"]
    assert categories("") == []


@pytest.mark.parametrize(
    ("name", "products", "bundles", "pairs_in_bundles", "cobuys", "assertions", "rejected"),
    [
        # 11,335 pairs inside bundles; 9,387 once those in several bundles are one co-buy.
        # Each pair and each of the 6,165 items in bundles has its bundle's intent.
        ("electronic", 3499, 1750, 11_335, 9387, 11_335 + 6165, 0),
        # The same, but bundle 1860 (4 items, so 6 pairs) has an empty intent.
        ("clothing", 4487, 1910, 10_500, 8554, 10_500 + 6326 - 6 - 4, 1),
    ],
)
def test_the_published_domains(
    shared_data: Path, name, products, bundles, pairs_in_bundles, cobuys, assertions, rejected
):
    out = take(shared_data / "bundle_intent" / name)
    assert len(out.products) == len(out.ids("products")) == products
    assert len(out.cobuys) == len(out.ids("cobuys")) == cobuys
    assert sum(row["support"] for row in out.cobuys) == pairs_in_bundles
    assert len(out.assertions) == len(out.ids("assertions")) == assertions
    assert len(out.rejections) == rejected
    assert len({row["request"] for row in out.assertions}) == bundles - rejected
    assert all(p["title"] and p["categories"] for p in out.products)
