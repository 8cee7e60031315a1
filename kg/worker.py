"""Runs Cypher on a graph file; as a program, it is the process that strangers' queries run in.

The engine has no time limit of its own, so a query that may never end runs in a process that can
be killed. ``python worker.py FILE MEMORY`` answers requests on stdin with replies on stdout, each
a JSON object behind its length (4 bytes, big endian). It imports the engine and nothing heavy.
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
import math
import os
import queue
import sys
import threading
from collections.abc import Mapping
from typing import Any, BinaryIO

import grafeo
import orjson

# Bytes of address space beyond what the graph itself takes, unless asked otherwise.
DEFAULT_MEMORY = 4 << 30


def execute(
    database: grafeo.GrafeoDB,
    query: str,
    parameters: Mapping[str, Any] | None,
    limit: int | None,
) -> tuple[list[str], list[list[Any]], bool]:
    """Run a query; return its columns, its rows in plain values, and whether rows were left off.

    Raises
    ------
    grafeo.GrafeoError
        As the engine raises it.
    ValueError
        If two columns bear one name.
    """
    result = database.execute_cypher(query, dict(parameters) if parameters else None)
    columns: list[str] = result.columns
    if len(set(columns)) != len(columns):
        raise ValueError("two columns of the result have the same name")
    found = iter(result) if limit is None else itertools.islice(result, limit + 1)
    plain = _Plain(database)
    rows = [[plain(row[column]) for column in columns] for row in found]
    truncated = limit is not None and len(rows) > limit
    return columns, rows[:limit], truncated


class _Plain:
    """Turns the engine's values into what JSON can hold (see `kg.store.Result`)."""

    def __init__(self, database: grafeo.GrafeoDB) -> None:
        self._database = database
        self._ids: dict[int, Any] = {}

    def __call__(self, value: Any) -> Any:
        if value is None or isinstance(value, str | bool | int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        if isinstance(value, list | tuple):
            return [self(item) for item in value]
        if isinstance(value, dict):
            return self._mapping(value)
        if isinstance(value, datetime.date | datetime.time):
            return value.isoformat()
        if isinstance(value, bytes):
            return value.hex()
        return str(value)

    def _mapping(self, value: dict[str, Any]) -> dict[str, Any]:
        if "_id" in value and "_labels" in value:
            self._ids[value["_id"]] = value.get("id")
            return {"labels": list(value["_labels"]), "properties": self._properties(value)}
        if "_source" in value and "_target" in value and "_type" in value:
            return {
                "type": value["_type"],
                "start": self._node_id(value["_source"]),
                "end": self._node_id(value["_target"]),
                "properties": self._properties(value),
            }
        return {key: self(item) for key, item in value.items()}

    def _properties(self, value: dict[str, Any]) -> dict[str, Any]:
        return {key: self(item) for key, item in value.items() if not key.startswith("_")}

    def _node_id(self, internal: int) -> Any:
        if internal not in self._ids:
            node = self._database.get_node(internal)
            self._ids[internal] = None if node is None else node.get("id")
        return self._ids[internal]
