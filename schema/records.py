"""What a record is: one Arrow schema per table, and what readers hand to the store.

A knowledge base's truth is six tables: `posts`, `products`, `cobuys`, `images`, `assertions`
(one row per piece of evidence for an intention edge) and, beside them, `rejected`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

Table = Literal["posts", "products", "cobuys", "images", "assertions"]

TABLES: tuple[Table, ...] = ("posts", "products", "cobuys", "images", "assertions")

_TIME = pa.timestamp("us", tz="UTC")

IMAGE_REF = pa.struct(
    [
        pa.field("ref", pa.string()),  # path or address as the source gave it; null for bytes
        pa.field("id", pa.string()),  # sha256 of the stored bytes; null until it was fetched
        pa.field("error", pa.string()),  # why it could not be had; null if it could
    ]
)

POSTS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("external_id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("language", pa.string()),
        pa.field("created_at", _TIME),
        pa.field("images", pa.list_(IMAGE_REF)),
        pa.field("attributes", pa.string()),  # what else the source says, as a JSON object
    ]
)

PRODUCTS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("title", pa.string()),  # null: known only from a co-buy
        pa.field("description", pa.string()),
        pa.field("features", pa.list_(pa.string())),
        pa.field("categories", pa.list_(pa.string())),
        pa.field("brand", pa.string()),
        pa.field("price", pa.float64()),
        pa.field("images", pa.list_(IMAGE_REF)),
        pa.field("attributes", pa.string()),
    ]
)

COBUYS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("a", pa.string(), nullable=False),  # a < b
        pa.field("b", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("support", pa.int64(), nullable=False),
        pa.field("support_ab", pa.int64()),  # null: the source states no direction
        pa.field("support_ba", pa.int64()),
        pa.field("npmi", pa.float64()),  # in [-1, 1]
    ]
)

IMAGES = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),  # sha256 of the stored bytes
        pa.field("media_type", pa.string(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),  # pixels
        pa.field("height", pa.int32(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),  # bytes
    ]
)

ASSERTIONS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),  # evidence id
        pa.field("assertion_id", pa.string(), nullable=False),
        pa.field("head_type", pa.string(), nullable=False),  # Post, CoBuy or Product
        pa.field("head_id", pa.string(), nullable=False),
        pa.field("relation", pa.string(), nullable=False),
        pa.field("intention_id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),  # the tail as written
        pa.field("source", pa.string(), nullable=False),
        pa.field("model", pa.string()),
        pa.field("prompt_hash", pa.string()),
        pa.field("run", pa.string()),
        pa.field("request", pa.string()),  # request key, or the row's own id in an import
        pa.field("image_ids", pa.list_(pa.string())),
        pa.field("plausibility", pa.float64()),  # in [0, 1]
        pa.field("typicality", pa.float64()),  # in [0, 1]
        pa.field("accepted", pa.bool_()),  # the filter's verdict
        pa.field("rationale", pa.string()),
        pa.field("created_at", _TIME),
    ]
)

REJECTED = pa.schema(
    [
        pa.field("file", pa.string(), nullable=False),
        pa.field("row", pa.int64()),  # 1-based line or row; null: the whole file
        pa.field("reason", pa.string(), nullable=False),
        pa.field("fix", pa.string(), nullable=False),
        pa.field("excerpt", pa.string()),
    ]
)

SCHEMAS: dict[Table, pa.Schema] = {
    "posts": POSTS,
    "products": PRODUCTS,
    "cobuys": COBUYS,
    "images": IMAGES,
    "assertions": ASSERTIONS,
}


@dataclass(frozen=True, slots=True)
class Rows:
    """A batch of rows for one table, with the line each came from.

    Attributes
    ----------
    table
        Which table they belong to.
    batch
        Columns exactly as in ``SCHEMAS[table]``.
    lines
        For each row the 1-based line or row of the file it was read from.
    file
        The file, as the person named it.
    """

    table: Table
    batch: pa.RecordBatch
    lines: pa.Int64Array
    file: str


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that was refused, and what would make it acceptable."""

    file: str
    row: int | None
    reason: str
    fix: str
    excerpt: str | None = None


@dataclass(frozen=True, slots=True)
class ImageBlob:
    """An image's bytes, metadata already stripped, with its row for the `images` table."""

    id: str
    data: bytes
    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Note:
    """A figure that a reader reports about a file: how many rows did what."""

    label: str
    count: int


Item = Rows | Rejection | ImageBlob | Note
