"""Constructed rows for tests of the truth, and short ways to commit and read them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from kg.directory import Directory
from kg.findings import Finding
from kg.sql import connect
from kg.truth import Summary, Transaction
from kg.verify import verify
from schema.identity import assertion_id, cobuy_id, evidence_id, intention_id, post_id
from schema.records import SCHEMAS, TABLES, Item, Rows, Table

Row = dict[str, Any]


def batch(table: Table, rows: list[Row], *, file: str = "f.jsonl", first_line: int = 1) -> Rows:
    """Rows as a reader yields them; fields left out are null."""
    schema = pa.schema([pa.field(f.name, f.type) for f in SCHEMAS[table]])
    whole = [{name: row.get(name) for name in schema.names} for row in rows]
    lines = pa.array(range(first_line, first_line + len(rows)), pa.int64())
    return Rows(table, pa.RecordBatch.from_pylist(whole, schema=schema), lines, file)


def post(external_id: str, text: str = "hello", source: str = "s", **more: Any) -> Row:
    return {
        "id": post_id(source, external_id),
        "source": source,
        "external_id": external_id,
        "text": text,
        **more,
    }


def product(identifier: str, source: str = "s", **more: Any) -> Row:
    return {"id": identifier, "source": source, **more}


def cobuy(a: str, b: str, support: int = 1, source: str = "s", **more: Any) -> Row:
    a, b = sorted((a, b))
    return {"id": cobuy_id(a, b), "a": a, "b": b, "source": source, "support": support, **more}


def evidence(
    head: str, text: str, *, relation: str = "UsedFor", head_type: str = "CoBuy", **more: Any
) -> Row:
    tail = intention_id(text)
    assertion = assertion_id(head_type, head, relation, tail)
    named = {"source": "s", "model": "m", "prompt_hash": None, "request": None, **more}
    parts = {key: named[key] for key in ("source", "model", "prompt_hash", "request")}
    return {
        "id": evidence_id(assertion, **parts),
        "assertion_id": assertion,
        "head_type": head_type,
        "head_id": head,
        "relation": relation,
        "intention_id": tail,
        "text": text,
        **named,
    }


def commit(directory: Directory, *items: Item, update: bool = False) -> Summary:
    with Transaction(directory, "test", update=update) as transaction:
        for item in items:
            transaction.add(item)
        return transaction.commit()


def stored(directory: Directory, table: Table) -> list[Row]:
    """The rows of a table as they stand, sorted."""
    with connect(directory) as connection:
        rows = connection.sql(f"FROM {table} ORDER BY ALL").to_arrow_table().to_pylist()
    return list(rows)


def contents(directory: Directory) -> dict[str, list[Row]]:
    """Everything that is stored."""
    return {table: stored(directory, table) for table in TABLES}


def files(directory: Directory) -> set[str]:
    """Every file of the knowledge base, relative, but for the lock."""
    return {
        path.relative_to(directory.root).as_posix()
        for path in directory.root.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def troubles(directory: Directory) -> list[Finding]:
    """What `verify` finds wrong; that nothing is built yet is no trouble."""
    return [finding for finding in verify(directory) if finding.severity != "info"]
