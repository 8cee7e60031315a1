"""Products from any table: JSON lines, CSV, TSV or Parquet.

A row needs an id and a title. Columns that no field claims go to the product's `attributes`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ingest import cleaning
from ingest.batching import Collector
from ingest.cleaning import BadValue
from ingest.reading import Guess, Options, reader
from ingest.rows import Field, read_rows
from ingest.sampling import Sample, guess_fields
from schema.records import Item

FIELDS = (
    Field(
        "id",
        ("asin", "product_id", "item_id", "sku", "external_id", "parent_asin", "gtin", "ean"),
        required=True,
    ),
    Field("title", ("name", "product_name", "product_title", "item_name"), required=True),
    Field("description", ("desc", "product_description", "summary")),
    Field("features", ("feature", "bullet_points", "highlights")),
    Field("categories", ("category", "product_type", "department")),
    Field("brand", ("manufacturer", "vendor", "maker")),
    Field("price", ("list_price", "price_usd")),
    Field("images", ("image", "image_url", "image_urls", "image_path", "img", "picture")),
)


def sniff(sample: Sample) -> Guess:
    """Rate a sample: it needs columns for id and title."""
    return guess_fields(sample, FIELDS, strength=0.6)


@reader(
    "products",
    kind="records",
    summary="products (id, title) as JSON lines, CSV, TSV or Parquet",
    sniff=sniff,
    fields=FIELDS,
)
def read(path: Path, options: Options) -> Iterator[Item]:
    """Read products; the source is ``products`` unless the options name one."""
    out = Collector(path, source=options.source or "products")
    for row in read_rows(path, FIELDS, columns=options.columns, limit=options.max_line):
        if row.problem:
            out.problem(row.line, row.problem, row.text)
        else:
            given = row.values.get
            with out.row(row.line, row.text):
                title = cleaning.text(given("title"), "title")
                if title is None:
                    raise BadValue("title is missing", "give every row its title, or drop the row")
                product = {
                    "id": cleaning.identifier(given("id")),
                    "title": title,
                    "description": paragraphs(given("description")),
                    "features": cleaning.strings(given("features"), "features"),
                    "categories": cleaning.strings(given("categories"), "categories"),
                    "brand": cleaning.text(given("brand"), "brand"),
                    "price": amount(given("price")),
                    "images": cleaning.image_refs(given("images")),
                    "attributes": row.extra,
                }
                out.add("products", product, line=row.line, excerpt=row.text)
        yield from out.drain()
    yield from out.finish()


def paragraphs(value: object) -> str | None:
    """Bring a description to one text; a list of paragraphs is joined by line ends."""
    if isinstance(value, list):
        return "\n".join(cleaning.strings(value, "description") or ()) or None
    return cleaning.text(value, "description")


def amount(value: object) -> float | None:
    """Read a price, and refuse what states none."""
    found = cleaning.price(value)
    if found is None and value is not None and str(value).strip():
        raise BadValue(
            f"price {cleaning.shorten(value)} is not an amount", "give price as a number, or none"
        )
    return found
