"""What a benchmark found: tables, pictures and sentences, as JSON and Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from benchmarks.downstream.harness.running import write_whole


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    Attributes
    ----------
    name
        Short, for JSON: ``accuracy``.
    title
        For people.
    columns, rows
        Cells are text, numbers, or None for what was not measured.
    note
        What a reader has to know.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""

    def markdown(self) -> str:
        """The table as GitHub shows it."""
        lines = [f"## {self.title}", "", _row(self.columns)]
        lines.append("|" + "---|" * len(self.columns))
        lines += [_row([_cell(value) for value in row]) for row in self.rows]
        return "\n".join([*lines, *(["", self.note] if self.note else []), ""])


@dataclass(frozen=True, slots=True)
class Report:
    """All of a benchmark's results.

    Attributes
    ----------
    tables
        In reading order.
    findings
        Sentences made from the figures.
    plots
        By file name without suffix, what draws a picture into a given file.
    figures
        Whatever else a program may want, as JSON holds it.
    """

    tables: Sequence[Table]
    findings: Sequence[str] = ()
    plots: dict[str, Callable[[Path], None]] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "tables": {
                table.name: {
                    "title": table.title,
                    "columns": list(table.columns),
                    "rows": [list(row) for row in table.rows],
                    **({"note": table.note} if table.note else {}),
                }
                for table in self.tables
            },
            "findings": list(self.findings),
            **({"figures": self.figures} if self.figures else {}),
        }

    def markdown(self, heading: str) -> str:
        """A page with all tables and findings."""
        parts = [f"# {heading}", ""]
        parts += [f"- {sentence}" for sentence in self.findings]
        parts += [""] if self.findings else []
        return "\n".join([*parts, *(table.markdown() for table in self.tables)])

    def write(self, folder: Path, heading: str) -> list[Path]:
        """Write ``results.json``, ``results.md`` and the pictures; gives their places."""
        form = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY
        written = [folder / "results.json", folder / "results.md"]
        write_whole(written[0], orjson.dumps(self.to_dict(), option=form))
        write_whole(written[1], self.markdown(heading).encode())
        for name, draw in self.plots.items():
            written.append(folder / f"{name}.svg")
            draw(written[-1])
        return written


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
