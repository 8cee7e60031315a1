"""Import of MIND's rows, before and after its filter."""

from __future__ import annotations

from pathlib import Path

import pytest
from import_world import Row, take, write_csv

from ingest import reading
from schema.identity import cobuy_id

FOREIGN = (
    "PersonX bought a product of Item A and a product of Item B because they both are a type "
    "of winter clothes."
)
ROW: Row = {
    "id_a": "P2",
    "id_b": "P1",
    "Product_a": "Wool hat &amp; scarf",
    "Product_b": "Lamp",
    "Relation": "isA",
    "product_a_desc": "The image features a hat.\n\nIt is warm.",
    "product_b_desc": "The image features a lamp.",
    "Intention": "The potential co-buy intention for these two products could be that they both "
    "are a type of winter gear. The hat is warm.",
    "tail": FOREIGN,
}


def rows(tmp_path: Path, *changes: Row) -> Path:
    return write_csv(tmp_path / "mind.csv", [ROW | change for change in changes or ({},)])


def test_a_row_before_the_filter(tmp_path):
    path = rows(tmp_path)
    assert reading.detect(path).name == "mind"
    out = take(path)
    (found,) = out.assertions
    assert (found["relation"], found["text"]) == ("IsA", "winter gear. The hat is warm.")
    assert (found["head_type"], found["head_id"]) == ("CoBuy", cobuy_id("P1", "P2"))
    assert (found["source"], found["model"]) == ("mind", "mind")
    assert found["accepted"] is found["rationale"] is None
    assert {p["id"]: p["title"] for p in out.products} == {
        "P1": "Lamp",
        "P2": "Wool hat & scarf",
    }
    assert {p["attributes"] for p in out.products} == {
        '{"mind_description":"The image features a hat.\\n\\nIt is warm."}',
        '{"mind_description":"The image features a lamp."}',
    }
    assert out.notes == {"FolkScope's sentences in the column tail, not imported": 1}


@pytest.mark.parametrize(
    ("cell", "accepted", "rationale"),
    [
        ("Yes", True, None),
        ("No.", False, None),
        ("Yes, they go well together.", True, "they go well together."),
        ("No.\n\nThe reason is simple.", False, "The reason is simple."),
        ('"Yes: warm."', True, 'warm."'),
        ("1", True, None),
        ("False", False, None),
        ("", None, None),
        ("Not in every case", None, "Not in every case"),
        ("Nothing speaks for it", None, "Nothing speaks for it"),
    ],
)
def test_the_filters_verdict_and_its_rationale(tmp_path, cell, accepted, rationale):
    out = take(rows(tmp_path, {"Agreement": cell}), "mind")
    assert [(r["accepted"], r["rationale"]) for r in out.assertions] == [(accepted, rationale)]
    unclear = "verdicts that are neither yes nor no, kept as a rationale alone"
    assert out.notes.get(unclear, 0) == (accepted is None and rationale is not None)


@pytest.mark.parametrize(
    ("relation", "intention", "text"),
    [
        ("cause", "The potential co-buy intention could be that the person wants to go out.",
         "go out."),
        ("usedFor", "The potential co-buy intention for these could be they both are used for it",
         "it"),
        ("usedFor", "Both are used outside.", "Both are used outside."),
        ("open", "The potential co-buy intention of buying the Hat and the Lamp might be warmth.",
         "warmth."),
        ("propertOf", "The potential cobuy intention is that they both have a property of warmth",
         "warmth"),
    ],
)  # fmt: skip
def test_the_opening_and_the_phrase_are_cut_off(tmp_path, relation, intention, text):
    out = take(rows(tmp_path, {"Relation": relation, "Intention": intention}))
    assert [row["text"] for row in out.assertions] == [text]


def test_a_tail_of_its_own_is_preferred_and_one_of_folkscope_never_taken(tmp_path):
    out = take(rows(tmp_path, {"tail": "winter gear"}, {"Intention": "", "tail": "warm things"},
                    {"Intention": ""}))  # fmt: skip
    assert [row["text"] for row in out.assertions] == ["winter gear", "warm things"]
    assert [(r.row, r.reason) for r in out.rejections] == [(8, "Intention is missing")]


def test_a_second_reading_gives_the_same_evidence(tmp_path):
    path = rows(tmp_path, {}, {"Relation": "other"})
    first, second = take(path), take(path)
    assert first.ids("assertions") == second.ids("assertions")
    assert len(first.ids("assertions")) == 2
    assert first.relations() == {"IsA": 1, "Other": 1}


def test_two_rows_side_by_side_as_in_the_annotation_files(tmp_path):
    image = "https://shop.example/i/%s.jpg"
    first = ROW | {"Cate": "clothing", "Agreement": "No.", "item_a_cate": "Clothing, Shoes",
                   "item_b_cate": "Lamps", "item_a_img1_url": image % 1, "item_a_img2_url":
                   image % 2, "item_a_img3_url": image % 1, "item_b_img1_url": ""}  # fmt: skip
    second = first | {"id_a": "P3", "Relation": "usedFor", "Agreement": "Yes. Because."}
    wide = {f"{name}_{n}": value for n, row in ((1, first), (2, second))
            for name, value in row.items()}  # fmt: skip
    alone = wide | {name: "" for name in wide if name.endswith("_2")}
    path = write_csv(tmp_path / "wide.csv.gz", [wide, alone])
    assert reading.detect(path).name == "mind"
    out = take(path)
    assert [(r["relation"], r["accepted"], r["rationale"]) for r in out.assertions] == [
        ("IsA", False, None),
        ("UsedFor", True, "Because."),
        ("IsA", False, None),
    ]
    hat = next(p for p in out.products if p["id"] == "P2")
    assert [i["ref"] for i in hat["images"]] == [image % 1, image % 2]
    assert hat["categories"] == ["Clothing, Shoes"]
    assert not out.rejections


def test_what_cannot_stand_is_refused(tmp_path):
    out = take(rows(tmp_path, {"Relation": "hasA"}, {"id_a": ""}, {"id_b": "P2"}, {}))
    assert [r.reason for r in out.rejections] == [
        "unknown relation 'hasA'",
        "id_a is missing",
        "a co-buy of 'P2' with itself",
    ]
    assert len(out.assertions) == 1
