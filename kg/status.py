"""How much a knowledge base holds, and whether graph and vectors are up to date with it."""

from __future__ import annotations

from typing import Any

from kg.directory import Directory


def counts(directory: Directory) -> dict[str, int]:
    """Count posts, products, cobuys (pairs), images, intentions, assertions, evidence, concepts.

    Plus ``rejected``: rows refused so far.
    """
    raise NotImplementedError


def status(directory: Directory) -> dict[str, Any]:
    """Counts, what is built or stale, sizes on disk, sources and models."""
    raise NotImplementedError
