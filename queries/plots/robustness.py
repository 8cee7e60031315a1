"""A picture of robustness: how similarities are distributed, beside what chance would give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queries.plots.style import PALETTE, canvas, title
from queries.robustness.measuring import BINS, Robustness

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def distribution(found: Robustness) -> Figure:
    """Histograms of all pairs and of the baseline, in per cent, with their means."""
    figure, axes = canvas(7.0, 3.6)
    axes.set_xlabel("cosine similarity of the intentions of the same head and relation")
    axes.set_ylabel("share of pairs (%)")
    what = f"other {found.axis}" if found.axis else "another knowledge base"
    title(axes, f"The same question, {what}")
    if found.total is None:
        axes.text(0.5, 0.5, "nothing was asked twice", transform=axes.transAxes, ha="center")
        return figure
    edges = [-0.1 + 1.1 * number / BINS for number in range(BINS + 1)]
    total = found.total
    axes.stairs(
        _percent(total.histogram),
        edges,
        fill=True,
        color=PALETTE[0],
        alpha=0.85,
        label=f"same head: mean {total.mean:.2f} ({total.pairs:,} pairs)",
    )
    axes.axvline(total.mean, color=PALETTE[0], linestyle="--", linewidth=1)
    if total.baseline is not None:
        axes.stairs(
            _percent(total.baseline_histogram),
            edges,
            fill=False,
            color=PALETTE[4],
            linewidth=1.6,
            label=f"another head: mean {total.baseline:.2f}",
        )
        axes.axvline(total.baseline, color=PALETTE[4], linestyle="--", linewidth=1)
    axes.set_xlim(min(0.0, _first(total.histogram, total.baseline_histogram)), 1.0)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


def _percent(counts: tuple[int, ...]) -> list[float]:
    whole = sum(counts) or 1
    return [100 * count / whole for count in counts]


def _first(*histograms: tuple[int, ...]) -> float:
    """Where the first bin that holds anything begins."""
    used = [n for counts in histograms for n, count in enumerate(counts) if count]
    return -0.1 + 1.1 * min(used, default=0) / BINS
