"""Between requests and outcomes on one side and rows of SQLite on the other."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import orjson

from generation.requests import REASONS, Failure, Outcome, Reason, Reply, Request, dumps

_REPLY = (
    "r.status, r.tries, b.message, b.text, r.finish_reason, r.prompt_tokens, r.cached_tokens, "
    "r.completion_tokens, r.latency, r.price, b.served_model"
)
_FROM = "FROM requests r JOIN bodies b ON b.id = r.id"
_COUNTED = (
    "key, frame, sample, stage, model, status, tries, finish_reason, prompt_tokens, "
    "cached_tokens, completion_tokens, latency, price, at"
)
_BODY = "messages, text, served_model, message"

ONE = f"SELECT r.id, {_REPLY} {_FROM} WHERE r.key = ?"
MANY = f"SELECT r.key, r.id, {_REPLY} {_FROM} WHERE r.key IN ({{}})"
RANGE = f"SELECT r.key, {_REPLY} {_FROM} WHERE r.id BETWEEN ? AND ?"
EXPORT = (
    "INSERT INTO exported (key, frame, sample, stage, messages, accept_cut_off, file, at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET file = excluded.file"
)
EXPORTED = (
    "SELECT e.key, f.body, e.sample, e.stage, e.messages, e.accept_cut_off "
    "FROM exported e JOIN frames f ON f.id = e.frame WHERE e.key IN ({})"
)

_REQUEST = f"INSERT INTO requests (id, {_COUNTED}) VALUES (?{', ?' * 14})"
_TEXTS = f"INSERT INTO bodies (id, {_BODY}) VALUES (?, ?, ?, ?, ?)"
_KEEP = f"INSERT INTO superseded ({_COUNTED}, {_BODY}) VALUES (?{', ?' * 17})"
_SUPERSEDE = (
    f"INSERT INTO superseded ({_COUNTED}, {_BODY}) "
    f"SELECT {_COUNTED}, {_BODY} FROM requests JOIN bodies USING (id) WHERE id = ?"
)


class Stored(NamedTuple):
    """A request as it lies in the store."""

    request: Request
    outcome: Outcome
    tries: int
    at: float  # seconds since 1970


@dataclass(slots=True)
class Usage:
    """What one stage has spent on one model, over all runs.

    Attributes
    ----------
    requests
        Distinct requests with a usable reply or a failure.
    failures
        How many of them have failed, by reason.
    replies
        Replies that came, those that were asked for anew included: they were paid.
    latency
        Seconds, summed over the replies.
    price
        None if no reply has a price.
    """

    stage: str
    model: str
    requests: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    replies: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    latency: float = 0.0
    price: float | None = None


class Frames:
    """What many requests have in common, each written once and known by a number."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[bytes, int] = {}

    def number(self, body: bytes) -> int:
        """Give the number of a frame; it is written if it is new (inside a transaction)."""
        found = self._known.get(body)
        if found is None:
            if len(self._known) > 4096:
                self._known.clear()
            self._connection.execute("INSERT OR IGNORE INTO frames (body) VALUES (?)", (body,))
            row = self._connection.execute("SELECT id FROM frames WHERE body = ?", (body,))
            found = self._known[body] = cast(int, row.fetchone()[0])
        return found

    def clear(self) -> None:
        """Forget the numbers: the transaction that wrote them was undone."""
        self._known.clear()


def split(request: Request) -> tuple[bytes, str]:
    """Divide a request into its frame and the messages of its own."""
    messages = request.messages
    common = 0
    while common < len(messages) and messages[common]["role"] == "system":
        common += 1
    frame = dumps(
        [request.model, request.parameters, request.reply_schema, list(messages[:common])]
    )
    return frame, dumps(list(messages[common:])).decode()


