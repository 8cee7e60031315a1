"""Small HTML tables for notebooks: every cell escaped, long answers cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

MOST_ROWS = 50
MOST_CHARACTERS = 200


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], total: int) -> str:
    """Write the first rows of an answer of `total` rows as one HTML table."""
    shown = [row for row, _ in zip(rows, range(MOST_ROWS), strict=False)]
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in shown
    )
    left = f"first {len(shown):,} of {total:,} rows" if total > len(shown) else f"{total:,} rows"
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        f"<p>{'1 row' if total == 1 else left}</p>"
    )


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return escape(text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…")
