"""What intentions are asked about, out of the truth: in a fixed order, in bounded memory.

::

    with Heads(directory, "CoBuy", sources=["shop"]) as heads:
        heads.count()
        for row in heads.rows(limit=1000):
            ...

A row is a plain dictionary: of a post ``id``, ``text``, ``language``, ``attributes`` and
``images``; of a co-buy ``id`` and, under ``a`` and ``b``, its products, each with ``id``,
``title``, ``description``, ``features``, ``categories``, ``brand`` and ``images``. Images stand as
digests of bytes that are stored. Of co-buys only those count of which something is known of both
products.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from kg.directory import Directory
from kg.opened import Opened
from kg.sql import quote, stream
from schema.errors import UsageError
from schema.records import Table

type HeadKind = Literal["Post", "CoBuy"]

_BATCH = 1024  # heads that are read at once
_STORED = "[image.id FOR image IN coalesce(images, []) IF image.id IS NOT NULL]"
_PRODUCT = ("id", "title", "description", "features", "categories", "brand")
_KNOWN = (
    "trim(coalesce(title, '')) <> '' OR trim(coalesce(description, '')) <> '' "
    f"OR len(features) > 0 OR len({_STORED}) > 0"
)


class Heads(Opened):
    """The heads of one kind, as the knowledge base is when this is made.

    Parameters
    ----------
    kind
        ``Post`` or ``CoBuy``.
    sources
        Only those from these sources; empty: all.
    ids
        Only these; empty: all.

    Raises
    ------
    UsageError
        On entry, if a source or an id names no head.
    """

    def __init__(
        self,
        directory: Directory,
        kind: HeadKind,
        *,
        sources: Sequence[str] = (),
        ids: Sequence[str] = (),
    ) -> None:
        heads: tuple[Table, ...] = ("posts",) if kind == "Post" else ("cobuys", "products")
        super().__init__(directory, (*heads, "assertions"))
        self._kind = kind
        self._sources = tuple(sources)
        self._ids = tuple(ids)
        self._table: Table = "posts" if kind == "Post" else "cobuys"

    def count(self) -> int:
        """Count the heads."""
        return self._number(f"SELECT count(*) FROM ({self._heads()})")

    def unknown(self) -> int:
        """Count the co-buys that are left out because a product of theirs is not known."""
        if self._kind == "Post":
            return 0
        return self._number(f"SELECT count(DISTINCT id) FROM {self._chosen}") - self.count()

    def rows(
        self,
        *,
        limit: int | None = None,
        sampled: bool = False,
        pictured: bool = False,
        known_to: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Yield the heads, sorted by id.

        Parameters
        ----------
        limit
            So many at most.
        sampled
            In an order that chance could have made, the same each time: the first few stand for
            all.
        pictured
            Only those with an image.
        known_to
            Those last about which this source of evidence has said something already.
        """
        order = "md5(id)" if sampled else "id"
        query = f"{self._heads(pictured=pictured)} ORDER BY {order}"
        if limit is not None:
            query += f" LIMIT {int(limit)}"
        if known_to is not None:
            query = (
                f"SELECT * FROM ({query}) ORDER BY id IN (SELECT head_id FROM assertions WHERE "
                f"head_type = {quote(self._kind)} AND source = {quote(known_to)}), {order}"
            )
        with self._reading():
            for batch in stream(self._sql, query, rows=_BATCH):
                found = batch.to_pylist()
                yield from found if self._kind == "Post" else self._with_products(found)

    def _heads(self, *, pictured: bool = False) -> str:
        """Write the query for the heads: whole posts, or the bare pairs."""
        if self._kind == "Post":
            where = f"WHERE len({_STORED}) > 0" if pictured else ""
            return (
                f"SELECT id, text, language, attributes, {_STORED} AS images "
                f"FROM {self._chosen} {where}"
            )
        shown = (
            f"AND (a IN (SELECT id FROM products WHERE len({_STORED}) > 0) "
            f"OR b IN (SELECT id FROM products WHERE len({_STORED}) > 0))"
            if pictured
            else ""
        )
        return (
            f"SELECT DISTINCT id, a, b FROM {self._chosen} "
            f"WHERE a IN (SELECT id FROM products WHERE {_KNOWN}) "
            f"AND b IN (SELECT id FROM products WHERE {_KNOWN}) {shown}"
        )

    def _with_products(self, pairs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        ids = sorted({pair[end] for pair in pairs for end in "ab"})
        with self._sql.cursor() as cursor:
            found = cursor.sql(
                f"SELECT {', '.join(_PRODUCT)}, {_STORED} AS images FROM products "
                "WHERE id IN (SELECT unnest($ids))",
                params={"ids": ids},
            ).to_arrow_table()
        products = {row["id"]: row for row in found.to_pylist()}
        for pair in pairs:
            yield {"id": pair["id"], "a": products[pair["a"]], "b": products[pair["b"]]}

    def _narrow(self) -> None:
        """Check the choice of sources and ids, and name what is left of the table."""
        tests = []
        with self._reading():
            known = [
                str(name)
                for (name,) in self._sql.execute(
                    f"SELECT DISTINCT source FROM {self._table} ORDER BY ALL"
                ).fetchall()
            ]
        what = "post" if self._kind == "Post" else "co-buy"
        for source in self._sources:
            if source not in known:
                raise UsageError(
                    f"no {what} of {self._directory.root} is from source {source!r}",
                    fix=f"its sources are: {', '.join(known) or 'none yet'}",
                )
        if self._sources:
            tests.append(f"source IN ({', '.join(map(quote, self._sources))})")
        if self._ids:
            with self._reading():
                self._sql.execute("CREATE TABLE wanted AS SELECT unnest($1) AS id", [self._ids])
                strangers = self._sql.execute(
                    f"SELECT id FROM wanted WHERE id NOT IN (SELECT id FROM {self._table}) LIMIT 1"
                ).fetchone()
            if strangers:
                raise UsageError(
                    f"{self._directory.root} has no {what} {strangers[0]!r}",
                    fix=f"intentkg cypher {self._directory.root} "
                    f'"MATCH (n:{self._kind}) RETURN n.id LIMIT 10" shows some ids',
                )
            tests.append("id IN (SELECT id FROM wanted)")
        where = f"WHERE {' AND '.join(tests)}" if tests else ""
        self._chosen = f"(SELECT * FROM {self._table} {where})"
