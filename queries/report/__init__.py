"""A report on a graph that can be shown to others: one HTML page, and the same as Markdown."""

from __future__ import annotations

from queries.report.making import make
from queries.report.rendering import html, markdown, write
from queries.report.shapes import OPTIONAL, Block, Options, Picture, Report, Section

__all__ = [
    "OPTIONAL",
    "Block",
    "Options",
    "Picture",
    "Report",
    "Section",
    "html",
    "make",
    "markdown",
    "write",
]
