"""All evidence for one edge: who said so, when, with which scores and why."""

from __future__ import annotations

import re

from kg.directory import Directory
from queries.results import Table
from schema.errors import QueryError, UsageError

_ID = re.compile(r"as_[0-9a-f]{32}\Z")


def lookup(directory: Directory, assertion_id: str) -> Table:
    """Every piece of evidence for an assertion, as the truth holds it.

    Parameters
    ----------
    directory
        The knowledge base.
    assertion_id
        Id of an edge, as every result names it.

    Returns
    -------
    Table
        One row per piece of evidence, columns as in ``schema.records.ASSERTIONS``, in the order
        of their ids; times are ISO 8601 text in UTC.

    Raises
    ------
    UsageError
        If it is not an assertion's id.
    QueryError
        If the knowledge base holds no such assertion.
    """
    if not isinstance(assertion_id, str) or not _ID.match(assertion_id):
        raise UsageError(
            f"{assertion_id!r} is not an assertion's id",
            fix="copy assertion_id from a search, cobuy or named query; it begins with as_",
        )
    from kg.evidence import evidence

    found = evidence(directory, assertion_id)
    if not found.num_rows:
        raise QueryError(
            f"no assertion {assertion_id} in this knowledge base",
            fix="copy assertion_id from a search, cobuy or named query of the same knowledge base",
        )
    records = sorted(found.to_pylist(), key=lambda record: record["id"])
    for record in records:
        if record["created_at"] is not None:
            record["created_at"] = record["created_at"].isoformat()
    return Table(found.column_names, [list(record.values()) for record in records])
