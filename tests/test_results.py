"""Tables and typed rows: dicts, Arrow, pandas; evidence behind an edge."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pyarrow as pa
import pytest

from queries.results import CobuyEdge, Head, Results, SearchHit, Table, plain
from schema.errors import MissingExtraError, QueryError

EDGE = CobuyEdge("co_1", "A", "B", "UsedFor", "in_1", "x", 0.5, None, None, ["m"], "as_1")
HEAD = Head("CoBuy", "co_1", "A + B", "UsedFor", "as_1", None, 0.5, True, ["A", "B"])
HIT = SearchHit("in_1", "x", 0.9, [HEAD])


def test_a_table_iterates_as_dicts():
    table = Table(["a", "b"], [[1, "x"], [None, "y"]])
    assert list(table) == table.to_dicts() == [{"a": 1, "b": "x"}, {"a": None, "b": "y"}]
    assert len(table) == 2
    assert not table.truncated


@pytest.mark.parametrize(
    ("rows", "types"),
    [
        ([[1, "x", [1.5], True], [None, None, [], False]], [pa.int64(), pa.string()]),
        ([], [pa.null(), pa.null(), pa.null(), pa.null()]),
        ([[None, {"k": 1}, ["a"], 2.5]], [pa.null(), pa.struct([("k", pa.int64())])]),
    ],
)
def test_a_table_becomes_arrow_and_pandas(rows: list, types: list):
    table = Table(["a", "b", "c", "d"], rows)
    arrow = table.to_arrow()
    assert arrow.column_names == table.columns
    assert arrow.num_rows == len(rows)
    assert arrow.schema.types[: len(types)] == types
    assert arrow.to_pylist() == table.to_dicts()
    frame = table.to_pandas()
    assert list(frame.columns) == table.columns
    assert len(frame) == len(rows)


def test_a_table_without_columns_or_with_a_mixed_column():
    assert Table([], []).to_arrow().num_columns == 0
    with pytest.raises(QueryError, match="column 'v' mixes types") as caught:
        Table(["v"], [[1], ["x"]]).to_arrow()
    assert "toString(v)" in caught.value.fix
    assert len(Table(["v"], [[1], ["x"]]).to_pandas()) == 2
    with pytest.raises(QueryError):
        Table(["v"], [[2**70]]).to_arrow()


@pytest.mark.parametrize("rows", [[EDGE], [EDGE, EDGE], []])
def test_cobuy_edges_keep_their_types_even_when_there_are_none(rows: list):
    results = Results(CobuyEdge, rows)
    arrow = results.to_arrow()
    assert arrow.schema == Results(CobuyEdge, [EDGE]).to_arrow().schema
    assert arrow.column_names == [f.name for f in dataclasses.fields(CobuyEdge)]
    assert arrow.schema.field("typicality").type == pa.float64()
    assert arrow.schema.field("models").type == pa.list_(pa.string())
    assert arrow.to_pylist() == results.to_dicts()
    assert list(results.to_pandas().columns) == arrow.column_names


@pytest.mark.parametrize("rows", [[HIT], [SearchHit("in_2", "y", 0.1, [])], []])
def test_hits_keep_their_heads(rows: list):
    results = Results(SearchHit, rows)
    arrow = results.to_arrow()
    assert arrow.to_pylist() == results.to_dicts()
    assert arrow.schema == Results(SearchHit, [HIT]).to_arrow().schema
    assert list(results.to_pandas().columns) == ["intention_id", "text", "score", "heads"]
    assert Results(Head, [HEAD]).to_arrow().to_pylist() == [plain(HEAD)]


def test_the_json_of_a_hit_and_an_edge_is_what_the_design_says():
    assert Results(SearchHit, [HIT]).to_dicts() == [
        {
            "intention_id": "in_1",
            "text": "x",
            "score": 0.9,
            "heads": [
                {
                    "type": "CoBuy",
                    "id": "co_1",
                    "label": "A + B",
                    "relation": "UsedFor",
                    "assertion_id": "as_1",
                    "plausibility": None,
                    "typicality": 0.5,
                    "accepted": True,
                    "products": ["A", "B"],
                }
            ],
        }
    ]
    names = "cobuy_id a b relation intention_id text plausibility typicality accepted models"
    assert " ".join(f.name for f in dataclasses.fields(CobuyEdge)).startswith(names)


def test_results_are_a_sequence():
    results = Results(CobuyEdge, [EDGE, EDGE])
    assert results[0] is EDGE
    assert results[-1].relation == "UsedFor"
    assert isinstance(results[:1], Results)
    assert len(results[:1]) == 1
    assert results == [EDGE, EDGE] == results
    assert results != [EDGE]
    assert EDGE in results
    assert bool(Results(CobuyEdge, [])) is False
    assert "CobuyEdge" in repr(results)
    with pytest.raises(TypeError):
        hash(results)


def test_without_pandas_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pandas", None)  # how Python marks a module as absent
    for thing in (Table(["a"], [[1]]), Results(CobuyEdge, [EDGE])):
        with pytest.raises(MissingExtraError) as caught:
            thing.to_pandas()
        assert "intentkg[pandas]" in caught.value.fix


def test_nothing_heavy_is_imported_before_it_is_needed():
    code = (
        "import sys, queries.search, queries.cobuy, queries.cypher, queries.named,"
        " queries.evidence, queries.results;"
        "queries.named.list_queries();"
        "heavy = {'torch', 'faiss', 'openvino', 'duckdb', 'pandas', 'numpy', 'grafeo', 'pyarrow'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
