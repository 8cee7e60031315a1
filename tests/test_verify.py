from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from truth_world import batch, cobuy, commit, evidence, post, product, troubles

from kg.directory import Directory
from kg.manifest import Manifest, sha256_file
from kg.truth import record_rejections
from kg.verify import checks, verify
from schema.errors import NotAKnowledgeBaseError
from schema.records import SCHEMAS, ImageBlob, Rejection, Table

PICTURE = b"not really a picture"
DIGEST = hashlib.sha256(PICTURE).hexdigest()


@pytest.fixture
def kb(tmp_path: Path) -> Directory:
    kb = Directory.create(tmp_path / "my.kg")
    image = {"ref": "a.png", "id": DIGEST, "error": None}
    pair = cobuy("B1", "B2")
    commit(
        kb,
        batch("posts", [post("1", images=[image]), post("２")]),
        batch("products", [product("B1", title="Lamp"), product("B2")]),
        batch("cobuys", [pair]),
        batch("assertions", [evidence(pair["id"], f"keep {n}", request=f"{n}") for n in range(9)]),
        ImageBlob(DIGEST, PICTURE, "image/png", 2, 3),
        Rejection("f.csv", 3, "bad", "mend it"),
    )
    return kb


def names(kb: Directory) -> set[str]:
    return {finding.check for finding in verify(kb)} - {"graph-missing", "vectors-missing"}


def part(kb: Directory, table: Table) -> Path:
    return kb.path(kb.manifest().parts(table)[0].file)


def forge(kb: Directory, table: Table, change: Callable[[dict[str, object]], None]) -> None:
    """Alter the first row of a part, and its entry in the manifest to match."""
    path = part(kb, table)
    rows = pq.read_table(path).to_pylist()
    change(rows[0])
    schema = pa.schema([pa.field(f.name, f.type) for f in SCHEMAS[table]])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    admit(kb, table)


def admit(kb: Directory, table: Table) -> None:
    """Make the manifest say of a table's first part what is there."""
    path, manifest = part(kb, table), kb.manifest()
    first, *rest = manifest.parts(table)
    first = replace(
        first,
        bytes=path.stat().st_size,
        sha256=sha256_file(path),
        rows=pq.read_metadata(path).num_rows,
    )
    kb.commit(replace(manifest, tables={**manifest.tables, table: (first, *rest)}))


def test_a_sound_knowledge_base_has_no_findings(kb: Directory) -> None:
    assert names(kb) == set()
    commit(kb, batch("products", [product("B2", title="Chair")]))
    assert names(kb) == set()


def test_every_error_and_warning_names_a_fix(kb: Directory) -> None:
    part(kb, "posts").unlink()
    kb.blob(DIGEST).unlink()
    found = troubles(kb)
    assert found
    assert all(finding.fix for finding in found)
    assert found[0].to_dict().keys() == {"check", "severity", "message", "fix"}


def test_a_missing_part(kb: Directory) -> None:
    part(kb, "posts").unlink()
    assert "part-exists" in names(kb)


def test_a_truncated_part(kb: Directory) -> None:
    data = part(kb, "posts").read_bytes()
    part(kb, "posts").write_bytes(data[:-10])
    assert "part-size" in names(kb)


