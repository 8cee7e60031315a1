"""A knowledge base as a whole: its own checks, and those of the request store beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kg.directory import Directory
from kg.findings import Finding
from schema.errors import StoreError

if TYPE_CHECKING:
    from generation.store import RequestStore

_STORE = "requests.sqlite"
_MEND = "restore it from a backup; sqlite3's .recover command saves what can be read"


def verify(directory: Directory) -> list[Finding]:
    """Run every check of `kg.verify`, and check the request store; see there."""
    from kg.verify import verify as verify_rest

    return [*verify_rest(directory), *check_requests(directory)]


def check_requests(directory: Directory) -> Iterator[Finding]:
    """Yield what is wrong with the request store; nothing if there is none."""
    from generation.store import RequestStore

    path = directory.root / _STORE
    if not path.exists():
        return
    try:
        with RequestStore(path, mode="read") as store:
            for problem in store.check():
                yield Finding("requests", "error", f"{path}: {problem}", _MEND)
    except StoreError as error:
        yield Finding("requests", "error", error.message, error.fix or _MEND)


def usage(directory: Directory) -> tuple[list[dict[str, Any]], list[str]]:
    """Sum what was spent on models; the second list says what keeps that from being known."""
    from generation.store import RequestStore
    from generation.store_reading import usage_rows

    path = directory.root / _STORE
    if not path.exists():
        return [], []
    try:
        with RequestStore(path, mode="read") as store:
            return usage_rows(store.usage()), _waiting(store, directory)
    except StoreError as error:
        return [], [f"the requests cannot be counted: {error.message}"]


def _waiting(store: RequestStore, directory: Directory) -> list[str]:
    waiting = sum(store.waiting().values())
    if not waiting:
        return []
    return [
        f"{waiting:,} requests wait for the answers to batch files: "
        f"intentkg requests import {directory.root} FILE"
    ]
