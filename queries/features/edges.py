"""The SQL behind features: own edges of many entities at once, and what the truth says of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from kg import sql
from queries.corpus import Chosen
from schema.errors import UsageError
from schema.relations import NodeType

if TYPE_CHECKING:
    import duckdb

ASKED = pa.schema(
    [
        pa.field("place", pa.int32()),
        pa.field("id", pa.string()),
        pa.field("without", pa.string()),  # a co-buy whose edges do not count; null: all do
    ]
)

# A product's intentions are its own, and those of the co-buys that it is part of.
_HEADS = {
    NodeType.POST: "SELECT place, 'Post' AS head_type, id AS head_id FROM asked",
    NodeType.COBUY: "SELECT place, 'CoBuy' AS head_type, id AS head_id FROM asked",
    NodeType.PRODUCT: """
        SELECT place, 'Product' AS head_type, id AS head_id FROM asked
        UNION ALL
        SELECT DISTINCT place, 'CoBuy', c.id FROM asked
        JOIN (SELECT id, a AS product FROM cobuys UNION ALL SELECT id, b FROM cobuys) AS c
        ON c.product = asked.id WHERE c.id IS DISTINCT FROM asked.without
    """,
}

_TEXTS = {
    NodeType.POST: "SELECT place, text FROM asked JOIN posts USING (id)",
    NodeType.PRODUCT: "SELECT place, coalesce(title, description) FROM asked "
    "JOIN products USING (id)",
    NodeType.COBUY: """
        SELECT place, concat_ws(' and ', a.title, b.title)
        FROM asked JOIN (SELECT DISTINCT id, a, b FROM cobuys) AS c USING (id)
        LEFT JOIN products AS a ON a.id = c.a LEFT JOIN products AS b ON b.id = c.b
    """,
}

_EDGES = """
    SELECT * FROM (
        SELECT place, intention_id,
               arg_max(relation, struct_pack(s := coalesce(s, -1.0), n := n, r := relation)),
               max(s) AS score, sum(n)::BIGINT AS support, max(t) AS time
        FROM (
            SELECT place, intention_id, relation, head_id, count(*) AS n, max(created_at) AS t,
                   coalesce(max(typicality), max(plausibility)) AS s
            FROM counted JOIN ({heads}) USING (head_type, head_id) GROUP BY ALL
        ) GROUP BY place, intention_id
    ) QUALIFY row_number() OVER (
        PARTITION BY place ORDER BY score DESC NULLS LAST, support DESC, intention_id
    ) <= {k}
    ORDER BY place, score DESC NULLS LAST, support DESC, intention_id
"""


def asked_table(ids: Sequence[str], without: Sequence[str | None] | None = None) -> pa.Table:
    """The entities that are asked for, as SQL joins them."""
    for place, name in enumerate(ids):
        if not isinstance(name, str):
            raise UsageError(f"id {place} is {name!r}, not text", fix="give ids as text")
    nothing = [None] * len(ids) if without is None else list(without)
    return pa.table(
        [
            pa.array(list(range(len(ids))), pa.int32()),
            pa.array(ids),
            pa.array(nothing, pa.string()),
        ],
        schema=ASKED,
    )


def prepare(connection: duckdb.DuckDBPyConnection, chosen: Chosen, before: datetime | None) -> None:
    """Make the view ``counted``: the evidence that features may rest on."""
    where = chosen.where()
    if before is not None:
        moment = before if before.tzinfo else before.replace(tzinfo=UTC)
        known = f"created_at < {sql.quote(moment.isoformat())}::TIMESTAMPTZ"
        where = f"{where} AND {known}" if where else f"WHERE {known}"
    connection.execute(f"CREATE VIEW counted AS SELECT * FROM assertions {where}")


def own(
    connection: duckdb.DuckDBPyConnection, kind: NodeType, asked: pa.Table, k: int
) -> dict[str, Any]:
    """The best edges of each asked entity.

    Returns
    -------
    dict
        Arrays of equal length, ordered by place, best first: ``place``, ``intention`` (str),
        ``relation`` (str), ``score`` (float64, NaN if unscored), ``support`` and ``time``.
    """
    names = ("place", "intention", "relation", "score", "support", "time")
    with connection.cursor() as cursor:
        cursor.register("asked", asked)
        found = cursor.sql(_EDGES.format(heads=_HEADS[kind], k=k)).fetchnumpy()
    return dict(zip(names, map(_plain, found.values()), strict=True))


def texts_of(
    connection: duckdb.DuckDBPyConnection, kind: NodeType, asked: pa.Table
) -> dict[int, str]:
    """By place, what the truth has in words of an entity; those it has nothing of are left out."""
    with connection.cursor() as cursor:
        cursor.register("asked", asked)
        rows = cursor.sql(_TEXTS[kind]).fetchall()
    return {place: text for place, text in rows if text and text.strip()}


def intentions(
    connection: duckdb.DuckDBPyConnection, ids: Sequence[str]
) -> dict[str, tuple[str, datetime | None]]:
    """By id, an intention's usual form, and when it first came in."""
    with connection.cursor() as cursor:
        cursor.register("wanted", pa.table({"intention_id": pa.array(ids, pa.string())}))
        rows = cursor.sql(
            f"SELECT intention_id, {sql.USUAL_FORM}, min(first) FROM ("
            "SELECT intention_id, text, count(*) AS n, min(created_at) AS first "
            "FROM counted SEMI JOIN wanted USING (intention_id) GROUP BY ALL"
            ") GROUP BY intention_id"
        ).fetchall()
    return {name: (text, first) for name, text, first in rows}


def all_ids(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Ids of all intentions that count, ascending."""
    rows = connection.execute("SELECT DISTINCT intention_id FROM counted ORDER BY 1").fetchall()
    return [name for (name,) in rows]


def _plain(column: Any) -> Any:
    """A column without DuckDB's mask: NaN and NaT where it is null."""
    import numpy as np

    if not isinstance(column, np.ma.MaskedArray):
        return column
    if column.dtype.kind == "f":
        return column.filled(np.nan)
    if column.dtype.kind == "M":
        return column.filled(np.datetime64("NaT"))
    return column.filled(None) if column.dtype.kind == "O" else column.data
