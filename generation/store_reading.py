"""Looking into a request store, beside whoever writes to it: lists, failures, one request whole."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from generation import store_rows, store_schema
from generation.requests import Failure, Outcome, Reply, Request
from generation.store_file import errors, read_only
from schema.errors import UsageError

_EXCERPT = 200  # characters of a reply or a message in a list
_TABLE = "requests r JOIN bodies b ON b.id = r.id"


@dataclass(frozen=True, slots=True)
class Line:
    """A request in a list.

    Attributes
    ----------
    status
        ``ok``, or why there is no usable reply.
    text
        The beginning of the reply, or of what happened.
    """

    key: str
    stage: str
    model: str
    status: str
    tries: int
    prompt_tokens: int
    completion_tokens: int
    price: float | None
    at: str
    text: str


@dataclass(frozen=True, slots=True)
class Group:
    """Failures of one kind; `example` is the key of one of them, `message` its words."""

    stage: str
    model: str
    reason: str
    requests: int
    tries: int
    example: str
    message: str


@dataclass(frozen=True, slots=True)
class Whole:
    """One request with all that is known of it."""

    request: Request
    outcome: Outcome
    tries: int
    at: str

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        request, outcome = self.request, self.outcome
        reply = outcome.reply if isinstance(outcome, Failure) else outcome
        failure = None
        if isinstance(outcome, Failure):
            failure = {"reason": outcome.reason, "message": outcome.message}
        return {
            "key": request.key,
            "stage": request.stage,
            "model": request.model,
            "parameters": dict(request.parameters),
            "sample": request.sample,
            "messages": list(request.messages),
            "reply_schema": request.reply_schema,
            "reply": asdict(reply) if reply else None,
            "failure": failure,
            "tries": self.tries,
            "at": self.at,
        }


def lines(
    path: Path,
    *,
    stage: str | None = None,
    model: str | None = None,
    status: str | None = None,
    limit: int = 50,
) -> list[Line]:
    """List requests, the newest first.

    Parameters
    ----------
    status
        ``ok``, ``failed`` (whatever the reason), or one reason.
    """
    where, values = _where(stage, model, status)
    with _reading(path) as connection:
        rows = connection.execute(
            "SELECT r.key, r.stage, r.model, r.status, r.tries, r.prompt_tokens, "
            "r.completion_tokens, r.price, r.at, CASE r.status WHEN 'ok' THEN b.text "
            f"ELSE coalesce(b.message, b.text) END FROM {_TABLE} {where} "
            "ORDER BY r.id DESC LIMIT ?",
            [*values, limit],
        ).fetchall()
    found = []
    for key, *counted, at, text in rows:
        told: list[Any] = ["rq_" + key.hex(), *counted, _time(at), _excerpt(text or "")]
        found.append(Line(*told))
    return found


def failures(
    path: Path,
    *,
    stage: str | None = None,
    model: str | None = None,
    reason: str | None = None,
) -> list[Group]:
    """Count failures by stage, model and reason, the most first."""
    where, values = _where(stage, model, reason or "failed")
    with _reading(path) as connection:
        rows = connection.execute(
            "SELECT g.stage, g.model, g.status, g.n, g.tries, r.key, "
            "coalesce(b.message, b.text, '') FROM (SELECT r.stage, r.model, r.status, "
            f"count(*) AS n, sum(r.tries) AS tries, min(r.id) AS id FROM {_TABLE} {where} "
            "GROUP BY 1, 2, 3) g JOIN requests r ON r.id = g.id JOIN bodies b ON b.id = g.id "
            "ORDER BY g.n DESC, 1, 2, 3",
            values,
        ).fetchall()
    found = []
    for *counted, key, message in rows:
        told: list[Any] = [*counted, "rq_" + key.hex(), _excerpt(message)]
        found.append(Group(*told))
    return found


def whole(path: Path, key: str) -> Whole:
    """Give one request with its outcome, by its key or the beginning of it.

    Raises
    ------
    UsageError
        If there is none, or more than one begins so.
    """
    digits = key.removeprefix("rq_").lower()
    if not digits or len(digits) > 32 or set(digits) - set("0123456789abcdef"):
        raise UsageError(f"{key!r} is not a request's key", fix="it reads rq_ and 32 digits")
    low = bytes.fromhex(digits.ljust(32, "0"))
    high = bytes.fromhex(digits.ljust(32, "f"))
    with _reading(path) as connection:
        rows = connection.execute(
            "SELECT r.at, r.status, r.tries, b.message, f.body, r.sample, r.stage, b.messages, "
            "r.status = 'ok' AND r.finish_reason = 'length', b.text, r.finish_reason, "
            "r.prompt_tokens, r.cached_tokens, r.completion_tokens, r.latency, r.price, "
            f"b.served_model FROM {_TABLE} JOIN frames f ON f.id = r.frame "
            "WHERE r.key BETWEEN ? AND ? LIMIT 2",
            (low, high),
        ).fetchall()
    if not rows:
        raise UsageError(
            f"{path} has no request {key}", fix=f"intentkg requests list {path.parent} shows some"
        )
    if len(rows) > 1:
        raise UsageError(f"more than one request begins with {key}", fix="give more of the key")
    ((at, status, tries, message, *row),) = rows
    reply = None if row[6] is None else Reply(*row[5:])
    outcome: Outcome
    if reply is not None and status == "ok":
        outcome = reply
    else:
        outcome = Failure(status, message or "", tries, reply)
    return Whole(store_rows.request(row[:5]), outcome, tries, _time(at))


def _where(stage: str | None, model: str | None, status: str | None) -> tuple[str, list[str]]:
    tests: list[str] = []
    values: list[str] = []
    if status == "failed":
        tests.append("r.status <> 'ok'")
        status = None
    if stage is not None:
        tests.append("(r.stage = ? OR r.stage LIKE ?)")
        values += [stage, f"%.{stage}"]
    for column, value in (("r.model", model), ("r.status", status)):
        if value is not None:
            tests.append(f"{column} = ?")
            values.append(value)
    return (f"WHERE {' AND '.join(tests)}" if tests else ""), values


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    with errors(path), contextlib.closing(read_only(path)) as connection:
        store_schema.check(connection, path)
        yield connection


def _excerpt(text: str) -> str:
    return " ".join(text.split())[:_EXCERPT]


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def mean_latency(usage: store_rows.Usage) -> float | None:
    """Seconds that a reply took on average; None if none came."""
    return usage.latency / usage.replies if usage.replies else None


def usage_rows(found: Sequence[store_rows.Usage]) -> list[dict[str, Any]]:
    """Give what was spent by stage and model, as plain values."""
    return [
        {
            "stage": one.stage,
            "model": one.model,
            "requests": one.requests,
            "failed": sum(one.failures.values()),
            "failures": dict(one.failures),
            "replies": one.replies,
            "prompt_tokens": one.prompt_tokens,
            "cached_tokens": one.cached_tokens,
            "completion_tokens": one.completion_tokens,
            "price": one.price,
            "mean_latency": mean_latency(one),
        }
        for one in found
    ]
