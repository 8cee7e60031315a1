"""What earlier requests say of a head: what was noticed about products, and a post's key points.

A request for intentions shows all that the earlier stages brought to light, each between marks of
its own (`generation.prompt`), and evidence names its request. So it is read there, whichever
model, prompts and run it was.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from generation import store_schema
from generation.store_file import errors, read_only

KEY_POINTS = ("concept", "action", "object", "emotion", "keywords")
FIELDS = (*KEY_POINTS, "image_description", "noticed_a", "noticed_b")

_MARKED = re.compile(rf"<({'|'.join(FIELDS)})>(.*?)</\1>", re.DOTALL)
_MOST = 500  # keys in one look-up


class Known:
    """A request store, to look heads up in.

    Parameters
    ----------
    path
        The store; where there is none, nothing is known.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        if self._path is not None and self._path.exists():
            with errors(self._path):
                self._connection = read_only(self._path)
                store_schema.check(self._connection, self._path)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()

    def fields(self, requests: Iterable[str | None]) -> dict[str, str]:
        """Give what the requests with these keys show of `FIELDS`; the first to show one counts.

        Keys that are not of a request (an import names its rows there) are passed over.
        """
        keys = [key for key in dict.fromkeys(requests) if key and _is_key(key)]
        if self._connection is None or self._path is None:
            return {}
        found: dict[str, str] = {}
        for start in range(0, len(keys), _MOST):
            some = [bytes.fromhex(key[3:]) for key in keys[start : start + _MOST]]
            marks = ",".join("?" * len(some))
            with errors(self._path):
                rows = self._connection.execute(
                    "SELECT b.messages FROM requests r JOIN bodies b ON b.id = r.id "
                    f"WHERE r.key IN ({marks}) ORDER BY r.id",
                    some,
                ).fetchall()
            for (messages,) in rows:
                for name, value in _MARKED.findall(_text(orjson.loads(messages))):
                    found.setdefault(name, value)
        return found


def _is_key(key: str) -> bool:
    return re.fullmatch(r"rq_[0-9a-f]{32}", key) is not None


def _text(messages: Iterable[dict[str, Any]]) -> str:
    found = []
    for message in messages:
        content = message["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        found += [part["text"] for part in parts if part["type"] == "text"]
    return "\n".join(found)
