"""Shopping baskets (user, item, time) turned into co-buys with support and NPMI.

One basket is the rows of one session where the file has such a column; else those of one user on
one UTC day. ``--basket`` chooses otherwise. An item counts once in a basket.

- `support`: baskets that hold both items; pairs below ``--min-support`` are left out.
- `support_ab`: baskets in which a was first bought before b; `support_ba` the other way round.
  Both are null where no basket tells an order.
- `npmi`: ln(p(a,b) / (p(a) p(b))) / -ln p(a,b) over all baskets, single items included; in
  [-1, 1]. A pair that fills every basket has p(a,b) = 1, where the quotient is 0/0; its value is 1,
  the limit for items that are only ever bought together.

The rows are kept on disk meanwhile and joined there by DuckDB, so memory stays bounded. The pairs
of a basket grow with the square of its size: baskets with more than ``--max-basket`` different
items are left out altogether, and counted.

Only the items of some co-buy become products.

References
----------
G. Bouma (2009), Normalized (pointwise) mutual information in collocation extraction.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from ingest import cleaning
from ingest.batching import Collector
from ingest.cleaning import BadValue
from ingest.reading import Guess, Options, reader
from ingest.rows import Field, TableRow, read_rows
from ingest.sampling import Sample, guess_fields
from ingest.spool import Spool
from ingest.validation import check_id
from schema.errors import UnsuitableFileError
from schema.records import Item

FIELDS = (
    Field(
        "item", ("item_id", "product_id", "asin", "parent_asin", "sku", "product"), required=True
    ),
    Field("user", ("user_id", "customer", "customer_id", "reviewer_id", "buyer", "shopper")),
    Field("session", ("session_id", "basket", "basket_id", "order_id", "order", "invoice")),
    Field("time", ("timestamp", "created_at", "datetime", "date", "unix_review_time", "ts")),
    Field("title", ("item_title", "product_title", "item_name", "product_name")),
)

_UNITS = {
    "session": "each one session",
    "day": "each one user's day",
    "week": "each one user's week",
    "user": "each all of one user's purchases",
}

_TABLES = {
    "bought": pa.schema(
        [
            ("basket", pa.string()),
            ("item", pa.string()),
            ("time", pa.timestamp("us")),
            ("title", pa.string()),
            ("line", pa.int64()),
        ]
    )
}

_PREPARE = (
    """CREATE TABLE filled AS
    SELECT basket, item, min(time) AS time, min(line) AS line FROM bought GROUP BY basket, item""",
    "CREATE TABLE sizes AS SELECT basket, count(*) AS items FROM filled GROUP BY basket",
    """CREATE TABLE kept AS
    SELECT filled.* FROM filled JOIN sizes USING (basket) WHERE items <= $1""",
    "CREATE TABLE frequency AS SELECT item, count(*) AS baskets FROM kept GROUP BY item",
    """CREATE TABLE pairs AS
    SELECT x.item AS a, y.item AS b, count(*) AS support,
           count(*) FILTER (x.time < y.time) AS ab, count(*) FILTER (x.time > y.time) AS ba,
           min(greatest(x.line, y.line)) AS line
    FROM kept x JOIN kept y ON x.basket = y.basket AND x.item < y.item
    GROUP BY a, b""",
)

_PRODUCTS = """
SELECT item, arg_min(title, line) FILTER (title IS NOT NULL), min(line)
FROM bought WHERE item IN (
    SELECT a FROM pairs WHERE support >= $1 UNION ALL SELECT b FROM pairs WHERE support >= $1)
