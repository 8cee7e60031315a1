"""Reading a graph that was pushed into Neo4j: the same queries, the same rows.

Everything is asked in read mode, so that the server itself refuses to write; a time limit is the
server's too. Properties that only this store has (:data:`kg.neo4j.names.OURS`) are left out.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kg import cypher_guard
from kg.neo4j.address import Address
from kg.neo4j.connection import Server, connect
from kg.neo4j.dialect import as_asked, as_served
from kg.neo4j.failures import server_errors, translate
from kg.neo4j.names import MARKER, OURS, Names, quoted
from kg.neo4j.state import SCHEMA, State
from kg.store import GraphCounts, Result
from schema.errors import (
    CypherSyntaxError,
    IntentKGError,
    NotBuiltError,
    QueryError,
    QueryTimeoutError,
    ServerVersionError,
    WriteRefusedError,
)
from schema.relations import NodeType

if TYPE_CHECKING:
    import neo4j

_PATIENCE = 5.0  # seconds in which what may pass by itself is tried again
_PARAMETER = re.compile(r"parameter\(s\): (\w+)")
_PLACE = re.compile(r"\(line (\d+), column (\d+) \(offset: \d+\)\)")


def open_served(address: Address, *, prefix: str | None = None) -> ServedGraph:
    """Open the graph in a database for reading.

    Parameters
    ----------
    address
        Where it is.
    prefix
        What it was pushed with.

    Raises
    ------
    NotBuiltError
        If nothing was pushed there.
    ServerError
        If the server is not there, refuses, or holds a newer schema.
    """
    names = Names(prefix)
    server = connect(address, max_transaction_retry_time=_PATIENCE)
    try:
        return ServedGraph(server, names, _state(server, names))
    except BaseException:
        server.close()
        raise


class ServedGraph:
    """A graph on a server, opened for reading (a :class:`kg.store.GraphReader`).

    Answers come from what is there when a query runs; a push may go on meanwhile.

    Attributes
    ----------
    names
        With which prefix.
    state
        What the database said of itself when it was opened.
    """

    def __init__(self, server: Server, names: Names, state: State) -> None:
        self.names = names
        self.state = state
        self._server = server

    def read(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        limit: int | None = None,
    ) -> Result:
        """Answer one query (see :meth:`kg.store.GraphReader.read`)."""
        text = cypher_guard.check(query)
        return self._run(as_served(text, self.names), parameters, timeout=timeout, limit=limit)

    def counts(self) -> GraphCounts:
        """Count nodes and edges of ours; looks at each of them."""
        nodes: dict[str, int] = {}
        for kind in sorted(NodeType):
            label = quoted(self.names.label(kind.value))
            ((found,),) = self.ask(
                f"MATCH (n:{label}) WHERE n.{MARKER} = $mark RETURN count(n)", mark=self.names.mark
            )
            if found:
                nodes[kind.value] = found
        edges = self.ask(
            f"MATCH ()-[r]->() WHERE r.{MARKER} = $mark RETURN type(r), count(r) ORDER BY type(r)",
            mark=self.names.mark,
        )
        return GraphCounts(nodes, {str(kind): int(count) for kind, count in edges})

    def ask(self, query: str, **parameters: Any) -> list[list[Any]]:
        """Give the rows of a query of our own, which may use what only this server has."""
        return self._run(query, parameters, timeout=None, limit=None).rows

    def close(self) -> None:
        """Close all connections; twice does no harm."""
        self._server.close()

    def __enter__(self) -> ServedGraph:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<graph in {self._server!r}>"

    def _run(
        self,
        text: str,
        parameters: Mapping[str, Any] | None,
        *,
        timeout: float | None,
        limit: int | None,
    ) -> Result:
        import neo4j
        from neo4j import exceptions as raised

        def work(tx: neo4j.ManagedTransaction) -> Result:
            found = tx.run(text, dict(parameters or {}))
            columns = as_asked(list(found.keys()), self.names)
            records = found if limit is None else itertools.islice(found, limit + 1)
            rows = [record.values() for record in records]
            truncated = limit is not None and len(rows) > limit
            if truncated:
                found.consume()  # the rest is not sent
            return Result(columns, _plain(rows[:limit], tx, self.names.mark), truncated)

        limited = neo4j.unit_of_work(timeout=timeout)(work)
        try:
            with self._server.session("read", fetch_size=_fetched(limit)) as session:
                return session.execute_read(limited)
        except (raised.Neo4jError, raised.DriverError) as error:
            raise _translated(error, self._server.address, timeout) from None


class _Ids:
    """The `id` of each node that is at the end of an edge, asked for where it is not known."""

    def __init__(self, tx: neo4j.ManagedTransaction, rows: list[list[Any]]) -> None:
        from neo4j.graph import Node, Relationship

        self._known: dict[str, Any] = {}
        ends: dict[str, None] = {}
        for value in _values(rows):
            if isinstance(value, Node):
                self._known[value.element_id] = value.get("id")
            elif isinstance(value, Relationship):
                ends.update((node.element_id, None) for node in value.nodes if node is not None)
        unknown = [end for end in ends if end not in self._known]
        if unknown:
            found = tx.run(
                "UNWIND $ids AS e MATCH (n) WHERE elementId(n) = e RETURN e, n.id", ids=unknown
            )
            self._known.update((end, identifier) for end, identifier in found)

    def of(self, node: neo4j.graph.Node | None) -> Any:
        return None if node is None else self._known.get(node.element_id)


def _values(value: Any) -> Iterator[Any]:
    """Yield everything that values are made of."""
    from neo4j.graph import Path

    if isinstance(value, list | tuple):
        for item in value:
            yield from _values(item)
    elif isinstance(value, dict):
        yield from _values(list(value.values()))
    elif isinstance(value, Path):
        yield from (*value.nodes, *value.relationships)
    else:
        yield value


def _plain(rows: list[list[Any]], tx: neo4j.ManagedTransaction, mark: str) -> list[list[Any]]:
    """Turn the driver's values into what JSON can hold (see :class:`kg.store.Result`)."""
    if all(type(value) in _AS_IS for row in rows for value in row):
        return rows
    plain = _Plain(_Ids(tx, rows), mark)
    return [[plain(value) for value in row] for row in rows]


