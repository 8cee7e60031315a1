"""Amazon co-purchases of summer 2006 (SNAP's ``amazon-meta``): the original text, or JSON lines.

The text holds one block a product (``Id:``, ``ASIN:``, ``title:``, ``group:``, ``salesrank:``,
``similar:``, ``categories:``, ``reviews:``); of the reviews only the total and the average are
kept, no customer. A product that is marked as discontinued has nothing but its id.

``similar`` names products that were bought with this one: directed links, as ``also_buy`` in
`amazon-2018`. In reshaped files it may hold words of the next line; what is no ASIN is left out and
counted.

References
----------
J. Leskovec, L. Adamic, B. Huberman (2007), The dynamics of viral marketing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest import amazon, cleaning
from ingest.batching import Collector
from ingest.pairs import Pairs
from ingest.reading import Guess, Options, reader
from ingest.rows import Field, container, read_rows
from ingest.sampling import Sample
from ingest.sources import Problem, read_lines
from schema.errors import InputError, UnsuitableFileError
from schema.records import Item

FIELDS = (
    Field("asin", required=True),
    Field("title"),
    Field("group"),
    Field("similar"),
    Field("categories"),
)

_ASIN = re.compile(r"[0-9A-Z]{10}")
_NUMBER = re.compile(r"\[\d+\]\Z")
_REVIEWS = re.compile(r"total:\s*(\d+).*?avg rating:\s*([\d.]+)")
_NOTHING = re.compile(r"\s*(#.*|Full information.*|Total items:.*)?")
_MOST_CATEGORIES = 10_000


def sniff(sample: Sample) -> Guess:
    """Rate a sample: the text's ``ASIN:`` lines, or the keys asin and similar."""
    if sample.container == "jsonl" and sample.has("asin", "similar"):
        return 0.95, "keys asin and similar"
    text = "\n".join(sample.lines)
    if re.search(r"^Id:\s+\d+\s*^ASIN:\s", text, re.MULTILINE):
        return 0.97, "lines Id: and ASIN:"
    return 0.0, "neither keys asin and similar nor lines Id: and ASIN:"


@reader(
    "amazon-snap",
    kind="records",
    summary="Amazon co-purchases of SNAP's amazon-meta (text, or JSON lines)",
    sniff=sniff,
    fields=FIELDS,
    options=("dangling",),
)
def read(path: Path, options: Options) -> Iterator[Item]:
    """Read products and co-buys; the source is ``amazon-snap`` unless the options name one."""
    out = Collector(path, source=options.source or "amazon-snap")
    found = _rows(path, options) if container(path) == "jsonl" else _text(path, options)
    with Pairs(options) as pairs:
        links = amazon.Links(pairs, out, _ASIN)
        for block in found:
            if block.problem:
                out.problem(block.line, block.problem, block.shown)
            else:
                with out.row(block.line, block.shown):
                    product = _product(block.values, out)
                    if out.add("products", product, line=block.line, excerpt=block.shown):
                        links.add(product["id"], block.values.get("similar"), block.line)
            yield from out.drain()
        yield from pairs.settle(out)
    yield from out.finish()


@dataclass(slots=True)
class _Block:
    """What the file says of one product."""

    line: int
    values: dict[str, Any] = field(default_factory=dict)
    problem: Problem | None = None
    shown: str = ""


def _rows(path: Path, options: Options) -> Iterator[_Block]:
    for row in read_rows(path, FIELDS, columns=options.columns, limit=options.max_line):
        yield _Block(row.line, row.values | {"extra": row.extra}, row.problem, row.text)


def _text(path: Path, options: Options) -> Iterator[_Block]:
    block: _Block | None = None
    blocks = 0
    for line in read_lines(path, limit=options.max_line):
        if line.text.startswith("Id:"):
            if block:
                yield block
            block = _Block(line.number, problem=line.problem, shown=line.text)
            blocks += 1
        elif block is None:
            if not _NOTHING.fullmatch(line.text):
                raise UnsuitableFileError(
                    f"this is not the amazon-meta text: it begins {cleaning.shorten(line.text)}",
                    file=str(path),
                    row=line.number,
                    fix="give amazon-meta.txt, or JSON lines with the keys asin and similar",
                )
        elif line.problem:
            block.problem = block.problem or line.problem
        else:
            _take(block, line.text)
    if block:
        yield block
    if not blocks:
        raise InputError("there is no product", file=str(path), fix="check where it comes from")


def _take(block: _Block, line: str) -> None:
    """Take one line of a block."""
    values = block.values
    text = line.strip()
    name, colon, rest = (part.strip() for part in text.partition(":"))
    if line.startswith("   |"):
        paths = values.setdefault("categories", [])
        if len(paths) < _MOST_CATEGORIES:
            paths.append(text)
    elif line.startswith("ASIN:"):
        values["asin"] = rest
        block.shown = f"{block.shown} {line}"
    elif text == "discontinued product":
        values["discontinued"] = True
    elif colon and line.startswith("  ") and not line.startswith("   "):
        if name == "similar":
            values["similar"] = rest.split()[1:]  # the first is how many there are
        elif name in ("title", "group", "salesrank"):
            values[name] = rest
        elif name == "reviews" and (match := _REVIEWS.search(rest)):
            values["reviews"] = int(match.group(1))
            values["rating"] = float(match.group(2))


def _product(values: dict[str, Any], out: Collector) -> dict[str, Any]:
    get = values.get
    paths = cleaning.strings(get("categories"), "categories") or []
    names = (_NUMBER.sub("", name).strip() for path in paths for name in path.split("|"))
    if get("discontinued"):
        out.note("discontinued products, of which the file has only the id")
        title = None
    else:
        title = amazon.title(get("title"), out)
    rank = cleaning.whole(get("salesrank"), "salesrank")
    return {
        "id": cleaning.identifier(get("asin"), "asin"),
        "title": title,
        "categories": list(dict.fromkeys(filter(None, names))) or None,
        "attributes": {
            "group": get("group"),
            "category_paths": paths,
            "salesrank": rank,
            "reviews": get("reviews"),
            "rating": get("rating"),
            "discontinued": get("discontinued"),
            **get("extra", {}),
        },
    }
