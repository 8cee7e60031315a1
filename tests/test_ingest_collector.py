from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.batching import HOPELESS, Collector
from ingest.cleaning import BadValue
from schema.errors import InputError, UsageError
from schema.identity import (
    assertion_id,
    cobuy_id,
    evidence_id,
    intention_id,
    normalise_key,
    post_id,
)
from schema.records import SCHEMAS, Item, Note, Rejection, Rows, Table


def one(table: Table, row: dict[str, Any]) -> dict[str, Any] | Rejection:
    out = Collector("file", source="src")
    out.add(table, row, line=7)
    (item,) = out.finish()
    if isinstance(item, Rejection):
        assert item.row == 7 and item.file == "file" and item.reason and item.fix
        return item
    assert isinstance(item, Rows) and item.lines.to_pylist() == [7]
    return item.batch.to_pylist()[0]  # type: ignore[no-any-return]


def test_ids_follow_from_the_rest() -> None:
    assert one("posts", {"external_id": " 7 ", "text": "hi"})["id"] == post_id("src", "7")  # type: ignore[index]
    row = one("cobuys", {"a": "z", "b": "y", "support": 5, "support_ab": 3, "support_ba": 2})
    assert isinstance(row, dict)
    assert (row["a"], row["b"], row["support_ab"], row["support_ba"]) == ("y", "z", 2, 3)
    assert row["id"] == cobuy_id("y", "z")
    row = one(
        "assertions",
        {"head_type": "CoBuy", "head_id": "co_1", "relation": "UsedFor", "text": "Hiking."},
    )
    assert isinstance(row, dict)
    tail = intention_id("hiking")
    edge = assertion_id("CoBuy", "co_1", "UsedFor", tail)
    assert (row["intention_id"], row["assertion_id"]) == (tail, edge)
    assert row["id"] == evidence_id(edge, source="src")
    assert row["text"] == "Hiking."


HEAD = {"head_type": "Post", "head_id": "s:1", "relation": "xNeed", "text": "to rest"}
PAIR = {"a": "x", "b": "y", "support": 1}


@pytest.mark.parametrize(
    ("table", "row", "word"),
    [
        ("posts", {"text": "a"}, "id is missing"),
        ("posts", {"external_id": " ", "text": "a"}, "only white space"),
        ("posts", {"external_id": "1"}, "text is missing"),
        ("posts", {"external_id": "1", "text": " \n"}, "only white space"),
        ("posts", {"external_id": "1", "text": "😀 !!"}, "symbols or emoji"),
        ("posts", {"external_id": "1", "text": "a\0b"}, "NUL"),
        ("posts", {"external_id": "1", "text": "a\ud800"}, "surrogate"),
        ("posts", {"external_id": "a\nb", "text": "a"}, "line break"),
        ("posts", {"external_id": "x" * 2000, "text": "a"}, "2,000 characters long"),
        ("posts", {"external_id": "1", "text": "a", "attributes": {"x": "\ud800"}}, "JSON"),
        ("posts", {"external_id": "1", "text": "a", "attributes": {"x": "\0"}}, "NUL"),
        ("posts", {"external_id": "1", "text": "a", "attributes": "[]"}, "not a JSON object"),
        ("posts", {"external_id": "1", "text": "a", "attributes": "{"}, "JSON"),
        ("posts", {"external_id": "1", "text": "a", "created_at": "now"}, "not a time"),
        ("products", {"id": "1", "title": "  "}, "only white space"),
        ("products", {"id": "1", "title": "🎁🎁"}, "symbols or emoji"),
        ("products", {"id": "1", "title": "a", "price": -1.0}, "not an amount"),
        ("products", {"id": "1", "title": "a", "price": float("inf")}, "not an amount"),
        ("products", {"id": "1", "title": "a", "features": ["x\0"]}, "NUL"),
        ("cobuys", {"a": "x", "b": " x ", "support": 1}, "with itself"),
        ("cobuys", {"a": "x", "b": "\uff58", "support": 1}, "with itself"),
        ("cobuys", {"a": "x", "b": "y"}, "without support"),
        ("cobuys", PAIR | {"support": 0}, "out of range"),
        ("cobuys", PAIR | {"support": 2**70}, "out of range"),
        ("cobuys", PAIR | {"support_ab": -1}, "out of range"),
        ("cobuys", PAIR | {"npmi": 1.5}, "outside [-1, 1]"),
        ("cobuys", PAIR | {"npmi": float("nan")}, "outside [-1, 1]"),
        ("assertions", HEAD | {"plausibility": 7}, "7 is outside [0, 1]"),
        ("assertions", HEAD | {"typicality": -0.1}, "outside [0, 1]"),
        ("assertions", HEAD | {"typicality": float("nan")}, "outside [0, 1]"),
        ("assertions", HEAD | {"relation": "xned"}, "unknown relation"),
        ("assertions", HEAD | {"relation": "UsedFor"}, "unknown relation"),
        ("assertions", HEAD | {"relation": None}, "no relation"),
        ("assertions", HEAD | {"head_type": "User"}, "head type"),
        ("assertions", HEAD | {"head_type": "CoBuy"}, "unknown relation"),
        ("assertions", HEAD | {"text": "..."}, "symbols"),
        ("assertions", HEAD | {"accepted": 3}, "accepted"),
    ],
)
def test_what_cannot_stand_is_refused(table: Table, row: dict[str, Any], word: str) -> None:
    found = one(table, row)
    assert isinstance(found, Rejection), found
    assert word in found.reason


