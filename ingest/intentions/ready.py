"""Ready intentions in IntentKG's own layout: one row names a head, a relation and an intention.

The bundled sample comes in it, and it is the one to write for intentions from elsewhere. JSON
lines, CSV or Parquet, with these columns::

    head      one of   post                 a post's external id (post_source: its source, if
                                            it is not the row's)
                       a, b                 the two products of a co-buy, in either order
                       product              one product
                       head_type, head_id   Post, CoBuy or Product, and its id in the graph
    relation           a name of the registry: xIntent, UsedFor, ...
    text               the intention, as it reads on from the relation's phrase
    plausibility, typicality                in [0, 1]
    accepted, rationale                     a filter's verdict and its reason
    model, prompt_hash, run, request, image_ids, created_at, source

Only a head, `relation` and `text` are needed. The head must be known: from an earlier ``ingest``,
or because the row brings it along, with ``post_text`` for a post, with ``support`` or a title
(``title_a``, ``title_b``) for a co-buy, with ``title`` for a product. With ``--dangling keep``
every co-buy and product is brought along, if need be with nothing but its id.

Nothing is remembered from row to row: memory does not grow with the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.batching import Collector
from ingest.cleaning import BadValue, identifier, number, shorten, strings, text, time, truth, whole
from ingest.reading import Guess, Options, reader
from ingest.rows import Field, TableRow, read_rows
from ingest.sampling import Sample, guess_fields
from schema.errors import UsageError
from schema.identity import check_source, cobuy_id, post_id, product_id
from schema.records import Item, Table

SOURCE = "intentions"

FIELDS: tuple[Field, ...] = (
    Field("relation", required=True),
    Field("text", ("intention", "tail"), required=True),
    Field("head_type"),
    Field("head_id"),
    Field("post", ("external_id",)),
    Field("post_source"),
    Field("a"),
    Field("b"),
    Field("product"),
    Field("plausibility"),
    Field("typicality"),
    Field("accepted"),
    Field("rationale"),
    Field("model"),
    Field("prompt_hash"),
    Field("run"),
    Field("request"),
    Field("image_ids"),
    Field("created_at"),
    Field("source"),
    Field("post_text"),
    Field("support"),
    Field("title_a"),
    Field("title_b"),
    Field("title"),
)

_COBUY_ID = re.compile(r"co_[0-9a-f]{32}\Z")
_HEAD_TYPES = {"post": "Post", "cobuy": "CoBuy", "product": "Product"}
_HEADS = "post; a and b; product; or head_type and head_id"
# What an export adds, all of it derived from the other columns.
_DERIVED = frozenset({"id", "assertion_id", "intention_id"})

Row = dict[str, Any]


def sniff(sample: Sample) -> Guess:
    """Rate a sample: relation and text under our own names, and a column for a head."""
    strength, why = guess_fields(sample, FIELDS, strength=0.85)
    heads = (("head_type", "head_id"), ("post",), ("a", "b"), ("product",))
    if strength > 0.5 and not any(sample.has(*columns) for columns in heads):
        return 0.3, "relation and text, but no column that names a head"
    return strength, why


@reader(
    "intentions",
    kind="intentions",
    summary="ready intentions in IntentKG's own layout, as JSON lines, CSV or Parquet",
    sniff=sniff,
    fields=FIELDS,
    options=("dangling",),
)
def read(path: Path, options: Options) -> Iterator[Item]:
    """Read ready intentions; yields assertions, and the heads that rows bring along."""
    out = Collector(path, source=options.source or SOURCE)
    unread: set[str] = set()
    for row in read_rows(path, FIELDS, columns=options.columns, limit=options.max_line):
        for name in row.extra:
            # Keys of JSON may be data, so only the first few names are kept.
            if name in unread or (len(unread) < 20 and name not in _DERIVED):
                unread.add(name)
                out.note(f"rows with a column that is not read: {shorten(name)}")
        if row.problem:
            out.problem(row.line, row.problem, row.text)
        else:
            with out.row(row.line, row.text):
                found = _rows(row, out.source, keep=options.dangling == "keep")
                out.add_all(found, line=row.line, excerpt=row.text)
        yield from out.drain()
    yield from out.finish()


def _rows(row: TableRow, source: str, *, keep: bool) -> list[tuple[Table, Row]]:
    """Return the rows that a line stands for, the head's before the assertion."""
    cell = row.values.get
    source = _source(cell("source"), "source") or source
    head_type, head_id, head_rows = _head(row.values, source, keep=keep)
    assertion: Row = {
        "head_type": head_type,
        "head_id": head_id,
        "relation": identifier(cell("relation"), "relation"),
        "text": text(cell("text"), "the intention"),
        "source": source,
        "plausibility": number(cell("plausibility"), "plausibility"),
        "typicality": number(cell("typicality"), "typicality"),
        "accepted": truth(cell("accepted"), "accepted"),
        "rationale": text(cell("rationale"), "rationale"),
        "image_ids": strings(cell("image_ids"), "image_ids"),
        "created_at": time(cell("created_at")),
    }
    for name in ("model", "prompt_hash", "run", "request"):
        assertion[name] = identifier(cell(name), name)
    return [*head_rows, ("assertions", assertion)]


