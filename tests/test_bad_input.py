"""Files that cannot be read, through the real command line.

Such a file fails whole: exit code 1, a message with the fix, and not one of its rows stored. If
its content is at fault, the same stands in ``rejected.parquet``; if another format or column may
do, it does not. What was stored stays as it was, byte by byte.
"""

from __future__ import annotations

import gzip
import io
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from door import (
    answer,
    call,
    check_tidy,
    committed,
    quick,
    rejected,
    run,
    small_kb,
    write_json_lines,
)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small knowledge base, which no test may change."""
    return small_kb(tmp_path_factory.mktemp("stored"))


@pytest.fixture
def kb(stored: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stored, tmp_path / "my.kg"))


# Files that fail as a whole -------------------------------------------------------------------


def many_posts(n: int = 20_000) -> bytes:
    """More than one batch, so that rows are staged when the file turns out to be broken."""
    return b"".join(b'{"id": "n%d", "text": "post number %d of many"}\n' % (i, i) for i in range(n))


def flipped(data: bytes) -> bytes:
    """One bit of the checksum changed: only the very end of the file shows that it is damaged."""
    return data[:-8] + bytes([data[-8] ^ 1]) + data[-7:]


def zstd(data: bytes) -> bytes:
    sink = io.BytesIO()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
        stream.flush()
        return sink.getvalue()


def parquet(**columns: list[Any]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


PACKED = gzip.compress(many_posts(), mtime=0)

# what is wrong, verb, format, file name, its bytes, what the message says, what the fix says
BROKEN_FILES = {
    "posts without a text column": (
        "ingest", "posts", "x.csv", b"id,words\n1,hello\n", "seen: id, words", "--column text="),
    "products without an id column": (
        "ingest", "products", "x.jsonl", b'{"title": "t", "maker": "m"}\n',
        "seen: title, maker", "--column id="),
    "pairs without a second end": (
        "ingest", "cobuys", "x.tsv", b"a\tsupport\nB0\t2\n", "seen: a, support", "--column b="),
    "parquet without a text column": (
        "ingest", "posts", "x.parquet", parquet(id=["1"], t=["x"]), "seen: id, t", "--column"),
    "intentions without a relation": (
        "import", "intentions", "x.jsonl", b'{"a": "B0", "b": "B1", "text": "dry"}\n',
        "relation", "--column relation="),
    "a format nobody knows": (
        "ingest", "auto", "x.csv", b"colour,size\nred,4\n", "colour,size", "--format"),
    "a truncated gzip": (
        "ingest", "posts", "x.jsonl.gz", PACKED[: len(PACKED) * 9 // 10],
        "ends too early", "gzip -t"),
    "a gzip with a wrong checksum": (
        "ingest", "posts", "x.jsonl.gz", flipped(PACKED), "is damaged", "gzip -t"),
    "a gzip of which only the magic is left": (
        "ingest", "posts", "x.jsonl.gz", PACKED[:5], "gzip", "gzip -t"),
    "a truncated zstd": (
        "ingest", "posts", "x.jsonl.zst", zstd(many_posts())[:-100], "ends too early", "zstd -t"),
    "a truncated import": (
        "import", "intentions", "x.jsonl.gz",
        gzip.compress(b'{"a": "B0", "b": "B1", "relation": "Can", "text": "fold"}\n' * 900)[:-20],
        "ends too early", "gzip -t"),
    "a truncated parquet": (
        "ingest", "posts", "x.parquet", parquet(id=["1"], text=["x"])[:-9],
        "not a readable Parquet", "again"),
    "a header with bytes that are not UTF-8": (
        "ingest", "posts", "x.csv", b"id,text,caf\xe9\n1,x,y\n", "not UTF-8", "iconv"),
    "UTF-16": (
        "ingest", "posts", "x.csv", "id,text\n1,x\n".encode("utf-16"), "UTF-16", "iconv"),
    "a zip archive": (
        "ingest", "posts", "x.csv", b"PK\x03\x04rest", "zip", "unzip"),
    "a JSON array": (
        "ingest", "posts", "x.json", b'[{"id": 1, "text": "x"}]', "one JSON array", "jq"),
    "an empty file": (
        "ingest", "posts", "x.csv", b"", "empty", "check"),
    "two columns of one name": (
        "ingest", "posts", "x.csv", b"id,text,text\n1,x,y\n", "two columns", "rename"),
}  # fmt: skip


WRONG_USE = {
    "posts without a text column",
    "products without an id column",
    "pairs without a second end",
    "parquet without a text column",
    "intentions without a relation",
    "a format nobody knows",
}


@pytest.mark.parametrize("what", BROKEN_FILES)
def test_a_broken_file_fails_whole_and_says_how_to_mend_it(what: str, kb: Path) -> None:
    verb, name, file, data, said, fix = BROKEN_FILES[what]
    path = kb.parent / file
    path.write_bytes(data)
    before = committed(kb)

    result = call(verb, kb, "--format", name, path)
    assert result.returncode == 1, result.stdout
    assert "Traceback" not in result.stderr
    assert file in result.stderr
    assert said in result.stderr
    assert "fix:" in result.stderr and fix in result.stderr

    assert committed(kb) == before, "something of the file was stored"
    check_tidy(kb)
    listed = rejected(kb)
    assert len(listed) == (what not in WRONG_USE)
    for row in listed:
        assert row["file"] == str(path)
        assert said in row["reason"] and fix in row["fix"]

    # The same once more: the same error, as JSON, and it is not listed twice.
    [report] = quick(verb, kb, "--format", name, path, code=1)["files"]
    assert said in report["error"]["message"] and fix in report["error"]["fix"]
    assert rejected(kb) == listed
    assert committed(kb) == before
    assert quick("verify", kb)["ok"]


@pytest.mark.parametrize("verb", ["ingest", "import"])
def test_all_of_them_in_a_process_of_its_own(verb: str, kb: Path) -> None:
    """As a person runs it: one command, many files, of which only the last one is good."""
    before = committed(kb)
    cases = [case for case in BROKEN_FILES.values() if case[:2] == (verb, FORMATS[verb])]
    paths = []
    for number, (*_, file, data, _, _) in enumerate(cases):
        paths.append(kb.parent / f"{number}-{file}")
        paths[-1].write_bytes(data)
    result = run(verb, kb, "-f", FORMATS[verb], *paths)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    errors = result.stderr.split("error: ")[1:]
    assert len(errors) == len(cases)
    wrong = {case for what, case in BROKEN_FILES.items() if what in WRONG_USE}
    assert len(rejected(kb)) == sum(case not in wrong for case in cases) > 0
    for error, path, (*_, said, fix) in zip(errors, paths, cases, strict=True):
        assert str(path) in error
        assert said in error and f"\n  fix: {''}" in error and fix in error
    assert committed(kb) == before
    check_tidy(kb)


FORMATS = {"ingest": "posts", "import": "intentions"}


def test_the_other_files_of_the_same_command_are_read(kb: Path) -> None:
    broken, good = kb.parent / "broken.jsonl.gz", kb.parent / "good.jsonl"
    broken.write_bytes(PACKED[:-30])
    write_json_lines(good, [{"id": "n1", "text": "fine"}])
    missing = kb.parent / "missing.jsonl"
    reports = answer("ingest", kb, "-f", "posts", broken, missing, good, code=1)["files"]
    assert [r["error"]["type"] if "error" in r else None for r in reports] == [
        "InputError",
        "UnsuitableFileError",
        None,
    ]
    assert reports[2]["tables"]["posts"]["added"] == 1
    assert quick("status", kb)["counts"]["posts"] == 4
    check_tidy(kb)


def test_wrong_use_is_not_listed_as_if_the_file_were_bad(kb: Path) -> None:
    good = write_json_lines(kb.parent / "good.jsonl", [{"id": "n1", "text": "fine"}])
    for words in (
        ["ingest", kb, "-f", "products", good],
        ["ingest", kb, "-f", "posts", "--column", "text=words", good],
        ["ingest", kb, "--column", "txt=text", good],
        ["ingest", kb, kb.parent / "missing.jsonl"],
        ["ingest", kb, kb.parent],
        ["import", kb, good],
        ["import", kb, "-f", "intentions", good],
    ):
        result = call(*words)
        assert result.returncode in (1, 2) and "fix:" in result.stderr, words
        assert rejected(kb) == [], words
    assert call("status", kb).stdout.count("refused") == 0


def test_what_is_listed_of_a_file_goes_when_the_file_is_mended(kb: Path) -> None:
    path, other = kb.parent / "x.jsonl.gz", kb.parent / "y.csv"
    other.write_text("id,text\nn1,fine\nn2\n", encoding="utf-8")
    path.write_bytes(PACKED[:-30])
    quick("ingest", kb, "-f", "posts", other, path, code=1)
    assert [row["file"] for row in rejected(kb)] == [str(other), str(path)]
    path.write_bytes(gzip.compress(b'{"id": "m1", "text": "mended"}\n'))
    quick("ingest", kb, "-f", "posts", path)
    assert [row["file"] for row in rejected(kb)] == [str(other)]
    quick("ingest", kb, "-f", "posts", other)  # as bad as before
    assert [row["row"] for row in rejected(kb)] == [3]
    other.write_text("id,text\nn1,fine\nn2,fine too\n", encoding="utf-8")
    quick("ingest", kb, "-f", "posts", other)
    assert rejected(kb) == [] and quick("status", kb)["counts"]["rejected"] == 0
    assert quick("verify", kb)["ok"]
    check_tidy(kb)


def test_empty_files_and_folders_are_called_what_they_are(kb: Path) -> None:
    folder = kb.parent / "pictures"
    folder.mkdir()
    assert "the folder is empty" in call("ingest", kb, folder).stderr
    for name in ("a.jpg", "b.PNG"):
        (folder / name).write_bytes(b"x")
    result = call("ingest", kb, folder)
    assert result.returncode == 1 and "a folder of images (2 of 2 files)" in result.stderr
    assert "column `images`" in result.stderr
    empty = kb.parent / "empty.csv"
    empty.write_bytes(b"")
    assert "the file is empty" in call("ingest", kb, empty).stderr
    part = folder / "bundle_item.csv"
    part.write_text("bundle ID,item ID\n1,2\n", encoding="utf-8")
    result = call("ingest", kb, part)
    assert "part of bundlerec" in result.stderr and "give the folder" in result.stderr


def test_a_broken_file_begins_no_half_of_a_knowledge_base(tmp_path: Path) -> None:
    broken = tmp_path / "x.jsonl.gz"
    broken.write_bytes(PACKED[:-30])
    result = run("ingest", tmp_path / "new.kg", "-f", "posts", broken)
    assert result.returncode == 1
    status = quick("status", tmp_path / "new.kg")
    assert {k: v for k, v in status["counts"].items() if v} == {"rejected": 1}
    check_tidy(tmp_path / "new.kg")
    good = write_json_lines(tmp_path / "y.jsonl", [{"id": "1", "text": "x"}])
    assert run("ingest", tmp_path / "new.kg", "-f", "posts", good).returncode == 0
