"""One look for every picture: colours that colour-blind readers tell apart, no display needed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from schema.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#7F7F7F", "#000000")
"""Okabe and Ito's colours (Color Universal Design, 2008); yellow left out, grey for the rest."""

HATCHES = ("", "//", "..", "xx", "\\\\", "oo", "--", "++")
"""Told apart in print too, where colours are not."""

SUFFIXES = (".svg", ".png", ".pdf")

_SETTINGS = {
    "axes.edgecolor": "#444444",
    "axes.grid": True,
    "axes.grid.axis": "x",
    "axes.axisbelow": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "grid.color": "#DDDDDD",
    "svg.fonttype": "path",  # the same everywhere, whatever fonts a reader has
    "svg.hashsalt": "intentkg",  # the same picture gives the same bytes
}


def canvas(width: float = 7.0, height: float = 4.0) -> tuple[Figure, Axes]:
    """Make an empty figure with one pair of axes, in inches; pyplot's global state is not used."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height))
        return figure, figure.add_subplot()


def title(axes: Axes, text: str) -> None:
    """Write a picture's title."""
    axes.set_title(text, loc="left", fontsize=11, fontweight="bold")


def svg(figure: Figure) -> str:
    """The figure as an SVG element, ready to stand in an HTML page."""
    import matplotlib as mpl

    text = io.StringIO()
    with mpl.rc_context(_SETTINGS):
        figure.savefig(text, format="svg", metadata={"Date": None})
    whole = text.getvalue()
    return whole[whole.index("<svg") :]


def save(figure: Figure, path: Path) -> None:
    """Write a figure as SVG, PNG (200 dots per inch) or PDF, by the file's suffix.

    Raises
    ------
    UsageError
        If the suffix is none of these.
    """
    import matplotlib as mpl

    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"{path}: a picture's name ends in {', '.join(SUFFIXES)}",
            fix=f"use {path.with_suffix('.svg')}",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(_SETTINGS):
        figure.savefig(path, dpi=200)
