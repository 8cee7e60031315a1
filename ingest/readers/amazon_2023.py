"""Amazon Reviews 2023 product metadata (McAuley Lab): JSON lines or Parquet.

Keys: ``parent_asin``, ``title``, ``features``, ``description``, ``price``, ``images`` (objects with
``hi_res``, ``large``, ``thumb``; the largest is taken), ``bought_together``, ``store``,
``categories`` and more, which goes to `attributes`. Each ``bought_together`` entry is a directed
link, as ``also_buy`` in `amazon-2018`; in most published files it is null.

References
----------
Y. Hou et al. (2024), Bridging language and items for retrieval and recommendation.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest import amazon, cleaning
from ingest.batching import Collector
from ingest.pairs import Pairs
from ingest.reading import Guess, Options, reader
from ingest.rows import Field, read_rows
from ingest.sampling import Sample
from schema.records import Item

FIELDS = (
    Field("parent_asin", required=True),
    Field("title"),
    Field("features"),
    Field("description"),
    Field("price"),
    Field("images"),
    Field("bought_together"),
    Field("store"),
    Field("categories"),
)


def sniff(sample: Sample) -> Guess:
    """Rate a sample: parent_asin, with keys that the metadata have and the reviews have not."""
    if sample.container not in ("jsonl", "parquet") or not sample.has("parent_asin"):
        return 0.0, "no key parent_asin"
    if sample.has("user_id") or not sample.has("title"):
        return 0.2, "key parent_asin, but of reviews"
    if sample.has_any(("bought_together", "main_category", "store")):
        return 0.95, "keys parent_asin and bought_together, main_category or store"
    return 0.8, "keys parent_asin and title"


@reader(
    "amazon-2023",
    kind="records",
    summary="Amazon metadata with bought_together (McAuley Lab 2023)",
    sniff=sniff,
    fields=FIELDS,
    options=("dangling",),
)
def read(path: Path, options: Options) -> Iterator[Item]:
    """Read products and co-buys; the source is ``amazon-2023`` unless the options name one."""
    out = Collector(path, source=options.source or "amazon-2023")
    with Pairs(options) as pairs:
        links = amazon.Links(pairs, out)
        for row in read_rows(path, FIELDS, columns=options.columns, limit=options.max_line):
            if row.problem:
                out.problem(row.line, row.problem, row.text)
            else:
                with out.row(row.line, row.text):
                    product = _product(row.values, row.extra, out)
                    if out.add("products", product, line=row.line, excerpt=row.text):
                        links.add(product["id"], row.values.get("bought_together"), row.line)
            yield from out.drain()
        yield from pairs.settle(out)
    yield from out.finish()


def _product(value: dict[str, Any], extra: dict[str, Any], out: Collector) -> dict[str, Any]:
    get = value.get
    return {
        "id": cleaning.identifier(get("parent_asin"), "parent_asin"),
        "title": amazon.title(get("title"), out),
        "description": amazon.text(get("description"), "description"),
        "features": amazon.texts(get("features"), "features"),
        "categories": amazon.texts(get("categories"), "categories"),
        "brand": amazon.brand(get("store")),
        "price": cleaning.price(get("price")),
        "images": _images(get("images")),
        "attributes": extra,
    }


def _images(value: object) -> list[dict[str, str | None]] | None:
    """Take each image in its largest size; both a list of objects and an object of lists occur."""
    sizes = ("hi_res", "large", "thumb")
    if isinstance(value, dict):
        lists = [value[size] for size in sizes if isinstance(value.get(size), list)]
        longest = max(map(len, lists), default=0)
        chosen = [
            next((members[i] for members in lists if i < len(members) and members[i]), None)
            for i in range(longest)
        ]
        return amazon.addresses(chosen)
    if isinstance(value, list):
        return amazon.addresses(
            [
                next((image[size] for size in sizes if image.get(size)), None)
                if isinstance(image, dict)
                else image
                for image in value
            ]
        )
    return None
