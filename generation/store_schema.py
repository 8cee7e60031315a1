"""How requests and replies lie in SQLite, and how older files are brought up to date.

``requests`` is narrow and holds what is counted; ``bodies`` holds the long texts under the same
number, so that counting a million requests does not read their texts. What a request has in common
with many others (model, parameters, reply schema, system messages) is written once, in ``frames``.
A reply that is asked for again moves to ``superseded``: it was paid, so it stays in the sums.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from schema.errors import CorruptError, FormatVersionError

APPLICATION_ID = 0x494B4752  # "IKGR"
VERSION = 1

_COUNTED = """
    key BLOB NOT NULL {unique},      -- 16 bytes: the request's key without its prefix
    frame INTEGER NOT NULL,
    sample INTEGER NOT NULL,
    stage TEXT NOT NULL,
    model TEXT NOT NULL,
    status TEXT NOT NULL,            -- 'ok', or the reason why there is no usable reply
    tries INTEGER NOT NULL,
    finish_reason TEXT,              -- null: no reply came
    prompt_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    latency REAL NOT NULL,           -- seconds
    price REAL,                      -- null: the model has no price
    at REAL NOT NULL  /* when it was stored, seconds since 1970 */"""

_BODY = """
    messages TEXT NOT NULL,          -- JSON: those that are not in the frame
    text TEXT,                       -- the reply as it came; null: none came
    served_model TEXT,
    message TEXT  /* what happened, if the request failed */"""

_V1 = (
    "CREATE TABLE frames (id INTEGER PRIMARY KEY, body BLOB NOT NULL UNIQUE)",
    f"CREATE TABLE requests (id INTEGER PRIMARY KEY, {_COUNTED.format(unique='UNIQUE')})",
    f"CREATE TABLE bodies (id INTEGER PRIMARY KEY, {_BODY})",
    f"CREATE TABLE superseded (id INTEGER PRIMARY KEY, {_COUNTED.format(unique='')}, {_BODY})",
    """CREATE TABLE exported (
        key BLOB PRIMARY KEY NOT NULL,
        frame INTEGER NOT NULL,
        sample INTEGER NOT NULL,
        stage TEXT NOT NULL,
        messages TEXT NOT NULL,
        accept_cut_off INTEGER NOT NULL,
        file TEXT NOT NULL,
        at REAL NOT NULL
    ) WITHOUT ROWID""",
)


def _create(connection: sqlite3.Connection) -> None:
    for statement in _V1:
        connection.execute(statement)


# Step n brings a file of version n to version n + 1.
_STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (_create,)


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Create the tables in an empty file, or bring an older file to `VERSION`, in one step.

    Raises
    ------
    FormatVersionError
        If a newer version wrote the file.
    CorruptError
        If the file is a database of something else.
    """
    version = check(connection, path)
    if version == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in _STEPS[version:]:
            step(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def check(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of the file; 0 for an empty one.

    Raises
    ------
    FormatVersionError
        If a newer version wrote the file.
    CorruptError
        If the file is a database of something else.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    owner: int = connection.execute("PRAGMA application_id").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if owner != APPLICATION_ID and tables:
        raise CorruptError(
            f"{path} is a database, but not one of requests",
            fix="move it away; if it replaced your request store, restore that from a backup",
        )
    if version > VERSION:
        raise FormatVersionError(
            f"{path} has version {version}; this intentkg knows {VERSION}",
            fix="use the intentkg that wrote it, or a newer one",
        )
    return version
