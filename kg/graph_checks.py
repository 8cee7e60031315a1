"""Does the graph hold exactly what the truth says?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kg import sql
from kg.directory import Directory
from kg.embedded import open_file
from kg.findings import Finding
from kg.graph_build import all_parts, engine
from kg.manifest import GraphState, Manifest, sha256_file
from kg.projection import Projection
from schema.errors import IntentKGError

if TYPE_CHECKING:
    import duckdb
    import grafeo
    import pyarrow as pa

_SHOWN = 3


def check_graph(directory: Directory, manifest: Manifest) -> Iterator[Finding]:
    """Compare the graph file with what was written, and its content with the truth.

    Yields
    ------
    Finding
        ``graph-file``: missing or altered. ``graph-engine``: the engine finds it damaged.
        ``graph-nodes``, ``graph-edges``: what is missing, or not as the truth has it; every
        property of every node and edge is compared. ``graph-stale``, ``graph-missing``:
        information only.
    """
    state = manifest.graph
    build = f"intentkg build {directory.root}"
    if state is None:
        if all_parts(manifest):
            yield Finding("graph-missing", "info", "the graph has not been built yet", build)
        return
    path = directory.path(state.file)
    if not path.is_file():
        if directory.manifest().graph != state:
            return  # a writer has replaced it since the manifest was read
        yield Finding("graph-file", "error", f"{path} is missing; kb.json names it", build)
        return
    if path.stat().st_size != state.bytes or sha256_file(path) != state.sha256:
        yield Finding(
            "graph-file", "error", f"{path} was altered since it was built", f"{build} --fresh"
        )
        return
    stale = [file for file in all_parts(manifest) if file not in set(state.parts)]
    if stale:
        rows = sum(p.rows for parts in manifest.tables.values() for p in parts if p.file in stale)
        yield Finding(
            "graph-stale", "info", f"{rows:,} rows were added since the graph was built", build
        )
    if not set(state.parts) <= set(all_parts(manifest)):
        yield Finding("graph-stale", "info", "the graph was built from parts that are gone", build)
        return
    if state.engine != engine():
        yield Finding(
            "graph-stale", "info", f"the graph was made by {state.engine}, not {engine()}", build
        )
        return
    try:
        yield from _check_content(directory, manifest, state)
    except IntentKGError as error:
        yield Finding("graph-engine", "error", error.message, f"{build} --fresh")


def _check_content(
    directory: Directory, manifest: Manifest, state: GraphState
) -> Iterator[Finding]:
    fix = f"intentkg build {directory.root} --fresh"
    database = open_file(directory.path(state.file), state)
    try:
        for problem in database.validate():
            yield Finding("graph-engine", "error", f"{problem['code']}: {problem['message']}", fix)
        then = as_of(manifest, frozenset(state.parts))
        with sql.connect(directory, then) as connection:
            projection = Projection(connection, directory, then)
            nodes = edges = 0
            for label in projection.labels():
                query = projection.node_query(label)
                found = _table(database, f"MATCH (n:{label})", "n", connection, query)
                nodes += found.num_rows
                yield from _compare(connection, "graph-nodes", f"(:{label})", query, found, fix)
            for (start, kind, end), query in projection.edge_queries().items():
                pattern = f"(a:{start})-[r{f':{kind}' if kind else ''}]->(b:{end})"
                found = _table(database, f"MATCH {pattern}", "r", connection, query)
                edges += found.num_rows
                yield from _compare(connection, "graph-edges", pattern, query, found, fix)
            for what, count, known in (
                ("nodes", database.node_count, nodes),
                ("edges", database.edge_count, edges),
            ):
                if count != known:
                    message = f"{count - known:,} {what} are of no kind that the truth has"
                    yield Finding(f"graph-{what}", "error", message, fix)
    finally:
        database.close()


def as_of(manifest: Manifest, parts: frozenset[str]) -> Manifest:
    """The manifest with only those parts: the truth that a projection was made from."""
    return Manifest(
        format=manifest.format,
        revision=manifest.revision,
        tables={
            table: tuple(part for part in found if part.file in parts)
            for table, found in manifest.tables.items()
        },
    )


def _compare(
    connection: duckdb.DuckDBPyConnection,
    check: str,
    what: str,
    expected: str,
    found: pa.Table,
    fix: str,
) -> Iterator[Finding]:
    """Compare two sets of rows, with their multiplicity."""
    connection.register("found", found)
    expected = f"SELECT {', '.join(map(sql.identifier, found.schema.names))} FROM ({expected})"
    lacking = f"SELECT 0 AS _side, * FROM (FROM ({expected}) EXCEPT ALL FROM found)"
    foreign = f"SELECT 1 AS _side, * FROM (FROM found EXCEPT ALL FROM ({expected}))"
    both = f"{lacking} UNION ALL {foreign}"
    try:
        if not connection.sql(f"SELECT * FROM ({both}) LIMIT 1").fetchall():
            return
        for side, difference in (
            (0, "lack from the graph"),
            (1, "in the graph are not in the truth"),
        ):
            query = f"FROM ({both}) WHERE _side = {side}"
            ((count,),) = connection.sql(f"SELECT count(*) {query}").fetchall()
            if count:
                rows = connection.sql(f"{query} ORDER BY ALL LIMIT {_SHOWN}").fetchall()
                shown = ", ".join("-".join(map(str, row[1:3])) for row in rows)
                message = f"{what}: {count:,} rows {difference} as they stand ({shown} …)"
                yield Finding(check, "error", message, fix)
    finally:
        connection.unregister("found")


def _table(
    database: grafeo.GrafeoDB,
    pattern: str,
    variable: str,
    connection: duckdb.DuckDBPyConnection,
    query: str,
) -> pa.Table:
    """The columns of an SQL query, from the graph."""
    special = {"start": "a.id", "end": "b.id", "relation": "type(r)"} if variable == "r" else {}
    columns = ", ".join(
        f"{special.get(name, f'{variable}.{name}')} AS `{name}`"
        for name in connection.sql(query).columns
    )
    return database.execute_cypher(f"{pattern} RETURN {columns}").to_arrow()
