"""What a graph holds and how good it is said to be, by relation: counts, verdicts, scores."""

from __future__ import annotations

from queries.statistics.measuring import by_model, label, statistics, together
from queries.statistics.rejections import Rejections, rejections
from queries.statistics.shapes import Distribution, Rate, RelationFigures, SourceFigures, Statistics

__all__ = [
    "Distribution",
    "Rate",
    "Rejections",
    "RelationFigures",
    "SourceFigures",
    "Statistics",
    "by_model",
    "label",
    "rejections",
    "statistics",
    "together",
]
