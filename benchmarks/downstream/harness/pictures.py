"""Pictures of results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.downstream.harness.comparing import Interval


def dots(
    path: Path, series: Mapping[str, Mapping[str, Interval]], *, title: str, axis: str
) -> None:
    """Draw a mean with its interval for each arm, one colour for each series.

    Parameters
    ----------
    path
        Where the picture goes.
    series
        By name (a data set, a task), the arms and what they reached; arms stand in the order of the
        first series.
    axis
        What is measured, with its unit.
    """
    from queries.plots import style

    arms = list(next(iter(series.values())))
    figure, axes = style.canvas(7.0, 0.9 + 0.13 * len(arms) * (1 + len(series)))
    for number, (name, found) in enumerate(series.items()):
        shift = (number - (len(series) - 1) / 2) * 0.6 / len(series)
        shown = [arm for arm in arms if arm in found]
        axes.errorbar(
            [found[arm].mean for arm in shown],
            [arms.index(arm) + shift for arm in shown],
            xerr=[found[arm].half for arm in shown],
            fmt="o",
            markersize=4,
            capsize=2,
            color=style.PALETTE[number % len(style.PALETTE)],
            label=name,
        )
    axes.set_yticks(range(len(arms)), arms)
    axes.invert_yaxis()
    axes.set_xlabel(axis)
    style.title(axes, title)
    if len(series) > 1:
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
    style.save(figure, path)
