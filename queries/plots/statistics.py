"""Pictures of figures by relation, for one graph or several side by side.

Each graph has a colour of its own, and a hatch (bars) or a marker (points), so that it can be told
apart in print and by a colour-blind reader.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from queries.plots import style
from queries.statistics.shapes import Distribution, RelationFigures, Statistics
from queries.statistics.tables import keys, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from matplotlib.figure import Figure

MOST = len(style.PALETTE)
"""So many graphs can be told apart."""

_MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
_LABEL = 34  # characters of a graph's name in a legend
_ROW = 0.27  # inches


def relations(graphs: Sequence[Statistics]) -> Figure | None:
    """Intentions by relation, as bars; None if there is none."""
    rows = _rows(graphs, lambda figures: True)
    if not rows:
        return None
    figure, axes = _canvas(graphs, rows)
    for place, graph in enumerate(graphs):
        values = [f.assertions if (f := graph.get(key)) else 0 for key, _ in rows]
        bars = _bars(axes, graphs, place, values, told=any(values))
        axes.bar_label(bars, [f"{v:,}" if v else "" for v in values], padding=3, fontsize=7.5)
    axes.margins(x=0.12)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    _finish(axes, graphs, rows, "Intentions by relation", "assertions")
    return figure


def preserved(graphs: Sequence[Statistics]) -> Figure | None:
    """Preserve rate by relation with its interval (MIND, Figure 7); None if nothing was judged."""
    rows = _rows(graphs, lambda figures: figures.preserved is not None)
    if not rows:
        return None
    figure, axes = _canvas(graphs, rows)
    for place, graph in enumerate(graphs):
        found = [f.preserved if (f := graph.get(key)) else None for key, _ in rows]
        values = [100 * rate.rate if rate else 0.0 for rate in found]
        bars = _bars(axes, graphs, place, values, told=any(found))
        for bar, rate in zip(bars, found, strict=True):
            if rate:
                middle = bar.get_y() + bar.get_height() / 2
                ends = [100 * rate.low, 100 * rate.high]
                axes.plot(ends, [middle] * 2, color="white", lw=3, solid_capstyle="butt")
                axes.plot(ends, [middle] * 2, color="#222222", lw=1.1, solid_capstyle="butt")
                if len(graphs) == 1:
                    axes.text(102, middle, f"{rate.count} of {rate.of}", va="center", fontsize=7.5)
    axes.set_xlim(0, 114 if len(graphs) == 1 else 100)
    axes.set_xticks(range(0, 101, 20), [f"{percent} %" for percent in range(0, 101, 20)])
    _finish(axes, graphs, rows, "Preserved by the filter", "accepted of those judged")
    return figure


def typicality(graphs: Sequence[Statistics]) -> Figure | None:
    """Typicality by relation (MIKO, Figure 4; MIND, Figure 5); None if nobody scored."""
    return _scores(graphs, "typicality")


def plausibility(graphs: Sequence[Statistics]) -> Figure | None:
    """Plausibility by relation; None if nobody scored."""
    return _scores(graphs, "plausibility")


PICTURES: dict[str, Callable[[Sequence[Statistics]], Figure | None]] = {
    "relations": relations,
    "preserved": preserved,
    "plausibility": plausibility,
    "typicality": typicality,
}


def save(graphs: Sequence[Statistics], path: Path) -> list[Path]:
    """Write each picture that has something to show.

    Parameters
    ----------
    path
        A folder, for SVG files in it; or a name such as ``stats.png``, for ``stats-relations.png``
        and so on beside each other.

    Returns
    -------
    list of pathlib.Path
        What was written.
    """
    written = []
    for name, draw in PICTURES.items():
        figure = draw(graphs[:MOST])
        if figure is not None:
            named = path.with_name(f"{path.stem}-{name}{path.suffix}")
            target = named if path.suffix else path / f"{name}.svg"
            style.save(figure, target)
            written.append(target)
    return written


type _Row = tuple[tuple[str | None, str | None], str]


def _rows(graphs: Sequence[Statistics], has: Callable[[RelationFigures], bool]) -> list[_Row]:
    """Relations that a graph has something to show of, with their names."""
    rows = []
    for key in keys(graphs):
        found = [f for graph in graphs if (f := graph.get(key)) and has(f)]
        if found:
            rows.append((key, title(found[0])))
    return rows


def _canvas(graphs: Sequence[Statistics], rows: Sequence[_Row]) -> tuple[Figure, Axes]:
    each = _ROW * max(1.0, 0.62 * len(graphs))
    legend = 0.22 * len(graphs) if len(graphs) > 1 else 0
    return style.canvas(7.2, 1.25 + legend + each * len(rows))


def _bars(
    axes: Axes, graphs: Sequence[Statistics], place: int, values: Sequence[float], *, told: bool
) -> BarContainer:
    height = 0.78 / len(graphs)
    return axes.barh(
        [_level(graphs, place, index) for index in range(len(values))],
        values,
        height=height,
        color=style.PALETTE[place],
        hatch=style.HATCHES[place],
        edgecolor="white",
        linewidth=0.4,
        label=_name(graphs[place]) if told else "_nolegend_",
    )


def _level(graphs: Sequence[Statistics], place: int, index: int) -> float:
    """Where a graph's bar or point of a row stands."""
    return index + (place - (len(graphs) - 1) / 2) * 0.78 / len(graphs)


def _scores(graphs: Sequence[Statistics], score: str) -> Figure | None:
    """A line from quartile to quartile, a tick at the median, a marker at the mean."""
    rows = _rows(graphs, lambda figures: getattr(figures, score) is not None)
    if not rows:
        return None
    figure, axes = _canvas(graphs, rows)
    for place, graph in enumerate(graphs):
        levels, found = [], []
        for index, (key, _) in enumerate(rows):
            lies: Distribution | None = getattr(graph.get(key), score, None)
            if lies is not None:
                levels.append(_level(graphs, place, index))
                found.append(lies)
        colour = style.PALETTE[place]
        axes.hlines(levels, [d.q25 for d in found], [d.q75 for d in found], color=colour, lw=4.5,
                    alpha=0.45)  # fmt: skip
        axes.plot([d.median for d in found], levels, "|", color=colour, ms=9, mew=2)
        axes.plot(
            [d.mean for d in found],
            levels,
            _MARKERS[place],
            color=colour,
            ms=5.5,
            mec="white",
            mew=0.7,
            label=_name(graph) if found else "_nolegend_",
        )
    axes.set_xlim(0, 1)
    words = f"{score} (line: middle half, tick: median, marker: mean)"
    _finish(axes, graphs, rows, f"{score.capitalize()} by relation", words)
    return figure


def _finish(
    axes: Axes, graphs: Sequence[Statistics], rows: Sequence[_Row], heading: str, words: str
) -> None:
    style.title(axes, heading)
    axes.set_xlabel(words)
    axes.set_yticks(range(len(rows)), [name for _, name in rows])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    families = [key[0] for key, _ in rows]
    if "social" in families and "cobuy" in families:
        axes.axhline(families.index("cobuy") - 0.5, color="#888888", lw=0.8, ls=(0, (4, 3)))
    if len(graphs) > 1:
        axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=1,
                           frameon=False)  # fmt: skip


def _name(graph: Statistics) -> str:
    """A label that fits, without what matplotlib would take for mathematics or hide."""
    shown = graph.label if len(graph.label) <= _LABEL else graph.label[: _LABEL - 1] + "…"
    return shown.replace("$", r"\$").lstrip("_") or "?"
