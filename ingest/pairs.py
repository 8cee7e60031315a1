"""Directed statements "who buys a also buys b", gathered into co-buys.

A co-buy's `support_ab` counts the statements from a to b, `support_ba` those from b to a, and
`support` is their sum. The same statement made twice counts once.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

import pyarrow as pa

from ingest.spool import Spool

if TYPE_CHECKING:
    from ingest.batching import Collector
    from ingest.reading import Options
    from schema.records import Item

_TABLES = {
    "links": pa.schema(
        [("a", pa.string()), ("b", pa.string()), ("times", pa.int64()), ("line", pa.int64())]
    ),
    "described": pa.schema([("id", pa.string())]),
}

# In steps, and with a plain join: each of them spills, where one `IN` would have to fit in memory.
_STATEMENTS = (
    """CREATE TABLE made AS
    SELECT a, b, max(times) AS times, min(line) AS line, count(*) AS made
    FROM links GROUP BY a, b""",
    """CREATE TABLE statements AS
    SELECT made.*, known.id IS NOT NULL AS inside
    FROM made LEFT JOIN (SELECT DISTINCT id FROM described) known ON known.id = made.b""",
)

_FIGURES = """
SELECT coalesce(sum(made - 1), 0),
       count(*) FILTER (a = b),
       count(*) FILTER (a <> b AND NOT inside),
       count(*) FILTER (a <> b AND (inside OR $1))
FROM statements
"""

_PAIRS = """
SELECT least(a, b) AS first, greatest(a, b) AS second,
       sum(CASE WHEN a < b THEN times ELSE 0 END)::BIGINT,
       sum(CASE WHEN a > b THEN times ELSE 0 END)::BIGINT,
       min(line), min(CASE WHEN inside THEN NULL ELSE b END)
FROM statements WHERE a <> b AND (inside OR $1)
GROUP BY first, second ORDER BY first, second
"""


class Pairs:
    """Directed links of one file between its products.

    Parameters
    ----------
    options
        Heeds `dangling`, `memory` and `temp_dir`.
    """

    def __init__(self, options: Options) -> None:
        self._keep = options.dangling == "keep"
        self._spool = Spool(_TABLES, memory=options.memory, temp_dir=options.temp_dir)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._spool.__exit__(kind, error, trace)

    def describe(self, product: str) -> None:
        """Say that the file describes a product (its normalised id)."""
        self._spool.add("described", (product,))

    def link(self, a: str, b: str, line: int, times: int = 1) -> None:
        """Add the statement, made on a line, that `b` is bought with `a` (normalised ids)."""
        self._spool.add("links", (a, b, times, line))

    def settle(self, out: Collector, *, min_support: int = 1) -> Iterator[Item]:
        """Turn the links into co-buys, and count what did not become one.

        Notes: ``directed links`` (different ones that were kept), ``co-buys``, ``links to
        products outside the file``, ``links of a product to itself``, ``repeated links``;
        with a minimum above 1 also ``pairs below the minimum support``.
        """
        for statement in _STATEMENTS:
            self._spool.execute(statement)
        repeated, selves, outside, kept = self._spool.one(_FIGURES, [self._keep])
        cobuys = rare = 0
        for a, b, ab, ba, line, stranger in self._spool.query(_PAIRS, [self._keep]):
            if ab + ba < min_support:
                rare += 1
                continue
            if stranger is not None:
                out.add("products", {"id": stranger}, line=line)
            cobuys += out.add(
                "cobuys",
                {"a": a, "b": b, "support": ab + ba, "support_ab": ab, "support_ba": ba},
                line=line,
            )
            yield from out.drain()
        out.note("directed links", kept)
        out.note("co-buys", cobuys)
        out.note("links to products outside the file", outside)
        out.note("links of a product to itself", selves)
        out.note("repeated links", repeated)
        if min_support > 1:
            out.note("pairs below the minimum support", rare)
