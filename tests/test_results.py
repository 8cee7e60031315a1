"""Tables and typed rows: dicts, Arrow, pandas; evidence behind an edge."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from kg.build import build
from kg.directory import Directory
from kg.embedded import open_graph
from kg.truth import Transaction
from queries.cobuy import pull
from queries.evidence import lookup
from queries.results import CobuyEdge, Head, Results, SearchHit, Table, plain
from schema import identity
from schema.errors import MissingExtraError, QueryError, UsageError
from schema.records import SCHEMAS, Rows

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


def test_without_pandas_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pandas", None)  # how Python marks a module as absent
    for thing in (Table(["a"], [[1]]), Results(CobuyEdge, [EDGE])):
        with pytest.raises(MissingExtraError) as caught:
            thing.to_pandas()
        assert "pip install pandas" in caught.value.fix
        assert "[pandas]" not in caught.value.fix  # no index has our extras


def test_make_install_brings_pandas_at_a_pinned_version():
    root = Path(__file__).resolve().parent.parent
    steps = subprocess.run(
        ["make", "--dry-run", "--always-make", "install"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "-c constraints.txt -e '.[pandas,neo4j]'" in steps
    pins = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert any(line.startswith("pandas==") for line in pins)
    assert "intentkg[pandas]" not in (root / "README.md").read_text(encoding="utf-8")


def test_a_notebook_shows_a_table_with_every_cell_escaped():
    evil = "<script>alert(1)</script>"
    shown = Table([evil, "n"], [[evil, None], ["x" * 1000, 0.123456]])._repr_html_()
    assert "<script" not in shown and shown.count("&lt;script&gt;") == 2
    assert "x" * 201 not in shown and "0.1235" in shown and "2 rows" in shown
    many = Table(["n"], [[n] for n in range(1000)])._repr_html_()
    assert many.count("<tr>") == 51 and "first 50 of 1,000 rows" in many
    hit = SearchHit("in_1", evil, 0.5, [dataclasses.replace(HEAD, label=f"{evil} + B")])
    shown = Results(SearchHit, [hit])._repr_html_()
    assert "<script" not in shown and "+ B</td>" in shown and "1 row<" in shown
    assert "UsedFor" in Results(CobuyEdge, [EDGE])._repr_html_()
    assert "0 rows" in Results(CobuyEdge, [])._repr_html_()


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


def rows(table: str, *records: dict) -> Rows:
    batch = pa.RecordBatch.from_pylist(list(records), schema=SCHEMAS[table])
    return Rows(table, batch, pa.array(range(1, len(records) + 1), pa.int64()), "test")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Directory:
    """A knowledge base that went the whole way: transaction, build, graph."""
    directory = Directory.create(tmp_path_factory.mktemp("results") / "kb")
    pair = identity.cobuy_id("B", "A")
    intention = identity.intention_id("keep warm")
    edge = identity.assertion_id("CoBuy", pair, "UsedFor", intention)
    said = {
        "assertion_id": edge,
        "head_type": "CoBuy",
        "head_id": pair,
        "relation": "UsedFor",
        "intention_id": intention,
        "text": "keep warm",
        "source": "test",
    }
    judged = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    first = {
        **said,
        "id": identity.evidence_id(edge, source="test", model="one"),
        "model": "one",
        "plausibility": 0.25,
        "accepted": False,
        "rationale": "only 'one' \u2028 would",
        "created_at": judged,
        "image_ids": ["ab"],
    }
    second = {
        **said,
        "id": identity.evidence_id(edge, source="test", model="two"),
        "model": "two",
        "plausibility": 0.75,
        "typicality": 0.5,
    }
    with Transaction(directory, "test") as transaction:
        transaction.add(rows("products", *({"id": key, "source": "test"} for key in "AB")))
        cobuy = {"id": pair, "a": "A", "b": "B", "source": "test", "support": 1}
        transaction.add(rows("cobuys", cobuy))
        transaction.add(rows("assertions", first, second))
        transaction.commit()
    build(directory, vectors=False)
    return directory


def test_an_edge_leads_to_all_of_its_evidence(stored: Directory):
    with open_graph(stored) as graph:
        (edge,) = pull(graph, "A")
    assert (edge.plausibility, edge.typicality, edge.accepted) == (0.75, 0.5, False)
    assert edge.models == ["one", "two"]
    table = lookup(stored, edge.assertion_id)
    assert table.columns == SCHEMAS["assertions"].names
    found = {row["model"]: row for row in table}
    assert set(found) == {"one", "two"}
    assert found["one"]["rationale"] == "only 'one' \u2028 would"
    assert found["one"]["created_at"] == "2026-01-02T03:04:05+00:00"
    assert found["one"]["image_ids"] == ["ab"]
    assert found["two"]["accepted"] is None
    assert [row["id"] for row in table] == sorted(row["id"] for row in table)
    assert json.loads(json.dumps(table.to_dicts())) == table.to_dicts()
    assert table.to_arrow().num_rows == len(table.to_pandas()) == 2


@pytest.mark.parametrize("bad", ["", "x", "as_", "as_" + "g" * 32, "in_" + "0" * 32, None, 7])
def test_what_is_no_assertions_id_is_refused(stored: Directory, bad: object):
    with pytest.raises(UsageError) as caught:
        lookup(stored, bad)  # type: ignore[arg-type]
    assert "as_" in caught.value.fix


def test_evidence_of_an_unknown_assertion(stored: Directory):
    with pytest.raises(QueryError, match="no assertion as_0000"):
        lookup(stored, "as_" + "0" * 32)
    for hostile in ("as_" + "0" * 31 + "'", "as_' OR '1'='1", "as_" + "0" * 32 + "\n"):
        with pytest.raises(UsageError):
            lookup(stored, hostile)