def test_a_near_relation_is_suggested() -> None:
    found = one("assertions", HEAD | {"relation": "xNeeds"})
    assert isinstance(found, Rejection) and "did you mean 'xNeed'?" in found.fix


def test_a_stub_has_no_title_and_ids_stay_as_they_are() -> None:
    row = one("products", {"id": "0486220125"})
    assert isinstance(row, dict) and row["id"] == "0486220125" and row["title"] is None


def test_blank_optional_fields_are_null() -> None:
    row = one("products", {"id": "1", "title": " a ", "brand": " ", "features": [], "images": []})
    assert isinstance(row, dict)
    assert row["title"] == "a"
    assert row["brand"] is row["features"] is row["images"] is row["attributes"] is None


def test_attributes_are_sorted_json_without_empty_values() -> None:
    given_ = {"b": 1, "a": [1, {"x": None}], "none": None, "list": [], "text": "", "raw": b"ab"}
    row = one("posts", {"external_id": "1", "text": "a", "attributes": given_})
    assert isinstance(row, dict)
    assert row["attributes"] == '{"a":[1,{"x":null}],"b":1,"raw":"2 bytes"}'
    row = one("posts", {"external_id": "1", "text": "a", "attributes": {"x": "\\u0000"}})
    assert isinstance(row, dict) and json.loads(row["attributes"]) == {"x": "\\u0000"}


def test_rows_that_belong_together_stand_or_fall_together() -> None:
    out = Collector("file", source="src")
    assert not out.add_all([("products", {"id": "x"}), ("cobuys", PAIR | {"support": 0})], line=1)
    assert out.add_all([("products", {"id": "x"}), ("cobuys", PAIR)], line=2)
    items = list(out.finish())
    assert [type(item) for item in items] == [Rejection, Rows, Rows]
    assert [i.lines.to_pylist() for i in items if isinstance(i, Rows)] == [[2], [2]]


def test_a_bad_value_in_a_guarded_block_refuses_the_line_and_a_bug_does_not_hide() -> None:
    out = Collector("file", source="src")
    with out.row(3, "the row"):
        raise BadValue("no", "do")
    with pytest.raises(ZeroDivisionError), out.row(4):
        raise ZeroDivisionError
    with pytest.raises(TypeError, match="no column txet"):
        out.add("posts", {"txet": 1}, line=5)
    assert list(out.finish()) == [Rejection("file", 3, "no", "do", "the row")]


