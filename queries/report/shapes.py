"""What a report consists of, before it is a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from queries.results import Table, plain
from schema.errors import UsageError

OPTIONAL = ("comparison", "rejections", "hypernyms", "duplicates", "annotation")
"""Sections that can be left out."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a person chose.

    Attributes
    ----------
    sample
        Intentions that the slower analyses read, drawn by `seed`; None: all.
    seed
        Of samples and of the bootstrap.
    taxonomy
        For the section on hypernyms: ``wordnet``, or a file of is-a counts.
    without
        Sections to leave out; see :data:`OPTIONAL`.
    command
        The command that makes this report again, for its last section.
    versions
        What it was made with, by name, for its last section.
    date
        When, in the person's words; None: not said, and the same input gives the same bytes.
    """

    sample: int | None = 30_000
    seed: int = 0
    taxonomy: str = "wordnet"
    without: frozenset[str] = frozenset()
    command: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    date: str | None = None

    def __post_init__(self) -> None:
        if unknown := self.without.difference(OPTIONAL):
            raise UsageError(
                f"the report has no section {sorted(unknown)[0]!r} to leave out",
                fix=f"use one of {', '.join(OPTIONAL)}",
            )


@dataclass(frozen=True, slots=True)
class Block:
    """A table with its caption.

    Attributes
    ----------
    caption
        What it shows.
    table
        Cells: numbers are formatted, None is empty, texts may hold anything.
    totals
        So many rows at its end are totals.
    """

    caption: str
    table: Table
    totals: int = 0

    def __post_init__(self) -> None:
        """Leave out columns in which nothing stands."""
        rows = self.table.rows
        full = [
            place
            for place in range(len(self.table.columns))
            if not rows or any(row[place] is not None for row in rows)
        ]
        kept = Table(
            [self.table.columns[place] for place in full],
            [[row[place] for place in full] for row in rows],
        )
        object.__setattr__(self, "table", kept)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture.

    Attributes
    ----------
    name
        Of its file beside the Markdown, without a suffix.
    caption
        What stands below it.
    text
        What it shows, for those who cannot see it.
    svg
        The SVG element.
    """

    name: str
    caption: str
    text: str
    svg: str


@dataclass(frozen=True, slots=True)
class Section:
    """One section.

    Attributes
    ----------
    name
        Its anchor.
    title
        Its heading.
    sentences
        Paragraphs in front of tables and pictures.
    blocks, pictures
        What it shows.
    advice
        Commands that would give more, with what for.
    """

    name: str
    title: str
    sentences: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    blocks: tuple[Block, ...] = ()
    advice: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report.

    Attributes
    ----------
    title
        Its heading.
    summary
        Plain sentences.
    figures
        The main figures, by what they count.
    sections
        In the order of the page.
    """

    title: str
    summary: tuple[str, ...]
    figures: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]

    def to_dict(self) -> dict[str, Any]:
        """Its content as plain dicts and lists, pictures by their names only."""
        return {
            "title": self.title,
            "summary": list(self.summary),
            "figures": dict(self.figures),
            "sections": [
                {
                    "name": section.name,
                    "title": section.title,
                    "sentences": list(section.sentences),
                    "tables": [
                        {
                            "caption": block.caption,
                            "columns": block.table.columns,
                            "rows": plain(block.table.rows),
                        }
                        for block in section.blocks
                    ],
                    "pictures": [picture.name for picture in section.pictures],
                    "advice": [list(each) for each in section.advice],
                }
                for section in self.sections
            ],
        }
