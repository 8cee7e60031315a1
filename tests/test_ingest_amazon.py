from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from harvest import Harvest, jsonl, write

from schema.errors import InputError

LAMP = {
    "asin": "B001",
    "title": "Lamp &amp; <b>Bulb</b>",
    "description": ["<p>Bright.</p>", "Small."],
    "feature": ["warm<br>light", "warm<br>light"],
    "category": ["Home", "Lamps"],
    "brand": "Acme",
    "price": "$12.99 - $15.99",
    "image": ["https://example.org/small.jpg"],
    "imageURLHighRes": ["https://example.org/large.jpg"],
    "also_buy": ["B002", "B003", "B002", "B001", "ZZZ", ""],
    "also_view": ["B009"],
    "similar_item": "<table>...</table>",
    "main_cat": "Home",
    "rank": [],
}


def test_a_product_of_2018(tmp_path: Path) -> None:
    got = Harvest(jsonl(tmp_path / "f", LAMP))
    assert got.products == [
        {
            "id": "B001",
            "source": "amazon-2018",
            "title": "Lamp & Bulb",
            "description": "Bright.\nSmall.",
            "features": ["warm light"],
            "categories": ["Home", "Lamps"],
            "brand": "Acme",
            "price": 12.99,
            "images": [{"ref": "https://example.org/large.jpg", "id": None, "error": None}],
            "attributes": '{"also_view":["B009"],"main_cat":"Home"}',
        }
    ]


OTHERS: list[dict[str, Any]] = [
    {"asin": "B002", "title": "Bulb", "also_buy": ["B001"]},
    {"asin": "B003", "title": "", "also_buy": ["B002"]},
    {"asin": "B004", "title": "  ", "also_buy": ["B001"]},
    {"asin": "B005", "title": "var aPageStart = (new Date()).getTime();", "also_buy": []},
    {"title": "no id", "also_buy": ["B001"]},
]


def test_links_become_cobuys_in_whatever_order_the_products_come(tmp_path: Path) -> None:
    rows = [LAMP, *OTHERS]
    for order in (rows, [*rows[1:4], LAMP, *rows[4:]]):
        got = Harvest(jsonl(tmp_path / "f", *order), "amazon-2018")
        assert [
            (c["a"], c["b"], c["support"], c["support_ab"], c["support_ba"]) for c in got.cobuys
        ] == [
            ("B001", "B002", 2, 1, 1),
            ("B001", "B003", 1, 1, 0),
            ("B002", "B003", 1, 0, 1),
        ]
        assert got.notes == {
            "links that are no product ids, left out": 1,
            "products without a title": 1,
            "titles that are a page's program code, left out": 1,
            "directed links": 4,
            "co-buys": 3,
            "links to products outside the file": 1,
            "links of a product to itself": 1,
            "repeated links": 0,
        }
        assert sorted(got.ids("products")) == ["B001", "B002", "B003", "B005"]
        assert len(got.rejections) == 2


def test_links_that_leave_the_file_may_be_kept(tmp_path: Path) -> None:
    got = Harvest(jsonl(tmp_path / "f", LAMP, *OTHERS), "amazon-2018", dangling="keep")
    assert ("B001", "ZZZ") in {(c["a"], c["b"]) for c in got.cobuys}
    assert [p["title"] for p in got.products if p["id"] == "ZZZ"] == [None]
    assert got.notes["links to products outside the file"] == 1
    assert got.notes["directed links"] == 5


def test_lines_that_are_python_literals(tmp_path: Path) -> None:
    lines = [
        "{'asin': 'B1', 'title': 'Lamp\\'s \\d', 'imUrl': 'http://x/a.jpg', "
        "'categories': [['Home', 'Lamps'], ['Home']], 'price': 5.5, "
        "'related': {'also_bought': ['B2'], 'bought_together': ['B2'], 'also_viewed': ['B3']}}",
        "{'asin': 'B2', 'title': u'Bulb'}",
        "{'asin': __import__('os').getcwd()}",
        "{'asin': 'B3', ",
    ]
    got = Harvest(write(tmp_path / "f", "\n".join(lines)))
    first = got.products[0]
    assert first["title"] == "Lamp's \\d" and first["categories"] == ["Home", "Lamps"]
    assert first["price"] == 5.5 and first["images"][0]["ref"] == "http://x/a.jpg"
    assert [(c["a"], c["b"], c["support"]) for c in got.cobuys] == [("B1", "B2", 1)]
    assert list(got.refused) == [3, 4]