GROUP BY item ORDER BY item
"""

_COBUYS = """
SELECT a, b, support, ab, ba, fa.baskets, fb.baskets, line FROM pairs
JOIN frequency fa ON fa.item = a JOIN frequency fb ON fb.item = b
WHERE support >= $1 ORDER BY a, b
"""


def sniff(sample: Sample) -> Guess:
    """Rate a sample: it needs an item, and a session or a user with a time."""
    sure, why = guess_fields(sample, FIELDS, strength=0.62)
    names = {f.name: (f.name, *f.aliases) for f in FIELDS}
    if not sure or not sample.has_any(names["item"]):
        return 0.0, why
    timed = sample.has_any(names["user"]) and sample.has_any(names["time"])
    if not timed and not sample.has_any(names["session"]):
        return 0.25, "a column for item, but none for session, or user and time"
    return sure, why


@reader(
    "baskets",
    kind="records",
    summary="purchases (user, item, time or session), turned into co-buys",
    sniff=sniff,
    fields=FIELDS,
    options=("min_support", "basket", "max_basket"),
)
def read(path: Path, options: Options) -> Iterator[Item]:
    """Read baskets; the source is ``baskets`` unless the options name one."""
    out = Collector(path, source=options.source or "baskets")
    with Spool(_TABLES, memory=options.memory, temp_dir=options.temp_dir) as spool:
        basket: str | None = None
        for row in read_rows(path, FIELDS, columns=options.columns, limit=options.max_line):
            if row.problem:
                out.problem(row.line, row.problem, row.text)
            else:
                basket = basket or _basket(row, options, path)
                with out.row(row.line, row.text):
                    spool.add("bought", _purchase(row, basket))
                    out.accepted += 1
            yield from out.drain()
        out.note("purchases", out.accepted)
        yield from _derive(spool, out, options, basket)
    yield from out.finish()


def _basket(row: TableRow, options: Options, path: Path) -> str:
    """Choose what a basket is, from the columns that the first row has."""
    has = row.values.keys()
    chosen = options.basket or ("session" if "session" in has else "day")
    needs = {"session": ("session",), "user": ("user",)}.get(chosen, ("user", "time"))
    for name in needs:
        if name not in has:
            raise UnsuitableFileError(
                f"a basket is to be a {chosen}, but there is no column for {name!r}",
                file=str(path),
                fix=f"name it with --column {name}=COLUMN, or choose another --basket "
                "(session, day, week, user)",
            )
    return chosen


def _purchase(row: TableRow, basket: str) -> tuple[Any, ...]:
    given = row.values.get
    item = check_id(cleaning.identifier(given("item"), "item"), "item")
    time = cleaning.time(given("time"), "time")
    title = cleaning.text(given("title"), "title")
    if title is not None:
        cleaning.check_words(title, "title")
    owner = "session" if basket == "session" else "user"
    key = check_id(cleaning.identifier(given(owner), owner), owner)
    if basket in ("day", "week"):
        if time is None:
            raise BadValue(
                "time is missing", f"give every row its time; a basket is one user's {basket}"
            )
        key = f"{key}\x1f{_period(time, basket)}"
    return key, item, None if time is None else time.replace(tzinfo=None), title, row.line


def _period(time: datetime, basket: str) -> str:
    if basket == "day":
        return time.date().isoformat()
    year, week, _ = time.isocalendar()
    return f"{year}-W{week}"


def _derive(spool: Spool, out: Collector, options: Options, basket: str | None) -> Iterator[Item]:
    for statement in _PREPARE:
        spool.execute(statement, [options.max_basket] if "$1" in statement else [])
    (total,) = spool.one("SELECT count(*) FROM sizes WHERE items <= $1", [options.max_basket])
    least = [options.min_support]
    for item, title, line in spool.query(_PRODUCTS, least):
        out.add("products", {"id": item, "title": title}, line=line)
        yield from out.drain()
    for a, b, support, ab, ba, with_a, with_b, line in spool.query(_COBUYS, least):
        cobuy = {"a": a, "b": b, "support": support, "npmi": npmi(support, with_a, with_b, total)}
        if ab or ba:
            cobuy |= {"support_ab": ab, "support_ba": ba}
        out.add("cobuys", cobuy, line=line)
        yield from out.drain()
    out.note(f"baskets ({_UNITS[basket]})" if basket else "baskets", total)
    out.note(
        f"baskets of more than {options.max_basket:,} items, left out",
        *spool.one("SELECT count(*) FROM sizes WHERE items > $1", [options.max_basket]),
    )
    out.note("co-buys", *spool.one("SELECT count(*) FROM pairs WHERE support >= $1", least))
    out.note(
        "pairs below the minimum support",
        *spool.one("SELECT count(*) FROM pairs WHERE support < $1", least),
    )


def npmi(both: int, with_a: int, with_b: int, total: int) -> float:
    """Normalised pointwise mutual information of two items over baskets.

    Parameters
    ----------
    both, with_a, with_b
        Baskets that hold both items, and each of them.
    total
        All baskets.

    Examples
    --------
    >>> npmi(2, 2, 2, 8)
    1.0
    >>> npmi(1, 2, 2, 4)
    0.0
    """
    if both == with_a == with_b:
        return 1.0  # exactly, and also where both == total
    mutual = math.log(both * total / (with_a * with_b))
    return max(-1.0, min(1.0, mutual / -math.log(both / total)))
