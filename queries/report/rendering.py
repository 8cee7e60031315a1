"""A report as one HTML page, and as Markdown with its pictures beside it.

The page fetches nothing and runs nothing: style and pictures are in it, and a policy in its head
tells the browser so. Texts of a knowledge base may hold anything; they are escaped, kept apart
from the direction of the page, and stripped of control characters.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kg.sql import store_errors
from queries.report.shapes import Picture, Report
from queries.results import Table
from schema.errors import UsageError

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_LONGEST = 600  # characters of a cell; what is longer is cut
_SPECIAL = re.compile(r"[\\`*_\[\]|~$#]|^[-+=]|^(?=\d+[.)] )")
_IDS = re.compile(r"""(\bid="|xlink:href="#|\bhref="#|url\(#)""")


def html(report: Report) -> str:
    """The page."""
    return _environment().get_template("report.html.j2").render(report=report)


def markdown(report: Report, stem: str = "report") -> str:
    """The same as Markdown; its pictures are files ``STEM-NAME.svg``."""
    return _environment().get_template("report.md.j2").render(report=report, stem=stem)


def write(report: Report, out: Path) -> list[Path]:
    """Write page, Markdown and pictures.

    Parameters
    ----------
    out
        A folder, for ``report.html`` and so on in it; or the page's name, which ends in ``.html``.

    Returns
    -------
    list of pathlib.Path
        What was written, the page first.

    Raises
    ------
    UsageError
        If `out` is a file, or a name with another suffix.
    StoreError
        If it cannot be written.
    """
    page = out if out.suffix.lower() in (".html", ".htm") else out / "report.html"
    if page == out and out.is_dir():
        raise UsageError(f"{out} is a folder", fix=f"use {out / 'report.html'}")
    if page != out and out.is_file():
        raise UsageError(
            f"{out} is a file, and its name does not end in .html",
            fix=f"use a folder, or {out.with_suffix('.html')}",
        )
    stem = page.stem
    texts = {page: html(report), page.with_suffix(".md"): markdown(report, stem)}
    for picture in (p for section in report.sections for p in section.pictures):
        texts[page.with_name(f"{stem}-{picture.name}.svg")] = picture.svg
    with store_errors(f"writing {page}"):
        page.parent.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8", newline="\n")
    return list(texts)


def clean(value: Any) -> str:
    """A cell's value as text, without control characters, not longer than fits."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.2f}"
    text = ", ".join(map(clean, value)) if isinstance(value, list | tuple) else str(value)
    # Format characters stay, because scripts and emoji need them; an overriding direction ends
    # with its cell.
    text = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…"


def numbers(table: Table) -> list[bool]:
    """Which columns hold numbers, and are aligned right."""
    columns = list(zip(*table.rows, strict=True)) or [()] * len(table.columns)
    return [any(map(_numeric, values)) and all(map(_fits, values)) for values in columns]


def _numeric(value: Any) -> bool:
    return (isinstance(value, int | float) and not isinstance(value, bool)) or (
        isinstance(value, str)
        and bool(re.fullmatch(r"\d[\d,]*(\.\d+)?( ?%)?|[\d.]+ to [\d.]+", value))
    )


def _fits(value: Any) -> bool:
    return value is None or _numeric(value)


def inline(picture: Picture) -> str:
    """The picture's SVG, with ids that no other picture of the page has, and a name to read out."""
    own = _IDS.sub(lambda found: f"{found[1]}{picture.name}-", picture.svg)
    label = picture.text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return own.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def escaped(value: Any) -> str:
    """Text as Markdown shows it literally, on one line."""
    text = " ".join(clean(value).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\g<0>", text)


def _trusted(picture: Picture) -> Markup:
    from markupsafe import Markup

    # matplotlib made it, of texts that it drew as outlines; the label is escaped.
    return Markup(inline(picture))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("queries.report"),
        autoescape=lambda name: bool(name and ".html" in name),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "clean": clean,
        "numbers": numbers,
        "escaped": escaped,
        "inline": _trusted,
    }
    return made