def test_reviews_are_not_metadata(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no key 'asin'"):
        Harvest(jsonl(tmp_path / "f", {"overall": 5.0, "reviewText": "good"}), "amazon-2018")


MODERN = {
    "parent_asin": "B001",
    "title": "Lamp",
    "main_category": "Home",
    "average_rating": 4.5,
    "features": ["warm"],
    "description": ["Bright."],
    "price": "from 12.99",
    "images": [{"thumb": "t1", "large": "l1", "hi_res": None}, {"large": "l2", "hi_res": "h2"}],
    "videos": [],
    "bought_together": ["B002", "B999"],
    "store": "Acme",
    "categories": ["Home", "Lamps"],
    "details": {"Color": "red"},
}


def test_products_of_2023(tmp_path: Path) -> None:
    bulb = {"parent_asin": "B002", "title": "Bulb", "bought_together": None, "price": None}
    got = Harvest(jsonl(tmp_path / "f", MODERN, bulb))
    lamp = got.products[0]
    assert lamp["source"] == "amazon-2023" and lamp["brand"] == "Acme" and lamp["price"] == 12.99
    assert [image["ref"] for image in lamp["images"]] == ["l1", "h2"]
    assert json.loads(lamp["attributes"]) == {
        "main_category": "Home",
        "average_rating": 4.5,
        "details": {"Color": "red"},
    }
    assert [(c["a"], c["b"], c["support_ab"]) for c in got.cobuys] == [("B001", "B002", 1)]
    assert got.notes["links to products outside the file"] == 1


def test_products_of_2023_in_parquet(tmp_path: Path) -> None:
    images = {"hi_res": [None, "h2"], "large": ["l1", "l2"], "thumb": ["t1", "t2"]}
    table = pa.Table.from_pylist(
        [MODERN | {"images": images}, {"parent_asin": "B002", "title": "x"}]
    )
    pq.write_table(table, tmp_path / "f.parquet")
    got = Harvest(tmp_path / "f.parquet")
    assert [image["ref"] for image in got.products[0]["images"]] == ["l1", "h2"]
    assert len(got.cobuys) == 1


SNAP = """# Full information about Amazon Share the Love products
Total items: 3

Id:   0
ASIN: 0771044445
  discontinued product

Id:   1
ASIN: 0827229534
  title: Patterns: A Sampler
  group: Book
  salesrank: 396585
  similar: 2  0738700797  0804215715
  categories: 2
   |Books[283155]|Subjects[1000]|Clergy[12360]
   |Books[283155]|[265523]|Sermons[12370]
  reviews: total: 2  downloaded: 2  avg rating: 4.5
    2000-7-28  cutomer: A2JW67OY8U6HHK  rating: 5  votes:  10  helpful:   9

Id:   2
ASIN: 0738700797
  title: Candlemas
  group: Book
  salesrank: 168596
  similar: 1  0827229534
  categories: 0
  reviews: total: 0  downloaded: 0  avg rating: 0
"""


def test_the_original_snap_text(tmp_path: Path) -> None:
    got = Harvest(write(tmp_path / "amazon-meta.txt", SNAP))
    assert got.ids("products") == ["0771044445", "0827229534", "0738700797"]
    assert got.lines["products"] == [4, 8, 20]
    sermons = got.products[1]
    assert sermons["title"] == "Patterns: A Sampler"
    assert sermons["categories"] == ["Books", "Subjects", "Clergy", "Sermons"]
    attributes = json.loads(sermons["attributes"])
    assert attributes["reviews"] == 2 and attributes["rating"] == 4.5
    assert attributes["salesrank"] == 396585 and "A2JW67OY8U6HHK" not in sermons["attributes"]
    assert got.products[0]["title"] is None
    assert [(c["a"], c["b"], c["support"]) for c in got.cobuys] == [("0738700797", "0827229534", 2)]
    assert got.notes["links to products outside the file"] == 1


def test_a_bad_byte_costs_one_block_of_the_snap_text(tmp_path: Path) -> None:
    data = SNAP.encode().replace(b"Patterns", b"Pat\xe9terns")
    got = Harvest(write(tmp_path / "f", data), "amazon-snap")
    assert got.ids("products") == ["0771044445", "0738700797"] and list(got.refused) == [8]
    assert got.notes["links to products outside the file"] == 1
    with pytest.raises(InputError, match="not the amazon-meta text"):
        Harvest(write(tmp_path / "g", "hello\n"), "amazon-snap")


def test_gift_cards_give_the_published_pairs(shared_data: Path) -> None:
    got = Harvest(shared_data / "amazon_cobuy/meta_Gift_Cards.json.gz")
    assert len(got.products) == 1547 and not got.rejections
    assert got.notes["directed links"] == 5993 == sum(c["support"] for c in got.cobuys)
    # 707 of the 5,286 pairs are linked in both directions.
    assert len(got.cobuys) == got.notes["co-buys"] == 5286
    assert sum(c["support"] == 2 for c in got.cobuys) == 707
    assert got.notes["links to products outside the file"] == 21681 - 5993
    pairs = shared_data / "amazon_cobuy/also_buy_pairs.tsv.gz"
    with gzip.open(pairs, "rt", encoding="utf-8", newline="") as stream:
        published = {(r["asin_a"], r["asin_b"]) for r in csv.DictReader(stream, delimiter="\t")}
    directed = {(c["a"], c["b"]) for c in got.cobuys if c["support_ab"]}
    directed |= {(c["b"], c["a"]) for c in got.cobuys if c["support_ba"]}
    assert directed == published


def test_the_slice_of_snap(shared_data: Path) -> None:
    got = Harvest(shared_data / "amazon_cobuy/snap_amazon_meta_slice.jsonl.gz")
    assert len(got.products) == 458 and not got.rejections
    # The reshaping took "categories: 1" of the next line for two links, 134 times.
    assert got.notes["links that are no product ids, left out"] == 268
    assert got.notes["directed links"] == 3 and len(got.cobuys) == 2
    assert 268 + 3 + got.notes["links to products outside the file"] == 1790
