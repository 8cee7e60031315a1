"""Fetching images from a real HTTP server that misbehaves in every way it can."""

from __future__ import annotations

import asyncio
import io
import shutil
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from ingest.images import ImageOptions
from ingest.images.fetch import Fetcher
from schema.errors import InputError


def _png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 6), "teal").save(out, format="PNG")
    return out.getvalue()


PNG = _png()


class _Handler(BaseHTTPRequestHandler):
    """Each path is one way to behave."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def _send(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.server.hits[self.path] += 1
        self.server.hosts.append(self.headers["Host"])
        self.server.seen.append(dict(self.headers))
        name, _, rest = self.path[1:].partition("/")
        try:
            getattr(self, f"way_{name}")(rest)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def way_ok(self, _: str) -> None:
        self._send(PNG, Content_Type="image/png", Set_Cookie="track=me")

    def way_wrongtype(self, _: str) -> None:
        self._send(PNG, Content_Type="text/html")

    def way_text(self, _: str) -> None:
        self._send(b"I am no picture", Content_Type="image/png")

    def way_empty(self, _: str) -> None:
        self._send(b"")

    def way_missing(self, _: str) -> None:
        self._send(b"gone", 404)

    def way_flaky(self, times: str) -> None:
        fails = self.server.hits[self.path] <= int(times)
        self._send(b"" if fails else PNG, 500 if fails else 200)

    def way_busy(self, wait: str) -> None:
        if self.server.hits[self.path] == 1:
            self._send(b"", 429, Retry_After=wait.replace("_", " "))
        else:
            self._send(PNG)

    def way_truncated(self, _: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(PNG) + 1000))
        self.end_headers()
        self.wfile.write(PNG)
        self.close_connection = True

    def way_slowheader(self, _: str) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 200:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(0.05)

    def way_drip(self, _: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        for _ in range(200):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.05)

    def way_endless(self, _: str) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        block = b"x" * 65536
        for _ in range(10_000):
            self.wfile.write(b"10000\r\n" + block + b"\r\n")
            self.server.sent += len(block)

    def way_huge(self, _: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(10**12))
        self.end_headers()

    def way_gzip(self, _: str) -> None:
        self._send(b"\x1f\x8b", Content_Encoding="gzip")

    def way_redirect(self, target: str) -> None:
        self._send(b"", 302, Location=target)

    def way_loop(self, _: str) -> None:
        self._send(b"", 302, Location="/loop")


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hits: Counter[str] = Counter()
        self.hosts: list[str] = []
        self.seen: list[dict[str, str]] = []
        self.sent = 0

    def handle_error(self, *_: object) -> None:
        pass  # a client that hangs up is what is tested

    def address(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.server_address[1]}/{path}"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def get(address: str, **settings: object) -> bytes:
    settings = {"allow_private": True, "timeout": 30.0} | settings

    async def go() -> bytes:
        async with Fetcher(ImageOptions(mode="fetch", **settings)) as fetcher:
            return await fetcher.get(address)

    return asyncio.run(go())


@pytest.mark.parametrize("way", ["ok", "wrongtype", "redirect//ok"])
def test_bytes_are_fetched_whatever_the_header_calls_them(server, way):
    assert get(server.address(way)) == PNG


def test_a_server_error_and_a_full_server_are_tried_again(server):
    assert get(server.address("flaky/2")) == PNG
    assert server.hits["/flaky/2"] == 3


def test_attempts_end(server):
    with pytest.raises(InputError, match="HTTP 500"):
        get(server.address("flaky/9"), attempts=2)
    assert server.hits["/flaky/9"] == 2


def test_retry_after_is_waited_for(server):
    start = time.monotonic()
    assert get(server.address("busy/1")) == PNG
    assert time.monotonic() - start >= 1.0


@pytest.mark.parametrize("wait", ["3600", "Fri,_31_Dec_2100_23:59:59_GMT"])
def test_a_server_that_asks_for_more_time_than_there_is_fails_at_once(server, wait):
    start = time.monotonic()
    with pytest.raises(InputError, match=r"HTTP 429, and asks to wait \d+ s"):
        get(server.address(f"busy/{wait}"))
    assert time.monotonic() - start < 20.0


def test_a_missing_image_is_not_asked_for_twice(server):
    with pytest.raises(InputError, match="HTTP 404"):
        get(server.address("missing/x"))
    assert server.hits["/missing/x"] == 1


def test_a_truncated_body_is_an_error(server):
    with pytest.raises(InputError, match="connection failed"):
        get(server.address("truncated"), attempts=2)
    assert server.hits["/truncated"] == 2


@pytest.mark.parametrize("way", ["slowheader", "drip"])
def test_the_time_limit_covers_a_server_that_keeps_dripping(server, way):
    start = time.monotonic()
    with pytest.raises(InputError, match=r"not had within 0\.4 s"):
        get(server.address(way), timeout=0.4)
    assert time.monotonic() - start < 9.0  # either way takes 10 s to its end


def test_a_body_without_end_is_cut_at_the_limit(server):
    with pytest.raises(InputError, match="larger than the limit of 100000 bytes"):
        get(server.address("endless"), max_bytes=100_000)
    assert server.sent < 50_000_000  # what the sockets had buffered, not the 655 MB


def test_a_body_that_announces_too_much_is_not_read(server):
    with pytest.raises(InputError, match="larger than the limit"):
        get(server.address("huge"))


def test_a_compressed_reply_is_refused_because_it_could_unpack_to_anything(server):
    with pytest.raises(InputError, match="compressed"):
        get(server.address("gzip"))


def test_redirects_are_counted(server):
    with pytest.raises(InputError, match="more than 3 redirects"):
        get(server.address("loop"), max_redirects=3)
    assert server.hits["/loop"] == 4


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"])
def test_the_loopback_is_refused_under_every_name(server, host):
    before = server.hits.total()
    with pytest.raises(InputError, match="refused"):
        get(server.address("ok", host), allow_private=False)
    assert server.hits.total() == before


def test_a_redirect_to_a_private_address_is_refused(server, monkeypatch):
    """The first hop is a name that the guard takes for public; the second is not."""
    from ingest.images import guard

    async def names(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host == "cdn.example" else await guard.system_resolver(host, port)

    async def go() -> bytes:
        options = ImageOptions(mode="fetch", timeout=30.0)
        async with Fetcher(options, resolver=names) as fetcher:
            return await fetcher.get(
                server.address("redirect/http://169.254.169.254/", "cdn.example")
            )

    # The server can only be reached on the loopback, so that alone is declared public here.
    monkeypatch.setattr(guard, "is_public", lambda address: address == "127.0.0.1")
    with pytest.raises(InputError, match=r"refused: 169\.254\.169\.254 is the private address"):
        asyncio.run(go())
    assert server.hosts[-1].startswith("cdn.example:")


def test_the_socket_goes_to_the_checked_number_and_the_name_stays_in_the_header(server):
    asked = []

    async def once(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["192.0.2.1"]

    async def go() -> bytes:
        options = ImageOptions(mode="fetch", allow_private=True, timeout=30.0)
        async with Fetcher(options, resolver=once) as fetcher:
            return await fetcher.get(server.address("ok", "shop.example"))

    assert asyncio.run(go()) == PNG
    assert asked == ["shop.example"]
    assert server.hosts[-1].startswith("shop.example:")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl for a certificate")
def test_a_certificate_is_checked_against_the_name_though_a_number_is_connected_to(
    tmp_path, monkeypatch
):
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
            "-days",
            "2",
            "-subj",
            "/CN=shop.example",
            "-addext",
            "subjectAltName=DNS:shop.example",
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")

    async def loopback(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async def go(address: str) -> bytes:
        options = ImageOptions(mode="fetch", allow_private=True, timeout=30.0, attempts=1)
        async with Fetcher(options, resolver=loopback) as fetcher:
            return await fetcher.get(address)

    with Server() as running:
        running.socket = context.wrap_socket(running.socket, server_side=True)
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        address = running.address("ok", "shop.example").replace("http:", "https:")
        assert asyncio.run(go(address)) == PNG
        with pytest.raises(InputError, match="Hostname mismatch"):
            asyncio.run(go(address.replace("shop.", "other.")))
        running.shutdown()
        thread.join()
    assert len(running.hosts) == 1


@pytest.mark.parametrize(
    "address",
    [
        "http://",
        "http:///x.png",
        "http://[::1/x.png",
        "http://a b/x.png",
        "http://\0/",
        "http://" + "a" * 300 + ".example/x.png",
        "http://no-such-host.invalid/x.png",
        "http://127.0.0.1:99999/x.png",
        "http://127.0.0.1:1/x.png",
    ],
)
def test_an_unusable_address_is_a_reason(address):
    with pytest.raises(InputError) as caught:
        get(address, attempts=1)
    assert caught.value.reason


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://x/"])
def test_a_redirect_out_of_http_is_refused(server, target):
    with pytest.raises(InputError):
        get(server.address(f"redirect/{target}"), attempts=1)


def test_cookies_are_not_kept_and_proxies_of_the_environment_are_not_used(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

    async def go() -> None:
        options = ImageOptions(mode="fetch", allow_private=True)
        async with Fetcher(options) as fetcher:
            await fetcher.get(server.address("ok"))
            await fetcher.get(server.address("ok"))

    asyncio.run(go())
    assert "Cookie" not in server.seen[-1]
