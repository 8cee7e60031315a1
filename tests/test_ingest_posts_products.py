from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from harvest import Harvest, jsonl, write

from schema.errors import InputError

POST = {
    "id": 840006160660983809,
    "full_text": " rain again ☔ ",
    "lang": "en",
    "created_at": "Wed May 01 12:30:00 +0000 2024",
    "image_url": "https://example.org/a.jpg",
    "retweets": 3,
    "geo": None,
}


def test_a_post_of_json_lines(tmp_path: Path) -> None:
    got = Harvest(jsonl(tmp_path / "f.jsonl", POST), "posts", source="diary")
    assert got.posts == [
        {
            "id": "diary:840006160660983809",
            "source": "diary",
            "external_id": "840006160660983809",
            "text": "rain again ☔",
            "language": "en",
            "created_at": datetime(2024, 5, 1, 12, 30, tzinfo=UTC),
            "images": [{"ref": "https://example.org/a.jpg", "id": None, "error": None}],
            "attributes": '{"retweets":3}',
        }
    ]
    assert got.lines["posts"] == [1] and not got.rejections


def test_the_same_posts_from_every_container(tmp_path: Path) -> None:
    rows = [{"id": str(n), "text": f"post {n}, with a comma", "mood": "odd"} for n in range(50)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    cells = "id\ttext\tmood\n" + "".join(f"{r['id']}\t{r['text']}\t{r['mood']}\n" for r in rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "c.parquet")
    paths = [
        write(tmp_path / "a", lines),
        write(tmp_path / "a.gz", gzip.compress(lines.encode())),
        write(tmp_path / "b.tsv", cells),
        tmp_path / "c.parquet",
    ]
    found = [Harvest(path, "posts").posts for path in paths]
    assert len(found[0]) == 50 and all(posts == found[0] for posts in found)


def test_bad_rows_are_listed_and_the_others_stay(tmp_path: Path) -> None:
    data = "\n".join(
        [
            '{"id": 1, "text": "good"}',
            '{"id": 2, "text": "   "}',
            '{"id": 3, "text": "😀🎉"}',
            '{"text": "no id"}',
            '{"id": 5}',
            '{"id": 6, "text": "a\\u0000b"}',
            '{"id": 7, "text": "when?", "created_at": "soon"}',
            '{"id": 8.5, "text": "a fraction"}',
            '{"id": 9, "text": ["a", "list"]}',
            "not json",
            '{"id": 11, "text": "good too"}',
        ]
    ).encode()
    path = write(tmp_path / "f", data + b"\n\xff\xfe\n")
    got = Harvest(path, "posts")
    assert got.ids("posts") == ["posts:1", "posts:11"] and got.lines["posts"] == [1, 11]
    assert list(got.refused) == [2, 3, 4, 5, 6, 7, 8, 9, 10, 12]
    assert "only white space" in got.refused[2] and "emoji" in got.refused[3]
    assert got.rejections[0].excerpt == '{"id": 2, "text": "   "}'


def test_a_language_for_those_that_state_none(tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", "id,text,lang\n1,hallo,de\n2,hello,\n")
    got = Harvest(path, "posts", language="en")
    assert [post["language"] for post in got.posts] == ["de", "en"]


def test_columns_mapped_by_option(tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", "key,words,text\n1,hello,no\n")
    got = Harvest(path, "posts", columns={"id": "key", "text": "words"})
    assert got.posts[0]["text"] == "hello" and got.posts[0]["attributes"] == '{"text":"no"}'
    with pytest.raises(InputError, match="no column for 'id'"):
        Harvest(path, "posts")


def test_a_truncated_file_fails_as_a_whole_while_it_is_read(tmp_path: Path) -> None:
    lines = "".join(f'{{"id": {n}, "text": "post {n * 7919}"}}\n' for n in range(50_000))
    packed = gzip.compress(lines.encode())
    with pytest.raises(InputError, match="ends too early"):
        Harvest(write(tmp_path / "f.gz", packed[:-1000]), "posts")


def test_image_bytes_in_parquet_become_a_data_address(tmp_path: Path) -> None:
    image = [{"bytes": b"\x89PNG", "path": "x.png"}]
    table = pa.table({"id": ["1"], "text": ["a"], "image": image})
    pq.write_table(table, tmp_path / "f.parquet")
    (post,) = Harvest(tmp_path / "f.parquet", "posts").posts
    assert post["images"] == [{"ref": "data:;base64,iVBORw==", "id": None, "error": None}]


def test_a_product_of_json_and_of_csv(tmp_path: Path) -> None:
    row = {
        "asin": "B001",
        "name": "Lamp",
        "description": ["Bright.", "Small."],
        "features": ["warm light", "USB"],
        "category": ["Home", "Lamps"],
        "manufacturer": "Acme",
        "price": "$1,250.00",
        "images": ["a.png", "b.png"],
        "weight": 2,
    }
    (product,) = Harvest(jsonl(tmp_path / "f", row), "products").products
    assert product == {
        "id": "B001",
        "source": "products",
        "title": "Lamp",
        "description": "Bright.\nSmall.",
        "features": ["warm light", "USB"],
        "categories": ["Home", "Lamps"],
        "brand": "Acme",
        "price": 1250.0,
        "images": [{"ref": r, "id": None, "error": None} for r in ("a.png", "b.png")],
        "attributes": '{"weight":2}',
    }
    text = (
        "asin;name;description;features;category;manufacturer;price;images;weight\n"
        'B001;Lamp;"Bright.\nSmall.";warm light|USB;"[""Home"", ""Lamps""]";Acme;1250;'
        "a.png|b.png;2\n"
    )
    (same,) = Harvest(write(tmp_path / "f.csv", text), "products").products
    assert same == product | {"attributes": '{"weight":"2"}'}


def test_products_that_cannot_stand(tmp_path: Path) -> None:
    bad = ("1,,5", "2,  ,5", "3,🎁,5", "4,Lamp,cheap", ",Lamp,5", "6,Lamp", "8.4E+17,Lamp,1")
    text = "\n".join(("id,title,price", *bad, "8,Lamp,"))
    got = Harvest(write(tmp_path / "f.csv", text), "products")
    assert got.ids("products") == ["8"]
    assert list(got.refused) == [2, 3, 4, 5, 6, 7, 8]
    assert "title is missing" in got.refused[2] and "cells" in got.refused[7]
    assert "rounded by a spreadsheet" in got.refused[8]
