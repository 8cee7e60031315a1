"""Co-bought pairs from any table: two product ids a row, perhaps with counts and titles.

Without ``--directed`` a row says that two products were bought together `support` times (1 where
there is no such column). With it, a row says that who bought `a` then bought `b`, that many times:
rows of both orders become one co-buy with `support_ab`, `support_ba` and their sum; that is done
on disk, so memory stays bounded.

Both products become rows too, with their titles where the file gives them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest import cleaning
from ingest.batching import Collector
from ingest.cleaning import BadValue
from ingest.pairs import Pairs
from ingest.reading import Guess, Options, reader
from ingest.rows import Field, TableRow, read_rows
from ingest.sampling import Sample, guess_fields
from schema.identity import product_id
from schema.records import Item, Table


def _end(letter: str, digit: str) -> tuple[str, ...]:
    stems = ("asin", "id", "item", "product", "sku")
    both = (f"item_{letter}_id", f"product_{letter}_id", f"product_id_{letter}")
    return (
        *(f"{stem}_{letter}" for stem in stems),
        *both,
        *(f"{stem}{digit}" for stem in stems),
        f"{letter}_id",
    )


FIELDS = (
    Field("a", _end("a", "1"), required=True),
    Field("b", _end("b", "2"), required=True),
    Field("support", ("count", "times", "frequency", "n")),
    Field("support_ab", ("count_ab",)),
    Field("support_ba", ("count_ba",)),
    Field("npmi"),
    Field("title_a", ("name_a", "item_a_name", "product_a_title", "title1")),
    Field("title_b", ("name_b", "item_b_name", "product_b_title", "title2")),
)

# A file of intentions has pairs too; it is not this format's.
_INTENTIONS = ("relation", "assertion", "intention", "tail", "generation")


def sniff(sample: Sample) -> Guess:
    """Rate a sample: it needs two columns of product ids, and none of intentions."""
    sure, why = guess_fields(sample, FIELDS, strength=0.7)
    if sample.has_any(_INTENTIONS):
        return min(sure, 0.3), f"{why}, but also one that intentions have"
    return sure, why


@reader(
    "cobuys",
    kind="records",
    summary="co-bought pairs (a, b, perhaps support and titles) as a table",
    sniff=sniff,
    fields=FIELDS,
    options=("directed", "min_support"),
)
def read(path: Path, options: Options) -> Iterator[Item]:
    """Read co-buys; the source is ``cobuys`` unless the options name one."""
    out = Collector(path, source=options.source or "cobuys")
    rows = read_rows(path, FIELDS, columns=options.columns, limit=options.max_line)
    if options.directed:
        yield from _directed(rows, out, options)
    else:
        yield from _undirected(rows, out, options)
    yield from out.finish()


def _undirected(rows: Iterator[TableRow], out: Collector, options: Options) -> Iterator[Item]:
    rare = 0
    for row in rows:
        if row.problem:
            out.problem(row.line, row.problem, row.text)
        else:
            with out.row(row.line, row.text):
                pair = _pair(row)
                support = pair["support"]
                if isinstance(support, int) and 1 <= support < options.min_support:
                    rare += 1
                else:
                    add = (*_products(row, pair), ("cobuys", pair))
                    out.add_all(add, line=row.line, excerpt=row.text)
        yield from out.drain()
    if options.min_support > 1:
        out.note("pairs below the minimum support", rare)


def _directed(rows: Iterator[TableRow], out: Collector, options: Options) -> Iterator[Item]:
    with Pairs(options) as pairs:
        for row in rows:
            if row.problem:
                out.problem(row.line, row.problem, row.text)
            else:
                with out.row(row.line, row.text):
                    pair = _pair(row)
                    if pair["support_ab"] is not None or pair["support_ba"] is not None:
                        raise BadValue(
                            "the row states both directions already", "leave out --directed"
                        )
                    # Checked as a co-buy, kept as a statement: the sum comes at the end.
                    out.check("cobuys", pair)
                    if out.add_all(_products(row, pair), line=row.line, excerpt=row.text):
                        a, b = product_id(pair["a"]), product_id(pair["b"])
                        pairs.describe(a)
                        pairs.describe(b)
                        pairs.link(a, b, row.line, pair["support"])
            yield from out.drain()
        yield from pairs.settle(out, min_support=options.min_support)


def _pair(row: TableRow) -> dict[str, Any]:
    given = row.values.get
    a, b = cleaning.identifier(given("a"), "a"), cleaning.identifier(given("b"), "b")
    ab = cleaning.whole(given("support_ab"), "support_ab")
    ba = cleaning.whole(given("support_ba"), "support_ba")
    support = cleaning.whole(given("support"), "support")
    if support is None:
        support = 1 if ab is None and ba is None else (ab or 0) + (ba or 0)
    return {
        "a": a,
        "b": b,
        "support": support,
        "support_ab": ab,
        "support_ba": ba,
        "npmi": cleaning.number(given("npmi"), "npmi"),
    }


def _products(row: TableRow, pair: dict[str, Any]) -> list[tuple[Table, dict[str, Any]]]:
    title = row.values.get
    return [
        ("products", {"id": pair["a"], "title": cleaning.text(title("title_a"), "title_a")}),
        ("products", {"id": pair["b"], "title": cleaning.text(title("title_b"), "title_b")}),
    ]