def _head(
    values: dict[str, Any], source: str, *, keep: bool
) -> tuple[str, str, list[tuple[Table, Row]]]:
    """Return type and id of the head that a row names, and the rows that bring it along."""
    kind, given = _kind(values)
    if kind == "Post":
        return kind, *_post(values, given, source)
    if kind == "CoBuy":
        return kind, *_cobuy(values, given, source, keep=keep)
    external = identifier(values.get("product"), "product")
    if given is not None:
        if external is not None and product_id(external) != product_id(given):
            raise BadValue("head_id and product name two products", "leave one of them empty")
        external = given
    if external is None:
        raise BadValue("the row names no product", "give its id in the column product")
    title = text(values.get("title"), "title")
    brought: list[tuple[Table, Row]] = []
    if title is not None or keep:
        brought = [("products", {"id": external, "title": title, "source": source})]
    return kind, product_id(external), brought


def _kind(values: dict[str, Any]) -> tuple[str, str | None]:
    """Return the head's type, stated or told from the columns that are filled, and `head_id`."""
    given = identifier(values.get("head_id"), "head_id")
    stated = identifier(values.get("head_type"), "head_type")
    named = {
        kind
        for kind, columns in (("Post", ("post",)), ("Product", ("product",)), ("CoBuy", ("a", "b")))
        if any(values.get(column) is not None for column in columns)
    }
    if stated is not None:
        kind = _HEAD_TYPES.get(stated.casefold().replace("-", ""))
        if kind is None:
            raise BadValue(f"head type {shorten(stated)} is unknown", "use Post, CoBuy or Product")
        named.add(kind)
    elif given is not None:
        raise BadValue("head_id without a head_type", "say Post, CoBuy or Product in head_type")
    if len(named) > 1:
        raise BadValue(
            f"the row names heads of {len(named)} types: {', '.join(sorted(named))}",
            "give each head a row of its own",
        )
    if not named:
        raise BadValue("the row names no head", f"fill one of: {_HEADS}")
    return named.pop(), given


def _post(
    values: dict[str, Any], given: str | None, source: str
) -> tuple[str, list[tuple[Table, Row]]]:
    source = _source(values.get("post_source"), "post_source") or source
    external = identifier(values.get("post"), "post")
    if given is not None:
        begin, colon, rest = given.partition(":")
        if not (colon and rest and _is_source(begin)):
            raise BadValue(
                f"head_id {shorten(given)} is not a post's id",
                "write it as SOURCE:ID, or give ID in the column post",
            )
        if external is not None and post_id(source, external) != post_id(begin, rest):
            raise BadValue("head_id and post name two posts", "leave one of them empty")
        source, external = begin, rest
    if external is None:
        raise BadValue("the row names no post", "give its id in post, or SOURCE:ID in head_id")
    words = text(values.get("post_text"), "post_text")
    brought: list[tuple[Table, Row]] = []
    if words is not None:
        brought = [("posts", {"source": source, "external_id": external, "text": words})]
    return post_id(source, external), brought


def _cobuy(
    values: dict[str, Any], given: str | None, source: str, *, keep: bool
) -> tuple[str, list[tuple[Table, Row]]]:
    a, b = identifier(values.get("a"), "a"), identifier(values.get("b"), "b")
    if a is None and b is None and given is not None:
        if not _COBUY_ID.match(given):
            raise BadValue(
                f"head_id {shorten(given)} is not a co-buy's id",
                "give the ids of the two products in a and b",
            )
        return given, []
    if a is None or b is None:
        missing = "a and b" if a is b else "a" if a is None else "b"
        raise BadValue(f"a co-buy without {missing}", "give the ids of the two products in a and b")
    if product_id(a) == product_id(b):
        raise BadValue(f"a co-buy of {shorten(a)} with itself", "name two different products")
    key = cobuy_id(a, b)
    if given not in (None, key):
        raise BadValue("head_id is not the co-buy of a and b", "leave head_id empty")
    support = whole(values.get("support"), "support")
    titles = [text(values.get(name), name) for name in ("title_a", "title_b")]
    if not keep and support is None and titles == [None, None]:
        return key, []
    pair: Row = {"a": a, "b": b, "support": 1 if support is None else support, "source": source}
    products: list[tuple[Table, Row]] = [
        ("products", {"id": external, "title": title, "source": source})
        for external, title in zip((a, b), titles, strict=True)
    ]
    return key, [*products, ("cobuys", pair)]


def _source(value: object, name: str) -> str | None:
    source = identifier(value, name)
    if source is not None and not _is_source(source):
        raise BadValue(
            f"{name} {shorten(source)} is not a source name",
            "use lower-case letters, digits, '.', '_' and '-'",
        )
    return source


def _is_source(name: str) -> bool:
    try:
        check_source(name)
    except UsageError:
        return False
    return True
