from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from truth_world import batch, cobuy, commit, contents, evidence, files, post, product, stored

from kg import blobs, rejections
from kg.directory import Directory
from kg.truth import TableSummary, Transaction, record_rejections
from schema.errors import (
    CorruptError,
    InputError,
    LockedError,
    NotAKnowledgeBaseError,
    StoreError,
)
from schema.records import ImageBlob, Note, Rejection, Rows


@pytest.fixture
def kb(tmp_path: Path) -> Directory:
    return Directory.create(tmp_path / "my.kg")


def test_rows_of_every_table_come_back_as_they_went_in(kb: Directory) -> None:
    picture = b"not really a picture"
    digest = hashlib.sha256(picture).hexdigest()
    image = {"ref": "a.png", "id": digest, "error": None}
    time = datetime(2024, 2, 29, 12, 30, 1, 5, UTC)
    tweet = post("1", "nul\0 and 雪 and 🙂", created_at=time, images=[image], attributes='{"a":1}')
    lamp = product("B1", title="Lamp", features=["bright", 'it\'s "on"'], price=9.5)
    pair = cobuy("B1", "B2", 3, support_ab=2, npmi=-0.25)
    said = evidence(pair["id"], "light a room", plausibility=0.5, accepted=True, created_at=time)

    summary = commit(
        kb,
        batch("posts", [tweet]),
        batch("products", [lamp, product("B2")]),
        batch("cobuys", [pair]),
        batch("assertions", [said]),
        ImageBlob(digest, picture, "image/png", 2, 3),
        Note("lines", 3),
        Note("lines", 4),
    )

    assert summary.tables["products"] == TableSummary(added=2)
    assert (summary.revision, summary.rejected, summary.notes) == (2, 0, {"lines": 7})
    found = contents(kb)
    for row, table in ((tweet, "posts"), (lamp, "products"), (pair, "cobuys")):
        assert row.items() <= found[table][0].items()
    assert said.items() <= found["assertions"][0].items()
    assert found["images"] == [
        {"id": digest, "media_type": "image/png", "width": 2, "height": 3, "size": len(picture)}
    ]
    assert kb.blob(digest).read_bytes() == picture


def test_the_same_rows_again_change_nothing_and_write_no_part(kb: Directory) -> None:
    rows = batch("products", [product("B1", title="Lamp", features=[]), product("B2")])
    commit(kb, rows)
    before, manifest = files(kb), kb.manifest()

    again = commit(kb, rows)

    assert again.tables["products"] == TableSummary(unchanged=2)
    assert not again.changed
    assert files(kb) == before
    assert kb.manifest() == manifest


def test_a_null_field_is_filled_and_a_differing_one_refused_whole(kb: Directory) -> None:
    commit(kb, batch("products", [product("B1", title="Lamp")]))
    summary = commit(
        kb,
        batch(
            "products",
            [
                product("B1", source="other", brand="Acme"),
                product("B1", title="Chair", price=3.0),
                product("B1", title="Chair", price=3.0),
                product("B1", price=4.0),
            ],
            file="more.csv",
            first_line=10,
        ),
    )

    assert summary.tables["products"] == TableSummary(changed=1)
    (row,) = stored(kb, "products")
    assert (row["title"], row["brand"], row["price"], row["source"]) == ("Lamp", "Acme", 4.0, "s")
    refused = rejections.read(kb).to_pylist()
    assert [(r["file"], r["row"]) for r in refused] == [("more.csv", 11), ("more.csv", 12)]
    assert "B1" in refused[0]["reason"]
    assert "title was 'Lamp', here 'Chair'" in refused[0]["reason"]
    assert "--update" in refused[0]["fix"]
    assert summary.rejected == len(summary.rejections) == 2


