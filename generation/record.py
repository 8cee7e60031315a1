"""Requests with their replies as JSON lines: to read, to keep under version control, to replay.

One line is one request and its outcome::

    {"stage": "...", "model": "...", "parameters": {...}, "reply_schema": {...}, "messages": [...],
     "sample": 0, "reply": {"text": "...", "finish_reason": "stop", "prompt_tokens": 9, ...}}

A failure has ``"failure": {"reason": ..., "message": ...}`` in the place of, or beside, ``reply``.
Keys are not written: they follow from the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from generation.requests import REASONS, Failure, Outcome, Reply, Request
from schema.errors import InputError

_FIX = "one line is one JSON object with model, messages and reply; see generation/record.py"


def record_line(request: Request, outcome: Outcome) -> bytes:
    """Write one line, without what is at its default."""
    row: dict[str, Any] = {"stage": request.stage, "model": request.model}
    row["parameters"] = dict(request.parameters)
    row["reply_schema"] = request.reply_schema
    row["messages"] = list(request.messages)
    row["sample"] = request.sample
    row["accept_cut_off"] = request.accept_cut_off
    reply = outcome.reply if isinstance(outcome, Failure) else outcome
    if isinstance(outcome, Failure):
        row["failure"] = {"reason": outcome.reason, "message": outcome.message}
    if reply:
        fields = asdict(reply)
        empty = {name: value for name, value in fields.items() if value in (0, None)}
        row["reply"] = {name: value for name, value in fields.items() if name not in empty}
    default = {"stage": "", "reply_schema": None, "sample": 0, "accept_cut_off": False}
    kept = {k: v for k, v in row.items() if k not in default or v != default[k]}
    return orjson.dumps(kept, default=dict, option=orjson.OPT_APPEND_NEWLINE)


def write_record(path: Path, rows: Iterable[tuple[Request, Outcome]]) -> int:
    """Write a record; returns the number of its lines."""
    count = 0
    with path.open("wb") as file:
        for request, outcome in rows:
            file.write(record_line(request, outcome))
            count += 1
    return count


def read_record(path: Path) -> Iterator[tuple[Request, Outcome]]:
    """Read a record.

    Raises
    ------
    InputError
        If it is not there, or a line is not what it should be.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", file=str(path), fix="give the path of a record"
        ) from None
    with file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                yield _parse(orjson.loads(line))
            except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError) as error:
                raise InputError(
                    f"is not a recorded request: {type(error).__name__}: {error}",
                    file=str(path),
                    row=number,
                    fix=_FIX,
                ) from None


def _parse(row: dict[str, Any]) -> tuple[Request, Outcome]:
    request = Request(
        row["model"],
        row["messages"],
        row.get("parameters", {}),
        row.get("reply_schema"),
        row.get("sample", 0),
        row.get("stage", ""),
        row.get("accept_cut_off", False),
    )
    reply = Reply(**row["reply"]) if "reply" in row else None
    failure = row.get("failure")
    if failure is None:
        if reply is None:
            raise KeyError("reply")
        return request, reply
    if failure["reason"] not in REASONS:
        raise KeyError(f"no reason {failure['reason']!r}")
    return request, Failure(failure["reason"], failure.get("message", ""), 1, reply)
