"""An image that is stored already is not fetched again, and what failed is tried again."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import intentkg
from ingest.images import ImageOptions
from intentkg import sample
from kg.directory import Directory

PICTURE = (sample.FOLDER / "images" / "kettle.png").read_bytes()


class Server(http.server.ThreadingHTTPServer):
    """Counts requests by path; ``/late.png`` is there only once `late` is set."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.late = False
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.path == "/late.png" and not self.server.late:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(PICTURE)))
        self.end_headers()
        self.wfile.write(PICTURE)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()


def test_a_second_ingest_fetches_only_what_it_lacks(server: Server, tmp_path: Path) -> None:
    rows = [
        {"id": "1", "text": "a kettle", "image": f"{server.address}/kettle.png"},
        {"id": "2", "text": "not there yet", "image": f"{server.address}/late.png"},
    ]
    file = tmp_path / "posts.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    directory = Directory.create(tmp_path / "my.kg")
    base = intentkg.KnowledgeBase(directory)
    options = ImageOptions(mode="fetch", allow_private=True, attempts=1)

    base.ingest([file], format="posts", image_options=options)
    assert sorted(server.asked) == ["/kettle.png", "/late.png"]
    assert base.counts()["images"] == 1
    assert base.counts()["posts"] == 2

    server.asked.clear()
    server.late = True
    [report] = base.ingest([file], format="posts", image_options=options)
    assert server.asked == ["/late.png"]
    assert report.summary is not None
    assert report.summary.tables["posts"].changed == 1
    assert base.verify() == [f for f in base.verify() if f.severity != "error"]

    server.asked.clear()
    [report] = base.ingest([file], format="posts", image_options=options)
    assert server.asked == []
    assert report.summary is not None
    assert report.summary.tables["posts"].changed == 0
