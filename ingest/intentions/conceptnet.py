"""ConceptNet's assertions (Speer et al., AAAI 2017), in its published file.

Five cells parted by tabs, without a header: the assertion's URI, the relation, the start, the end,
and JSON with weight, sources and licence::

    /a/[/r/UsedFor/,/c/en/umbrella/n/,/c/en/keep_dry/]  /r/UsedFor  /c/en/umbrella/n  ...

The start becomes a product with the id ``conceptnet:/c/en/umbrella/n`` and its words as the title,
the end an intention of that product. Only rows whose both ends are of one language are taken
(English, or another by option); the others are counted. Relations outside the registry are out of
the vocabulary by design and are counted by name, not refused.

ConceptNet's weight is how much its sources support a row, from 0.1 to beyond 20. It is no
probability, so it becomes neither plausibility nor anything else. The JSON is not looked at.

Nothing is remembered but the last product: memory does not grow with the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from ingest.batching import Collector
from ingest.cleaning import BadValue, shorten
from ingest.reading import Guess, Options, reader
from ingest.sampling import Sample
from ingest.sources import Line, read_lines
from schema.errors import InputError, UnknownRelationError, UnsuitableFileError, UsageError
from schema.records import Item, Table
from schema.relations import Relation, resolve

_CELLS = 5
_LAYOUT = "write URI, relation, start, end and JSON, parted by tabs"
_CONCEPT = re.compile(r"/c/([a-z][a-z_-]{1,11})/([^/]+)")
_RELATION = re.compile(r"/r/(?:[a-z]+/)?[A-Za-z]{1,40}\Z")
_NAMED = 100  # relation names that are counted each on its own


def sniff(sample: Sample) -> Guess:
    """Rate a sample: lines that begin with the URI of an assertion."""
    lines = sample.lines
    share = sum(line.startswith("/a/[") and line.count("\t") >= 4 for line in lines)
    return (share / len(lines) if lines else 0.0), "URIs of ConceptNet's assertions"


@reader(
    "conceptnet",
    kind="intentions",
    summary="ConceptNet's assertions of one language, as published",
    sniff=sniff,
    options=("language",),
)
def read(path: Path, options: Options) -> Iterator[Item]:
    """Read ConceptNet's rows; yields products (the concepts) and assertions."""
    language = (options.language or "en").casefold()
    if not re.fullmatch(r"[a-z][a-z_-]{1,11}", language):
        raise UsageError(
            f"{language!r} is no language of ConceptNet", fix="give a code such as en, fr or zh"
        )
    out = Collector(path, source=options.source or "conceptnet")
    start = f"/c/{language}/"
    latest = ""
    unknown: set[str] = set()
    first = True
    for line in read_lines(path, limit=options.max_line):
        if line.problem:
            out.problem(line.number, line.problem, line.text)
        elif line.text.strip():
            cells = line.text.split("\t")
            if first:
                _check_first(path, line, cells)
                first = False
            with out.row(line.number, line.text):
                latest = _add(out, line, cells, start, latest, unknown)
        yield from out.drain()
    if first:
        raise InputError("the file has no rows", file=str(path), fix=_LAYOUT)
    yield from out.finish()


def _check_first(path: Path, line: Line, cells: list[str]) -> None:
    if len(cells) < _CELLS - 1 or not cells[1].startswith("/r/"):
        raise UnsuitableFileError(
            "the first line is not a row of ConceptNet's assertions",
            file=str(path),
            row=line.number,
            fix=_LAYOUT,
        )


def _add(
    out: Collector, line: Line, cells: list[str], start: str, latest: str, unknown: set[str]
) -> str:
    """Add one row; returns the concept that was added last."""
    if not _CELLS - 1 <= len(cells) <= _CELLS:
        raise BadValue(f"{len(cells)} cells where there should be {_CELLS}", _LAYOUT)
    uri, name, head, tail = cells[:4]
    if not (head.startswith(start) and tail.startswith(start)):
        for concept in (head, tail):
            words(concept)  # refuses what is none
        out.note("rows in other languages, left out")
        return latest
    relation = _relation(name)
    if relation is None:
        if name not in unknown and len(unknown) >= _NAMED:
            name = "of further names"
        unknown.add(name)
        out.note(f"relation {name} is not in the vocabulary, left out")
        return latest
    identifier = f"conceptnet:{head}"
    rows: list[tuple[Table, dict[str, object]]] = []
    if identifier != latest:
        rows.append(("products", {"id": identifier, "title": words(head)}))
    assertion: dict[str, object] = {
        "head_type": "Product",
        "head_id": identifier,
        "relation": relation.name,
        "text": words(tail),
        "request": uri or None,
    }
    rows.append(("assertions", assertion))
    return identifier if out.add_all(rows, line=line.number, excerpt=line.text) else latest


def _relation(name: str) -> Relation | None:
    """Return the relation, or None if it is ConceptNet's but not the registry's."""
    if not _RELATION.match(name):
        raise BadValue(f"{shorten(name)} is not a relation of ConceptNet", "write it as /r/UsedFor")
    try:
        return resolve(name, "conceptnet")
    except UnknownRelationError:
        return None


def words(concept: str) -> str:
    """Return the words of a concept's URI.

    Examples
    --------
    >>> words("/c/en/car_insurance/n/wn/possession")
    'car insurance'
    """
    found = _CONCEPT.match(concept)
    if not found:
        raise BadValue(
            f"{shorten(concept)} is not a concept of ConceptNet", "write it as /c/en/umbrella"
        )
    return unquote(found[2]).replace("_", " ").strip()
