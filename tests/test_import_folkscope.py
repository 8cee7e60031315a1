"""Import of FolkScope's rows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from import_world import Row, take, write_csv, write_jsonl

from ingest import reading
from schema.errors import InputError
from schema.identity import cobuy_id

ROW: Row = {
    "item_a_id": "P2",
    "item_b_id": "P1",
    "item_a_name": "Wool hat &amp; scarf",
    "item_b_name": 'Lamp, 15"',
    "relation": "usedFor",
    "assertion": "PersonX bought a product of Item A and a product of Item B because they are both "
    "used for cold days.",
    "plausibility": "0.75",
    "typicality": "0.5",
}


def rows(tmp_path: Path, *changes: Row) -> Path:
    return write_csv(tmp_path / "folkscope.csv", [ROW | change for change in changes or ({},)])


def test_a_row_becomes_two_products_a_cobuy_and_an_assertion(tmp_path):
    path = rows(tmp_path)
    assert reading.detect(path).name == "folkscope"
    out = take(path)
    assert {(p["id"], p["title"]) for p in out.products} == {
        ("P2", "Wool hat & scarf"),
        ("P1", 'Lamp, 15"'),
    }
    (pair,) = out.cobuys
    assert (pair["a"], pair["b"], pair["support"]) == ("P1", "P2", 1)
    assert pair["support_ab"] is pair["support_ba"] is None  # the order says no direction
    (found,) = out.assertions
    assert (found["head_type"], found["head_id"]) == ("CoBuy", cobuy_id("P1", "P2"))
    assert (found["relation"], found["text"]) == ("UsedFor", "cold days.")
    assert (found["plausibility"], found["typicality"]) == (0.75, 0.5)
    assert (found["source"], found["model"], found["accepted"]) == ("folkscope", "folkscope", None)
    assert out.notes == {"relations named that the phrase agrees with": 1}
    assert not out.rejections


def test_every_relation_of_folkscope_is_read(tmp_path):
    names = ["open", "relatedTo", "isA", "partOf", "madeOf", "similarTo", "createdBy", "hasA",
             "propertyOf", "distinctFrom", "usedFor", "can", "capableOf", "definedAs", "symbolOf",
             "mannerOf", "deriveFrom", "effect", "cause", "motivatedBy", "causeEffect"]  # fmt: skip
    out = take(rows(tmp_path, *({"relation": name} for name in names)))
    assert len(out.relations()) == len(names)
    assert not out.rejections


def test_the_same_row_has_the_same_evidence_wherever_it_stands(tmp_path):
    first = take(rows(tmp_path, {}, {"relation": "isA"}))
    again = take(rows(tmp_path, {"relation": "isA"}, {"item_a_id": "P9"}, {}))
    assert first.ids("assertions") < again.ids("assertions")


def test_rows_with_ids_keep_them_and_pairs_in_both_orders_are_one_cobuy(tmp_path):
    out = take(rows(tmp_path, {"id": "r1"}, {"id": "r2", "item_a_id": "P1", "item_b_id": "P2"}))
    assert [row["request"] for row in out.assertions] == ["r1", "r2"]
    assert len(out.ids("cobuys")) == 1
    assert len({row["assertion_id"] for row in out.assertions}) == 1


def test_other_layouts_aliases_and_mapped_columns(tmp_path):
    small = {
        "asin_a": "P1",
        "asin_b": "P2",
        "generation": 'He bought a product of "Hat" and a product of "Lamp" because they both are '
        "a part of winter",
        "typical_score": 0.25,
    }
    out = take(write_jsonl(tmp_path / "a.jsonl", [small]), "folkscope", source="mine")
    assert out.triples() == [("PartOf", "winter")]
    assert out.assertions[0]["typicality"] == 0.25
    assert out.assertions[0]["source"] == out.cobuys[0]["source"] == "mine"
    odd = {"x": "P1", "y": "P2", "s": "because they both can glow"}
    columns = {"item_a_id": "x", "item_b_id": "y", "assertion": "s"}
    out = take(write_jsonl(tmp_path / "b.jsonl", [odd]), "folkscope", columns=columns)
    assert out.triples() == [("Can", "glow")]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"relation": "usedfro"}, "unknown relation 'usedfro'"),
        ({"typicality": "7"}, r"typicality 7 is outside \[0, 1\]"),
        ({"plausibility": "-0.1"}, r"plausibility -0.1 is outside \[0, 1\]"),
        ({"typicality": "high"}, "typicality 'high' is not a number"),
        ({"assertion": ""}, "assertion is missing"),
        ({"assertion": "because they are both used for"}, "ends where the intention should begin"),
        ({"assertion": "because they are both used for \U0001f600"}, "symbols or emoji"),
        ({"item_a_id": ""}, "item_a_id is missing"),
        ({"item_b_id": "P2"}, "a co-buy of 'P2' with itself"),
        ({"item_a_name": " "}, "title"),
    ],
)
def test_a_row_that_cannot_stand_is_refused_whole_and_the_next_is_read(tmp_path, change, reason):
    out = take(rows(tmp_path, change, {}))
    (refused,) = out.rejections
    assert refused.row == 2
    assert re.search(reason, refused.reason)
    assert refused.excerpt
    assert len(out.assertions) == len(out.cobuys) == 1
    assert out.lines["assertions"] == [3]


def test_too_few_cells_and_missing_columns(tmp_path):
    path = rows(tmp_path)
    path.write_text(path.read_text(encoding="utf-8") + "P1,P2,too few\n", encoding="utf-8")
    out = take(path, "folkscope")
    assert [r.row for r in out.rejections] == [3]
    assert len(out.assertions) == 1
    with pytest.raises(InputError, match="no column for 'assertion'") as caught:
        take(write_jsonl(tmp_path / "c.jsonl", [{"id_a": "1", "id_b": "2"}]), "folkscope")
    assert "--column assertion=" in caught.value.fix


def test_memory_is_bounded_by_batches(tmp_path):
    path = tmp_path / "long.jsonl"
    line = '{"id_a": "A%d", "id_b": "B%d", "sentence": "because they both can glow %d"}\n'
    path.write_text("".join(line % (n, n, n) for n in range(20_000)), encoding="utf-8")
    out = take(path, "folkscope")
    assert len(out.assertions) == 20_000
    assert out.largest_batch <= 8192
