"""The same (head, relation) answered twice: which intentions came from which origin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from kg import sql
from kg.directory import Directory
from queries.corpus import Chosen

if TYPE_CHECKING:
    import duckdb

Axis = Literal["prompt", "model", "run", "sample"]
AXES: tuple[Axis, ...] = get_args(Axis)

HERE, THERE = "this", "the other"

# What tells two origins apart, and what has to be the same in them. Both have to be known: the
# request of an imported row, which has no prompt, is only its number.
_APART = {
    "prompt": ("prompt_hash", "coalesce(model, '')"),
    "model": ("model", "''"),
    "run": ("run", "model || ' ' || prompt_hash"),
    "sample": ("request", "model || ' ' || prompt_hash"),
}

# Critic, judges and annotators score what others wrote: their evidence has the same text.
_WRITERS = "source <> 'critic' AND NOT regexp_matches(source, '^(judge|annot)')"


@dataclass(frozen=True, slots=True)
class Unit:
    """Two origins' intentions for one head and relation.

    Attributes
    ----------
    head_id, relation
        What was asked about.
    origins
        Names of the two, ascending: hashes of prompts, models, runs or requests.
    a, b
        Their distinct intentions, ``(intention_id, text)``, ascending.
    """

    head_id: str
    relation: str
    origins: tuple[str, str]
    a: tuple[tuple[str, str], ...]
    b: tuple[tuple[str, str], ...]


def units(
    directory: Directory,
    axis: Axis,
    chosen: Chosen,
    *,
    against: Directory | None = None,
    heads: int | None = None,
    seed: int = 0,
) -> Iterator[Unit]:
    """Yield what two origins say about the same head and relation.

    Parameters
    ----------
    directory, chosen
        The knowledge base, and which of its assertions count.
    axis
        What the origins differ in. Of two prompts the model is the same, of two runs or samples
        the prompt too; of two models prompts may differ.
    against
        Another knowledge base: then it and the first one are the origins, and `axis` is nothing.
    heads
        Only so many heads, drawn without replacement.
    """
    if against is not None:
        with sql.connect(against, tables=["assertions"]) as connection:
            found = _select(connection, f"'{THERE}'", "''", chosen).to_arrow_table()
        with sql.connect(directory, tables=["assertions"]) as connection:
            connection.register("elsewhere", found)
            _select(connection, f"'{HERE}'", "''", chosen).create("here")
            connection.execute("CREATE TABLE said AS FROM here UNION ALL FROM elsewhere")
            yield from _pairs(connection, heads, seed)
        return
    apart, same = _APART[axis]
    with sql.connect(directory, tables=["assertions"]) as connection:
        _select(connection, apart, same, chosen).create("said")
        yield from _pairs(connection, heads, seed)


def _select(
    connection: duckdb.DuckDBPyConnection, apart: str, same: str, chosen: Chosen
) -> duckdb.DuckDBPyRelation:
    return connection.sql(
        f"""
        SELECT head_id, relation, {same} AS shared, {apart} AS origin, intention_id,
               min(text) AS text
        FROM (FROM assertions {chosen.where()})
        WHERE {_WRITERS} AND {apart} IS NOT NULL AND {same} IS NOT NULL GROUP BY ALL
        """
    )


def _pairs(connection: duckdb.DuckDBPyConnection, heads: int | None, seed: int) -> Iterator[Unit]:
    drawn = f"ORDER BY md5(head_id || ':{seed}'), head_id LIMIT {heads}" if heads else ""
    query = f"""
        WITH lists AS (
            SELECT head_id, relation, shared, origin,
                   list({{'id': intention_id, 'text': text}} ORDER BY intention_id) AS tails
            FROM said GROUP BY ALL
        ), twice AS (
            SELECT l.head_id, l.relation, l.origin AS first, r.origin AS second, l.tails AS a,
                   r.tails AS b
            FROM lists l JOIN lists r
            ON l.head_id = r.head_id AND l.relation = r.relation AND l.shared = r.shared
               AND l.origin < r.origin
        )
        FROM twice SEMI JOIN (FROM (SELECT DISTINCT head_id FROM twice) {drawn}) USING (head_id)
        ORDER BY relation, first, second, head_id
    """
    for batch in sql.stream(connection, query):
        for row in batch.to_pylist():
            a, b = (tuple((each["id"], each["text"]) for each in row[side]) for side in "ab")
            yield Unit(row["head_id"], row["relation"], (row["first"], row["second"]), a, b)
