"""What the tests of real engines share: pipelines over any backend, and what must hold of them.

A random model writes noise, so that nothing can be said about its words. What is looked at is the
form of replies, and that every request, reply, failure and token is accounted for.
"""

from __future__ import annotations

import asyncio
import csv
import gzip
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema

from generation.backends import Backend
from generation.backends.openai import OpenAIBackend
from generation.harvest import Tally
from generation.heads import CoBuyHead, PostHead, Product
from generation.miko import Miko, MikoOptions
from generation.mind import Mind, MindOptions
from generation.pipeline import Pipeline, generate
from generation.requests import REASONS, Failure, Image, Images, Reply
from generation.runner import Session
from generation.stacking import with_stacks
from generation.store import RequestStore
from intentkg import sample
from schema.errors import IntentKGError
from schema.identity import cobuy_id
from schema.records import ASSERTIONS
from tests.pipeline_world import Outcome, picture

# All ten tails of a post in one reply need more room than a real model takes: noise goes on until
# the schema ends it.
ROOM = {"intentions": 2500}


def cold(stages: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Parameters under which a reply depends on its request only, and does not go in circles."""
    steady = {"temperature": 0, "frequency_penalty": 2}
    room = {stage: {"max_tokens": tokens} for stage, tokens in ROOM.items()}
    return {stage: {**steady, **room.get(stage, {})} for stage in stages}


def miko(model: str, **options: Any) -> Miko:
    return Miko(MikoOptions(**{"model": model, "parameters": cold(Miko.stages), **options}))


def mind(model: str, **options: Any) -> Mind:
    return Mind(MindOptions(**{"model": model, "parameters": cold(Mind.stages), **options}))


def send(
    backend: Backend,
    pipeline: Pipeline[Any],
    heads: Iterable[Any],
    store: Path,
    *,
    images: Images = picture,
    **options: Any,
) -> Outcome:
    """Send heads through a pipeline; the backend can be used again."""

    async def work() -> Outcome:
        tally, rows, calls, error = Tally(), [], 0, None
        with RequestStore(store) as requests:
            session = Session(backend, requests, images=with_stacks(images), **options)
            async with session:
                try:
                    async for found in generate(session, pipeline, heads, run="one", tally=tally):
                        assert found.batch.schema == ASSERTIONS
                        rows += found.batch.to_pylist()
                        calls += 1
                except IntentKGError as caught:
                    error = caught
        if isinstance(backend, OpenAIBackend):
            await backend.aclose()  # its connections belong to this loop; it opens others
        return Outcome(rows, tally, session.stats, error, calls)

    return asyncio.run(work())


# -- what must hold -------------------------------------------------------------------------------


def outcomes(store: Path) -> dict[str, tuple[Any, ...]]:
    """What came of each request, by its key: as it is compared between runs."""
    with RequestStore(store, mode="read") as requests:
        return {row.request.key: _told(row.outcome) for row in requests.rows()}


def _told(outcome: Reply | Failure) -> tuple[Any, ...]:
    if isinstance(outcome, Failure):
        return outcome.reason, outcome.reply and outcome.reply.text
    return outcome.finish_reason, outcome.text, outcome.prompt_tokens, outcome.completion_tokens


def check_store(store: Path, *, structured: bool = True) -> Counter[str]:
    """Every request is a reply or a failure with a reason; a whole reply holds to its schema.

    Returns how many there are of each kind: ``replies``, the reasons, and the tokens.
    """
    found: Counter[str] = Counter()
    with RequestStore(store, mode="read") as requests:
        for row in requests.rows():
            outcome = row.outcome
            reply = outcome if isinstance(outcome, Reply) else outcome.reply
            found[row.request.stage] += 1
            if isinstance(outcome, Failure):
                assert outcome.reason in REASONS and outcome.message, outcome
                found[outcome.reason] += 1
            if reply is None:
                continue
            found["replies"] += 1
            found["prompt_tokens"] += reply.prompt_tokens
            found["cached_tokens"] += reply.cached_tokens
            found["completion_tokens"] += reply.completion_tokens
            assert reply.prompt_tokens > reply.cached_tokens >= 0
            assert 0 < reply.completion_tokens <= row.request.parameters["max_tokens"]
            assert reply.latency > 0
            schema = row.request.reply_schema
            if structured and schema is not None and reply.finish_reason == "stop":
                # A grammar lets control characters pass that JSON wants written as escapes; and
                # it counts half a character, which noise may write, as one, not as its bytes.
                text = re.sub("\ufffd+", "\ufffd", reply.text)
                check_form(json.loads(text, strict=False), schema)
        for usage in requests.usage():
            for name in ("prompt_tokens", "cached_tokens", "completion_tokens", "replies"):
                found[f"usage.{name}"] += getattr(usage, name)
        assert requests.check() == []
    for name in ("prompt_tokens", "cached_tokens", "completion_tokens", "replies"):
        assert found[f"usage.{name}"] == found[name]
    return found


def check_form(value: Any, schema: Mapping[str, Any]) -> None:
    """A reply holds to its schema, its keys in their order."""
    jsonschema.validate(value, schema)
    assert list(value) == schema["required"]


# -- heads ----------------------------------------------------------------------------------------


def sample_posts(count: int) -> list[PostHead]:
    """Posts of the bundled sample, with their pictures."""
    rows = _lines(sample.FOLDER / "posts.jsonl")[:count]
    return [
        PostHead(
            f"sample:{row['id']}",
            row["text"],
            row.get("language"),
            (row["image"],) if "image" in row else (),
        )
        for row in rows
    ]


def sample_pairs(count: int) -> list[CoBuyHead]:
    """Co-buys of the bundled sample, with their products' pictures."""
    products = {row["id"]: row for row in _lines(sample.FOLDER / "products.jsonl")}
    with (sample.FOLDER / "cobuys.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(itertools.islice(csv.DictReader(lines), count))
    return [
        CoBuyHead(cobuy_id(row["a"], row["b"]), *(_product(products[row[end]]) for end in "ab"))
        for row in rows
    ]


def sample_picture(name: str) -> Image:
    """A picture of the sample, by its path there."""
    return Image("image/png", (sample.FOLDER / name).read_bytes())


def real_posts(data: Path, count: int) -> list[PostHead]:
    """Published posts: half of them said to be sarcastic or not, half with named entities."""
    sarcasm = data / "twitter_sarcasm" / "mmsd_24635.tsv.gz"
    with gzip.open(sarcasm, "rt", encoding="utf-8", newline="") as lines:
        first = list(itertools.islice(csv.DictReader(lines, delimiter="\t"), count // 2))
    with gzip.open(data / "twitter_mner" / "posts.jsonl.gz", "rt", encoding="utf-8") as lines:
        second = [json.loads(line) for line in itertools.islice(lines, count - count // 2)]
    return [
        *(PostHead(f"sarcasm:{row['image_id']}", row["text_original"]) for row in first),
        *(PostHead(f"mner:{row['image_id']}", row["text"]) for row in second),
    ]


def real_pairs(data: Path, count: int) -> list[CoBuyHead]:
    """Published co-bought products."""
    path = data / "intentionqa" / "cobuy_intentions.tsv.gz"
    found: dict[str, CoBuyHead] = {}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            a, b = (Product(row[f"item_{x}_id"], row[f"item_{x}_name"]) for x in "ab")
            head = CoBuyHead(cobuy_id(a.id, b.id), *sorted((a, b), key=lambda one: one.id))
            found.setdefault(head.id, head)
            if len(found) == count:
                break
    return list(found.values())


def _product(row: dict[str, Any]) -> Product:
    return Product(
        row["id"],
        row["title"],
        row.get("description", ""),
        tuple(row.get("features", ())),
        tuple(row.get("categories", ())),
        row.get("brand", ""),
        (row["image"],) if "image" in row else (),
    )


def _lines(path: Path) -> list[dict[str, Any]]:
    def read() -> Iterator[dict[str, Any]]:
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)

    return list(read())
