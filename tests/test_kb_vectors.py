"""The vectors of a knowledge base: one per intention, incremental, a killed build goes on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kg import vector_index, vectors
from kg.directory import Directory
from kg.manifest import VectorState
from kg.truth import Transaction
from kg.vector_checks import check_vectors
from kg.vector_spool import Spool
from kg.vectors import build_vectors, open_index
from schema.errors import CorruptError, NotBuiltError
from schema.identity import (
    assertion_id,
    evidence_id,
    intention_id,
    normalise_text,
    post_id,
)
from schema.records import SCHEMAS
from schema.records import Rows as Batch
from tests.helpers import HashingEmbedder
from tests.vector_samples import DIMENSION, names, unit


def commit(directory: Directory, texts: list[str], *, source: str = "test") -> None:
    """Store one post with these intentions."""
    head = post_id(source, "1")
    post = {"id": head, "source": source, "external_id": "1", "text": "a post"}
    rows = []
    for number, text in enumerate(texts):
        tail = intention_id(text)
        about = assertion_id("Post", head, "xWant", tail)
        rows.append(
            {
                "id": evidence_id(about, source=source, request=str(number)),
                "assertion_id": about,
                "head_type": "Post",
                "head_id": head,
                "relation": "xWant",
                "intention_id": tail,
                "text": text,
                "source": source,
                "request": str(number),
            }
        )
    with Transaction(directory, "test") as transaction:
        for table, found in (("posts", [post]), ("assertions", rows)):
            batch = pa.RecordBatch.from_pylist(found, schema=SCHEMAS[table])
            lines = pa.array(range(1, len(found) + 1), pa.int64())
            transaction.add(Batch(table, batch, lines, "test"))
        transaction.commit()


def bring_up(directory: Directory, embedder: Any, **options: Any) -> VectorState | None:
    """Build the vectors, and commit them."""
    from dataclasses import replace

    with directory.write("build") as staging:
        manifest = directory.manifest()
        state = build_vectors(directory, manifest, staging, embedder=embedder, **options)
        directory.commit(replace(manifest, vectors=state))
    return state


@pytest.fixture
def base(tmp_path: Path) -> Directory:
    directory = Directory.create(tmp_path / "kb")
    commit(directory, ["keep warm", "Keep  WARM.", "stay dry", "make a friend smile"])
    return directory


def errors(directory: Directory) -> list[str]:
    found = check_vectors(directory, directory.manifest())
    return [finding.check for finding in found if finding.severity != "info"]


def test_each_intention_gets_one_vector(base: Directory):
    embedder = HashingEmbedder(DIMENSION)
    state = bring_up(base, embedder)
    assert state is not None and state.count == 3 and state.model == embedder.name
    index = open_index(base, model=embedder.name)
    for text in ("keep warm", "STAY dry.", "make a friend smile"):
        scores, found = index.search(embedder.encode([normalise_text(text)]), 1)
        assert found == [[intention_id(text)]] and scores[0, 0] == pytest.approx(1)
    assert errors(base) == []


def test_only_what_is_new_is_embedded(base: Directory):
    embedder = HashingEmbedder(DIMENSION)
    first = bring_up(base, embedder)
    assert embedder.encoded == 3
    assert bring_up(base, embedder) == first and embedder.encoded == 3
    commit(base, ["keep warm", "sleep well"], source="other")
    second = bring_up(base, embedder)
    assert second is not None and second.count == 4 and embedder.encoded == 4
    assert second.parts == tuple(part.file for part in base.manifest().parts("assertions"))
    assert errors(base) == []
    commit(base, ["Sleep well"], source="third")  # a new part, no new intention
    third = bring_up(base, embedder)
    assert third is not None and embedder.encoded == 4
    assert (third.directory, third.sha256) == (second.directory, second.sha256)
    assert third.parts != second.parts


def test_adding_and_building_anew_give_the_same_vectors(base: Directory, tmp_path: Path):
    commit(base, ["sleep well", "STAY DRY"], source="other")
    bring_up(base, HashingEmbedder(DIMENSION))
    other = Directory.create(tmp_path / "other")
    for texts, source in (
        (["sleep well", "STAY DRY"], "other"),
        (["keep warm", "Keep  WARM.", "stay dry", "make a friend smile"], "test"),
    ):
        commit(other, texts, source=source)
        bring_up(other, HashingEmbedder(DIMENSION))
    ours, theirs = open_index(base), open_index(other)
    assert ours.ids() == theirs.ids()
    np.testing.assert_array_equal(ours.vectors(ours.ids()), theirs.vectors(ours.ids()))


@pytest.mark.parametrize("reason", ["fresh", "model", "missing", "altered"])
def test_when_everything_is_made_anew(base: Directory, reason: str):
    state = bring_up(base, HashingEmbedder(DIMENSION))
    assert state is not None
    place = base.path(state.directory)
    if reason == "missing":
        shutil.rmtree(place)
    if reason == "altered":
        (place / "ids.u128").write_bytes(b"?" * 48)
    if reason in ("missing", "altered"):
        assert errors(base) == ["vectors-files"]
        with pytest.raises(CorruptError) as caught:
            open_index(base)
        assert caught.value.fix == f"intentkg build {base.root} --fresh"
    embedder = HashingEmbedder(DIMENSION, name="new" if reason == "model" else "hashing")
    assert bring_up(base, embedder, fresh=reason == "fresh") is not None
    assert embedder.encoded == 3 and errors(base) == []
    assert open_index(base).model == embedder.name


def test_intentions_that_are_gone_lose_their_vectors(base: Directory):
    embedder = HashingEmbedder(DIMENSION)
    commit(base, ["sleep well"], source="other")
    bring_up(base, embedder)
    from dataclasses import replace

    manifest = base.manifest()
    with base.write("test"):  # as if the second file had never been there
        tables = {**manifest.tables, "assertions": manifest.parts("assertions")[:1]}
        base.commit(replace(manifest, tables=tables))
    assert errors(base) == ["vectors-ids"]
    state = bring_up(base, embedder)
    assert state is not None and state.count == 3 and errors(base) == []
    assert intention_id("sleep well") not in open_index(base)


def test_without_intentions_there_are_no_vectors(tmp_path: Path):
    directory = Directory.create(tmp_path / "kb")
    assert bring_up(directory, HashingEmbedder(DIMENSION)) is None
    with pytest.raises(NotBuiltError) as caught:
        open_index(directory)
    assert "no intentions" in caught.value.message
    assert caught.value.fix is not None and "intentkg import" in caught.value.fix
    assert list(check_vectors(directory, directory.manifest())) == []


def test_what_verify_says_before_the_build(base: Directory):
    (finding,) = check_vectors(base, base.manifest())
    assert (finding.check, finding.severity) == ("vectors-missing", "info")
    bring_up(base, HashingEmbedder(DIMENSION))
    commit(base, ["sleep well"], source="other")
    assert "vectors-stale" in [f.check for f in check_vectors(base, base.manifest())]
    assert errors(base) == []


def test_vectors_of_other_texts_are_found_out(base: Directory):
    from kg.embed import load_embedder

    real = load_embedder()

    class Careless:
        name, dimension = real.name, real.dimension

        def encode(self, texts: list[str], *, progress: Any = None) -> np.ndarray:
            return real.encode(texts)[::-1]

    bring_up(base, Careless())
    assert errors(base) == ["vectors-values"]
    bring_up(base, real, fresh=True)
    assert errors(base) == []


def test_progress_is_told_for_the_whole(base: Directory):
    calls: list[tuple[str, int, int | None]] = []
    bring_up(base, HashingEmbedder(DIMENSION), progress=lambda *call: calls.append(call))
    assert calls[0] == ("vectors", 0, 3) and calls[-1] == ("vectors", 3, 3)


def test_a_reader_keeps_its_vectors_while_others_are_built(base: Directory):
    embedder = HashingEmbedder(DIMENSION)
    bring_up(base, embedder)
    reader = open_index(base)
    for number in range(3):
        commit(base, [f"one more {number}"], source=f"s{number}")
        bring_up(base, embedder)
    assert reader.search(embedder.encode(["keep warm"]), 1)[1] == [[intention_id("keep warm")]]
    assert len(reader) == 3 and len(open_index(base)) == 6
    assert len(list((base.root / "vectors").iterdir())) <= 2


# A build that takes long ------------------------------------------------------------------


def test_the_spool_gives_back_what_it_was_given(tmp_path: Path):
    ids, stored = names(10), unit(10)
    spool = Spool(tmp_path / "spool", "m", DIMENSION)
    assert spool.ids() == set() and list(spool) == []
    spool.append(ids[:6], stored[:6])
    spool.append(ids[6:], stored[6:])
    again = Spool(tmp_path / "spool", "m", DIMENSION)
    assert again.ids() == set(ids)
    chunks = list(again)
    assert [i for part, _ in chunks for i in part] == ids
    np.testing.assert_allclose(np.concatenate([v for _, v in chunks]), stored, atol=1e-3)
    assert Spool(tmp_path / "spool", "other", DIMENSION).ids() == set()
    assert Spool(tmp_path / "spool", "m", DIMENSION).ids() == set()  # removed by the other


@pytest.mark.parametrize("fresh", [False, True])
def test_a_killed_build_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: bool
):
    root = tmp_path / "kb"
    directory = Directory.create(root)
    commit(directory, [f"to do thing number {n}" for n in range(9000)])
    code = f"""
