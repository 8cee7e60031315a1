"""What the tests of `intentkg generate` share: small knowledge bases, and looking into them."""

from __future__ import annotations

import hashlib
import io
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from door import Result, call, manifest, parse, quick
from PIL import Image as Pillow

from kg.directory import Directory
from schema.records import ImageBlob
from tests.graph_samples import cobuy, commit, post, product
from tests.servers import Server

TEXTS = (
    "Third attempt at sourdough and it finally rose.",
    "flat tyre, pouring rain. living the dream #blessed",
    "¿Alguien conoce un café tranquilo?",
)
TITLES = {"B01": "Two-person tent", "B02": "Gas stove", "B03": "Head torch", "B04": "Wool socks"}
PAIRS = (("B01", "B02"), ("B01", "B03"), ("B03", "B04"))


def blob(colour: str) -> ImageBlob:
    """A picture."""
    data = io.BytesIO()
    Pillow.new("RGB", (40, 30), colour).save(data, "PNG")
    raw = data.getvalue()
    return ImageBlob(hashlib.sha256(raw).hexdigest(), raw, "image/png", 40, 30)


def shown(*blobs: ImageBlob) -> list[dict[str, Any]]:
    return [{"ref": f"{one.id[:6]}.png", "id": one.id, "error": None} for one in blobs]


def make_kb(
    folder: Path,
    texts: Sequence[str] = TEXTS,
    pairs: Sequence[tuple[str, str]] = PAIRS,
    *,
    pictures: bool = True,
    name: str = "my.kg",
) -> Path:
    """Posts and co-buys; the first post, the tent and the stove have pictures."""
    directory = Directory.create(folder / name)
    red, blue, green = blob("red"), blob("blue"), blob("green")
    images = {"B01": shown(blue), "B02": shown(green)} if pictures else {}
    titles = TITLES | {end: f"Thing {end}" for pair in pairs for end in pair if end not in TITLES}
    commit(
        directory,
        blobs=(red, blue, green) if pictures else (),
        posts=[
            post(n, text, images=shown(red) if pictures and n == 0 else None)
            for n, text in enumerate(texts)
        ],
        products=[product(key, title, images=images.get(key)) for key, title in titles.items()],
        cobuys=[cobuy(*pair) for pair in pairs],
    )
    return folder / name


def words(kb: Path, server: Server, pipeline: str, *more: str | Path) -> list[str | Path]:
    """The command that runs a pipeline against a server."""
    base = ["--pipeline", pipeline, "--model", "m", "--base-url", server.base_url]
    return ["generate", kb, *base, *more]


def generate(kb: Path, server: Server, pipeline: str, *more: str | Path, code: int = 0) -> Any:
    """Run it in this process; what it says as JSON."""
    return quick(*words(kb, server, pipeline, *more), code=code)


def refused(kb: Path, *more: str | Path) -> Result:
    """Run what has to fail with a clear error: no traceback, nothing on stdout, a fix."""
    result = call("generate", kb, *more)
    assert result.returncode in (1, 2), (result.stdout, result.stderr)
    assert "Traceback" not in result.stderr
    assert "fix:" in result.stderr
    return result


def evidence(kb: Path) -> list[dict[str, Any]]:
    """All evidence as it stands, read without our own code; run and time left out."""
    found: dict[str, dict[str, Any]] = {}
    for part in manifest(kb)["tables"].get("assertions", []):
        for row in pq.read_table(kb / part["file"]).to_pylist():
            found[row["id"]] = {**row, "created_at": None, "run": None}
    return [found[key] for key in sorted(found)]


def stored(kb: Path) -> dict[str, int]:
    """Requests in the store by status, read with plain SQLite."""
    with sqlite3.connect(kb / "requests.sqlite") as connection:
        rows = connection.execute("SELECT status, count(*) FROM requests GROUP BY status")
        return dict(rows.fetchall())


def clean(kb: Path) -> None:
    """`verify` finds nothing wrong."""
    report = parse(call("verify", kb, "--json"))
    assert report["ok"], report
    assert not [f for f in report["findings"] if f["severity"] != "info"]
    assert not [f for f in report["findings"] if f["check"] == "unknown-file"]


def head_ids(kb: Path, table: str) -> list[str]:
    parts = [kb / part["file"] for part in manifest(kb)["tables"][table]]
    return sorted(set(pa.concat_tables(map(pq.read_table, parts))["id"].to_pylist()))
