"""Counting by SQL over the truth: a million assertions in seconds, in DuckDB's memory limit.

The unit is the assertion, merged over its evidence as the graph merges it (`kg.projection`): its
scores are the best ones, and it is rejected if any verdict is a rejection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kg import sql
from kg.directory import Directory
from queries.corpus import Chosen
from queries.statistics.shapes import Distribution, Rate, RelationFigures, SourceFigures, Statistics
from schema.records import Table
from schema.relations import RELATIONS

if TYPE_CHECKING:
    import duckdb

_RESAMPLES = 1_000
_BINS = 50  # the variance within one is below a hundredth of what scores have
_Z = 1.959964  # 97.5 % of a normal distribution lie below

_MERGED = """
    CREATE TEMP TABLE merged AS
    SELECT CASE any_value(head_type) WHEN 'Post' THEN 'social' ELSE 'cobuy' END AS family,
           any_value(relation) AS relation, any_value(hash(head_id)) AS head,
           any_value(hash(intention_id)) AS intention,
           arg_min(len(regexp_extract_all(text, '\\S+')), id)::USMALLINT AS words,
           max(plausibility) AS plausibility, max(typicality) AS typicality,
           bool_and(accepted) AS accepted
    FROM assertions {where} GROUP BY assertion_id
"""

_SCORE = """
    count({0}), round(avg({0}), 6), min({0}), quantile_cont({0}, 0.25), quantile_cont({0}, 0.5),
    quantile_cont({0}, 0.75), max({0}), count(*) FILTER ({0} < 1 / 3::DOUBLE),
    count(*) FILTER ({0} >= 2 / 3::DOUBLE)
"""

_FIGURES = f"""
    SELECT family, relation, count(*), count(DISTINCT head), count(DISTINCT intention),
           round(avg(words), 6), count(accepted), count(*) FILTER (accepted),
           {_SCORE.format("plausibility")}, {_SCORE.format("typicality")}
    FROM merged GROUP BY GROUPING SETS ((family, relation), (family), ())
"""

_HISTOGRAM = """
    SELECT family, relation, least(floor({0} * {1}), {1} - 1) AS bin, count(*) AS n,
           round(avg({0}), 6) AS mean
    FROM merged WHERE {0} IS NOT NULL
    GROUP BY GROUPING SETS ((family, relation, bin), (family, bin), (bin)) ORDER BY ALL
"""

# An image counts by its mention: some data sets name pictures that have to be fetched yet.
_SOURCES = """
    SELECT source, sum(posts)::BIGINT, sum(pictured)::BIGINT, sum(products)::BIGINT,
           sum(cobuys)::BIGINT, sum(evidence)::BIGINT, coalesce(min(text), min(title))
    FROM (
        SELECT source, count(*) AS posts, count(*) FILTER (len(images) > 0) AS pictured,
               0 AS products, 0 AS cobuys, 0 AS evidence, arg_min(text, id) AS text, NULL AS title
        FROM posts GROUP BY source
        UNION ALL SELECT source, 0, 0, count(*), 0, 0, NULL, arg_min(title, id)
        FROM products GROUP BY source
        UNION ALL SELECT source, 0, 0, 0, count(*), 0, NULL, NULL FROM cobuys GROUP BY source
        UNION ALL SELECT source, 0, 0, 0, 0, count(*), NULL, NULL
        FROM assertions {where} GROUP BY source
    ) GROUP BY source ORDER BY source
"""

_MODELS = """
    SELECT model FROM assertions {where} GROUP BY model HAVING model IS NOT NULL
    ORDER BY count(*) DESC, model
"""

_ORDER: dict[tuple[str | None, str | None], int] = {
    (r.family.value, r.name): place for place, r in enumerate(RELATIONS)
}


def label(root: str | Path) -> str:
    """What to call a knowledge base: its folder's name without ``.kg``."""
    return Path(root).absolute().name.removesuffix(".kg")