import time
from kg import vectors
from kg.directory import Directory
from tests.helpers import HashingEmbedder
from tests.test_kb_vectors import bring_up
vectors._LONG, vectors.CHUNK = 1000, 2048
class Slow(HashingEmbedder):
    def encode(self, texts, *, progress=None):
        if self.encoded:
            time.sleep(600)  # until it is killed
        return super().encode(texts, progress=progress)
bring_up(Directory({str(root)!r}), Slow({DIMENSION}), fresh={fresh})
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=Path(__file__).parent.parent, env=dict(os.environ)
    )
    limit = time.monotonic() + 300
    while not list(root.glob("vectors/spool/*/*.chunk")) and time.monotonic() < limit:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert directory.manifest().vectors is None
    with directory.write("another writer"):
        pass  # does not sweep the spool away
    monkeypatch.setattr(vectors, "_LONG", 1000)
    embedder = HashingEmbedder(DIMENSION)
    calls: list[int] = []
    state = bring_up(
        directory, embedder, fresh=fresh, progress=lambda _, done, __: calls.append(done)
    )
    assert state is not None and state.count == 9000
    assert 0 < embedder.encoded < 9000 and calls[0] == 9000 - embedder.encoded
    assert not (root / "vectors" / "spool").exists() and errors(directory) == []
    whole = HashingEmbedder(DIMENSION)
    index = open_index(directory)
    texts = ["to do thing number 1", "to do thing number 8999"]
    found = index.search(whole.encode(texts), 1)[1]
    assert found == [[intention_id(text)] for text in texts]