def request(row: Sequence[Any]) -> Request:
    """Put a request together: frame, sample, stage, messages, accept_cut_off."""
    body, sample, stage, messages, accept = row
    model, parameters, schema, common = orjson.loads(body)
    return Request(
        model,
        [*common, *orjson.loads(messages)],
        parameters,
        schema,
        sample,
        stage,
        bool(accept),
    )


def request_columns(frames: Frames, request: Request) -> tuple[Any, ...]:
    """Give key, frame, sample, stage, messages and accept_cut_off as they are stored."""
    body, messages = split(request)
    return (
        bytes.fromhex(request.key[3:]),
        frames.number(body),
        request.sample,
        request.stage,
        messages,
        request.accept_cut_off,
    )


def outcome(row: Sequence[Any]) -> Outcome:
    """Put an outcome together from the columns of `_REPLY`; the last eight are the reply's."""
    reply = None if row[4] is None else Reply(*row[3:])
    if reply and row[0] == "ok":
        return reply
    return Failure(row[0], row[2] or "", row[1], reply)


def insert(
    connection: sqlite3.Connection,
    frames: Frames,
    last: int,
    puts: Sequence[tuple[Request, Outcome, int]],
) -> int:
    """Write outcomes, inside a transaction; returns the highest number used."""
    now = time.time()
    rows = [_columns(frames, *put, now) for put in puts]
    counted = [(last + n, *row[:14]) for n, row in enumerate(rows, 1)]
    texts = [(last + n, *row[14:]) for n, row in enumerate(rows, 1)]
    connection.execute("SAVEPOINT whole")
    try:
        connection.executemany(_REQUEST, counted)
        connection.executemany(_TEXTS, texts)
    except sqlite3.IntegrityError:  # some were asked before: one by one
        connection.execute("ROLLBACK TO whole")
        for number, row in enumerate(rows, last + 1):
            _replace(connection, number, row)
    connection.execute("RELEASE whole")
    return last + len(rows)


def _replace(connection: sqlite3.Connection, number: int, row: tuple[Any, ...]) -> None:
    found = connection.execute(
        "SELECT id, status, tries FROM requests WHERE key = ?", (row[0],)
    ).fetchone()
    if found:
        old, status, tries = found
        if status == "ok" and row[5] != "ok":  # a usable reply is not given up for a failure
            connection.execute(_KEEP, row)
            return
        connection.execute(_SUPERSEDE, (old,))
        connection.execute("DELETE FROM requests WHERE id = ?", (old,))
        connection.execute("DELETE FROM bodies WHERE id = ?", (old,))
        row = (*row[:6], tries + row[6], *row[7:])
    connection.execute(_REQUEST, (number, *row[:14]))
    connection.execute(_TEXTS, (number, *row[14:]))


def _columns(
    frames: Frames, request: Request, outcome: Outcome, tries: int, now: float
) -> tuple[Any, ...]:
    body, messages = split(request)
    status, message = "ok", None
    reply: Reply | None
    if isinstance(outcome, Failure):
        status, message, reply = outcome.reason, outcome.message, outcome.reply
    else:
        reply = outcome
    head = (
        bytes.fromhex(request.key[3:]),
        frames.number(body),
        request.sample,
        request.stage,
        request.model,
        status,
        tries,
    )
    if reply is None:
        return (*head, None, 0, 0, 0, 0.0, None, now, messages, None, None, message)
    return (
        *head,
        reply.finish_reason,
        reply.prompt_tokens,
        reply.cached_tokens,
        reply.completion_tokens,
        reply.latency,
        reply.price,
        now,
        messages,
        reply.text,
        reply.served_model,
        message,
    )


def mark(connection: sqlite3.Connection, key: bytes, reason: Reason | None, message: str) -> None:
    """Change what a stored reply counts as."""
    row = connection.execute("SELECT id FROM requests WHERE key = ?", (key,)).fetchone()
    if row:
        connection.execute("UPDATE requests SET status = ? WHERE id = ?", (reason or "ok", *row))
        connection.execute("UPDATE bodies SET message = ? WHERE id = ?", (message or None, *row))