def test_update_lets_the_later_value_win(kb: Directory) -> None:
    commit(kb, batch("products", [product("B1", title="Lamp", brand="Acme")]))
    rows = [product("B1", title="Chair"), product("B1", title="Table"), product("B1", title="Lamp")]

    first = commit(kb, batch("products", rows[:2]), update=True)
    assert first.tables["products"] == TableSummary(changed=1)
    assert stored(kb, "products")[0]["title"] == "Table"
    assert stored(kb, "products")[0]["brand"] == "Acme"

    # What is stored may come first and last: the last word counts, so nothing changes.
    back = commit(kb, batch("products", [rows[1], rows[0], rows[1]]), update=True)
    assert back.tables["products"] == TableSummary(unchanged=1)
    assert first.rejected == back.rejected == 0


def test_cobuys_take_the_greatest_per_source(kb: Directory) -> None:
    ends = batch("products", [product("B1"), product("B2")])
    commit(kb, ends, batch("cobuys", [cobuy("B1", "B2", 5, support_ab=1)]))
    summary = commit(
        kb,
        batch(
            "cobuys",
            [
                cobuy("B1", "B2", 2, support_ab=4, npmi=0.5),
                cobuy("B1", "B2", 3, support_ba=1, npmi=0.25),
                cobuy("B1", "B2", 9, source="other"),
            ],
        ),
    )

    assert summary.tables["cobuys"] == TableSummary(added=1, changed=1)
    assert summary.rejected == 0
    rows = {r["source"]: r for r in stored(kb, "cobuys")}
    assert rows["other"]["support"] == 9
    assert [rows["s"][k] for k in ("support", "support_ab", "support_ba", "npmi")] == [5, 4, 1, 0.5]


def test_the_image_list_that_resolves_more_stands(kb: Directory) -> None:
    def image(ref: str, digest: str | None = None, error: str | None = None) -> dict[str, object]:
        return {"ref": ref, "id": digest, "error": error}

    untried = [image("a"), image("b")]
    failed = [image("a"), image("b", error="404")]
    one = [image("a", "1" * 64), image("b", error="timeout")]
    other_error = [image("a", "1" * 64), image("b", error="refused")]
    both = [image("a", "1" * 64), image("b", "2" * 64)]
    expected = untried
    for offered in (untried, failed, untried, one, other_error, failed, both, one, untried):
        if offered in (failed, one, both) and offered != expected:
            better = [untried, failed, one, both]
            expected = max(expected, offered, key=better.index)
        summary = commit(kb, batch("posts", [post("1", images=offered)]))
        assert summary.rejected == 0
        assert stored(kb, "posts")[0]["images"] == expected


def test_attributes_are_joined(kb: Directory) -> None:
    commit(kb, batch("posts", [post("1", attributes='{"a":1,"b":{"x":1}}')]))
    summary = commit(kb, batch("posts", [post("1", attributes='{"b":2,"c":null}')]))
    assert (summary.rejected, summary.tables["posts"].changed) == (0, 1)
    assert stored(kb, "posts")[0]["attributes"] == '{"a":1,"b":{"x":1},"c":null}'

    commit(kb, batch("posts", [post("1", attributes='{"b":2}')]), update=True)
    assert stored(kb, "posts")[0]["attributes"] == '{"a":1,"b":2,"c":null}'


def test_the_same_evidence_in_another_run_is_the_same(kb: Directory) -> None:
    commit(kb, batch("products", [product("B1")]))
    said = {"head_type": "Product", "request": "r1", "plausibility": 0.5}
    commit(kb, batch("assertions", [evidence("B1", "Keep warm.", run="1", **said)]))

    again = commit(kb, batch("assertions", [evidence("B1", "keep warm", run="2", **said)]))
    assert again.tables["assertions"] == TableSummary(unchanged=1)

    other = evidence("B1", "keep warm", **{**said, "plausibility": 0.75})
    assert commit(kb, batch("assertions", [other])).rejected == 1
    assert commit(kb, batch("assertions", [other]), update=True).tables[
        "assertions"
    ] == TableSummary(changed=1)
    assert stored(kb, "assertions")[0]["plausibility"] == 0.75


