"""Run a person's Cypher: read-only, with a time limit and a row limit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from kg.cypher_names import hints
from kg.store import GraphReader
from queries.filters import check_count, check_text
from queries.results import Table
from schema.errors import UsageError

DEFAULT_TIMEOUT = 30.0
DEFAULT_LIMIT = 10_000

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}\Z")
_INT64 = range(-(2**63), 2**63)


def run(
    graph: GraphReader,
    text: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    timeout: float = DEFAULT_TIMEOUT,
    limit: int = DEFAULT_LIMIT,
) -> Table:
    """Answer one Cypher query.

    Parameters
    ----------
    graph
        Where to read.
    text
        Cypher that only reads. Values belong into `parameters`, as ``$name``.
    parameters
        Values that JSON can hold, by name.
    timeout
        Seconds after which the query is stopped.
    limit
        Rows at most; :attr:`Table.truncated` tells whether there were more.

    Raises
    ------
    CypherSyntaxError, WriteRefusedError, QueryTimeoutError, QueryError
        As :meth:`kg.store.GraphReader.read` says.
    UsageError
        If an argument is wrong.
    """
    check_text("the query", text)
    checked = check_parameters(parameters or {})
    check_timeout(timeout)
    check_count("limit", limit)
    result = graph.read(text, checked, timeout=timeout, limit=limit)
    return Table(result.columns, result.rows, result.truncated, tuple(hints(text)))


def parse_parameters(pairs: Iterable[str]) -> dict[str, Any]:
    """Read ``name=value`` as a command line gives it; a value is JSON, or else text.

    Raises
    ------
    UsageError
        If one has no name, or a name comes twice.

    Examples
    --------
    >>> parse_parameters(["k=5", "id=B00X", 'title="42"', 'ids=["a", "b"]', "any=null"])
    {'k': 5, 'id': 'B00X', 'title': '42', 'ids': ['a', 'b'], 'any': None}
    """
    return {name: _json_or_text(value) for name, value in split_parameters(pairs).items()}


def split_parameters(pairs: Iterable[str]) -> dict[str, str]:
    """Read ``name=value``, values kept as text.

    Raises
    ------
    UsageError
        If one has no name, or a name comes twice.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        name = name.strip().removeprefix("$")
        if not equals:
            raise UsageError(f"{pair!r} is not name=value", fix="write it as name=value")
        _check_name(name)
        if name in found:
            raise UsageError(f"parameter {name!r} is given twice", fix="give it once")
        found[name] = value
    return found


def check_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy in which every value is one that JSON and both engines can hold.

    Raises
    ------
    UsageError
        If a name is no identifier or a value cannot be passed.
    """
    if not isinstance(parameters, Mapping):
        raise UsageError(
            f"parameters are {type(parameters).__name__}, not a mapping",
            fix="give a dict of names and values",
        )
    return {_check_name(name): _value(name, value) for name, value in parameters.items()}


def check_timeout(timeout: object) -> float:
    """Return a time limit in seconds.

    Raises
    ------
    UsageError
        If it is not a positive, finite number.
    """
    if (
        isinstance(timeout, bool)
        or not isinstance(timeout, int | float)
        or not 0 < timeout <= 86_400
    ):
        raise UsageError(f"timeout is {timeout!r}", fix="use seconds, more than 0, at most 86400")
    return float(timeout)


def _check_name(name: object) -> str:
    if not isinstance(name, str) or not _NAME.match(name):
        raise UsageError(
            f"{name!r} is not a parameter name",
            fix="use letters, digits and _, beginning with a letter: id=B00X",
        )
    return name


def _value(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise UsageError(
                f"parameter {name!r} holds a character that is no Unicode text",
                fix="check the encoding in which it was read",
            ) from None
        return value
    if isinstance(value, int) and value in _INT64:
        return value
    if isinstance(value, float) and value - value == 0:  # neither infinite nor NaN
        return value
    if isinstance(value, list | tuple):
        return [_value(name, item) for item in value]
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise UsageError(
                f"a map in parameter {name!r} has a key that is not text",
                fix="give text as the key",
            )
        return {_value(name, key): _value(name, item) for key, item in value.items()}
    raise UsageError(
        f"parameter {name!r} is {type(value).__name__} {value!r:.60}, which Cypher cannot take",
        fix="use text, 64-bit whole numbers, finite numbers, true/false, null, lists or maps",
    )


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return value


def _refuse(constant: str) -> None:
    raise ValueError(constant)
