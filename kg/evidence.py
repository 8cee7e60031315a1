"""All evidence for one assertion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kg.directory import Directory

if TYPE_CHECKING:
    import pyarrow as pa


def evidence(directory: Directory, assertion_id: str) -> pa.Table:
    """Return the evidence rows of an assertion, columns as in ``schema.records.ASSERTIONS``."""
    raise NotImplementedError