BAD = [
    ("posts", post("1", text=None), "text is missing"),
    ("posts", {**post("1"), "external_id": " \t"}, "external_id is empty"),
    ("posts", post("1", attributes="[1]"), "not a JSON object"),
    ("posts", post("1", attributes="{"), "not a JSON object"),
    ("products", product(""), "id is empty"),
    ("products", product("B9", price=float("nan")), "price is nan"),
    ("products", product("B9", price=-1.0), "price is -1.0"),
    ("cobuys", {**cobuy("B1", "B2"), "a": "B2", "b": "B2"}, "two products in sorted order"),
    ("cobuys", cobuy("B1", "B2", -1), "support is -1"),
    ("cobuys", cobuy("B1", "B2", npmi=1.5), "npmi is 1.5"),
    ("cobuys", cobuy("B1", "B7"), "product that is not known: B1, B7"),
    ("assertions", evidence("B1", "x", head_type="Product", plausibility=7.0), "plausibility is 7"),
    ("assertions", evidence("B1", "x", head_type="Product", typicality=float("nan")), "typicality"),
    ("assertions", evidence("B1", "x", head_type="Product", relation="xNeed"), "cannot start from"),
    ("assertions", evidence("B1", "x", head_type="Product", relation="DROP"), "cannot start from"),
    ("assertions", evidence("B7", "x", head_type="Product"), "Product it is about is not known"),
    ("assertions", evidence("co_1", "x"), "CoBuy it is about is not known"),
    ("assertions", evidence("s:1", "x", head_type="Post", relation="xNeed"), "Post it is about"),
    ("assertions", evidence("B1", " ", head_type="Product"), "text is empty"),
]


@pytest.mark.parametrize(("table", "row", "reason"), BAD, ids=[f"{t}-{r}" for t, _, r in BAD])
def test_a_row_that_verify_would_report_is_refused(kb: Directory, table, row, reason) -> None:
    commit(kb, batch("products", [product("B1"), product("B2")]))
    before = contents(kb)

    summary = commit(kb, batch(table, [row]))

    assert summary.rejected == 1
    assert reason in summary.rejections[0].reason
    assert summary.rejections[0].fix
    assert summary.tables[table] == TableSummary()
    assert contents(kb) == before


def test_rejections_are_listed_once(kb: Directory) -> None:
    bad = Rejection("a.csv", 3, "too few cells", "add them", "x,y")
    commit(kb, bad, bad)
    commit(kb, bad, Rejection("a.csv", None, "too few cells", "add them"))
    assert record_rejections(kb, [bad, Rejection("b.csv", 1, "truncated", "copy it again")]) == 1
    assert [(r["file"], r["row"]) for r in rejections.read(kb).to_pylist()] == [
        ("a.csv", 3),
        ("a.csv", None),
        ("b.csv", 1),
    ]
    assert kb.manifest().revision == 1


def test_a_refused_row_is_listed_once_however_it_differs_by_now(kb: Directory) -> None:
    rows = [
        product("B1", title="Lamp"),
        product("B1", title="Chair", brand="Other"),  # refused for its title
        product("B1", brand="Acme"),
    ]
    first = commit(kb, batch("products", rows))
    again = commit(kb, batch("products", rows))  # now for its brand as well
    assert first.rejected == again.rejected == rejections.count(kb) == 1
    assert rejections.read(kb).to_pylist()[0]["reason"] == first.rejections[0].reason


def test_leaving_without_a_commit_leaves_nothing(kb: Directory) -> None:
    before = files(kb)
    with Transaction(kb, "ingest") as transaction:
        transaction.add(batch("products", [product("B1")]))
        transaction.add(Rejection("f", 1, "bad", "mend it"))
    assert files(kb) == before

    class ReaderFailedError(Exception):
        pass

    with pytest.raises(ReaderFailedError), Transaction(kb, "ingest") as transaction:
        transaction.add(batch("products", [product("B1")]))
        raise ReaderFailedError
    assert files(kb) == before


def test_a_file_refused_as_a_whole_stores_only_the_reason(kb: Directory) -> None:
    with Transaction(kb, "ingest") as transaction:
        transaction.add(batch("products", [product("B1")]))
        transaction.reject_file(Rejection("f.gz", None, "truncated", "copy it again"))
        with pytest.raises(StoreError):
            transaction.commit()
    assert stored(kb, "products") == []
    assert [r["reason"] for r in rejections.read(kb).to_pylist()] == ["truncated"]


