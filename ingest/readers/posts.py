"""Posts from any table: JSON lines, CSV, TSV or Parquet.

A row needs an id and a text. Columns that no field claims go to the post's `attributes`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ingest import cleaning
from ingest.batching import Collector
from ingest.reading import Guess, Options, reader
from ingest.rows import Field, read_rows
from ingest.sampling import Sample, guess_fields
from schema.records import Item

FIELDS = (
    Field(
        "id",
        ("external_id", "post_id", "tweet_id", "status_id", "id_str", "message_id", "uid"),
        required=True,
    ),
    Field(
        "text",
        ("full_text", "content", "body", "message", "tweet", "post", "caption", "tweet_text"),
        required=True,
    ),
    Field("language", ("lang", "locale")),
    Field("created_at", ("timestamp", "time", "datetime", "date", "created", "published_at")),
    Field(
        "images",
        ("image", "image_url", "image_urls", "image_path", "img", "photo", "picture", "media_url"),
    ),
)


def sniff(sample: Sample) -> Guess:
    """Rate a sample: it needs columns for id and text."""
    return guess_fields(sample, FIELDS, strength=0.6)


@reader(
    "posts",
    kind="records",
    summary="posts (id, text) as JSON lines, CSV, TSV or Parquet",
    sniff=sniff,
    fields=FIELDS,
    options=("language",),
)
def read(path: Path, options: Options) -> Iterator[Item]:
    """Read posts; the source is ``posts`` unless the options name one."""
    out = Collector(path, source=options.source or "posts")
    for row in read_rows(path, FIELDS, columns=options.columns, limit=options.max_line):
        if row.problem:
            out.problem(row.line, row.problem, row.text)
        else:
            given = row.values.get
            with out.row(row.line, row.text):
                post = {
                    "external_id": cleaning.identifier(given("id")),
                    "text": cleaning.text(given("text")),
                    "language": cleaning.text(given("language"), "language") or options.language,
                    "created_at": cleaning.time(given("created_at")),
                    "images": cleaning.image_refs(given("images")),
                    "attributes": row.extra,
                }
                out.add("posts", post, line=row.line, excerpt=row.text)
        yield from out.drain()
    yield from out.finish()
