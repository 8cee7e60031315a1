"""Counts of is-a pairs from a file, once, into a form in which a word is found at once.

Two layouts, both of three columns parted by tabs, without a header, perhaps gzipped:

- ``probase``: concept, instance, count (the Microsoft Concept Graph is published so);
- ``hearst``: instance, concept, count.

Names are brought to lower case, ``_`` to a space. Rows of the same two names are added up.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import orjson

from kg import sql
from schema.errors import InputError, UnsuitableFileError

if TYPE_CHECKING:
    import duckdb

Layout = Literal["probase", "hearst"]
Progress = Callable[[str, int, int | None], None]

LAYOUTS: tuple[Layout, ...] = ("probase", "hearst")
VERSION = 2
"""Changed whenever the same file gives another table."""

_MEMORY = "1GB"
_SNIFFED = 200_000  # rows
_CLEAR = 1.2  # times as many different names in the column of instances
_EXAMPLES = 3
# Whole numbers alone (a cast would round 3.5), and none that could overflow a sum of them.
_COUNT = r"CASE WHEN regexp_full_match(trim(n), '[+-]?[0-9]{1,11}') THEN n::BIGINT END"


@dataclass(frozen=True, slots=True)
class Refused:
    """Rows that were left out, by reason.

    Attributes
    ----------
    broken
        Not three columns, no name, or a count that is no whole number of at most 11 digits.
    no_count
        A count of zero or less.
    itself
        The two names are the same.
    examples
        Some of them, as they stand in the file.
    """

    broken: int = 0
    no_count: int = 0
    itself: int = 0
    examples: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """All of them."""
        return self.broken + self.no_count + self.itself


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file.

    Attributes
    ----------
    path
        The table: `instance`, `concept`, `count`, sorted, and `of_instance` and `of_concept`, the
        sums over each.
    rows, instances, concepts
        How many there are.
    both_ways
        Pairs of which each is said to be a kind of the other: such circles mean nothing to a
        distribution, and are cut open where hypernyms become edges.
    refused
        What was left out.
    """

    path: Path
    layout: str
    rows: int
    instances: int
    concepts: int
    both_ways: int
    refused: Refused

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {**asdict(self), "path": str(self.path)}


