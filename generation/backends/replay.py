"""Answers from a request store that exists already; asks nobody and costs nothing.

The record is a store's SQLite file, or a file of JSON lines: as `generation.record` writes it, one
request with its reply a line, which a person can read, and write by hand; or the output of a
batch, replies by key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from generation.backends import Capabilities
from generation.batch import is_batch_output, outcome_of, read_batch
from generation.record import read_record
from generation.requests import Failure, Image, Outcome, Reply, Request
from generation.store import RequestStore
from schema.errors import BackendError, RequestFailedError


class ReplayBackend:
    """Replies that were recorded.

    Parameters
    ----------
    path
        The record.
    rekey
        What to run when the record no longer fits the prompts, for the message.
    whole
        The record has to hold every reply: a missing one ends the run.
    """

    def __init__(self, *, path: Path | str, rekey: str | None = None, whole: bool = False) -> None:
        self._path = Path(path)
        self._rekey = rekey
        self._whole = whole
        self._store: RequestStore | None = None
        self._replies: dict[str, Outcome] = {}
        self._rows: dict[str, dict[str, Any]] = {}
        if self._path.suffix not in (".jsonl", ".gz"):
            self._store = RequestStore(self._path, mode="read")
        elif is_batch_output(self._path):
            self._rows = read_batch(self._path)
        else:
            self._replies = {request.key: outcome for request, outcome in read_record(self._path)}

    @property
    def name(self) -> str:
        """The record's file."""
        return f"replay ({self._path.name})"

    def capabilities(self) -> Capabilities:
        """It takes whatever was recorded."""
        return Capabilities(images=True, reply_schema=True, tokenizer=False)

    async def complete(self, request: Request, images: Sequence[Image]) -> Reply:
        """Look the reply up; it costs nothing, whatever it did cost once."""
        found = self._find(request)
        if isinstance(found, Failure) and found.reply:
            found = found.reply  # as it came: whoever asks judges it anew
        if isinstance(found, Reply):
            return replace(found, price=0.0, latency=0.0)
        what = f"stage {request.stage!r}, " if request.stage else ""
        where = f"({what}model {request.model!r}, {request.key})"
        if found is not None:
            raise RequestFailedError(
                f"{self._path.name} holds a failure for this request {where}: {found.message}",
                reason="missing",
            )
        again = self._rekey or "record it again with the prompts and the model of this run"
        message = (
            f"{self._path.name} holds no reply to this request {where}; the prompt, the model or "
            "the parameters have changed since it was recorded"
        )
        if self._whole:
            raise BackendError(message, fix=again)
        raise RequestFailedError(f"{message}. To mend it: {again}", reason="missing", fix=again)

    async def count_tokens(self, request: Request) -> int | None:
        """Give what the server counted when it was recorded."""
        found = self._find(request)
        reply = found.reply if isinstance(found, Failure) else found
        return reply.prompt_tokens or None if reply else None

    async def aclose(self) -> None:
        """Close the record."""
        if self._store:
            self._store.close()

    def _find(self, request: Request) -> Outcome | None:
        if self._store:
            return self._store.get(request.key)
        if row := self._rows.get(request.key):
            return outcome_of(request, row)
        return self._replies.get(request.key)
