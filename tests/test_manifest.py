from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.directory import Directory, settle
from kg.manifest import FORMAT_VERSION, GraphState, Manifest, Part, VectorState, sha256_file
from schema.errors import (
    CorruptError,
    FormatVersionError,
    LockedError,
    NotAKnowledgeBaseError,
    StoreError,
)
from schema.records import TABLES

names = st.text(min_size=1, max_size=8)
numbers = st.integers(0, 2**62)
parts = st.builds(Part, names, numbers, numbers, names, numbers)
files = st.lists(names, max_size=3).map(tuple)
manifests = st.builds(
    Manifest,
    revision=numbers,
    tables=st.dictionaries(st.sampled_from(TABLES), st.lists(parts, max_size=3).map(tuple)),
    graph=st.none() | st.builds(GraphState, *[names] * 2, numbers, names, *[numbers] * 2, files),
    vectors=st.none() | st.builds(VectorState, *[names] * 2, *[numbers] * 2, names, files),
)


@given(manifest=manifests)
def test_a_manifest_comes_back_as_it_went_in(manifest: Manifest, tmp_path_factory) -> None:
    root = tmp_path_factory.mktemp("kb")
    (root / "kb.json").write_bytes(manifest.to_json())
    assert Manifest.read(root) == manifest
    assert manifest.to_json() == Manifest.read(root).to_json()


def test_a_manifest_names_every_file_that_it_keeps() -> None:
    manifest = Manifest(
        graph=GraphState("graph/g-1", "grafeo", 1, "", 1, 1, ()),
        vectors=VectorState("vectors/v-1", "m", 384, 1, "", ()),
    )
    manifest = manifest.with_part("posts", Part("records/p-1", 1, 1, ""))
    manifest = manifest.with_part("posts", Part("records/p-2", 1, 1, ""))
    assert manifest.files() == {"graph/g-1", "vectors/v-1", "records/p-1", "records/p-2"}
    assert [part.file for part in manifest.parts("posts")] == ["records/p-1", "records/p-2"]
    assert manifest.parts("images") == ()


def test_no_knowledge_base(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for root in (tmp_path, tmp_path / "no", tmp_path / "file"):
        with pytest.raises(NotAKnowledgeBaseError, match="not a knowledge base") as caught:
            Directory(root).manifest()
        assert "intentkg ingest" in str(caught.value.fix)


@pytest.mark.parametrize("version", [0, 2, 99, "1", None, 1.5])
def test_another_format_version_is_refused_with_the_way_out(tmp_path: Path, version) -> None:
    (tmp_path / "kb.json").write_text(json.dumps({"format": version}), encoding="utf-8")
    with pytest.raises(FormatVersionError, match=f"this intentkg reads {FORMAT_VERSION}") as caught:
        Manifest.read(tmp_path)
    assert caught.value.fix


@given(data=st.binary(max_size=200))
def test_bytes_that_are_no_manifest_are_damage(data: bytes, tmp_path_factory) -> None:
    root = tmp_path_factory.mktemp("kb")
    (root / "kb.json").write_bytes(data)
    with pytest.raises((CorruptError, FormatVersionError)) as caught:
        Manifest.read(root)
    assert caught.value.fix


@given(manifest=manifests, data=st.data())
def test_a_manifest_with_a_bite_taken_out_is_damage(
    manifest: Manifest, data: st.DataObject, tmp_path_factory
) -> None:
    whole = json.loads(manifest.to_json())
    del whole[data.draw(st.sampled_from(sorted(set(whole) - {"format"})))]
    root = tmp_path_factory.mktemp("kb")
    (root / "kb.json").write_text(json.dumps(whole), encoding="utf-8")
    with pytest.raises(CorruptError):
        Manifest.read(root)


def test_create_begins_one_and_finds_it_again(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "my.kg"
    first = Directory.create(root).manifest()
    assert (first.format, first.revision, first.tables) == (FORMAT_VERSION, 1, {})
    assert Directory.create(root).manifest() == first


def test_create_does_not_take_over_what_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("years of work", encoding="utf-8")
    with pytest.raises(NotAKnowledgeBaseError):
        Directory.create(tmp_path)
    with pytest.raises(NotAKnowledgeBaseError):
        Directory.create(tmp_path / "thesis.doc")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.doc"]


def test_two_that_create_at_once_end_with_one(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def create() -> None:
        try:
            Directory.create(tmp_path / "my.kg")
        except LockedError:
            pass
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert Directory(tmp_path / "my.kg").manifest().revision == 1


def test_a_commit_counts_up_and_leaves_no_other_file(tmp_path: Path) -> None:
    kb = Directory.create(tmp_path / "my.kg")
    assert kb.commit(kb.manifest()).revision == 2
    assert kb.manifest().revision == 2
    assert {path.name for path in kb.root.iterdir()} <= {"kb.json", ".lock"}


def test_a_commit_that_cannot_be_written_keeps_the_old(tmp_path: Path) -> None:
    kb = Directory.create(tmp_path / "my.kg")
    (kb.root / "kb.json.new").mkdir()  # in the way of the temporary file
    with pytest.raises(StoreError) as caught:
        kb.commit(kb.manifest())
    assert caught.value.fix
    assert kb.manifest().revision == 1


def test_one_writer_at_a_time_across_processes(tmp_path: Path) -> None:
    kb = Directory.create(tmp_path / "my.kg")
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from kg.directory import Directory\n"
        "with Directory(sys.argv[2]).write('build'): print('in', flush=True); sys.stdin.read()"
    )
    root = str(Path(__file__).parent.parent)
    with subprocess.Popen(
        [sys.executable, "-c", script, root, str(kb.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout
        other.stdout.readline()
        with pytest.raises(LockedError, match=rf"process {other.pid} \(intentkg build\)"):
            kb.write("ingest").__enter__()
        # A killed writer does not keep the lock.
        other.kill()
    with kb.write("ingest") as staging:
        assert list(staging.iterdir()) == []


def test_a_new_writer_sweeps_what_an_interrupted_one_left(tmp_path: Path) -> None:
    kb = Directory.create(tmp_path / "my.kg")
    kept = kb.path("records/posts-1.parquet")
    kept.parent.mkdir()
    kept.write_bytes(b"kept")
    kb.commit(kb.manifest().with_part("posts", Part("records/posts-1.parquet", 1, 4, "")))
    blob = kb.blob("ab" + "0" * 62)
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"image")
    orphans = ["records/posts-2.parquet", "assertions/a-1.parquet", "graph/g-1", ".staging/x"]
    for orphan in orphans:
        kb.path(orphan).parent.mkdir(exist_ok=True)
        kb.path(orphan).write_bytes(b"half")
    (kb.root / "vectors" / "v-1").mkdir(parents=True)

    with kb.write("ingest"):
        pass

    assert kept.read_bytes() == b"kept"
    assert blob.read_bytes() == b"image"
    assert not any(kb.path(orphan).exists() for orphan in orphans)
    assert not (kb.root / "vectors" / "v-1").exists()


def test_a_settled_file_is_moved_whole(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "deep" / "b"
    source.write_bytes(b"content")
    settle(source, target)
    assert target.read_bytes() == b"content"
    assert not source.exists()
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    (tmp_path / "empty").write_bytes(b"")
    assert sha256_file(tmp_path / "empty") == empty
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["b"]
