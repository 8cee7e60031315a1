"""Runs pipelines against a server of their own, for several test files."""

from __future__ import annotations

import asyncio
import colorsys
import io
import json
import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image as Pillow

from generation.backends.openai import OpenAIBackend
from generation.harvest import Tally
from generation.heads import CoBuyHead, PostHead, Product
from generation.pipeline import Pipeline, generate
from generation.requests import Image
from generation.runner import Session
from generation.stacking import with_stacks
from generation.store import RequestStore
from schema.errors import IntentKGError
from schema.records import ASSERTIONS
from tests.servers import Server

POSTS = (
    PostHead("t:1", "Third attempt at sourdough and it finally rose.", "en", ("a1",)),
    PostHead("t:2", "flat tyre, pouring rain. living the dream #blessed"),
    PostHead("t:3", "¿Alguien conoce un café tranquilo?", "es"),
    PostHead("t:4", "", None, ("b2",)),
)
TENT = Product("B01", "Two-person tent", features=("red", "3 kg"), images=("c3",))
STOVE = Product("B02", "Gas stove", description="Boils a litre in 3 minutes.", images=("d4",))
LAMP = Product("B03", "Head torch", brand="Lumo", categories=("Outdoor", "Light"))
PAIRS = (
    CoBuyHead("co_1", TENT, STOVE),
    CoBuyHead("co_2", LAMP, TENT),
    CoBuyHead("co_3", LAMP, Product("B04", "Wool socks")),
)


@dataclass
class Outcome:
    """What a run gave."""

    rows: list[dict[str, Any]]
    tally: Tally
    stats: Any
    error: IntentKGError | None
    calls: int

    def tails(self) -> set[tuple[str, str, str]]:
        return {(row["head_id"], row["relation"], row["text"]) for row in self.rows}

    def without_time(self) -> list[dict[str, Any]]:
        rows = [{**row, "created_at": None} for row in self.rows]
        return sorted(rows, key=lambda row: row["id"])


def picture(name: str, size: tuple[int, int] = (48, 32)) -> Image:
    """A PNG whose colour is the name's."""
    hue = int(name[:2], 16) / 256
    colour = tuple(round(part * 255) for part in colorsys.hsv_to_rgb(hue, 1, 1))
    data = io.BytesIO()
    Pillow.new("RGB", size, colour).save(data, "PNG")
    return Image("image/png", data.getvalue())


def run(
    pipeline: Pipeline[Any],
    heads: Iterable[Any],
    server: Server,
    store: Path,
    *,
    run: str = "one",
    batch_rows: int = 64,
    **options: Any,
) -> Outcome:
    """Send heads through a pipeline, with a store at that path."""

    async def work() -> Outcome:
        tally, rows, calls, error = Tally(), [], 0, None
        backend = OpenAIBackend(base_url=server.base_url)
        with RequestStore(store) as requests:
            session = Session(backend, requests, images=with_stacks(picture), **options)
            async with session:
                try:
                    async for found in generate(
                        session, pipeline, heads, run=run, tally=tally, batch_rows=batch_rows
                    ):
                        assert found.table == "assertions"
                        assert found.batch.schema == ASSERTIONS
                        assert len(found.lines) == found.batch.num_rows > 0
                        rows += found.batch.to_pylist()
                        calls += 1
                except IntentKGError as caught:
                    error = caught
        await backend.aclose()
        return Outcome(rows, tally, session.stats, error, calls)

    return asyncio.run(work())


def asked(server: Server) -> list[dict[str, Any]]:
    """Bodies of the requests that the server had."""
    with _opener().open(f"{server.root}/asked", timeout=60) as response:
        found: list[dict[str, Any]] = json.loads(response.read())
    return found


def manners(server: Server, **chosen: Any) -> None:
    """Set how the server writes, and let it forget what it was asked."""
    _opener().open(f"{server.root}/manners", json.dumps(chosen).encode(), timeout=60).close()


def text_of(body: dict[str, Any], role: str = "user") -> str:
    """The text of one side of a request."""
    found: list[str] = []
    for message in body["messages"]:
        if message["role"] == role:
            content = message["content"]
            parts: Sequence[Any] = (
                [{"type": "text", "text": content}] if isinstance(content, str) else content
            )
            found += [part["text"] for part in parts if part["type"] == "text"]
    return "\n".join(found)


def pictures_of(body: dict[str, Any]) -> list[str]:
    """The pictures of a request, as the addresses that were sent."""
    return [
        part["image_url"]["url"]
        for message in body["messages"]
        if not isinstance(message["content"], str)
        for part in message["content"]
        if part["type"] == "image_url"
    ]


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))