def test_a_transaction_serves_once(kb: Directory) -> None:
    with Transaction(kb, "ingest") as transaction:
        transaction.commit()
        with pytest.raises(StoreError):
            transaction.add(Note("x", 1))
        with pytest.raises(StoreError):
            transaction.commit()
    with pytest.raises(StoreError):
        Transaction(kb, "ingest").commit()


def test_a_batch_with_other_columns_is_refused(kb: Directory) -> None:
    odd = Rows("products", pa.RecordBatch.from_pydict({"id": ["B1"]}), pa.array([1]), "f")
    with pytest.raises(StoreError, match="columns"), Transaction(kb, "ingest") as transaction:
        transaction.add(odd)


def test_a_second_writer_is_told_who_writes(kb: Directory) -> None:
    with (
        Transaction(kb, "ingest"),
        pytest.raises(LockedError, match="intentkg ingest") as caught,
        Transaction(kb, "import"),
    ):
        pass
    assert caught.value.fix
    commit(kb, batch("products", [product("B1")]))


def test_a_transaction_needs_a_knowledge_base(tmp_path: Path) -> None:
    with pytest.raises(NotAKnowledgeBaseError), Transaction(Directory(tmp_path / "no"), "ingest"):
        pass
    assert not (tmp_path / "no").exists()


def test_any_name_of_a_directory_will_do(tmp_path: Path) -> None:
    for name in ("it's.kg", 'a "b".kg', "[a-z]*.kg", "{x}?.kg", "sp ace ü雪.kg", "per%cent.kg"):
        kb = Directory.create(tmp_path / name)
        commit(kb, batch("products", [product("B1", title="Lamp")]))
        commit(kb, batch("products", [product("B1", brand="Acme"), product("B2")]))
        assert [row["brand"] for row in stored(kb, "products")] == ["Acme", None]


def test_bytes_that_are_no_text_do_not_stop_a_rejection(kb: Directory) -> None:
    odd = b"caf\xe9.csv".decode("utf-8", "surrogateescape")
    commit(kb, batch("products", [product("")], file=odd), Rejection(odd, 1, "bad \udce9", "fix"))
    assert {r["file"] for r in rejections.read(kb).to_pylist()} == {"caf?.csv"}


def test_an_image_comes_with_its_bytes_and_they_with_their_digest(kb: Directory) -> None:
    row = {"id": "0" * 64, "media_type": "image/png", "width": 1, "height": 1, "size": 1}
    with pytest.raises(StoreError, match="bytes"), Transaction(kb, "ingest") as transaction:
        transaction.add(batch("images", [row]))
    with pytest.raises(InputError, match="sha256"), Transaction(kb, "ingest") as transaction:
        transaction.add(ImageBlob("0" * 64, b"x", "image/png", 1, 1))
    assert contents(kb)["images"] == []


def test_image_bytes_are_read_back_or_refused(kb: Directory, tmp_path: Path) -> None:
    picture = b"not really a picture"
    digest = blobs.digest(picture)
    commit(kb, *[ImageBlob(digest, picture, "image/png", 2, 3)] * 3)
    assert blobs.read(kb, digest) == picture

    (tmp_path / "secret").write_bytes(b"secret")
    for other in ("0" * 64, "", "../../../secret", str(tmp_path / "secret"), digest.upper()):
        with pytest.raises(CorruptError, match="holds no bytes"):
            blobs.read(kb, other)
    kb.blob(digest).write_bytes(b"altered")
    with pytest.raises(CorruptError, match="altered"):
        blobs.read(kb, digest)


def test_more_images_than_are_staged_at_once(
    kb: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kg.truth._IMAGES_AT_ONCE", 3)
    pictures = [bytes([n]) for n in range(10)]
    images = [ImageBlob(blobs.digest(data), data, "image/png", 1, 1) for data in pictures]
    summary = commit(kb, *images, *images)
    assert summary.tables["images"] == TableSummary(added=10)
    assert commit(kb, *images).tables["images"] == TableSummary(unchanged=10)
    assert {kb.blob(image.id).read_bytes() for image in images} == set(pictures)
