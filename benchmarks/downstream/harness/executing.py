"""Run a benchmark by its name."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from benchmarks.downstream import NAMES
from benchmarks.downstream.harness.config import load
from benchmarks.downstream.harness.report import Report
from benchmarks.downstream.harness.running import Run
from schema.errors import UsageError

_HOME = Path(__file__).parents[1]


def summaries() -> dict[str, str]:
    """What each benchmark is about, in a line."""
    return {name: _module(name).SUMMARY for name in NAMES}


def execute(
    name: str,
    *,
    out: Path,
    data: Path | None = None,
    config: Path | None = None,
    seed: int | None = None,
    quick: bool = False,
    progress: Callable[[str], None] | None = None,
) -> tuple[Report, list[Path]]:
    """Run a benchmark, or go on with one, and write what it found.

    Parameters
    ----------
    name
        One of :data:`benchmarks.downstream.NAMES`.
    out
        The run's folder. What is done there already is not done again.
    data
        The folder with published data.
    config, seed, quick
        See :func:`benchmarks.downstream.harness.config.load`.
    progress
        Called with what begins.

    Returns
    -------
    report : Report
        What it found.
    written : list of Path
        The files that say so.

    Raises
    ------
    UsageError
        If there is no such benchmark, or the configuration is wrong.
    """
    if name not in NAMES:
        close = get_close_matches(name, NAMES, n=1)
        raise UsageError(
            f"there is no benchmark {name!r}",
            fix=f"did you mean {close[0]}?" if close else f"they are: {', '.join(NAMES)}",
        )
    module = _module(name)
    settings = load(
        module.Config, _HOME / name / "default.toml", own=config, quick=quick, seed=seed
    )
    run = Run(out, settings, data=data, progress=progress)
    report: Report = module.run(settings, run)
    return report, report.write(out, f"{name}: {module.SUMMARY}")


def _module(name: str) -> Any:
    return importlib.import_module(f"benchmarks.downstream.{name}")
