"""The pass that resolves the images of a stream of rows."""

from __future__ import annotations

import base64
import io
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pytest
from PIL import Image

from ingest.images import ImageOptions, data_address, with_images
from schema.errors import UsageError
from schema.records import POSTS, ImageBlob, Item, Note, Rejection, Rows


def png(colour: str, size: tuple[int, int] = (8, 6)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, format="PNG")
    return out.getvalue()


def posts(refs: list[list[str | None] | None], file: str, first: int = 1) -> Rows:
    rows = [
        {
            "id": f"test:{first + n}",
            "source": "test",
            "external_id": str(first + n),
            "text": "a post",
            "language": None,
            "created_at": None,
            "images": None
            if row is None
            else [{"ref": ref, "id": None, "error": None} for ref in row],
            "attributes": None,
        }
        for n, row in enumerate(refs)
    ]
    lines = pa.array(range(first, first + len(rows)), pa.int64())
    return Rows("posts", pa.RecordBatch.from_pylist(rows, schema=POSTS), lines, file)


def resolve(
    refs: list[list[str | None] | None], file: Path, **settings: object
) -> tuple[list[list[dict[str, str | None]] | None], list[ImageBlob], dict[str, int]]:
    out = list(with_images([posts(refs, str(file))], ImageOptions(**settings)))
    (rows,) = (item for item in out if isinstance(item, Rows))
    assert rows.batch.schema == POSTS
    assert rows.lines.to_pylist() == list(range(1, len(refs) + 1))
    return (
        rows.batch.column("images").to_pylist(),
        [item for item in out if isinstance(item, ImageBlob)],
        {item.label: item.count for item in out if isinstance(item, Note)},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    base = tmp_path / "data"
    (base / "img").mkdir(parents=True)
    (base / "img" / "red.png").write_bytes(png("red"))
    (base / "img" / "blue.png").write_bytes(png("blue"))
    (base / "img" / "text.png").write_text("not a picture", encoding="utf-8")
    (base / "img" / "empty.png").write_bytes(b"")
    (tmp_path / "outside.png").write_bytes(png("green"))
    return base


def test_paths_are_relative_to_the_file_and_the_bytes_get_their_hash_as_id(folder):
    images, blobs, notes = resolve([["img/red.png", "img/blue.png"]], folder / "posts.jsonl")
    assert [blob.data for blob in blobs] == [png("red"), png("blue")]
    assert images == [
        [
            {"ref": "img/red.png", "id": blobs[0].id, "error": None},
            {"ref": "img/blue.png", "id": blobs[1].id, "error": None},
        ]
    ]
    assert notes == {"images read": 2}


def test_base_dir_takes_the_place_of_the_files_folder(folder, tmp_path):
    images, _, _ = resolve(
        [["red.png", str(folder / "img" / "blue.png"), (folder / "img/red.png").as_uri()]],
        tmp_path / "elsewhere" / "posts.jsonl",
        base_dir=folder / "img",
    )
    assert [image["error"] for image in images[0]] == [None] * 3


@pytest.mark.parametrize("way", ["../outside.png", "img/../../outside.png", "link.png", "absolute"])
def test_no_path_leads_out_of_the_folder_unless_that_is_asked_for(folder, tmp_path, way):
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    ref = str(tmp_path / "outside.png") if way == "absolute" else way
    images, blobs, _ = resolve([[ref]], folder / "posts.jsonl")
    assert images[0][0]["id"] is None
    assert images[0][0]["error"].startswith("refused: the path leads out of")
    assert not blobs
    images, blobs, _ = resolve([[ref]], folder / "posts.jsonl", allow_outside=True)
    assert images[0][0] == {"ref": ref, "id": blobs[0].id, "error": None}


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        ("img/none.png", "no such file"),
        ("img/text.png", "not a JPEG, PNG, GIF or WebP"),
        ("img/empty.png", "empty"),
        ("img", "not a plain file"),
        ("pipe", "not a plain file"),
        ("img/red.png\0.txt", "cannot be read"),
        ("x" * 5000, "cannot be read"),
        ("data:image/png;base64,!!!", "base64 is broken"),
        ("data:nothing", "without a comma"),
        ("s3://bucket/key.png", "refused: a s3: address"),
        ("javascript://x", "refused"),
    ],
)
def test_a_row_whose_image_fails_stays_with_the_reason(folder, ref, reason):
    os.mkfifo(folder / "pipe")
    images, blobs, notes = resolve([[ref, "img/red.png"], None, []], folder / "posts.jsonl")
    assert images[0][0]["id"] is None
    assert reason in images[0][0]["error"]
    assert images[0][1]["id"] == blobs[0].id
    assert images[1:] == [None, []]
    assert notes == {"images read": 1, "images that could not be had": 1}


