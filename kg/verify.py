"""Every check of a knowledge base's integrity."""

from __future__ import annotations

from kg.directory import Directory
from kg.findings import Finding


def verify(directory: Directory) -> list[Finding]:
    """Run every check; an empty list (or one of mere information) means that all is well."""
    raise NotImplementedError
