"""Does the graph help? Models that take intentions retrieved from it as features.

One package per benchmark: a ``SUMMARY``, a ``Config``, ``run(config, run)`` and a
``default.toml``. :mod:`benchmarks.downstream.harness` runs them.
"""

from __future__ import annotations

from pathlib import Path

NAMES: tuple[str, ...] = tuple(
    sorted(place.parent.name for place in Path(__file__).parent.glob("*/default.toml"))
)
"""The benchmarks, as the command line names them."""
