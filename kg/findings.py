"""What a check of a knowledge base is, and what it has to say."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from kg.directory import Directory
from kg.manifest import Manifest

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found.

    Attributes
    ----------
    check
        Name of the check, such as ``part-checksum`` or ``graph-counts``.
    severity
        ``error``: the knowledge base must not be trusted as it is. ``warning``: it can be used,
        something is incomplete. ``info``: worth knowing, nothing to do.
    message
        What was found, with the file or the ids that it concerns.
    fix
        What mends it, as a command where there is one; None for mere information.
    """

    check: str
    severity: Severity
    message: str
    fix: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes
    ----------
    name
        What it looks at, for progress and for the name of a finding that it broke off.
    run
        Yields findings; may raise the errors of ``schema.errors``.
    needs_parts
        Whether it reads the parts' rows, and so makes no sense where a part is damaged.
    """

    name: str
    run: Callable[[Directory, Manifest], Iterable[Finding]]
    needs_parts: bool = True