def test_limits_on_bytes_and_pixels(folder):
    big = png("red", (200, 100))
    (folder / "big.png").write_bytes(big)
    refs = ["big.png", data_address(big)]
    images, _, _ = resolve([refs], folder / "p.csv", max_pixels=19_999)
    assert all("200 x 100 pixels" in image["error"] for image in images[0])
    images, _, _ = resolve([refs], folder / "p.csv", max_bytes=len(big) - 1)
    assert all("larger than the limit" in image["error"] for image in images[0])
    images, _, _ = resolve([refs], folder / "p.csv", max_bytes=len(big), max_pixels=20_000)
    assert all(image["error"] is None for image in images[0])


def test_a_data_address_becomes_an_image_and_is_not_stored_a_second_time(folder):
    plain = "data:image/png;base64," + base64.b64encode(png("red")).decode()
    percent = "data:," + "".join(f"%{byte:02x}" for byte in png("red"))
    images, blobs, _ = resolve([[plain, percent, "img/red.png"]], folder / "p.jsonl")
    assert [image["ref"] for image in images[0]] == [None, None, "img/red.png"]
    assert {image["id"] for image in images[0]} == {blobs[0].id}
    assert len(blobs) == 1


def test_skip_reads_nothing_and_keeps_no_data_address(folder):
    images, blobs, notes = resolve(
        [["img/red.png", data_address(b"x" * 1000), "http://a.example/b.png"]],
        folder / "p.jsonl",
        mode="skip",
    )
    assert [image["ref"] for image in images[0]] == ["img/red.png", None, "http://a.example/b.png"]
    assert [image["id"] for image in images[0]] == [None] * 3
    assert not blobs
    assert not notes


def test_nothing_touches_the_network_unless_asked(server, folder):
    images, blobs, notes = resolve([[f"{server}/red"]], folder / "p.jsonl", allow_private=True)
    assert images == [[{"ref": f"{server}/red", "id": None, "error": None}]]
    assert not blobs
    assert notes == {"image addresses left unfetched": 1}
    assert not _Pictures.asked


def test_what_is_already_resolved_and_other_items_pass_in_order(folder):
    rows = posts([["img/red.png"]], str(folder / "p.jsonl"))
    (settled,) = (i for i in with_images([rows]) if isinstance(i, Rows))
    stream: list[Item] = [Note("before", 1), settled, Rejection("f", 1, "r", "x"), rows]
    out = list(with_images(stream))
    assert [type(item).__name__ for item in out] == [
        "Note", "Rows", "Rejection", "ImageBlob", "Rows", "Note",
    ]  # fmt: skip
    assert out[1] == settled


class _Pictures(BaseHTTPRequestHandler):
    """``/slow/…`` waits for the event; every other path is a colour."""

    asked: list[str]
    go: threading.Event
    awaited = 0
    at_once = 0
    most = 0
    lock = threading.Lock()

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        cls = type(self)
        with cls.lock:
            cls.asked.append(self.path)
            cls.at_once += 1
            cls.most = max(cls.most, cls.at_once)
            if cls.at_once == cls.awaited:
                threading.Timer(0.3, cls.go.set).start()  # time for one too many to show
        if self.path.startswith("/slow/"):
            cls.go.wait(60)
        body = png(unquote(self.path.rpartition("/")[2]))
        with cls.lock:
            cls.at_once -= 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[str]:
    _Pictures.asked, _Pictures.go = [], threading.Event()
    _Pictures.at_once = _Pictures.most = _Pictures.awaited = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pictures) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        _Pictures.go.set()
        running.shutdown()
        thread.join()


