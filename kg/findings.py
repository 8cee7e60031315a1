"""What a check of a knowledge base has to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
