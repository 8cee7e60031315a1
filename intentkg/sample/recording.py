"""Writes the record from which the ``replay`` backend answers for the sample.

    python -m intentkg.sample.recording

People wrote what each stage of MIKO and MIND would reply: ``replies.jsonl``, and the intentions
themselves in ``intentions.jsonl``. This sends the sample's posts and co-buys through the pipelines
as `intentkg.sample.GENERATE` sets them up, answers each request with what was written for that
head and stage, in the form that the request asks for, and writes the replies by key:
``record.jsonl``, in the form of a batch output. Where nothing was written for a relation, the
reply is "none".

Keys are hashes of whole requests, so this has to be run again whenever a prompt, a parameter or
one of the sample's files changes. The same input gives the same bytes.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from intentkg import sample

if TYPE_CHECKING:
    from generation.harvest import Found, Harvest
    from generation.heads import CoBuyHead, PostHead
    from generation.pipeline import Pipeline
    from generation.requests import Outcome, Reason, Request

NOTHING = "none"

type Pair = tuple[str, str]


@dataclass(slots=True)
class Written:
    """What people wrote.

    Attributes
    ----------
    posts
        ``description`` (of the picture, if there is one) and ``key_information`` by post.
    products
        Features by product.
    verdicts
        ``answer`` and ``rationale`` by pair and relation.
    intentions
        By post (its id in the graph) or pair, and relation; those of the first writer.
    """

    posts: dict[str, dict[str, Any]] = field(default_factory=dict)
    products: dict[str, str] = field(default_factory=dict)
    verdicts: dict[tuple[Pair, str], dict[str, str]] = field(default_factory=dict)
    intentions: dict[str | Pair, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def read(cls) -> Written:
        """Read it from the sample's files."""
        found = cls()
        for row in _lines(sample.REPLIES):
            if "post" in row:
                found.posts[row.pop("post")] = row
            elif "product" in row:
                found.products[row["product"]] = row["features"]
            else:
                pair = row.pop("a"), row.pop("b")
                found.verdicts[pair, row.pop("relation")] = row
        for row in _lines(sample.INTENTIONS):
            if row["model"] == sample.MODEL:
                head = row["head_id"] if row["head_type"] == "Post" else (row["a"], row["b"])
                found.intentions.setdefault(head, {})[row["relation"]] = row["text"]
        return found


class Record:
    """The lines of the record by key, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._lines: dict[str, bytes] = {}

    def add(self, request: Request, of: str, text: str) -> None:
        """Add a reply; `of` tells people what it is about."""
        row = {
            "id": f"{request.stage} {of}",
            "custom_id": request.key,
            "response": {
                "status_code": 200,
                "body": {"choices": [{"message": {"role": "assistant", "content": text}}]},
            },
        }
        line = orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        if self._lines.setdefault(request.key, line) != line:
            raise ValueError(f"two replies to one request: {row['id']}")

    def __bytes__(self) -> bytes:
        """Give the file: stage by stage, each in the order in which it was asked for."""
        lines = sorted(self._lines.values(), key=_stage)
        return b"".join(lines)


class Writer:
    """Answers the requests about one head, as `generation.pipeline.Asking` does.

    Parameters
    ----------
    of
        Which head (and relation) it is, for people.
    said
        What was written, by stage; for a product's features, by its picture.
    """

    def __init__(self, record: Record, of: str, said: Mapping[str, Any]) -> None:
        self._record = record
        self._of = of
        self._said = said

    async def ask(self, request: Request, *, again: bool = False) -> Outcome:
        """Answer as it was written, and record it."""
        from generation.requests import Reply

        of, said = self._of, self._said[request.stage]
        if request.stage == "mind.features":
            [picture] = request.images
            of, said = said[picture]
        text = said if isinstance(said, str) else orjson.dumps(said).decode()
        self._record.add(request, of, text)
        return Reply(text)

    async def mark(
        self, request: Request, reason: Reason | None = "unparseable", message: str = ""
    ) -> None:
        """Refuse: what was written has to be usable."""
        raise ValueError(f"{request.stage} {self._of}: {message}")


def record() -> bytes:
    """Make the record.

    Raises
    ------
    ValueError
        If something was not written, or does not come out of a pipeline as it was written.
    """
    return asyncio.run(_record(Written.read()))


async def _record(written: Written) -> bytes:
    from intentkg.generating.heads import as_heads, choose
    from intentkg.generating.settings import settle
    from kg.directory import Directory

    lines = Record()
    miko, mind = _pipeline("miko"), _pipeline("mind")
    each = {r.name: _pipeline("mind", relations=(r.name,)) for r in mind.relations}
    with tempfile.TemporaryDirectory() as folder:
        place = Directory.create(Path(folder) / "sample.kg")
        ingest(place)
        for name in sample.PIPELINES:
            settings = settle(name, **sample.GENERATE)
            with choose(place, settings) as found:
                heads: list[Any] = list(as_heads(found.rows(), settings))
            if name == "miko":
                for post in sorted(heads, key=lambda post: post.id):
                    await _post(lines, written, miko, post)
            else:
                for pair in sorted(heads, key=lambda pair: (pair.a.id, pair.b.id)):
                    await _pair(lines, written, each, pair)
    return bytes(lines)


def ingest(place: Any) -> None:
    """Read the sample's posts, products and co-buys."""
    from intentkg.intake import take_in

    for name, path in sample.FILES:
        if name != "intentions":
            [result] = take_in(place, [path], kind="records", format=name, source=sample.SOURCE)
            if result.error is not None:
                raise result.error


