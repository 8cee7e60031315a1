"""Named queries: Cypher files with a documented header, checked and run by name.

A file's header is made of comment lines, ``// key: value``::

    // name: top-cobuys
    // title: What is most often bought with this product, and why?
    // description: Its pairs by support, each with its best intention where it has one.
    // param: product product — the product's id
    // param: limit integer default=20 — rows at most
    // returns: title — its title, or null

A parameter has a name, a type (a key of :data:`queries.parameters.TYPES`) and perhaps a default
as JSON. Columns are listed in the order of the query's RETURN.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Any

from kg.store import GraphReader
from queries import cypher
from queries.lookup import require
from queries.nothing import category_note
from queries.parameters import TYPES
from queries.results import Table
from schema.errors import UnknownQueryError
from schema.relations import NodeType

_HEADER = re.compile(r"// (?P<key>name|title|description|param|returns): (?P<value>.+)")
_PARAM = re.compile(
    r"(?P<name>[a-z_]+) (?P<type>[a-z]+)(?: default=(?P<default>\S+))? — (?P<text>.+)"
)
_COLUMN = re.compile(r"(?P<name>[a-z_]+) — (?P<text>.+)")


_NODES = {
    "product": NodeType.PRODUCT,
    "post": NodeType.POST,
    "intention": NodeType.INTENTION,
    "concept": NodeType.CONCEPT,
}
_TYPED = (NodeType.INTENTION, NodeType.CONCEPT)  # asked for by their text: an id says nothing


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a named query.

    Attributes
    ----------
    name
        As in Cypher, without ``$``.
    type
        A key of :data:`queries.parameters.TYPES`.
    required
        Whether it has no default.
    default
        What it is if not given.
    description
        What it is.
    """

    name: str
    type: str
    required: bool
    default: Any
    description: str


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A query with its documentation.

    Attributes
    ----------
    name, title, description
        As in the header.
    parameters
        In the header's order.
    columns
        Name and meaning of each, in the order of RETURN.
    cypher
        The query without its header.
    """

    name: str
    title: str
    description: str
    parameters: tuple[Parameter, ...]
    columns: tuple[tuple[str, str], ...]
    cypher: str

    def bind(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Check values against the parameters' types and fill defaults in.

        A parameter with the default null may be given as None or as the text ``null``.

        Raises
        ------
        UnknownQueryError
            If a required parameter is missing, or one is not known.
        UsageError
            If a value is not of its type.
        """
        known = [parameter.name for parameter in self.parameters]
        for name in given:
            if name not in known:
                close = get_close_matches(str(name), known, n=1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                raise UnknownQueryError(
                    f"{self.name} has no parameter {name!r}",
                    fix=f"{hint}its parameters: {', '.join(known)}",
                )
        bound: dict[str, Any] = {}
        for parameter in self.parameters:
            value = given.get(parameter.name, parameter.default)
            if parameter.name not in given and parameter.required:
                raise UnknownQueryError(
                    f"{self.name} needs {parameter.name}: {parameter.description}",
                    fix=f"add {parameter.name}=… ({TYPES[parameter.type].description})",
                )
            optional = not parameter.required and parameter.default is None
            if optional and value in (None, "null"):
                bound[parameter.name] = None
            else:
                bound[parameter.name] = TYPES[parameter.type].check(parameter.name, value)
        return bound


def list_queries() -> list[NamedQuery]:
    """Every named query, by name."""
    return [_load()[name] for name in sorted(_load())]


def get_query(name: str) -> NamedQuery:
    """One named query.

    Raises
    ------
    UnknownQueryError
        If there is none of that name; names those that come close.
    """
    queries = _load()
    if isinstance(name, str) and name in queries:
        return queries[name]
    close = get_close_matches(str(name), queries, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    raise UnknownQueryError(
        f"no named query {name!r}", fix=f"{hint}there are: {', '.join(sorted(queries))}"
    )


def run_named(
    graph: GraphReader,
    name: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    timeout: float = cypher.DEFAULT_TIMEOUT,
    limit: int = cypher.DEFAULT_LIMIT,
) -> Table:
    """Run a named query.

    Parameters
    ----------
    graph
        Where to read.
    name
        The query's name.
    parameters
        Values by name, of their types or as text (as a command line gives them).
    timeout
        Seconds after which it is stopped.
    limit
        Rows at most, whatever the query's own `limit` says.

    Raises
    ------
    UnknownQueryError, UsageError
        If the name or a parameter is wrong.
    QueryError
        If the answer is empty because the product, post or intention asked for does not exist.
    """
    query = get_query(name)
    bound = query.bind(parameters or {})
    table = cypher.run(graph, query.cypher, bound, timeout=timeout, limit=limit)
    return table if table.rows else _empty(graph, query, bound, parameters or {}, table)


def _empty(
    graph: GraphReader,
    query: NamedQuery,
    bound: Mapping[str, Any],
    given: Mapping[str, Any],
    table: Table,
) -> Table:
    """Look at an answer without rows: was it about something that is not there?"""
    for label in _NODES.values():
        asked = {
            bound[p.name]: str(given.get(p.name, bound[p.name])).strip()
            for p in query.parameters
            if _NODES.get(p.type) is label
        }
        if asked:
            require(graph, label, asked, typed=asked if label in _TYPED else None)
    found = [category_note(graph, bound[p.name]) for p in query.parameters if p.type == "category"]
    return replace(table, notes=(*table.notes, *filter(None, found)))


def parse_query(text: str, file: str) -> NamedQuery:
    """Read a ``.cypher`` file.

    Raises
    ------
    ValueError
        If its header is not as this module's docstring says.
    """
    lines = text.splitlines()
    header = [line for line in lines if line.startswith("//")]
    body = "\n".join(line for line in lines if not line.startswith("//")).strip()
    single: dict[str, str] = {}
    parameters: list[Parameter] = []
    columns: list[tuple[str, str]] = []
    for line in header:
        found = _HEADER.fullmatch(line)
        if found is None:
            raise ValueError(f"{file}: not a header line: {line}")
        key, value = found["key"], found["value"].strip()
        if key == "param":
            parameters.append(_parameter(value, file))
        elif key == "returns":
            if (column := _COLUMN.fullmatch(value)) is None:
                raise ValueError(f"{file}: not a column: {value}")
            columns.append((column["name"], column["text"]))
        elif key in single:
            raise ValueError(f"{file}: {key} comes twice")
        else:
            single[key] = value
    if set(single) != {"name", "title", "description"} or not columns or not body:
        raise ValueError(f"{file}: name, title, description, returns or the query is missing")
    return NamedQuery(
        name=single["name"],
        title=single["title"],
        description=single["description"],
        parameters=tuple(parameters),
        columns=tuple(columns),
        cypher=body,
    )


def _parameter(value: str, file: str) -> Parameter:
    found = _PARAM.fullmatch(value)
    if found is None or found["type"] not in TYPES:
        raise ValueError(f"{file}: not a parameter: {value}")
    default = found["default"]
    return Parameter(
        name=found["name"],
        type=found["type"],
        required=default is None,
        default=None if default is None else json.loads(default),
        description=found["text"],
    )


@cache
def _load() -> dict[str, NamedQuery]:
    folder = resources.files("queries") / "named"
    files = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".cypher")),
        key=lambda entry: entry.name,
    )
    loaded = [parse_query(entry.read_text(encoding="utf-8"), entry.name) for entry in files]
    return {query.name: query for query in loaded}