_AS_IS = frozenset({str, int, bool, type(None)})


class _Plain:
    def __init__(self, ids: _Ids, mark: str) -> None:
        self._ids = ids
        self._mark = mark

    def __call__(self, value: Any) -> Any:
        if type(value) in _AS_IS:
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        from neo4j import graph, time

        if isinstance(value, list | tuple) and not hasattr(value, "srid"):
            return [self(item) for item in value]
        if isinstance(value, dict):
            # All properties of a node or an edge, as properties() and {.*} give them.
            is_ours = value.get(MARKER) == self._mark
            return self._properties(value) if is_ours else {k: self(v) for k, v in value.items()}
        if isinstance(value, graph.Node):
            return {"labels": sorted(value.labels), "properties": self._properties(value)}
        if isinstance(value, graph.Relationship):
            return {
                "type": value.type,
                "start": self._ids.of(value.start_node),
                "end": self._ids.of(value.end_node),
                "properties": self._properties(value),
            }
        if isinstance(value, graph.Path):
            return {"nodes": self(list(value.nodes)), "edges": self(list(value.relationships))}
        if isinstance(value, time.DateTime | time.Date | time.Time):
            return value.to_native().isoformat()
        if isinstance(value, bytes | bytearray):
            return value.hex()
        return str(value)

    def _properties(self, value: Mapping[str, Any]) -> dict[str, Any]:
        return {key: self(item) for key, item in value.items() if key not in OURS}


def _state(server: Server, names: Names) -> State:
    with server_errors(server.address), server.session() as session:
        state = session.execute_read(lambda tx: State.read(tx, names))
    if state is None:
        labels = f" under labels {names.label('…')}" if names.prefix else ""
        raise NotBuiltError(
            f"no knowledge base was pushed into {server.address}, database "
            f"{server.database}{labels}",
            fix=f"intentkg push KB {server.address}",
        )
    if state.schema > SCHEMA:
        raise ServerVersionError(
            f"{server.address} was filled by a newer IntentKG (schema {state.schema}, this one "
            f"reads {SCHEMA})",
            fix="upgrade IntentKG here",
        )
    return state


def _fetched(limit: int | None) -> int:
    """How many rows the server sends at a time."""
    return 1_000 if limit is None else min(1_000, limit + 1)


def _translated(error: Exception, address: Address, timeout: float | None) -> IntentKGError:
    """Give a query's failure as ours; what has to do with the server as :func:`translate` does."""
    code = str(getattr(error, "code", "") or "")
    message = str(getattr(error, "message", "") or error)
    said = message.splitlines()[0].rstrip(".: ") if message else code
    if "TransactionTimedOut" in code or "TransactionTerminated" in code or "LockClient" in code:
        return QueryTimeoutError(
            f"the query ran past {timeout:g} seconds and was stopped"
            if timeout
            else f"the query was stopped by the server: {said}",
            fix="narrow it (a LIMIT, a label, an id), or allow more time",
        )
    if code.endswith("Statement.AccessMode") or code.endswith("ForbiddenOnReadOnlyDatabase"):
        return WriteRefusedError(
            "the query would change the graph; queries only read it",
            fix="add records with: intentkg ingest or intentkg import, then intentkg push",
        )
    if code.endswith("Statement.ParameterMissing"):
        missing = _PARAMETER.search(message)
        name = missing[1] if missing else "…"
        return CypherSyntaxError(
            f"the query uses ${name}, which was given no value",
            fix=f"give it one: -p {name}=VALUE, in Python {{{name!r}: …}}",
        )
    if code.endswith("Statement.SyntaxError"):
        place = _PLACE.search(message)
        where = f" (line {place[1]}, column {place[2]})" if place else ""
        return CypherSyntaxError(
            _PLACE.sub("", said).rstrip(" .") + where,
            fix="see the examples in docs/queries.md; questions that are ready: intentkg query KB",
        )
    if ".Procedure." in code:
        return QueryError(
            said.partition(". ")[0],
            fix="it may be one of the embedded engine's: leave --on out, or use --on ''",
        )
    if ".Statement." in code or "executed in an implicit transaction" in said:
        return QueryError(said, fix="check the query's values and functions")
    return translate(error, address)