async def _post(lines: Record, written: Written, miko: Pipeline[Any], head: PostHead) -> None:
    """Record MIKO's three stages for a post."""
    post = head.id.partition(":")[2]
    notes, tails = written.posts[post], written.intentions[head.id]
    aspects = {r.name: tails.get(r.name, NOTHING) for r in miko.relations}
    said = {
        "miko.description": notes.get("description"),
        "miko.key_information": notes["key_information"],
        "miko.intentions": aspects,
    }
    _check(post, await miko.work(Writer(lines, post, said), head), tails, len(aspects))


async def _pair(
    lines: Record, written: Written, each: Mapping[str, Pipeline[Any]], head: CoBuyHead
) -> None:
    """Record MIND's three stages for a pair, one relation after the other."""
    pair = head.a.id, head.b.id
    features = {
        product.images[0]: (product.id, written.products[product.id])
        for product in (head.a, head.b)
    }
    for relation, mind in each.items():
        of = f"{' '.join(pair)} {relation}"
        tail = written.intentions[pair].get(relation, NOTHING)
        verdict = written.verdicts.get((pair, relation), {})
        said = {
            "mind.features": features,
            "mind.intention": {"intention": tail},
            "mind.filter": verdict,
        }
        harvest = await mind.work(Writer(lines, of, said), head)
        _check(of, harvest, {} if tail == NOTHING else {relation: tail}, 1)
        for found in harvest.found:
            told = "yes" if found.accepted else "no"
            if {"answer": told, "rationale": found.rationale} != verdict:
                raise ValueError(f"{of}: the verdict came out as {told!r}, {found.rationale!r}")


def _pipeline(name: str, **more: Any) -> Pipeline[Any]:
    from intentkg.generating.settings import make_pipeline, settle

    return make_pipeline(settle(name, **sample.GENERATE, **more))


def _check(of: str, harvest: Harvest, tails: Mapping[str, str], asked: int) -> None:
    """See that what was written came out, all of it and nothing else."""

    def told(found: Found) -> tuple[str, str]:
        return found.relation.name, found.text

    if dict(map(told, harvest.found)) != tails:
        lost = dict(sorted(tails.items() - set(map(told, harvest.found))))
        raise ValueError(f"{of}: came out otherwise: {lost}; {dict(harvest.discarded)}")
    reasons = {reason for _, reason in harvest.discarded}
    if reasons - {NOTHING} or harvest.discarded.total() != asked - len(tails):
        raise ValueError(f"{of}: discarded: {dict(harvest.discarded)}")
    if harvest.failed or harvest.notes:
        raise ValueError(f"{of}: {dict(harvest.failed)} {dict(harvest.notes)}")


def _stage(line: bytes) -> bytes:
    return line.split(b" ", 1)[0]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        yield orjson.loads(line)


@click.command()
def main() -> None:
    """Write the record anew."""
    new = record()
    old = sample.RECORD.read_bytes() if sample.RECORD.exists() else b""
    sample.RECORD.write_bytes(new)
    count = new.count(b"\n")
    said = "is as it was" if new == old else "was written"
    click.echo(f"{sample.RECORD} {said}: {count:,} replies, {len(new):,} bytes")


if __name__ == "__main__":
    main()
