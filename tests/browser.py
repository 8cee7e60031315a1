"""A page in a real browser: what it logs, whether it fits, what it asks the network for."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

_NAMES = ("chromium", "google-chrome")
_MEASURE = """
<title>waiting</title>
<iframe id="page" style="border:0;width:{width}px;height:900px" srcdoc="{page}"></iframe>
<script>
addEventListener("load", () => {{
  const inside = document.getElementById("page").contentDocument;
  document.title = JSON.stringify({{
    wide: inside.documentElement.scrollWidth, sections: inside.querySelectorAll("section").length,
    text: inside.body.innerText.length, scripts: inside.querySelectorAll("script").length,
    images: inside.querySelectorAll("img, iframe, object, embed, link[rel=stylesheet]").length,
    svgs: [...inside.querySelectorAll("svg")].map(s => s.getBoundingClientRect().width > 50),
    bare: inside.querySelectorAll(
      "table:not(:has(caption)), table:not(:has(th[scope=col]))").length,
    unnamed: inside.querySelectorAll("svg:not([aria-label])").length,
    twice: [...inside.querySelectorAll("[id]")].map(e => e.id).filter(
      (id, place, all) => all.indexOf(id) < place),
    missing: [...inside.querySelectorAll("use")].filter(
      u => !inside.getElementById(u.getAttribute("xlink:href").slice(1))).length,
  }});
}});
</script>
"""


@dataclass(frozen=True)
class Seen:
    """What the browser said of a page."""

    measures: dict[str, object]
    console: list[str]


def look(page: Path, folder: Path, *, width: int = 400) -> Seen:
    """Show a page in a frame of some width and measure it there; its own policy is in force."""
    import orjson

    wrapper = folder / "wrapper.html"
    shown = html.escape(page.read_text(encoding="utf-8"), quote=True)
    wrapper.write_text(_MEASURE.format(width=width, page=shown), encoding="utf-8")
    done = browse(wrapper.as_uri(), folder)
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert title, done.stderr
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Seen(orjson.loads(html.unescape(title[1])), console)


def browse(address: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Load an address and print its document as it is afterwards."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail("no Chromium is installed: make browser")
    return subprocess.run(
        [
            found,
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
            *("--disable-component-update", "--no-first-run", "--enable-logging=stderr"),
            f"--user-data-dir={folder / 'profile'}",
            "--dump-dom",
            address,
        ],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=90,
        check=True,
    )


@contextmanager
def tempting() -> Iterator[tuple[str, list[str]]]:
    """A server on loopback, and the list of what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
