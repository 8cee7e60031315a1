from __future__ import annotations

import gzip
import random
import tracemalloc
from pathlib import Path

import pytest
import zstandard
from harvest import write
from hypothesis import given
from hypothesis import strategies as st

from ingest.sources import compression, open_bytes, read_lines
from schema.errors import InputError

TEXT = b"".join(b"line %d of the file, with some words\n" % n for n in range(20_000))
PACKERS = {
    "plain": lambda data: data,
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}


@pytest.mark.parametrize("packing", PACKERS)
def test_the_same_lines_however_packed_and_whatever_the_name(tmp_path: Path, packing: str) -> None:
    # A misleading name: compression is told from the content.
    path = write(tmp_path / "file.zip.txt", PACKERS[packing](TEXT))
    lines = list(read_lines(path))
    assert [line.text.encode() + b"\n" for line in lines] == TEXT.splitlines(keepends=True)
    assert [line.number for line in lines] == list(range(1, 20_001))
    assert compression(path) == (None if packing == "plain" else packing)


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_members_put_one_after_the_other_are_one_stream(tmp_path: Path, packing: str) -> None:
    pack = PACKERS[packing]
    path = write(tmp_path / "two", pack(b"a\nb") + pack(b"c\nd\n"))
    assert [line.text for line in read_lines(path)] == ["a", "bc", "d"]


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.99])
def test_a_truncated_archive_is_an_error_with_a_fix(
    tmp_path: Path, packing: str, kept: float
) -> None:
    packed = PACKERS[packing](TEXT)
    path = write(tmp_path / "cut", packed[: int(len(packed) * kept)])
    with pytest.raises(InputError, match=f"the {packing} data ends too early") as caught:
        list(read_lines(path))
    assert f"{packing.removesuffix('d').replace('zst', 'zstd')} -t" in (caught.value.fix or "")
    assert caught.value.file == str(path)


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_a_damaged_archive_is_an_error(tmp_path: Path, packing: str) -> None:
    packed = bytearray(PACKERS[packing](TEXT))
    middle = len(packed) // 2
    packed[middle : middle + 40] = random.Random(1).randbytes(40)
    with pytest.raises(InputError, match=f"the {packing} data"):
        list(read_lines(write(tmp_path / "bad", bytes(packed))))


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"BZh9", "bzip2"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"PK\x03\x04", "zip"),
        (b"PAR1", "Parquet"),
        ("\ufeffid,text\n".encode("utf-16-le"), "UTF-16"),
    ],
)
def test_other_containers_are_named(tmp_path: Path, head: bytes, what: str) -> None:
    for data in (head + b"x" * 50, gzip.compress(head + b"x" * 50)):
        path = write(tmp_path / "file", data)
        with pytest.raises(InputError, match=what) as caught:
            list(read_lines(path))
        assert caught.value.fix


def test_a_missing_file_a_directory_and_a_near_name(tmp_path: Path) -> None:
    write(tmp_path / "posts.jsonl", "{}\n")
    with pytest.raises(InputError, match="no such file") as caught:
        list(read_lines(tmp_path / "post.jsonl"))
    assert "posts.jsonl" in (caught.value.fix or "")
    with pytest.raises(InputError, match="directory"):
        list(read_lines(tmp_path))
    with pytest.raises(InputError):
        list(read_lines("a\0b"))


def test_a_bad_byte_costs_its_line_only_and_says_where(tmp_path: Path) -> None:
    data = b"good\nbad \xe9t\xe9\r\nnul\0here\nlast, \xe2\x82\xac"
    lines = list(read_lines(write(tmp_path / "file", data)))
    assert [line.number for line in lines] == [1, 2, 3, 4]
    assert lines[0].problem is None and lines[3].text == "last, €"
    assert lines[1].problem is not None and "0xe9 at byte offset 9" in lines[1].problem.reason
    assert lines[2].problem is not None
    assert f"NUL byte at byte offset {data.index(0)}" in lines[2].problem.reason
    assert "\0" not in lines[2].text


def test_a_byte_order_mark_is_skipped_and_carriage_returns_go(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbfa\r\nb\r\n\xff"
    for size in (1, 2, 3, 1000):
        lines = list(read_lines(write(tmp_path / "file", data), chunk_size=size))
        assert [line.text for line in lines[:2]] == ["a", "b"]
        assert lines[2].problem is not None and "byte offset 9" in lines[2].problem.reason


def test_a_line_of_fifty_megabytes_is_refused_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "long.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(b"first\n")
        for _ in range(50):
            stream.write(b"x" * 1_000_000)
        stream.write(b'"\nlast\n')
    tracemalloc.start()
    lines = list(read_lines(path, limit=1_000_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(line.number, line.text) for line in lines] == [(1, "first"), (2, '"'), (3, "last")]
    assert lines[1].problem is not None and "50,000,001 bytes long" in lines[1].problem.reason
    assert peak < 8_000_000


def test_a_compression_bomb_is_read_in_small_pieces(tmp_path: Path) -> None:
    packer = zstandard.ZstdCompressor().compressobj()
    path = tmp_path / "bomb"
    with path.open("wb") as stream:
        for _ in range(256):
            stream.write(packer.compress(bytes(1 << 20).replace(b"\0", b" ")))
        stream.write(packer.flush())
    with open_bytes(path) as opened:
        assert max(len(iter_) for iter_ in iter(lambda: opened.read(65536), b"")) <= 65536
    (line,) = read_lines(path)
    assert line.problem is not None


@given(data=st.binary(max_size=300), size=st.integers(1, 40), limit=st.integers(1, 60))
def test_lines_do_not_depend_on_how_much_is_read_at_a_time(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, size: int, limit: int
) -> None:
    data = b"plain " + data  # so that it is no archive
    path = write(tmp_path_factory.getbasetemp() / "chunks", data)
    got = list(read_lines(path, limit=limit, chunk_size=size))
    pieces = data.split(b"\n")
    pieces = pieces if pieces[-1] else pieces[:-1]
    assert [line.number for line in got] == list(range(1, len(pieces) + 1))
    for line, piece in zip(got, pieces, strict=True):
        bare = piece.removesuffix(b"\r")
        if len(piece) > limit:
            assert line.problem is not None and f"{len(piece)} bytes" in line.problem.reason
            assert line.text.count('"') == piece.count(b'"') % 2
        elif b"\0" in bare or bare.decode("utf-8", "ignore").encode() != bare:
            assert line.problem is not None
        else:
            assert line.problem is None and line.text.encode() == bare
