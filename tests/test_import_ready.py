"""Import of ready intentions in IntentKG's own layout (format ``intentions``)."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest import reading
from ingest.reading import Options
from intentkg.sample import FILES, SOURCE
from schema.errors import InputError, UsageError
from schema.identity import assertion_id, cobuy_id, evidence_id, intention_id
from schema.records import SCHEMAS, Item, Note, Rejection, Rows

SAMPLE = dict(FILES)["intentions"]
POST = {"post": "7", "relation": "xWant", "text": "go home"}
PAIR = {"a": "P2", "b": "P1", "relation": "UsedFor", "text": "keeping warm"}


def _read(path: Path, options: Options | None = None) -> list[Item]:
    return list(reading.read(path, "intentions", options))


def _rows(items: list[Item], table: str = "assertions") -> list[dict[str, Any]]:
    return [
        row
        for item in items
        if isinstance(item, Rows) and item.table == table
        for row in item.batch.to_pylist()
    ]


def _rejections(items: list[Item]) -> list[Rejection]:
    return [item for item in items if isinstance(item, Rejection)]


def _jsonl(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_sample_is_read_whole() -> None:
    items = _read(SAMPLE, Options(source=SOURCE))
    rows = _rows(items)
    assert len(rows) == len(items[0].lines) == 780  # type: ignore[union-attr]
    assert not _rejections(items)
    assert len({row["id"] for row in rows}) == 780
    assert len({row["assertion_id"] for row in rows}) == 730  # 50 stand twice, for two models
    assert Counter(row["head_type"] for row in rows) == {"Post": 400, "CoBuy": 380}
    assert {row["source"] for row in rows} == {"sample"}
    assert _rows(items, "cobuys") == _rows(items, "products") == _rows(items, "posts") == []


def test_rows_have_the_schemas_types_and_the_ids_of_identity() -> None:
    batch = next(item for item in _read(SAMPLE, Options(source=SOURCE)) if isinstance(item, Rows))
    assert batch.batch.schema == SCHEMAS["assertions"]
    written = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    for line, row, given_ in zip(
        batch.lines.to_pylist(), batch.batch.to_pylist(), written, strict=True
    ):
        head = given_.get("head_id") or cobuy_id(given_["a"], given_["b"])
        tail = intention_id(given_["text"])
        key = assertion_id(given_["head_type"], head, given_["relation"], tail)
        assert written[line - 1] is given_
        assert (row["head_id"], row["intention_id"], row["assertion_id"]) == (head, tail, key)
        assert row["id"] == evidence_id(key, source="sample", model=given_["model"])
        for name in ("text", "relation", "plausibility", "typicality", "model"):
            assert row[name] == given_[name]
        for name in ("accepted", "rationale"):
            assert row[name] == given_.get(name)


def test_csv_parquet_and_gzip_hold_the_same(tmp_path: Path) -> None:
    written = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    names = list(dict.fromkeys(name for row in written for name in row))
    with (tmp_path / "s.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, names)
        writer.writeheader()
        writer.writerows(written)
    whole = [{name: row.get(name) for name in names} for row in written]
    pq.write_table(pa.Table.from_pylist(whole), tmp_path / "s.parquet")
    (tmp_path / "s.jsonl.gz").write_bytes(gzip.compress(SAMPLE.read_bytes()))
    expected = _rows(_read(SAMPLE))
    assert len(expected) == 780
    for name in ("s.csv", "s.parquet", "s.jsonl.gz"):
        assert _rows(_read(tmp_path / name)) == expected


@pytest.mark.parametrize(
    "columns",
    [
        ("head_type", "head_id", "relation", "text"),
        ("post", "relation", "text", "model"),
        ("a", "b", "relation", "text", "typicality"),
        ("product", "relation", "intention"),
    ],
)
def test_the_layout_is_recognised(tmp_path: Path, columns: tuple[str, ...]) -> None:
    cells = {
        "head_type": "Post", "head_id": "x:1", "post": "1", "a": "A1", "b": "B1", "product": "A1",
        "relation": "Open", "text": "it rained", "intention": "it rained", "model": "m",
        "typicality": 0.5,
    }  # fmt: skip
    path = _jsonl(tmp_path, {name: cells[name] for name in columns})
    assert reading.detect(path, "intentions").name == "intentions"
    assert reading.detect(SAMPLE, "intentions").name == "intentions"


@pytest.mark.parametrize(
    ("head", "kind", "key"),
    [
        ({"post": "7"}, "Post", "mine:7"),
        ({"post": 7}, "Post", "mine:7"),
        ({"post": "7", "post_source": "blog"}, "Post", "blog:7"),
        ({"head_type": "Post", "head_id": "blog:7:8"}, "Post", "blog:7:8"),
        ({"head_type": "post", "post": "7"}, "Post", "mine:7"),
        ({"a": "P2", "b": "P1"}, "CoBuy", cobuy_id("P1", "P2")),
        ({"head_type": "CoBuy", "a": "P1", "b": "P2"}, "CoBuy", cobuy_id("P1", "P2")),
        ({"head_type": "co-buy", "head_id": cobuy_id("P1", "P2")}, "CoBuy", cobuy_id("P1", "P2")),
        (
            {"head_type": "CoBuy", "head_id": cobuy_id("P1", "P2"), "a": "P2", "b": "P1"},
            "CoBuy",
            cobuy_id("P1", "P2"),
        ),
        ({"product": " P1 "}, "Product", "P1"),
        ({"head_type": "Product", "head_id": "P1"}, "Product", "P1"),
    ],
)
def test_a_head_is_named_in_any_of_these_ways(
    tmp_path: Path, head: dict[str, Any], kind: str, key: str
) -> None:
    items = _read(_jsonl(tmp_path, head | {"relation": "Open", "text": "it rained"}),
                  Options(source="mine"))  # fmt: skip
    (row,) = _rows(items)
    assert (row["head_type"], row["head_id"]) == (kind, key)
    assert len(items) == 1, "a head that is only named is not brought along"


def test_a_row_brings_its_head_along_if_it_describes_it(tmp_path: Path) -> None:
    items = _read(
        _jsonl(
            tmp_path,
            POST | {"post_text": "What a day"},
            PAIR | {"title_a": "Two", "support": 4},
            {"product": "P3", "title": "Three", "relation": "Open", "text": "it broke"},
        )
    )
    assert not _rejections(items)
    (post,) = _rows(items, "posts")
    assert (post["id"], post["text"]) == ("intentions:7", "What a day")
    titles = {row["id"]: row["title"] for row in _rows(items, "products")}
    assert titles == {"P1": None, "P2": "Two", "P3": "Three"}
    (pair,) = _rows(items, "cobuys")
    assert (pair["a"], pair["b"], pair["support"], pair["support_ab"]) == ("P1", "P2", 4, None)
    assert [row["head_id"] for row in _rows(items)] == ["intentions:7", pair["id"], "P3"]


def test_dangling_keep_brings_every_pair_and_product_along(tmp_path: Path) -> None:
    product = {"product": "P3", "relation": "Open", "text": "it broke"}
    items = _read(_jsonl(tmp_path, PAIR, product), Options(dangling="keep"))
    assert [row["id"] for row in _rows(items, "products")] == ["P2", "P1", "P3"]
    assert [row["support"] for row in _rows(items, "cobuys")] == [1]


def test_everything_that_evidence_has_is_read(tmp_path: Path) -> None:
    full = PAIR | {
        "plausibility": "0.5", "typicality": 0, "accepted": "no", "rationale": "Only alike.",
        "model": "m-1", "prompt_hash": "ph", "run": "r1", "request": 17,
        "image_ids": ["i1", "i2"], "created_at": "2024-05-01T12:30:00Z", "source": "shop",
    }  # fmt: skip
    (row,) = _rows(_read(_jsonl(tmp_path, full), Options(source="other")))
    assert (row["plausibility"], row["typicality"], row["accepted"]) == (0.5, 0.0, False)
    assert (row["model"], row["prompt_hash"], row["run"], row["request"]) == (
        "m-1", "ph", "r1", "17",
    )  # fmt: skip
    assert row["image_ids"] == ["i1", "i2"]
    assert row["created_at"].isoformat() == "2024-05-01T12:30:00+00:00"
    assert row["source"] == "shop"


def test_columns_can_be_mapped(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("first;second;rel;why\nA;B;Cause;save money\n", encoding="utf-8")
    columns = {"a": "first", "b": "second", "relation": "rel", "text": "why"}
    (row,) = _rows(_read(path, Options(columns=columns)))
    assert (row["head_id"], row["text"]) == (cobuy_id("A", "B"), "save money")


def test_columns_that_are_not_read_are_reported(tmp_path: Path) -> None:
    derived = {"id": "ev_0", "assertion_id": "as_0", "intention_id": "in_0"}
    items = _read(_jsonl(tmp_path, POST | derived | {"colour": "red"}, POST, POST | {"colour": 1}))
    assert [item for item in items if isinstance(item, Note)] == [
        Note("rows with a column that is not read: 'colour'", 2)
    ]


def test_a_relation_may_be_spelled_as_elsewhere(tmp_path: Path) -> None:
    expected = _rows(_read(_jsonl(tmp_path, PAIR, POST, PAIR | {"relation": "Open"})))
    spelled = (
        PAIR | {"relation": "usedFor"},
        POST | {"relation": "x_want"},
        PAIR | {"relation": "open"},
    )
    assert _rows(_read(_jsonl(tmp_path, *spelled))) == expected
    assert [row["relation"] for row in expected] == ["UsedFor", "xWant", "Open"]


BAD: list[tuple[dict[str, Any], str, str]] = [
    (POST | {"relation": "xwnt"}, "unknown relation", "xWant"),
    (POST | {"relation": "UsedFor"}, "unknown relation", "xWant"),
    (PAIR | {"relation": "xWant"}, "unknown relation", "CauseDesire"),
    (PAIR | {"relation": "UsedFor`]->() DETACH DELETE n"}, "unknown relation", "known relations"),
    (PAIR | {"relation": None}, "no relation", "UsedFor"),
    (PAIR | {"plausibility": 7}, "plausibility 7 is outside [0, 1]", "scale"),
    (PAIR | {"typicality": -0.1}, "typicality -0.1 is outside [0, 1]", "scale"),
    (PAIR | {"typicality": "high"}, "typicality 'high' is not a number", "plain number"),
    (PAIR | {"accepted": "perhaps"}, "neither yes nor no", "true or false"),
    (PAIR | {"created_at": "yesterday"}, "is not a time", "ISO 8601"),
    (PAIR | {"support": 0}, "support 0 is out of range", "1 up"),
    (PAIR | {"support": 1.5}, "not a whole number", "whole number"),
    (PAIR | {"text": None}, "the intention is missing", "intention"),
    (PAIR | {"text": " \u3000 "}, "only white space", "in words"),
    (PAIR | {"text": "\U0001f600!"}, "only symbols or emoji", "in words"),
    (PAIR | {"text": ["x"]}, "a list, not text", "string"),
    (PAIR | {"b": None}, "a co-buy without b", "a and b"),
    (PAIR | {"b": "P2"}, "with itself", "two different products"),
    (PAIR | {"b": "\uff30\uff12"}, "with itself", "two different products"),  # full-width P2
    (PAIR | {"post": "7"}, "heads of 2 types: CoBuy, Post", "a row of its own"),
    (PAIR | {"head_type": "Product"}, "heads of 2 types", "a row of its own"),
    (PAIR | {"head_type": "Shop"}, "head type 'Shop' is unknown", "Post, CoBuy or Product"),
    (PAIR | {"head_type": "CoBuy", "head_id": "co_0"}, "not the co-buy of a and b", "head_id"),
    ({"head_type": "CoBuy", "head_id": "P1-P2"}, "is not a co-buy's id", "a and b"),
    ({"head_type": "Post", "head_id": "7"}, "is not a post's id", "SOURCE:ID"),
    ({"head_type": "Post", "head_id": "My Blog:7"}, "is not a post's id", "SOURCE:ID"),
    ({"head_type": "Post", "head_id": "x:7", "post": "8"}, "name two posts", "empty"),
    ({"head_type": "Post"}, "names no post", "SOURCE:ID"),
    ({"head_type": "Product"}, "names no product", "product"),
    ({"head_type": "Product", "head_id": "A", "product": "B"}, "name two products", "empty"),
    ({"head_id": "x:7"}, "head_id without a head_type", "Post, CoBuy or Product"),
    ({}, "names no head", "a and b"),
    (POST | {"post_source": "My Blog"}, "is not a source name", "lower-case"),
    (POST | {"source": "My Blog"}, "is not a source name", "lower-case"),
    (POST | {"post": 7.5}, "is not exact", "as text"),
    (POST | {"post": "7\n8"}, "line break", "take it out"),
    (POST | {"post_text": "\U0001f600"}, "text is only symbols or emoji", "letter or digit"),
]


@pytest.mark.parametrize(("row", "reason", "fix"), BAD, ids=[reason for _, reason, _ in BAD])
def test_a_bad_row_is_refused_and_the_others_stay(
    tmp_path: Path, row: dict[str, Any], reason: str, fix: str
) -> None:
    row = {"relation": "Open", "text": "it rained"} | row
    items = _read(_jsonl(tmp_path, POST, row, PAIR))
    (refused,) = _rejections(items)
    assert refused.row == 2
    assert refused.file.endswith("rows.jsonl")
    assert reason in refused.reason
    assert fix in refused.fix
    assert refused.excerpt
    assert [found["text"] for found in _rows(items)] == ["go home", "keeping warm"]
    assert _rows(items, "cobuys") == _rows(items, "posts") == []


def test_broken_lines_are_refused_one_by_one(tmp_path: Path) -> None:
    good = json.dumps(POST).encode()
    lines = [good, b"{", b"[1]", b"\xff\xfe", good.replace(b"home", b"ho\x00me"), b"", good]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    items = _read(path)
    assert [item.row for item in _rejections(items)] == [2, 3, 4, 5]
    assert all(item.fix for item in _rejections(items))
    assert len(_rows(items)) == 2


def test_a_row_with_too_few_cells_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b,relation,text\nA,B,Cause\nA,C,Cause,save money\n", encoding="utf-8")
    items = _read(path)
    assert [(item.row, item.reason) for item in _rejections(items)] == [
        (2, "3 cells where the header has 4")
    ]
    assert len(_rows(items)) == 1


@pytest.mark.parametrize("column", ["relation", "text"])
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    path = _jsonl(tmp_path, {k: v for k, v in PAIR.items() if k != column})
    with pytest.raises(InputError, match=f"no column for '{column}'") as caught:
        _read(path)
    assert f"name it with --column {column}=COLUMN" in str(caught.value.fix)


def test_options_of_other_formats_are_refused() -> None:
    with pytest.raises(UsageError, match="has no option min-support"):
        _read(SAMPLE, Options(min_support=3))


_VALUE = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.lists(st.text(max_size=3), max_size=2),
    st.sampled_from(["Post", "CoBuy", "Product", "xWant", "Open", "UsedFor", "s:1", "P1", "0.5"]),
)  # fmt: skip
_COLUMNS = (
    "head_type", "head_id", "post", "post_source", "a", "b", "product", "relation", "text",
    "plausibility", "accepted", "support", "title", "title_a", "post_text", "created_at", "source",
    "request", "image_ids",
)  # fmt: skip


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(st.dictionaries(st.sampled_from(_COLUMNS), _VALUE), min_size=1, max_size=4))
def test_any_row_is_either_stored_or_refused(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    items = _read(_jsonl(tmp_path, {"relation": "Open", "text": "it rained"}, *rows))
    stored = [
        line
        for item in items
        if isinstance(item, Rows) and item.table == "assertions"
        for line in item.lines.to_pylist()
    ]
    refused = [item.row for item in _rejections(items)]
    assert sorted([*stored, *refused]) == list(range(1, len(rows) + 2))


def test_a_long_file_comes_in_bounded_batches(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with path.open("w", encoding="utf-8") as stream:
        for number in range(20_000):
            stream.write(json.dumps(POST | {"post": str(number)}) + "\n")
    sizes = [item.batch.num_rows for item in _read(path) if isinstance(item, Rows)]
    assert sum(sizes) == 20_000
    assert max(sizes) <= 8192