def iterate(
    connection: sqlite3.Connection,
    *,
    stage: str | None,
    model: str | None,
    status: str | None,
) -> Iterator[Stored]:
    """Yield what is stored, in its order."""
    wanted = {"stage": stage, "model": model, "status": status}
    named = [(f"r.{column} = ?", value) for column, value in wanted.items() if value is not None]
    where = "WHERE " + " AND ".join(test for test, _ in named) if named else ""
    rows = connection.execute(
        f"SELECT f.body, r.sample, r.stage, b.messages, r.at, {_REPLY} {_FROM} "
        f"JOIN frames f ON f.id = r.frame {where} ORDER BY r.id",
        [value for _, value in named],
    )
    for body, sample, at_stage, messages, at, *reply in rows:
        accepted = reply[0] == "ok" and reply[4] == "length"
        asked = request((body, sample, at_stage, messages, accepted))
        yield Stored(asked, outcome(reply), reply[1], at)


def usage(connection: sqlite3.Connection) -> list[Usage]:
    """Sum by stage and model."""
    sums = (
        "count(*), count(finish_reason), sum(prompt_tokens), sum(cached_tokens), "
        "sum(completion_tokens), sum(latency), sum(price)"
    )
    found: dict[tuple[str, str], Usage] = {}
    for table in ("requests", "superseded"):
        rows = connection.execute(
            f"SELECT stage, model, status, {sums} FROM {table} GROUP BY 1, 2, 3"
        )
        for (
            stage,
            model,
            status,
            count,
            replies,
            prompt,
            cached,
            completion,
            seconds,
            price,
        ) in rows:
            one = found.setdefault((stage, model), Usage(stage, model))
            if table == "requests":
                one.requests += count
                if status != "ok":
                    one.failures[status] = count
            one.replies += replies
            one.prompt_tokens += prompt
            one.cached_tokens += cached
            one.completion_tokens += completion
            one.latency += seconds
            if price is not None:
                one.price = (one.price or 0.0) + price
    return [found[name] for name in sorted(found)]


def check(connection: sqlite3.Connection, *, keys: bool) -> list[str]:
    """List what is wrong with the file."""
    found = [
        f"SQLite finds: {line}"
        for (line,) in connection.execute("PRAGMA quick_check(10)")
        if line != "ok"
    ]
    if found:
        return found
    known = ", ".join(f"'{reason}'" for reason in ("ok", *REASONS))
    tests = {
        "without their texts": "LEFT JOIN bodies b ON b.id = r.id WHERE b.id IS NULL",
        "without their frame": "LEFT JOIN frames f ON f.id = r.frame WHERE f.id IS NULL",
        "of an unknown status": f"WHERE status NOT IN ({known})",
        "that count as usable, but have no text": (
            "JOIN bodies b ON b.id = r.id WHERE status = 'ok' AND text IS NULL"
        ),
    }
    for what, test in tests.items():
        count = connection.execute(f"SELECT count(*) FROM requests r {test}").fetchone()[0]
        if count:
            found.append(f"{count} requests {what}")
    loose = "SELECT count(*) FROM bodies b LEFT JOIN requests r ON r.id = b.id WHERE r.id IS NULL"
    if count := connection.execute(loose).fetchone()[0]:
        found.append(f"{count} texts without a request")
    if keys and not found:
        wrong = sum(not same for same in _keys(connection))
        if wrong:
            found.append(f"{wrong} requests whose key is not that of their content")
    return found


def _keys(connection: sqlite3.Connection) -> Iterator[bool]:
    rows = connection.execute(
        f"SELECT r.key, f.body, r.sample, b.messages {_FROM} JOIN frames f ON f.id = r.frame"
    )
    for key, body, sample, messages in rows:
        yield bytes.fromhex(request((body, sample, "", messages, False)).key[3:]) == key