def test_images_are_fetched_at_once_yet_come_out_in_order(server, folder):
    refs = [f"{server}/slow/{c}" for c in ("red", "green", "blue", "white")]
    _Pictures.awaited = 4
    images, blobs, _ = resolve(
        [[ref] for ref in refs],
        folder / "p",
        mode="fetch",
        allow_private=True,
        timeout=60.0,
        workers=4,
    )
    assert _Pictures.most == 4
    assert [blob.data for blob in blobs] == [png(c) for c in ("red", "green", "blue", "white")]
    assert [row[0]["ref"] for row in images] == refs


def test_never_more_in_work_than_workers(server, folder):
    refs = [[f"{server}/slow/%23{n:06x}"] for n in range(12)]
    _Pictures.awaited = 3
    resolve(refs, folder / "p", mode="fetch", allow_private=True, timeout=60.0, workers=3)
    assert _Pictures.most == 3


def test_one_slow_image_does_not_keep_others_from_being_fetched(server, folder):
    fast = [[f"{server}/%23{n:06x}"] for n in range(100)]
    stream = with_images(
        [posts([[f"{server}/slow/red"], *fast], str(folder / "p"))],
        ImageOptions(mode="fetch", allow_private=True, timeout=60.0, workers=2),
    )
    done: list[Item] = []
    thread = threading.Thread(target=lambda: done.extend(stream), daemon=True)
    thread.start()
    for _ in range(600):
        if len(_Pictures.asked) == 101:
            break
        thread.join(0.05)
    assert len(_Pictures.asked) == 101
    assert not done
    _Pictures.go.set()
    thread.join(60)
    assert sum(isinstance(item, ImageBlob) for item in done) == 101


def test_the_same_address_is_fetched_once_and_its_image_yielded_once(server, folder):
    batches = [posts([[f"{server}/red"]] * 50, str(folder / "p"), 1 + 50 * n) for n in range(3)]
    out = list(with_images(batches, ImageOptions(mode="fetch", allow_private=True, timeout=60.0)))
    assert _Pictures.asked == ["/red"]
    assert sum(isinstance(item, ImageBlob) for item in out) == 1
    assert [r.lines[0].as_py() for r in out if isinstance(r, Rows)] == [1, 51, 101]


def test_an_address_that_the_store_knows_is_not_fetched(server, folder):
    images, blobs, _ = resolve(
        [[f"{server}/red", f"{server}/blue"]],
        folder / "p",
        mode="fetch",
        allow_private=True,
        timeout=60.0,
        known={f"{server}/red": "abc"}.get,
    )
    assert [image["id"] for image in images[0]] == ["abc", blobs[0].id]
    assert _Pictures.asked == ["/blue"]


def test_a_consumer_that_stops_early_leaves_no_thread_behind(server, folder):
    refs = [[f"{server}/red"], *([f"{server}/slow/%23{n:06x}"] for n in range(30))]
    stream = with_images(
        [posts(refs, str(folder / "p"))],
        ImageOptions(mode="fetch", allow_private=True, timeout=60.0),
    )
    assert isinstance(next(stream), ImageBlob)
    stream.close()
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith("image")], names


def test_a_long_stream_is_held_in_a_bounded_part(folder):
    """The pass must not read ahead without limit while nobody takes what it yields."""
    taken = 0

    def stream() -> Iterator[Item]:
        nonlocal taken
        for n in range(500):
            taken = n
            yield posts([["img/red.png"], ["img/blue.png"]], str(folder / "p"), 1 + 2 * n)

    out = with_images(stream())
    for _ in range(3):
        next(out)
    assert taken < 20


@pytest.mark.parametrize(
    "settings",
    [{"mode": "all"}, {"timeout": 0}, {"timeout": float("nan")}, {"workers": -1},
     {"max_redirects": -1}],
)  # fmt: skip
def test_options_out_of_range_are_refused(settings):
    with pytest.raises(UsageError) as caught:
        ImageOptions(**settings)
    assert caught.value.fix
