"""Joining what means the same: the layer ``same_as``, written and taken away.

Nothing is lost by it: assertions and evidence stay with the intention that they name.
"""

from __future__ import annotations

from kg import layers
from kg.directory import Directory
from queries.duplicates.finding import Duplicates
from schema.errors import UsageError


def merge(directory: Directory, found: Duplicates) -> int:
    """Write ``(:Intention)-[:SAME_AS {similarity}]->(:Intention)`` for what was found.

    An earlier layer is replaced; the next build brings it into the graph.

    Returns
    -------
    int
        How many intentions got a canonical one.

    Raises
    ------
    UsageError
        If only a sample was looked at: most of its duplicates are outside it.
    """
    if found.sampled:
        raise UsageError(
            "only a sample was looked at, so most duplicates are unknown",
            fix="leave out --sample",
        )
    rows = found.rows.select(["intention_id", "canonical_id", "similarity"])
    made_by = {
        "analysis": "duplicates",
        "threshold": found.threshold,
        "model": found.model,
        "candidates": found.candidates,
    }
    return layers.replace(directory, {"same_as": rows.to_batches()}, made_by=made_by)["same_as"]


def unmerge(directory: Directory) -> int:
    """Take the layer away; returns how many intentions had a canonical one."""
    return layers.remove(directory, "same_as").get("same_as", 0)
