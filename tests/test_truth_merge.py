"""The merge rules as properties, against a model that is a plain dictionary."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truth_world import batch, cobuy, commit, evidence, product, stored

from kg import rejections
from kg.directory import Directory
from kg.merge import Conflict, describe, merge
from kg.sql import KEYS
from kg.verify import verify
from schema.records import SCHEMAS, Table

Row = dict[str, Any]

# Few values and many gaps, so that rows meet, agree, fill and conflict.
maybe = st.one_of(st.none(), st.sampled_from(["x", "y"]))
numbers = st.one_of(st.none(), st.sampled_from([1.0, 2.0]))
image = st.fixed_dictionaries(
    {
        "ref": st.sampled_from(["a", "b"]),
        "id": st.one_of(st.none(), st.just("1" * 64)),
        "error": st.one_of(st.none(), st.just("404")),
    }
)
objects = st.one_of(st.none(), st.sampled_from(['{"a":1}', '{"a":2}', '{"b":1}', '{"a":1,"b":2}']))

products = st.builds(
    product,
    st.sampled_from(["B1", "B2", "B3"]),
    source=st.sampled_from(["s", "t"]),
    title=maybe,
    brand=maybe,
    price=numbers,
    features=st.one_of(st.none(), st.lists(st.sampled_from(["f", "g"]), max_size=2)),
    images=st.one_of(st.none(), st.lists(image, max_size=2)),
    attributes=objects,
)
cobuys = st.builds(
    cobuy,
    st.just("B1"),
    st.sampled_from(["B2", "B3"]),
    st.integers(0, 3),
    source=st.sampled_from(["s", "t"]),
    support_ab=st.one_of(st.none(), st.integers(0, 3)),
    npmi=st.one_of(st.none(), st.sampled_from([-0.5, 0.5])),
)
assertions = st.builds(
    evidence,
    st.sampled_from(["B1", "B2"]),
    st.sampled_from(["keep warm", "Keep warm."]),
    head_type=st.just("Product"),
    model=st.sampled_from(["m", "n"]),
    run=maybe,
    plausibility=st.one_of(st.none(), st.sampled_from([0.25, 0.75])),
    rationale=maybe,
)
files_of = {
    "products": st.lists(st.lists(products, max_size=6), max_size=3),
    "cobuys": st.lists(st.lists(cobuys, max_size=6), max_size=3),
    "assertions": st.lists(st.lists(assertions, max_size=6), max_size=3),
}


class Model:
    """What should be stored: rows taken one after the other."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.rows: dict[tuple[str, ...], Row] = {}
        self.refused: list[tuple[int, int]] = []

    def take(self, file: int, rows: list[Row], *, update: bool) -> None:
        names = SCHEMAS[self.table].names
        for line, row in enumerate(rows, start=1):
            whole = {name: row.get(name) or None for name in names}  # no empty lists
            whole |= {name: row[name] for name in row if row[name] == 0}
            key = tuple(whole[k] for k in KEYS[self.table])
            if key not in self.rows:
                self.rows[key] = whole
                continue
            merged = merge(self.table, self.rows[key], whole, update=update)
            if isinstance(merged, dict):
                self.rows[key] = merged
            else:
                self.refused.append((file, line))

    def sorted(self) -> list[Row]:
        return [self.rows[key] for key in sorted(self.rows)]


def _sorted(rows: list[Row], table: Table) -> list[Row]:
    return sorted(rows, key=lambda row: tuple(row[k] for k in KEYS[table]))


def _begin(folder: str, table: Table) -> Directory:
    kb = Directory.create(Path(folder) / "my.kg")
    if table != "products":
        commit(kb, batch("products", [product(f"B{n}") for n in (1, 2, 3)]))
    return kb


