"""Intentions that nobody has scored yet, each with the words of its head, out of the truth.

::

    with Unscored(directory, source="critic", model="intentkg-critic-1") as unscored:
        for row in unscored.rows():
            ...

A row is a plain dictionary: ``id`` (of the assertion), ``head_type``, ``head_id``, ``relation``,
``text``, the scores it has (``plausibility``, ``typicality``: the best over its evidence, or None)
and ``heads``, the post's text or the titles of the products (None where a title is not known).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kg.directory import Directory
from kg.heads import Heads
from kg.opened import Opened
from kg.sql import quote, stream
from schema.errors import UsageError

_BATCH = 8192
_TABLES = {"Post": "posts", "CoBuy": "cobuys", "Product": "products"}
_TITLED = "nullif(trim(coalesce({0}.title, '')), '')"


class Unscored(Heads):
    """The intentions that lack a score, in the place of heads, as they are when this is opened.

    What this source and model have scored before is never given again.

    Parameters
    ----------
    source, model
        Of the evidence that is going to be written.
    again
        Also those that others have scored.
    relations
        Only these, by name; empty: all.
    sources, heads
        Only intentions of heads from these sources, of these ids; empty: all.
    limit
        Only of so many heads, by their ids.

    Raises
    ------
    UsageError
        On entry, if a source, a head or a relation has no intention.
    """

    def __init__(
        self,
        directory: Directory,
        *,
        source: str,
        model: str,
        again: bool = False,
        relations: Sequence[str] = (),
        sources: Sequence[str] = (),
        heads: Sequence[str] = (),
        limit: int | None = None,
    ) -> None:
        Opened.__init__(self, directory, ("posts", "products", "cobuys", "assertions"))
        self._source = source
        self._model = model
        self._again = again
        self._relations = tuple(relations)
        self._sources = tuple(sources)
        self._ids = tuple(heads)
        self._limit = limit

    def all(self) -> int:
        """Count the intentions that were chosen, scored or not."""
        return self._number("SELECT count(DISTINCT assertion_id) FROM chosen")

    def count(self) -> int:
        """Count the intentions that lack a score."""
        return self._number(f"SELECT count(*) FROM ({self._lacking()})")

    def unknown(self) -> int:
        """Count those of which a head says nothing."""
        return self._number(f"SELECT count(*) FROM ({self._shown()}) WHERE {_NOTHING}")

    def rows(
        self,
        *,
        limit: int | None = None,
        sampled: bool = False,
        pictured: bool = False,
        known_to: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Yield them by head and relation; those whose head says nothing come last.

        Parameters
        ----------
        limit
            So many at most.
        sampled
            In an order that chance could have made, the same each time.
        pictured, known_to
            As in :meth:`kg.heads.Heads.rows`, and of no effect: no picture is shown, and what is
            known is not among them.
        """
        if pictured:
            return
        order = "md5(id)" if sampled else f"{_NOTHING}, head_type, head_id, relation, id"
        query = f"{self._shown()} ORDER BY {order}"
        if limit is not None:
            query += f" LIMIT {int(limit)}"
        with self._reading():
            for batch in stream(self._sql, query, rows=_BATCH):
                yield from batch.to_pylist()

    def _lacking(self) -> str:
        own = f"source = {quote(self._source)} AND model IS NOT DISTINCT FROM {quote(self._model)}"
        lacks = "true" if self._again else "(plausibility IS NULL OR typicality IS NULL)"
        return (
            "SELECT assertion_id AS id, any_value(head_type) AS head_type, "
            "any_value(head_id) AS head_id, any_value(relation) AS relation, "
            "arg_min(text, id) AS text, max(plausibility) AS plausibility, "
            f"max(typicality) AS typicality, bool_or({own}) AS own "
            f"FROM chosen GROUP BY assertion_id HAVING NOT own AND {lacks}"
        )

    def _shown(self) -> str:
        a, b, product = (_TITLED.format(name) for name in ("a", "b", "product"))
        return (
            "SELECT lacking.* EXCLUDE (own), CASE head_type WHEN 'Post' THEN [post.text] "
            f"WHEN 'CoBuy' THEN [{a}, {b}] ELSE [{product}] END AS heads "
            f"FROM ({self._lacking()}) lacking "
            "LEFT JOIN posts post ON head_type = 'Post' AND post.id = head_id "
            "LEFT JOIN (SELECT DISTINCT id, a, b FROM cobuys) pair "
            "ON head_type = 'CoBuy' AND pair.id = head_id "
            "LEFT JOIN products a ON a.id = pair.a LEFT JOIN products b ON b.id = pair.b "
            "LEFT JOIN products product ON head_type = 'Product' AND product.id = head_id"
        )

    def _narrow(self) -> None:
        """Check what was asked for, and make a view of the evidence that is chosen."""
        tests = []
        if self._relations:
            tests.append(f"relation IN ({', '.join(map(quote, self._relations))})")
        if self._sources:
            for name in self._sources:
                self._check(name, "source", [f"SELECT source FROM {t}" for t in _TABLES.values()])
            named = ", ".join(map(quote, self._sources))
            tests.append(
                " OR ".join(
                    f"(head_type = {quote(kind)} AND head_id IN "
                    f"(SELECT id FROM {table} WHERE source IN ({named})))"
                    for kind, table in _TABLES.items()
                )
            )
        if self._ids:
            for name in self._ids:
                self._check(name, "head", ["SELECT head_id FROM assertions"])
            tests.append(f"head_id IN ({', '.join(map(quote, self._ids))})")
        where = " AND ".join(f"({test})" for test in tests) or "true"
        if self._limit is not None:
            where += (
                " AND head_id IN (SELECT DISTINCT head_id FROM assertions "
                f"WHERE {where} ORDER BY head_id LIMIT {int(self._limit)})"
            )
        with self._reading():
            self._sql.execute(f"CREATE VIEW chosen AS SELECT * FROM assertions WHERE {where}")

    def _check(self, name: str, what: str, queries: list[str]) -> None:
        everything = " UNION ".join(queries)
        column = everything.split()[1]
        if self._number(f"SELECT count(*) FROM ({everything}) WHERE {column} = {quote(name)}"):
            return
        with self._reading():
            query = f"SELECT * FROM ({everything}) ORDER BY 1 LIMIT 12"
            known = self._sql.execute(query).fetchall()
        raise UsageError(
            f"no intention of {self._directory.root} is about {what} {name!r:.80}",
            fix=f"there are, for example: {', '.join(str(one) for (one,) in known) or 'none yet'}",
        )


# A post is never blank; a product's title may be missing.
_NOTHING = "list_contains(list_transform(heads, lambda one: one IS NULL), true)"
