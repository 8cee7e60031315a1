"""Amazon product metadata of Ni et al. (2018 edition), and of its 2014 predecessor.

One object a line: ``asin``, ``title``, ``description``, ``feature``, ``category``, ``brand``,
``price``, ``image``, ``also_buy`` and more. Lines of the old files are Python literals instead of
JSON; both are read, line by line. In the 2014 edition the links are in ``related`` (``also_bought``
and ``bought_together``).

An ``also_buy`` entry is a directed link. Links between products of the file become co-buys:
`support_ab` is 1 if a names b, `support_ba` the other way, `support` their sum. Mark-up is taken
out of titles and descriptions. Everything else goes to `attributes`, but for the HTML of
``similar_item``.

References
----------
J. Ni, J. Li, J. McAuley (EMNLP 2019), Justifying recommendations using distantly-labeled reviews.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from ingest import amazon, cleaning
from ingest.batching import Collector
from ingest.cleaning import BadValue
from ingest.pairs import Pairs
from ingest.reading import Guess, Options, reader
from ingest.sampling import Sample
from ingest.sources import read_lines
from schema.errors import UnsuitableFileError
from schema.records import Item

_LINKS = ("also_buy", "related")
_USED = frozenset(
    {
        "asin", "title", "description", "feature", "features", "category", "categories", "brand",
        "price", "image", "imageURL", "imageURLHighRes", "imUrl", "also_buy", "related",
        "similar_item",
    }
)  # fmt: skip


def sniff(sample: Sample) -> Guess:
    """Rate a sample: objects, in JSON or as Python literals, with asin and also_buy or related."""
    if sample.container != "jsonl":
        return 0.0, "not one object a line"
    keys = set(sample.columns)
    if not keys and sample.lines:
        try:
            value = cleaning.literal(sample.lines[0])
        except BadValue:
            return 0.0, "lines that are neither JSON nor Python literals"
        keys = set(value) if isinstance(value, dict) else set()
    if "asin" not in keys:
        return 0.0, "no key asin"
    if keys & {"also_buy", "related"}:
        return 0.95, "keys asin and also_buy or related"
    if keys & {"also_view", "feature", "main_cat", "salesRank", "imUrl"}:
        return 0.85, "keys asin and feature, main_cat or the like"
    return 0.3, "key asin, but none of also_buy and related"


@reader(
    "amazon-2018",
    kind="records",
    summary="Amazon metadata with also_buy (Ni et al. 2018; also the 2014 edition)",
    sniff=sniff,
    options=("dangling",),
)
def read(path: Path, options: Options) -> Iterator[Item]:
    """Read products and co-buys; the source is ``amazon-2018`` unless the options name one."""
    out = Collector(path, source=options.source or "amazon-2018")
    seen = False
    with Pairs(options) as pairs:
        links = amazon.Links(pairs, out)
        for line in read_lines(path, limit=options.max_line):
            if line.problem:
                out.problem(line.number, line.problem, line.text[:500])
            elif line.text.strip():
                with out.row(line.number, line.text[:500]):
                    value = _parse(line.text)
                    _check_first(value, path, seen)
                    seen = True
                    product = _product(value, out)
                    if out.add("products", product, line=line.number, excerpt=line.text[:500]):
                        links.add(product["id"], _linked(value), line.number)
            yield from out.drain()
        yield from pairs.settle(out)
    yield from out.finish()


def _parse(line: str) -> dict[str, Any]:
    try:
        value = orjson.loads(line)
    except ValueError:
        value = cleaning.literal(line)
    if not isinstance(value, dict):
        raise BadValue("not an object", "write one JSON object a line, {...}")
    return value


def _check_first(value: dict[str, Any], path: Path, seen: bool) -> None:
    """Refuse the file if its first object is no product at all."""
    if not seen and "asin" not in value:
        raise UnsuitableFileError(
            f"there is no key 'asin'; keys seen: {', '.join(map(str, list(value)[:40]))}",
            file=str(path),
            fix="is it the metadata file (meta_*.json.gz), not the reviews? "
            "For another layout use --format products",
        )


def _product(value: dict[str, Any], out: Collector) -> dict[str, Any]:
    get = value.get
    return {
        "id": cleaning.identifier(get("asin"), "asin"),
        "title": amazon.title(get("title"), out),
        "description": amazon.text(get("description"), "description"),
        "features": amazon.texts(get("feature") or get("features"), "feature"),
        "categories": amazon.texts(get("category") or get("categories"), "category"),
        "brand": amazon.brand(get("brand")),
        "price": cleaning.price(get("price")),
        "images": amazon.addresses(
            get("imageURLHighRes"), get("imageURL"), get("image"), get("imUrl")
        ),
        "attributes": amazon.rest(value, _USED),
    }


def _linked(value: dict[str, Any]) -> list[Any]:
    linked = value.get("also_buy")
    if isinstance(linked, list):
        return linked
    related = value.get("related")
    if not isinstance(related, dict):
        return []
    found: list[Any] = []
    for name in ("also_bought", "bought_together"):
        if isinstance(related.get(name), list):
            found.extend(related[name])
    return found