@pytest.mark.parametrize("table", ["products", "cobuys", "assertions"])
@settings(max_examples=15, deadline=None)
@given(data=st.data(), update=st.booleans())
def test_commits_store_what_the_rules_say(table: Table, data: st.DataObject, update: bool) -> None:
    files = data.draw(files_of[table])
    with tempfile.TemporaryDirectory() as folder:
        kb = _begin(folder, table)
        model = Model(table)
        for number, rows in enumerate(files):
            before = {key: dict(row) for key, row in model.rows.items()}
            model.take(number, rows, update=update)
            summary = commit(kb, batch(table, rows, file=str(number)), update=update)
            if rows:
                counted = summary.tables[table]
                changed = sum(
                    row != before[key] for key, row in model.rows.items() if key in before
                )
                assert (counted.added, counted.changed) == (len(model.rows) - len(before), changed)
        assert _sorted(stored(kb, table), table) == model.sorted()
        refused = [(int(r["file"]), r["row"]) for r in rejections.read(kb).to_pylist()]
        assert sorted(refused) == sorted(model.refused)
        assert not [f for f in verify(kb) if f.severity == "error" and f.check != "image-reference"]

        # Once more changes nothing, whatever the first pass met.
        if not update:
            revision, known = kb.manifest().revision, rejections.count(kb)
            for number, rows in enumerate(files):
                commit(kb, batch(table, rows, file=str(number)))
            assert kb.manifest().revision == revision
            assert rejections.count(kb) == known


@settings(max_examples=8, deadline=None)
@given(rows=st.lists(cobuys, min_size=1, max_size=8), data=st.data())
def test_cobuys_do_not_depend_on_the_order(rows: list[Row], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(rows))
    cut = data.draw(st.integers(0, len(rows)))
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        first, second = _begin(one, "cobuys"), _begin(other, "cobuys")
        commit(first, batch("cobuys", rows))
        commit(second, batch("cobuys", shuffled[:cut]))
        commit(second, batch("cobuys", shuffled[cut:]))
        assert stored(first, "cobuys") == stored(second, "cobuys")


@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_files_in_any_order_give_the_same_ids(data: st.DataObject) -> None:
    files = data.draw(st.lists(st.lists(products, min_size=1, max_size=4), min_size=2, max_size=3))
    shuffled = data.draw(st.permutations(files))
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        ids = []
        for folder, order in ((one, files), (other, shuffled)):
            kb = _begin(folder, "products")
            for rows in order:
                commit(kb, batch("products", rows))
            ids.append({row["id"] for row in stored(kb, "products")})
        assert ids[0] == ids[1]


@given(rows=st.lists(products.map(lambda row: {**row, "id": "B1"}), min_size=1, max_size=6))
def test_merging_never_loses_a_value_and_is_idempotent(rows: list[Row]) -> None:
    names = SCHEMAS["products"].names
    whole = [{name: row.get(name) for name in names} for row in rows]
    current = whole[0]
    for row in whole:
        merged = merge("products", current, row, update=False)
        if isinstance(merged, list):
            assert all(current[c.field] == c.first and row[c.field] == c.later for c in merged)
            continue
        kept = set(names) - {"images", "attributes"}
        assert all(merged[n] == current[n] for n in kept if current[n] not in (None, []))
        assert merge("products", merged, row, update=False) == merged
        assert merge("products", merged, current, update=False) == merged
        current = merged


def test_a_conflict_is_described_with_short_values() -> None:
    text = describe("products", "B1", [Conflict("title", "a" * 500, "b"), Conflict("price", 1, 2)])
    assert text.startswith("product B1 ")
    assert "title was 'aaa" in text
    assert "here 'b'" in text
    assert "price was 1, here 2" in text
    assert len(text) < 200


def test_many_contested_rows_are_folded_in_slices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kg.fold._SLICE", 5_000)  # bytes: some ten rows
    kb = Directory.create(tmp_path / "my.kg")
    rows = [product(f"B{n:03}") for n in range(100)]
    filled = [{**row, "title": f"t {row['id']}"} for row in rows]
    commit(kb, batch("products", rows[:50]))
    summary = commit(kb, batch("products", rows + filled + filled[:10]))
    assert summary.rejected == 0
    assert (summary.tables["products"].added, summary.tables["products"].changed) == (50, 50)
    assert [row["title"] for row in stored(kb, "products")] == [row["title"] for row in filled]
