"""Pictures of hypernym diversity: bars as MIND's Figure 3 has them, and a treemap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from queries.hypernyms.diversity import Diversity
from queries.plots.style import HATCHES, PALETTE, canvas, title

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

_ROW = 0.24  # inches that a bar takes
_LEGIBLE = 5.0  # points: a name that would be smaller is left out


def bars(found: Sequence[Diversity], *, most: int = 25) -> Figure:
    """The heaviest concepts of one or several distributions, side by side."""
    shares = [{h.concept: h.share for h in each.distribution} for each in found]
    weight: dict[str, float] = {}
    for each in shares:
        for concept, share in each.items():
            weight[concept] = weight.get(concept, 0.0) + share
    chosen = sorted(weight, key=lambda concept: (-weight[concept], concept))[:most]
    thick = 0.8 / len(found)
    figure, axes = canvas(7.0, 1.2 + _ROW * max(len(chosen), 3) * (1 + 0.5 * (len(found) - 1)))
    for number, each in enumerate(shares):
        places = [row + (number - (len(found) - 1) / 2) * thick for row in range(len(chosen))]
        axes.barh(
            places,
            [100 * each.get(concept, 0.0) for concept in chosen],
            thick,
            color=PALETTE[number % len(PALETTE)],
            hatch=HATCHES[number % len(HATCHES)],
            edgecolor="white",
            label=_label(found[number]),
        )
    axes.set_yticks(range(len(chosen)), chosen)
    axes.invert_yaxis()
    axes.set_xlabel("share of all hypernyms (%)")
    axes.margins(y=0.01)
    title(axes, "What intentions speak of")
    if len(found) > 1:
        axes.legend(loc="lower right", frameon=False)
    elif found:
        axes.text(
            1.0, 0.02, _label(found[0]), transform=axes.transAxes, ha="right", color="#444444"
        )
    return figure


def treemap(found: Diversity, *, most: int = 30) -> Figure:
    """The heaviest concepts of a distribution as areas."""
    import squarify

    figure, axes = canvas(7.0, 4.6)
    axes.axis("off")
    top = found.distribution[:most]
    shares = [hypernym.share for hypernym in top]
    width, height = 100.0, 62.0
    sizes = squarify.normalize_sizes(shares, width, height) if shares else []
    boxes = squarify.squarify(sizes, 0, 0, width, height)
    for place, (box, hypernym) in enumerate(zip(boxes, top, strict=True)):
        colour = PALETTE[place % 6]
        axes.add_patch(_rectangle(box, colour))
        name, share = hypernym.concept, f"{100 * hypernym.share:.1f} %"
        upright = box["dy"] > 1.8 * box["dx"]
        long, short = (box["dy"], box["dx"]) if upright else (box["dx"], box["dy"])
        # A letter is some 0.6 of its size wide; 100 units are 7 inches of 72 points.
        letters = len(f"{name}  {share}") if upright else max(len(name), len(share))
        size = min(10.0, 0.9 * long * 5.04 / (0.62 * letters), short * 5.04 / (2.6 - upright))
        if size < _LEGIBLE:
            continue
        axes.text(
            box["x"] + box["dx"] / 2,
            box["y"] + box["dy"] / 2,
            f"{name}  {share}" if upright else f"{name}\n{share}",
            ha="center",
            va="center",
            rotation=90 if upright else 0,
            fontsize=size,
            color="white" if colour in _DARK else "black",
        )
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    others = len(found.distribution) - len(top)
    rest = f"; {others:,} others, {100 * (1 - sum(shares)):.0f} %, are not shown" if others else ""
    title(axes, f"What intentions speak of: {_label(found)}")
    axes.text(0, height + 2.5, f"The {len(top)} heaviest concepts{rest}", color="#444444")
    return figure


_DARK = frozenset({"#0072B2", "#009E73", "#D55E00"})


def _rectangle(box: dict[str, float], colour: str) -> Patch:
    from matplotlib.patches import Rectangle

    return Rectangle(
        (box["x"], box["y"]), box["dx"], box["dy"], facecolor=colour, edgecolor="white", lw=1.0
    )


def _label(found: Diversity) -> str:
    return f"{found.label} ({found.intentions:,} intentions, {found.taxonomy})"
