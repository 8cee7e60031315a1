"""What the benchmarks of generation ask: distinct short prompts, and heads for the pipelines."""

from __future__ import annotations

import asyncio
import csv
import gzip
import json
import os
import random
import resource
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from generation.harvest import Harvest
from generation.heads import CoBuyHead, PostHead, Product
from generation.pipeline import Asking, Options, Pipeline
from generation.requests import Outcome, Reply, Request, user
from generation.store import RequestStore
from generation.tails import Told
from schema.relations import Family, get

ROOT = Path(__file__).resolve().parents[2]
CONCURRENCY = 64
_PARAMETERS = {"temperature": 0.2, "max_tokens": 64}


def text(number: int) -> str:
    """Give a short prompt, another for each number."""
    return f"Why was item number {number} bought together with its case? Answer briefly."


def prompts(count: int, start: int = 0) -> Iterator[Request]:
    """Yield distinct short requests."""
    for number in range(start, start + count):
        yield Request("stub", [user(text(number))], _PARAMETERS, stage="intend")


class Short(Pipeline[int]):
    """One short question about each number: a pipeline that does nothing but ask."""

    name = "short"
    head_type = "Post"
    family = Family.SOCIAL
    stages: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType({"intend": _PARAMETERS})

    def __init__(self) -> None:
        super().__init__(Options(model="stub", relations=["xWant"]))
        self._prompt = self.prompts["miko/intentions"]
        self._relation = get("xWant", Family.SOCIAL)

    async def work(self, asking: Asking, head: int) -> Harvest:
        """Ask, and keep what was said."""
        harvest = Harvest(self.head_type, f"stub:{head}")
        request = Request("stub", [user(text(head))], _PARAMETERS, stage="short.intend")
        reply = await asking.ask(request)
        if isinstance(reply, Reply):
            self.keep(harvest, self._relation, reply.text, Told(), request, self._prompt)
        return harvest


class Forgetful(RequestStore):
    """A store that keeps nothing: what a run costs without one."""

    def __init__(self) -> None:
        self.path = Path()

    def get(self, key: str) -> Outcome | None:
        """Know nothing."""
        return None

    def get_many(self, keys: Any) -> dict[str, Outcome]:
        """Know nothing."""
        return {}

    def put(
        self, request: Request, outcome: Outcome, *, tries: int = 1, on_stored: Any = None
    ) -> asyncio.Future[None]:
        """Forget it at once."""
        if on_stored:
            on_stored()
        future = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future

    def check_room(self) -> None:
        """Need none."""

    def flush(self) -> None:
        """Have nothing to write."""

    def close(self) -> None:
        """Have nothing to close."""


# -- heads ----------------------------------------------------------------------------------------


def posts(count: int, *, pictures: bool = True) -> Iterator[PostHead]:
    """Yield posts: those of a published data set where it is there, else the sample's.

    More than there are come again under another id, with a number behind their text, so that
    each is a question of its own.
    """
    for round_, (id_, said, language, image) in _again(_posts(), count):
        images = (image,) if image and pictures else ()
        words = f"{said} ({round_})" if round_ else said
        yield PostHead(f"{id_}-{round_}", words, language, images)


def pairs(count: int, *, pictures: bool = True) -> Iterator[CoBuyHead]:
    """Yield co-bought pairs: a published data set's where it is there, else the sample's."""
    for round_, (id_, *ends) in _again(_pairs(), count):
        products = [
            Product(
                f"{name}-{round_}",
                f"{title} ({round_})" if round_ else title,
                images=(f"picture of {name}",) if pictures else (),
            )
            for name, title in ends
        ]
        yield CoBuyHead(f"{id_}-{round_}", *products)


def where() -> str:
    """Say where posts and pairs come from."""
    return "published data" if _shared() else "the bundled sample"


def _posts() -> Iterator[tuple[Any, ...]]:
    if folder := _shared():
        for row in _table(folder / "twitter_sarcasm" / "mmsd_24635.tsv.gz"):
            # The set has one picture a post, under the post's own number; the bytes are not in it.
            yield row["image_id"], row["text_original"], "en", row["image_id"]
        return
    with (ROOT / "intentkg/sample/posts.jsonl").open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            yield row["id"], row["text"], row.get("language"), row.get("image")


def _pairs() -> Iterator[tuple[Any, ...]]:
    if folder := _shared():
        seen = set()
        for row in _table(folder / "intentionqa" / "cobuy_intentions.tsv.gz"):
            pair = (row["item_a_id"], row["item_b_id"])
            if pair not in seen:
                seen.add(pair)
                yield (
                    "-".join(pair),
                    (pair[0], row["item_a_name"]),
                    (pair[1], row["item_b_name"]),
                )
        return
    with (ROOT / "intentkg/sample/products.jsonl").open(encoding="utf-8") as file:
        titles = {row["id"]: row["title"] for row in map(json.loads, file)}
    with (ROOT / "intentkg/sample/cobuys.csv").open(encoding="utf-8", newline="") as file:
        for a, b, *_ in islice(csv.reader(file), 1, None):
            yield f"{a}-{b}", (a, titles.get(a, a)), (b, titles.get(b, b))


def _again[T](rows: Iterable[T], count: int) -> Iterator[tuple[int, T]]:
    """Take `count` of the rows in a mixed order, again and again if need be."""
    known = list(rows)
    random.Random(1).shuffle(known)
    for number in range(count):
        yield number // len(known), known[number % len(known)]


def _table(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, delimiter="\t")


def _shared() -> Path | None:
    given = os.environ.get("INTENTKG_SHARED_DATA", ROOT.parent / "shared" / "data")
    folder = Path(given)
    return folder if folder.is_dir() else None


# -- processes ------------------------------------------------------------------------------------


def fresh(module: str, *words: str) -> dict[str, Any]:
    """Run ``python -m module --one words`` in a process of its own; it prints what it measured."""
    command = [sys.executable, "-m", module, "--one", *words]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, check=True, cwd=ROOT, text=True, encoding="utf-8"
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def peak_mb() -> float:
    """Give the most memory that this process has had, in MB.

    Not ``ru_maxrss``: on Linux that begins with what the parent had when it forked.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 1024, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def load() -> float:
    """Give the machine's load of the last minute."""
    return round(os.getloadavg()[0], 1)