def test_a_spool_of_an_older_truth_does_no_harm(base: Directory, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vectors, "_LONG", 1)
    embedder = HashingEmbedder(DIMENSION)
    stale = intention_id("nobody has this any more")
    spool = Spool(base.path(vectors.SPOOL), embedder.name, DIMENSION)
    spool.append(
        [stale, intention_id("stay dry")],
        embedder.encode(["nobody has this any more", "stay dry"]),
    )
    embedder.encoded = 0
    state = bring_up(base, embedder)
    assert state is not None and state.count == 3 and embedder.encoded == 2
    assert stale not in open_index(base) and errors(base) == []


def test_a_large_knowledge_base_gets_the_other_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(vectors, "FLAT_LIMIT", 1000)
    monkeypatch.setattr(vector_index, "FLAT_LIMIT", 1000)
    directory = Directory.create(tmp_path / "kb")
    embedder = HashingEmbedder(DIMENSION)
    commit(directory, [f"to do thing number {n}" for n in range(900)])
    bring_up(directory, embedder)
    assert open_index(directory).form == "flat"
    commit(directory, [f"another thing {n}" for n in range(400)], source="other")
    state = bring_up(directory, embedder)
    assert state is not None and state.count == 1300 and embedder.encoded == 1300
    assert open_index(directory).form == "scan-pq4" and errors(directory) == []
    text = "another thing 77"
    assert open_index(directory).search(embedder.encode([text]), 1)[1] == [[intention_id(text)]]