@pytest.mark.parametrize("table", ["posts", "products", "cobuys", "images", "assertions"])
def test_one_flipped_bit_anywhere(kb: Directory, table: Table) -> None:
    data = bytearray(part(kb, table).read_bytes())
    data[len(data) // 3] ^= 1
    part(kb, table).write_bytes(data)
    assert "part-checksum" in names(kb)


def test_a_part_that_is_no_parquet(kb: Directory) -> None:
    part(kb, "posts").write_bytes(b"nothing")
    manifest = kb.manifest()
    whole = replace(
        manifest.parts("posts")[0], bytes=7, sha256=hashlib.sha256(b"nothing").hexdigest()
    )
    kb.commit(replace(manifest, tables={**manifest.tables, "posts": (whole,)}))
    assert "part-readable" in names(kb)


def test_a_part_with_other_columns_or_rows(kb: Directory) -> None:
    table = pq.read_table(part(kb, "cobuys"))
    pq.write_table(table.drop_columns(["npmi"]), part(kb, "cobuys"))
    admit(kb, "cobuys")
    assert "part-columns" in names(kb)

    pq.write_table(pa.concat_tables([table, table]), part(kb, "cobuys"))
    admit(kb, "cobuys")
    assert "duplicate-key" in names(kb)
    manifest = kb.manifest()
    wrong = replace(manifest.parts("cobuys")[0], rows=1)
    kb.commit(replace(manifest, tables={**manifest.tables, "cobuys": (wrong,)}))
    assert "part-rows" in names(kb)


FORGERIES: list[tuple[str, Table, dict[str, object]]] = [
    ("post-id", "posts", {"external_id": "7"}),
    ("post-id", "posts", {"source": "Not A Source"}),
    ("product-id", "products", {"id": " B1"}),
    ("cobuy-id", "cobuys", {"id": "co_" + "0" * 32}),
    ("cobuy-order", "cobuys", {"a": "B2", "b": "B1"}),
    ("cobuy-ends", "cobuys", {"b": "B3"}),
    ("score-range", "cobuys", {"npmi": -2.0}),
    ("intention-id", "assertions", {"text": "something else"}),
    ("assertion-id", "assertions", {"relation": "IsA"}),
    ("evidence-id", "assertions", {"model": "other"}),
    ("relation-legal", "assertions", {"relation": "xNeed"}),
    ("score-range", "assertions", {"plausibility": 7.0}),
    ("head-exists", "assertions", {"head_id": "co_" + "0" * 32}),
    ("required-field", "assertions", {"text": None}),
    ("image-bytes", "images", {"id": "0" * 64}),
    ("image-reference", "images", {"id": "0" * 64}),
    ("image-id", "images", {"id": "../../etc/passwd"}),
]


@pytest.mark.parametrize(
    ("check", "table", "change"),
    FORGERIES,
    ids=[f"{c}-{t}-{i}" for i, (c, t, _) in enumerate(FORGERIES)],
)
def test_a_forged_row(kb: Directory, check: str, table: Table, change: dict[str, object]) -> None:
    forge(kb, table, lambda row: row.update(change))
    found = [finding for finding in troubles(kb) if finding.check == check]
    assert found
    assert found[0].severity == "error"
    assert table in found[0].message or check in ("image-bytes", "image-reference")


def test_missing_altered_and_superfluous_images(kb: Directory) -> None:
    kb.blob(DIGEST).write_bytes(b"another picture")
    assert names(kb) == {"image-bytes"}
    kb.blob(DIGEST).unlink()
    assert names(kb) == {"image-bytes"}

    # To ingest it again mends it.
    commit(kb, ImageBlob(DIGEST, PICTURE, "image/png", 2, 3))
    assert names(kb) == set()

    shutil.copy(kb.blob(DIGEST), kb.blobs / "0")
    assert names(kb) == {"image-unused"}
    assert troubles(kb) == []


def test_what_an_interrupted_writer_left_is_mere_information(kb: Directory) -> None:
    (kb.root / "records" / "posts-000099.parquet").write_bytes(b"half")
    (kb.root / ".staging").mkdir()
    (kb.root / "kb.json.new").write_bytes(b"{")
    assert names(kb) == {"left-over"}
    assert troubles(kb) == []
    commit(kb)
    assert names(kb) == set()

    (kb.root / "notes.txt").write_text("mine", encoding="utf-8")
    assert names(kb) == {"unknown-file"}


def test_an_unreadable_list_of_rejections(kb: Directory) -> None:
    path = kb.path("rejected.parquet")
    path.write_bytes(b"nothing")
    (found,) = troubles(kb)
    assert found.check == "rejected-readable"
    assert str(path) in str(found.fix)
    path.unlink()
    record_rejections(kb, [Rejection("f", 1, "bad", "mend it")])
    assert names(kb) == set()


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "damaged"),
        (b"{", "damaged"),
        (b"[]", "damaged"),
        (b'{"format": 1}', "damaged"),
        (b'{"format": 1, "revision": 1, "tables": [], "graph": null, "vectors": null}', "damaged"),
        (b'{"format": 99, "anything": "else"}', "format version 99"),
    ],
)
def test_a_manifest_that_cannot_be_read(kb: Directory, content: bytes, word: str) -> None:
    kb.path("kb.json").write_bytes(content)
    (found,) = verify(kb)
    assert (found.check, found.severity) == ("manifest", "error")
    assert word in found.message
    assert found.fix


def test_nothing_to_verify(tmp_path: Path) -> None:
    with pytest.raises(NotAKnowledgeBaseError):
        verify(Directory(tmp_path))


def test_the_projections_are_checked_too(kb: Directory) -> None:
    found = [check.name for check in checks()]
    assert found[:6] == ["parts", "rows", "ids", "images", "rejected", "files"]
    assert found[6:] == ["graph", "vectors"]


def test_an_older_manifest_without_supersedes_is_read(kb: Directory) -> None:
    data = json.loads(kb.path("kb.json").read_bytes())
    for parts in data["tables"].values():
        for entry in parts:
            del entry["supersedes"]
    kb.path("kb.json").write_text(json.dumps(data), encoding="utf-8")
    assert Manifest.read(kb.root) == kb.manifest()
    assert names(kb) == set()