def test_batches_are_bounded_in_rows_and_bytes() -> None:
    out = Collector("file", source="src", batch_rows=10, batch_bytes=1000)
    for n in range(25):
        out.add("posts", {"external_id": str(n), "text": "a"}, line=n + 1)
    out.add("posts", {"external_id": "long", "text": "b" * 2000}, line=26)
    ready = [len(i.lines) for i in out.drain() if isinstance(i, Rows)]
    assert ready == [10, 10, 6]
    out.note("things", 2)
    out.note("things")
    assert list(out.finish()) == [Note("things", 3)]


def test_the_same_stub_comes_once_a_batch() -> None:
    out = Collector("file", source="src")
    for n in range(5):
        out.add("products", {"id": "x", "title": "a"}, line=n)
        out.add("products", {"id": "x"}, line=n)
        out.add("products", {"id": "x", "title": "a", "brand": "b"}, line=n)
    (rows,) = out.finish()
    assert isinstance(rows, Rows) and rows.batch.num_rows == 7


def test_a_source_that_is_none() -> None:
    with pytest.raises(UsageError, match="source name"):
        Collector("file", source="My Source")


def test_a_file_of_which_nothing_can_be_used_is_given_up() -> None:
    out = Collector("file", source="src")
    with pytest.raises(InputError, match="none of the first 1,000 rows") as caught:
        for n in range(HOPELESS):
            out.reject(n + 1, "not JSON", "write JSON")
    assert caught.value.row == 1
    out = Collector("file", source="src")
    out.add("products", {"id": "x"}, line=1)
    for n in range(2 * HOPELESS):
        out.reject(n + 2, "not JSON", "write JSON")


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text())
)


@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {"external_id": st.text(), "text": st.text()},
            optional={"language": st.text(), "attributes": st.dictionaries(st.text(), anything)},
        )
    )
)
def test_every_row_is_either_stored_faithfully_or_refused(rows: list[dict[str, Any]]) -> None:
    out = Collector("file", source="src", batch_rows=3)
    items: list[Item] = []
    for n, row in enumerate(rows):
        out.add("posts", row, line=n)
        items += out.drain()
    items += out.finish()
    stored: dict[int, dict[str, Any]] = {}
    refused: set[int | None] = set()
    for item in items:
        if isinstance(item, Rows):
            assert item.batch.schema.equals(SCHEMAS["posts"])
            stored.update(zip(item.lines.to_pylist(), item.batch.to_pylist(), strict=True))
        else:
            assert isinstance(item, Rejection)
            refused.add(item.row)
    assert stored.keys() | refused == set(range(len(rows))) and not stored.keys() & refused
    for n, row in stored.items():
        assert row["external_id"] == normalise_key(rows[n]["external_id"])
        assert row["text"] == rows[n]["text"].strip()


@given(a=st.text(min_size=1), b=st.text(min_size=1), ab=st.integers(0, 9), ba=st.integers(0, 9))
def test_a_cobuy_is_the_same_in_either_order(a: str, b: str, ab: int, ba: int) -> None:
    one_way = {"a": a, "b": b, "support": 9, "support_ab": ab, "support_ba": ba}
    other_way = {"a": b, "b": a, "support": 9, "support_ab": ba, "support_ba": ab}
    first, second = one("cobuys", one_way), one("cobuys", other_way)
    if isinstance(first, dict):
        assert first == second and first["a"] < first["b"]
    else:
        assert isinstance(second, Rejection)


def test_the_batches_carry_time_and_images() -> None:
    from datetime import UTC, datetime

    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    image = {"ref": "a.png", "id": None, "error": None}
    row = one("posts", {"external_id": "1", "text": "a", "created_at": noon, "images": [image]})
    assert isinstance(row, dict) and row["created_at"] == noon and row["images"] == [image]
    assert SCHEMAS["posts"].field("created_at").type == pa.timestamp("us", tz="UTC")