def statistics(
    directory: Directory,
    chosen: Chosen | None = None,
    *,
    name: str | None = None,
    seed: int = 0,
) -> Statistics:
    """Count what a knowledge base holds, and how its intentions were judged, by relation.

    In the shape of MIKO's Tables 1 and 2 and of MIND's Table 1, with MIND's preserve rate
    (Figure 7) and the distributions behind MIKO's Figure 4 and MIND's Figure 5.

    Parameters
    ----------
    directory
        The knowledge base.
    chosen
        Which assertions count; by default all.
    name
        What to call it; by default its folder.
    seed
        Of the bootstrap.
    """
    where = (chosen or Chosen()).where()
    tables: tuple[Table, ...] = ("posts", "products", "cobuys", "assertions")
    with sql.store_errors(f"reading {directory.root}"), sql.connect(directory, tables=tables) as db:
        db.execute(_MERGED.format(where=where))
        bins = {score: _histogram(db, score) for score in ("plausibility", "typicality")}
        rows = [_figures(row, bins, seed) for row in db.execute(_FIGURES).fetchall() if row[2]]
        found = db.execute(_SOURCES.format(where=where)).fetchall()
    relations = sorted(
        (row for row in rows if row.relation), key=lambda row: _ORDER.get(row.key, len(_ORDER))
    )
    families = sorted((row for row in rows if row.family and not row.relation), key=_social_first)
    whole = [row for row in rows if row.family is None]
    return Statistics(
        label=name or label(directory.root),
        relations=tuple(relations),
        totals=(*(families if len(families) > 1 else ()), *whole),
        sources=tuple(SourceFigures(*row) for row in found),
    )


def by_model(
    directory: Directory, chosen: Chosen | None = None, *, most: int = 8, seed: int = 0
) -> list[Statistics]:
    """The same for what each model wrote or judged, the busiest first, `most` of them at most."""
    base = chosen or Chosen()
    with sql.connect(directory, tables=["assertions"]) as db:
        models = [str(m) for (m,) in db.execute(_MODELS.format(where=base.where())).fetchall()]
    return [
        statistics(directory, replace(base, model=model), name=model, seed=seed)
        for model in models[:most]
    ]


def together(
    directories: Iterable[Directory], chosen: Chosen | None = None, *, seed: int = 0
) -> list[Statistics]:
    """The figures of several knowledge bases; those of one name are told apart by their path."""
    given = list(directories)
    names = [label(directory.root) for directory in given]
    return [
        statistics(
            directory,
            chosen,
            name=str(directory.root) if names.count(name) > 1 else name,
            seed=seed,
        )
        for directory, name in zip(given, names, strict=True)
    ]


type _Bins = dict[tuple[str | None, str | None], list[tuple[int, float]]]


def _histogram(db: duckdb.DuckDBPyConnection, score: str) -> _Bins:
    found: _Bins = {}
    for family, relation, _, n, mean in db.execute(_HISTOGRAM.format(score, _BINS)).fetchall():
        found.setdefault((family, relation), []).append((n, mean))
    return found


def _figures(row: Sequence[Any], bins: dict[str, _Bins], seed: int) -> RelationFigures:
    family, relation, assertions, heads, intentions, words, judged, accepted = row[:8]
    key = (family, relation)
    return RelationFigures(
        family=family,
        relation=relation,
        assertions=assertions,
        heads=heads,
        intentions=intentions,
        words=words,
        preserved=rate(accepted, judged),
        plausibility=_distribution(row[8:17], bins["plausibility"].get(key, []), seed),
        typicality=_distribution(row[17:26], bins["typicality"].get(key, []), seed),
    )


def _distribution(
    row: Sequence[Any], bins: list[tuple[int, float]], seed: int
) -> Distribution | None:
    n, mean, minimum, q25, median, q75, maximum, low, high = row
    if not n:
        return None
    lower, upper = _bootstrap(bins, seed) if n > 1 else (None, None)
    shares = (low / n, (n - low - high) / n, high / n)
    return Distribution(n, mean, lower, upper, minimum, q25, median, q75, maximum, shares)


def _bootstrap(bins: list[tuple[int, float]], seed: int) -> tuple[float, float]:
    """95 % percentile interval of the mean.

    Resampling n scores with replacement is drawing how many fall into each bin of a histogram,
    which costs the same for a hundred and for a million.
    """
    import numpy as np

    counts, means = (np.asarray(column, dtype=float) for column in zip(*bins, strict=True))
    n = int(counts.sum())
    draws = np.random.default_rng(seed).multinomial(n, counts / n, size=_RESAMPLES)
    low, high = np.quantile(draws @ means / n, [0.025, 0.975])
    return round(float(low), 6), round(float(high), 6)


def rate(count: int, of: int) -> Rate | None:
    """A share with Wilson's interval; None of nothing."""
    if not of:
        return None
    share, spread = count / of, _Z * _Z / of
    middle = (share + spread / 2) / (1 + spread)
    half = (spread * share * (1 - share) + spread * spread / 4) ** 0.5 / (1 + spread)
    return Rate(count, of, share, max(0.0, middle - half), min(1.0, middle + half))


def _social_first(row: RelationFigures) -> bool:
    return row.family != "social"
