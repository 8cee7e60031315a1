"""Images that cannot be had, through the real command line.

The post or product stays, with the reason on its row; the failure is counted, and listed in
``rejected.parquet`` with the row and what would mend it.
"""

from __future__ import annotations

import io
import shutil
import struct
import zlib
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from door import check_tidy, manifest, quick, rejected, run, small_kb, write_json_lines
from PIL import Image

MB = 1024 * 1024


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small knowledge base, which no test may change."""
    return small_kb(tmp_path_factory.mktemp("stored"))


@pytest.fixture
def kb(stored: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stored, tmp_path / "my.kg"))


# Images -----------------------------------------------------------------------------------------


def png(width: int, height: int) -> bytes:
    """A white PNG of one bit a pixel, whatever its size: zlib makes next to nothing of it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        tail = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + tail

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = b"\0" + b"\xff" * -(-width // 8)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def jpeg() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "orange").save(out, "JPEG")
    return out.getvalue()


BAD_IMAGES = {
    "words.png": (b"these are words, not pixels", "not a JPEG, PNG, GIF or WebP"),
    "page.jpg": (b"<!DOCTYPE html><title>404</title>", "not a JPEG, PNG, GIF or WebP"),
    "vector.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a JPEG, PNG, GIF or WebP"),
    "empty.png": (b"", "0 bytes"),
    "cut.jpg": (jpeg()[:300], "broken JPEG"),
    "cut.png": (png(64, 64)[:40], "broken PNG"),
    "bomb.png": (png(20_000, 20_000), "too many pixels: Image size (400000000 pixels)"),
    "large.png": (png(10_000, 10_000), "10000 x 10000 pixels, above the limit"),
    "huge.png": (png(8, 8) + b"\0" * (21 * MB), "larger than the limit"),
    "missing.png": (None, "no such file"),
    "../outside.png": (png(8, 8), "leads out of"),
    "/etc/hostname": (None, "leads out of"),
    "ftp://example.org/x.png": (None, "refused: a ftp: address"),
    "data:image/png;base64,@@@": (None, "base64 is broken"),
}


def test_a_row_whose_image_fails_stays_with_the_reason(kb: Path) -> None:
    folder = kb.parent / "pictures"
    folder.mkdir()
    for name, (data, _) in BAD_IMAGES.items():
        if data is not None:
            (folder / name).write_bytes(data)
    (folder / "good.png").write_bytes(png(8, 8))
    rows = [{"id": f"i{n}", "text": "look", "image": ref} for n, ref in enumerate(BAD_IMAGES)]
    rows.append({"id": "i-good", "text": "look", "image": "good.png"})
    path = write_json_lines(folder / "x.jsonl", rows)

    result = run("ingest", kb, "-f", "posts", path)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert f"images that could not be had: {len(BAD_IMAGES)}" in result.stdout
    counts = quick("status", kb)["counts"]
    assert counts["posts"] == 3 + len(rows)
    assert counts["images"] == 1
    parts = [pq.read_table(kb / p["file"]) for p in manifest(kb)["tables"]["posts"]]
    found = {r["external_id"]: r["images"] for t in parts for r in t.to_pylist()}
    for n, (ref, (_, reason)) in enumerate(BAD_IMAGES.items()):
        [image] = found[f"i{n}"]
        assert image["id"] is None
        assert reason in image["error"], ref
    [good] = found["i-good"]
    assert good["error"] is None
    blob = kb / "records" / "blobs" / good["id"][:2] / good["id"]
    assert Image.open(blob).size == (8, 8)
    check_tidy(kb)

    # Each is listed with the row it stands in, and what to do about it.
    listed = {row["row"]: row for row in rejected(kb)}
    assert len(listed) == len(rejected(kb)) == len(BAD_IMAGES)
    for n, (ref, (_, reason)) in enumerate(BAD_IMAGES.items()):
        assert reason in listed[n + 1]["reason"], ref
        assert listed[n + 1]["fix"]
        assert listed[n + 1]["file"] == str(path)

    revision, before = manifest(kb), rejected(kb)
    quick("ingest", kb, "-f", "posts", path)
    assert manifest(kb) == revision
    assert rejected(kb) == before
    assert quick("verify", kb)["ok"]


def test_an_image_that_was_bad_is_taken_once_it_is_mended(kb: Path) -> None:
    path = write_json_lines(
        kb.parent / "x.jsonl", [{"id": "i1", "text": "look", "image": "late.png"}]
    )
    (kb.parent / "late.png").write_bytes(b"not yet")
    quick("ingest", kb, "-f", "posts", path)
    assert quick("status", kb)["counts"]["images"] == 0
    (kb.parent / "late.png").write_bytes(png(8, 8))
    [report] = quick("ingest", kb, "-f", "posts", path)["files"]
    assert (report["tables"]["posts"]["changed"], report["tables"]["images"]["added"]) == (1, 1)
    assert quick("verify", kb)["ok"]


def test_an_address_on_a_private_network_is_refused(kb: Path) -> None:
    rows = [
        {"id": f"i{n}", "text": "look", "image": address}
        for n, address in enumerate(
            (
                "http://127.0.0.1:9/x.png",
                "http://169.254.169.254/latest/meta-data",
                "http://[::1]/x",
            )
        )
    ]
    path = write_json_lines(kb.parent / "x.jsonl", rows)
    [report] = quick("ingest", kb, "-f", "posts", "--images", "fetch", path)["files"]
    assert report["tables"]["posts"]["added"] == len(rows)
    assert report["notes"]["images that could not be had"] == len(rows)
    last = pq.read_table(kb / manifest(kb)["tables"]["posts"][-1]["file"]).to_pylist()
    assert all("is the private address" in row["images"][0]["error"] for row in last)
    assert {row["row"] for row in rejected(kb)} == {1, 2, 3}
    assert all("--allow-private" in row["fix"] for row in rejected(kb))
