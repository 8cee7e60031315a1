"""SQL over the truth, the counts, and the look-up of evidence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from truth_world import batch, cobuy, commit, evidence, post, product

from kg import status
from kg.directory import Directory
from kg.evidence import evidence as look_up
from kg.manifest import GraphState, VectorState
from kg.sql import KEYS, connect, parquet, part_view, store_errors, stream
from schema.errors import CorruptError, StoreError, UsageError
from schema.records import ASSERTIONS, SCHEMAS, TABLES, Rejection


@pytest.fixture
def kb(tmp_path: Path) -> Directory:
    """Four commits, of which the later ones replace some rows of the earlier ones."""
    kb = Directory.create(tmp_path / "my.kg")
    pairs = [cobuy("B1", "B2"), cobuy("B1", "B3"), cobuy("B1", "B2", source="t")]
    said = [evidence(pairs[n % 2]["id"], f"keep {n // 2}", request=f"{n}") for n in range(8)]
    commit(
        kb,
        batch("posts", [post("1"), post("1", source="t")]),
        batch("products", [product(f"B{n}") for n in (1, 2, 3)]),
        batch("cobuys", pairs),
        batch("assertions", said),
    )
    commit(kb, batch("products", [product("B1", title="Lamp"), product("B4")]))
    commit(kb, batch("assertions", [{**said[0], "plausibility": 0.5}]), Rejection("f", 1, "x", "y"))
    commit(kb, batch("products", [product("B1", brand="Acme"), product("B2", brand="Acme")]))
    return kb


def test_views_have_the_columns_of_the_schemas(kb: Directory, tmp_path: Path) -> None:
    for directory in (kb, Directory.create(tmp_path / "empty.kg")):
        with connect(directory) as connection:
            for table in TABLES:
                schema = connection.sql(f"FROM {table}").to_arrow_table().schema
                assert schema.names == SCHEMAS[table].names
                assert schema.types == SCHEMAS[table].types, table


def test_a_view_shows_each_key_once_and_the_latest_row(kb: Directory) -> None:
    with connect(kb) as connection:
        for table in TABLES:
            keys = ", ".join(KEYS[table])
            total, distinct = connection.execute(
                f"SELECT count(*), count(DISTINCT ({keys})) FROM {table}"
            ).fetchall()[0]
            assert total == distinct
        query = "SELECT id, title, brand FROM products ORDER BY id"
        assert connection.execute(query).fetchall() == [
            ("B1", "Lamp", "Acme"),
            ("B2", None, "Acme"),
            ("B3", None, None),
            ("B4", None, None),
        ]


def test_a_view_of_some_parts(kb: Directory) -> None:
    manifest = kb.manifest()
    parts = manifest.parts("products")
    assert [part.supersedes for part in parts] == [0, 1, 2]
    query = "SELECT id, brand FROM fresh ORDER BY id"
    with connect(kb, manifest, tables=()) as connection:
        part_view(connection, kb, "products", parts[1:], name="fresh")
        assert connection.execute(query).fetchall() == [
            ("B1", "Acme"),
            ("B2", "Acme"),
            ("B4", None),
        ]
        part_view(connection, kb, "products", parts[:2], name="fresh")
        assert [brand for _, brand in connection.execute(query).fetchall()] == [None] * 4
        part_view(connection, kb, "products", (), name="fresh")
        assert connection.execute(query).fetchall() == []


def test_an_older_manifest_shows_the_older_state(kb: Directory) -> None:
    before = kb.manifest()
    commit(kb, batch("products", [product("B9")]))
    with connect(kb, before) as connection:
        assert connection.execute("SELECT count(*) FROM products").fetchall() == [(4,)]


def test_batches_are_streamed(kb: Directory) -> None:
    with connect(kb) as connection:
        batches = list(stream(connection, "SELECT range AS n FROM range(10000)", rows=2048))
    assert len(batches) > 1
    assert pa.Table.from_batches(batches)["n"].to_pylist() == list(range(10_000))


def test_a_query_that_needs_more_than_its_memory_spills(kb: Directory, tmp_path: Path) -> None:
    query = "SELECT count(DISTINCT n) FROM (SELECT md5(range::VARCHAR) AS n FROM range(1500000))"
    for scratch in (None, tmp_path / "scratch"):
        if scratch:
            scratch.mkdir()
        with connect(kb, memory="64MB", scratch=scratch) as connection:
            assert connection.execute(query).fetchall() == [(1_500_000,)]
    assert not any((tmp_path / "scratch").iterdir())


@pytest.mark.parametrize(
    "query",
    [
        "FROM read_csv('/etc/passwd')",
        "FROM read_text('/etc/hostname')",
        "FROM glob('/*')",
        "COPY (SELECT 1) TO '{root}/stolen.csv'",
        "COPY (SELECT 1) TO '{root}/kb.json'",
        "ATTACH '{root}/other.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "FROM 'https://example.org/x.parquet'",
        "SET memory_limit = '1TB'",
        "SET enable_external_access = true",
        "EXPORT DATABASE '{root}/copy'",
    ],
)
def test_a_connection_reaches_nothing_else(kb: Directory, query: str) -> None:
    before = sorted(kb.root.rglob("*"))
    with connect(kb) as connection, pytest.raises(StoreError), store_errors("asking"):
        connection.execute(query.format(root=kb.root))
    assert sorted(kb.root.rglob("*")) == before


def test_a_missing_part_is_told(kb: Directory) -> None:
    missing = kb.path(kb.manifest().parts("cobuys")[0].file)
    missing.unlink()
    with pytest.raises(CorruptError, match=missing.name) as caught:
        connect(kb)
    assert caught.value.fix


def test_errors_of_our_own_pass_through() -> None:
    with pytest.raises(UsageError, match="mine"), store_errors("asking"):
        raise UsageError("mine")
    with pytest.raises(StoreError, match="asking failed") as caught, store_errors("asking"):
        raise OSError(13, "Permission denied")
    assert caught.value.fix


def test_names_are_never_patterns(tmp_path: Path) -> None:
    assert parquet(tmp_path / "a*[b]?.parquet").endswith("a[*][[]b][?].parquet'])")
    assert parquet(Path("/it's")) == "read_parquet(['/it''s'])"


def test_counts(kb: Directory, tmp_path: Path) -> None:
    assert status.counts(kb) == {
        "posts": 2,
        "products": 4,
        "cobuys": 2,  # one of them from two sources
        "images": 0,
        "intentions": 4,
        "assertions": 8,
        "evidence": 8,
        "concepts": 0,
        "rejected": 1,
    }
    assert set(status.counts(Directory.create(tmp_path / "empty.kg")).values()) == {0}


def test_status_tells_what_is_built(kb: Directory) -> None:
    found = status.status(kb)
    assert (found["revision"], found["counts"]) == (5, status.counts(kb))
    assert found["sources"]["cobuys"] == {"s": 2, "t": 1}
    assert found["models"] == {"m": 8}
    assert found["relations"] == {"UsedFor": 8}
    assert found["graph"] == {"state": "missing", "pending": 7}
    assert found["sizes"]["assertions"] > 0
    assert found["sizes"]["total"] == sum(
        size for name, size in found["sizes"].items() if name != "total"
    )
    assert any("intentkg build" in note for note in found["notes"])

    manifest = kb.manifest()
    every = tuple(part.file for table in TABLES for part in manifest.parts(table))
    said = tuple(part.file for part in manifest.parts("assertions"))
    graph = GraphState("graph/g-1", "grafeo", 1, "", 9, 8, every)
    vectors = VectorState("vectors/v-1", "m", 384, 4, "", said)
    kb.commit(replace(manifest, graph=graph, vectors=vectors))
    found = status.status(kb)
    assert found["graph"]["state"] == found["vectors"]["state"] == "current"
    assert not any("intentkg build" in note for note in found["notes"])

    # A new product leaves the vectors as they are, but not the graph.
    commit(kb, batch("products", [product("B7")]))
    found = status.status(kb)
    assert (found["graph"]["state"], found["vectors"]["state"]) == ("stale", "current")


def test_evidence_of_an_assertion(tmp_path: Path) -> None:
    kb = Directory.create(tmp_path / "my.kg")
    commit(kb, batch("products", [product("B1")]))
    rows = [
        evidence("B1", f"keep {n % 50}", head_type="Product", request=f"{n}") for n in range(200)
    ]
    commit(kb, batch("assertions", rows[:150]))
    commit(kb, batch("assertions", [*rows[150:], {**rows[0], "rationale": "because"}]))

    for row in rows[:3]:
        found = look_up(kb, row["assertion_id"])
        assert found.schema == ASSERTIONS
        expected = {r["id"] for r in rows if r["assertion_id"] == row["assertion_id"]}
        assert found["id"].to_pylist() == sorted(expected)
    (filled,) = [r for r in look_up(kb, rows[0]["assertion_id"]).to_pylist() if r["rationale"]]
    assert (filled["id"], filled["rationale"]) == (rows[0]["id"], "because")
    assert look_up(kb, "as_0").num_rows == 0
    assert look_up(kb, "as_0").schema == ASSERTIONS
