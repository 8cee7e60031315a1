"""Facts for a report that no other analysis gives: who wrote, what is covered, what is frequent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kg import sql
from kg.directory import Directory

_HEADS = (("Post", "posts"), ("CoBuy", "cobuys"), ("Product", "products"))

_COUNTS = """
    SELECT (SELECT count(*) FROM posts), (SELECT count(*) FROM products),
           (SELECT count(DISTINCT id) FROM cobuys), (SELECT count(*) FROM images),
           (SELECT count(DISTINCT intention_id) FROM assertions),
           (SELECT count(DISTINCT assertion_id) FROM assertions),
           (SELECT count(*) FROM assertions)
"""

_WRITERS = """
    SELECT model, string_agg(DISTINCT source, ', ' ORDER BY source),
           count(DISTINCT assertion_id), count(*), count(coalesce(typicality, plausibility)),
           count(accepted), count(*) FILTER (accepted)
    FROM assertions GROUP BY model ORDER BY count(*) DESC, model LIMIT 20
"""

_COVERED = """
    SELECT count(DISTINCT id), count(DISTINCT id) FILTER (
        id IN (SELECT head_id FROM assertions WHERE head_type = '{kind}'))
    FROM {table}
"""

# A product is spoken of in its own intentions and in those of its co-buys.
_COVERED_PRODUCTS = """
    WITH meant AS (
        SELECT head_id AS id FROM assertions WHERE head_type = 'Product'
        UNION SELECT unnest([a, b]) FROM cobuys
        WHERE id IN (SELECT head_id FROM assertions WHERE head_type = 'CoBuy'))
    SELECT count(*), count(*) FILTER (id IN (FROM meant)) FROM products
"""

_FREQUENT = f"""
    WITH best AS (
        SELECT intention_id, count(DISTINCT head_id) AS heads, max(typicality) AS typicality,
               string_agg(DISTINCT relation, ', ' ORDER BY relation) AS relations
        FROM assertions WHERE {{where}} GROUP BY intention_id
        ORDER BY heads DESC, intention_id LIMIT {{limit}})
    SELECT (SELECT {sql.USUAL_FORM} FROM (
                SELECT text, count(*) AS n FROM assertions AS each
                WHERE each.intention_id = best.intention_id GROUP BY text)) AS text,
           heads, relations, typicality
    FROM best ORDER BY heads DESC, intention_id
"""

_UNSCORED = """
    SELECT count(*), count(*) FILTER (scored), count(*) FILTER (judged) FROM (
        SELECT bool_or(typicality IS NOT NULL) AS scored, bool_or(accepted IS NOT NULL) AS judged
        FROM assertions WHERE {where} GROUP BY assertion_id)
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What :func:`facts` found.

    Attributes
    ----------
    counts
        By what is counted: ``posts``, ``products``, ``cobuys``, ``images``, ``intentions``,
        ``assertions``, ``evidence``.
    writers
        Model, sources, assertions, evidence, scored and judged pieces, accepted ones.
    coverage
        What, how many there are, how many of them have an intention.
    frequent
        By kind of head (``posts``, ``purchases``): text, heads, relations, best typicality.
    state
        By kind of head: assertions, scored ones, judged ones.
    revision
        Of the knowledge base.
    """

    counts: dict[str, int]
    writers: list[list[Any]]
    coverage: list[tuple[str, int, int]]
    frequent: dict[str, list[list[Any]]]
    state: dict[str, tuple[int, int, int]]
    revision: int


def facts(directory: Directory, *, frequent: int = 12) -> Facts:
    """Ask the truth of a knowledge base for them."""
    manifest = directory.manifest()
    names = ("posts", "products", "cobuys", "images", "intentions", "assertions", "evidence")
    kinds = {"posts": "head_type = 'Post'", "purchases": "head_type <> 'Post'"}
    with (
        sql.store_errors(f"reading {directory.root}"),
        sql.connect(directory, manifest) as db,
    ):

        def row(query: str) -> tuple[Any, ...]:
            found: tuple[Any, ...] = db.execute(query).fetchall()[0]
            return found

        covered = [
            (table, *row(_COVERED.format(kind=kind, table=table)))
            for kind, table in _HEADS
            if kind != "Product"
        ]
        covered.append(("products", *row(_COVERED_PRODUCTS)))
        return Facts(
            counts=dict(zip(names, row(_COUNTS), strict=True)),
            writers=[list(each) for each in db.execute(_WRITERS).fetchall()],
            coverage=[(what, total, meant) for what, total, meant in covered if total],
            frequent={
                kind: [
                    list(each)
                    for each in db.execute(_FREQUENT.format(where=where, limit=frequent)).fetchall()
                ]
                for kind, where in kinds.items()
            },
            state={kind: row(_UNSCORED.format(where=where)) for kind, where in kinds.items()},
            revision=manifest.revision,
        )