def bring_in(
    file: Path,
    layout: Layout | None = None,
    *,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Read a file of counts, or find what was read of it before.

    Parameters
    ----------
    file
        Tens of millions of rows are read within 2 GB of memory.
    layout
        Which column is which; None: the column with clearly more different names is that of the
        instances.
    cache
        Where tables are kept; by default the user's cache directory. The file's path, size and
        time decide whether it has to be read anew.

    Raises
    ------
    UnsuitableFileError
        If there is no such file, or its layout cannot be told.
    InputError
        If no row of it can be used.
    """
    import duckdb

    if not file.is_file():
        raise UnsuitableFileError(
            "there is no such file", file=str(file), fix="name a file of is-a counts"
        )
    folder = cache or _cache()
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / f"{_key(file, layout)}.parquet"
    known = table.with_suffix(".json")
    if table.exists() and known.exists():
        found = orjson.loads(known.read_bytes())
        refused = found.pop("refused")
        refused["examples"] = tuple(refused["examples"])
        return Imported(**{**found, "path": table, "refused": Refused(**refused)})
    report = progress or _silent
    with (
        tempfile.TemporaryDirectory(dir=folder) as scratch,
        sql.store_errors(f"reading {file}"),
    ):
        try:
            made = _read(file, layout, Path(scratch), report)
        except duckdb.IOException as error:
            if "gzip" not in str(error).lower():
                raise
            raise InputError(
                "it is no whole gzip file",
                file=str(file),
                fix="fetch it again, or unpack it and name what comes out",
            ) from error
        made.path.replace(table)
        imported = Imported(**{**_fields(made), "path": table})
        known.write_bytes(orjson.dumps(imported.to_dict()))
    return imported


def _read(file: Path, layout: Layout | None, scratch: Path, report: Progress) -> Imported:
    import duckdb

    report("taxonomy: reading", 0, None)
    config = {"memory_limit": _MEMORY, "temp_directory": str(scratch), "threads": "2"}
    with duckdb.connect(str(scratch / "work.duckdb"), config=config) as connection:
        run = connection.execute
        columns = "columns = {'a': 'VARCHAR', 'b': 'VARCHAR', 'n': 'VARCHAR'}"
        run(
            f"CREATE TABLE raw AS SELECT {_name('a')} AS a, {_name('b')} AS b, "
            f"{_COUNT} AS n, CASE WHEN {_COUNT} IS NULL OR trim(a) = '' "
            "OR trim(b) = '' OR a IS NULL OR b IS NULL THEN concat_ws(chr(9), a, b, n) END AS bad "
            f"FROM read_csv({sql.quote(file)}, delim = '\\t', header = false, quote = '', "
            f"escape = '', {columns}, auto_detect = false, store_rejects = true)"
        )
        refused = _refused(connection)
        run("CREATE TABLE good AS SELECT a, b, n FROM raw WHERE bad IS NULL AND n > 0 AND a <> b")
        run("DROP TABLE raw")
        ((usable,),) = run("SELECT count(*) FROM good").fetchall()
        if not usable:
            such = f", such as {refused.examples[0]!r}" if refused.examples else ""
            raise InputError(
                f"none of its {refused.total:,} rows can be used{such}",
                file=str(file),
                fix="each row is two names and a count above zero, parted by tabs",
            )
        chosen = layout or _sniff(connection, file)
        instance, concept = ("b", "a") if chosen == "probase" else ("a", "b")
        report("taxonomy: adding up", 0, None)
        run(
            f"CREATE TABLE isa AS SELECT {instance} AS instance, {concept} AS concept, "
            "sum(n)::BIGINT AS count FROM good GROUP BY ALL"
        )
        run("DROP TABLE good")
        for end in ("instance", "concept"):
            run(
                f"CREATE TABLE of_{end} AS SELECT {end}, sum(count)::BIGINT AS total FROM isa "
                "GROUP BY ALL"
            )
        report("taxonomy: sorting", 0, None)
        table = scratch / "isa.parquet"
        run(
            "COPY (SELECT instance, concept, count, i.total AS of_instance, c.total AS of_concept "
            "FROM isa JOIN of_instance i USING (instance) JOIN of_concept c USING (concept) "
            f"ORDER BY instance, count DESC, concept) TO {sql.quote(table)} "
            "(FORMAT parquet, COMPRESSION zstd)"
        )
        ((rows, instances, concepts, both),) = run(
            "SELECT (SELECT count(*) FROM isa), (SELECT count(*) FROM of_instance), "
            "(SELECT count(*) FROM of_concept), (SELECT count(*) FROM isa x SEMI JOIN isa y "
            "ON x.instance = y.concept AND x.concept = y.instance)"
        ).fetchall()
    return Imported(table, chosen, rows, instances, concepts, both // 2, refused)


def _refused(connection: duckdb.DuckDBPyConnection) -> Refused:
    lines = connection.execute(
        "SELECT line, min(csv_line) FROM reject_errors GROUP BY line ORDER BY line"
    ).fetchall()
    ((bad, none, itself),) = connection.execute(
        "SELECT count(bad), count(*) FILTER (bad IS NULL AND n <= 0), "
        "count(*) FILTER (bad IS NULL AND n > 0 AND a = b) FROM raw"
    ).fetchall()
    examples = [f"line {line}: {text!r:.80}" for line, text in lines[:_EXAMPLES]]
    others = connection.execute(
        "SELECT coalesce(bad, concat_ws(chr(9), a, b, n)) FROM raw "
        f"WHERE bad IS NOT NULL OR n <= 0 OR a = b LIMIT {_EXAMPLES}"
    ).fetchall()
    examples += [f"{text!r:.80}" for (text,) in others]
    return Refused(len(lines) + bad, none, itself, tuple(examples[:_EXAMPLES]))


def _sniff(connection: duckdb.DuckDBPyConnection, file: Path) -> Layout:
    ((first, second),) = connection.execute(
        f"SELECT count(DISTINCT a), count(DISTINCT b) FROM (FROM good LIMIT {_SNIFFED})"
    ).fetchall()
    if first > _CLEAR * second:
        return "hearst"
    if second > _CLEAR * first:
        return "probase"
    raise UnsuitableFileError(
        f"it does not show which column holds the concepts ({first:,} different names in "
        f"the first, {second:,} in the second)",
        file=str(file),
        fix="--format probase (concept, instance, count) or --format hearst (instance first)",
    )


def _name(column: str) -> str:
    """SQL that brings a name to its one form."""
    return f"trim(regexp_replace(lower(replace({column}, '_', ' ')), '\\s+', ' ', 'g'))"


def _key(file: Path, layout: str | None) -> str:
    facts = file.stat()
    told = f"{file.absolute()}|{facts.st_size}|{facts.st_mtime_ns}|{layout}|{VERSION}"
    return hashlib.blake2b(told.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()


def _cache() -> Path:
    from platformdirs import user_cache_path

    named = os.environ.get("INTENTKG_CACHE_DIR")
    return (Path(named) if named else user_cache_path("intentkg")) / "taxonomies"


def _fields(made: Imported) -> dict[str, Any]:
    return {name: getattr(made, name) for name in made.__slots__}


def _silent(stage: str, done: int, total: int | None) -> None:
    """Report to nobody."""
