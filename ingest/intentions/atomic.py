"""ATOMIC and ATOMIC 2020 (Hwang et al., AAAI 2021): events with what people do, feel and want.

Tab-separated, three columns ``head, relation, tail``, with or without a header; further columns
are passed over. Cells are taken as they are: a double quote is part of the text.

The event becomes a post whose external id is the event itself. Only the nine social relations
become assertions. The others that ATOMIC 2020 defines (``isAfter``, ``ObjectUse``, ...) are out of
the vocabulary by design: they are counted by name, not refused. A name that ATOMIC does not know
is refused. The tail ``none`` is an annotator's statement that there is no such effect; it is no
intention and is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from ingest.batching import Collector
from ingest.cleaning import BadValue, text
from ingest.reading import Guess, Options, reader
from ingest.rows import fold
from ingest.sampling import Sample
from ingest.sources import Line, read_lines
from schema.errors import InputError, UnknownRelationError, UnsuitableFileError
from schema.identity import post_id
from schema.records import Item, Table
from schema.relations import Family, Relation, names, resolve

MODEL = "human"

OTHERS = frozenset(
    {"AtLocation", "CapableOf", "Causes", "Desires", "HasProperty", "HasSubEvent", "HinderedBy"}
    | {"MadeUpOf", "NotDesires", "ObjectUse", "isAfter", "isBefore", "isFilledBy", "xReason"}
)
"""Relations of ATOMIC 2020 that are not social."""

_SOCIAL = frozenset(names(Family.SOCIAL)) - {"Open"}
_COLUMNS = ("head", "relation", "tail")
_ALIASES = {"event": "head", "head_event": "head", "rel": "relation", "inference": "tail"}
_LAYOUT = "write head, relation and tail, parted by tabs"
_NO_EFFECT = "annotations of no effect (none), which are no intentions"


def sniff(sample: Sample) -> Guess:
    """Rate a sample: three cells parted by tabs, with ATOMIC's relations in the middle."""
    cells = [line.split("\t") for line in sample.lines]
    rows = [c for c in cells if len(c) >= len(_COLUMNS)]
    if not rows or len(rows) < len(cells):
        return 0.0, "not three cells parted by tabs"
    layout = _header(rows[0])
    at = (layout or _positions())["relation"]
    found = [c[at].strip() if at < len(c) else "" for c in (rows[1:] if layout else rows)]
    if not _SOCIAL.intersection(found):
        return 0.0, "no social relation"
    share = sum(name in _SOCIAL or name in OTHERS for name in found) / len(found)
    return 0.95 * share, "head, relation and tail, with ATOMIC's relations"


@reader(
    "atomic",
    kind="intentions",
    summary="ATOMIC or ATOMIC 2020: head, relation and tail, parted by tabs",
    sniff=sniff,
    options=("language",),
)
def read(path: Path, options: Options) -> Iterator[Item]:
    """Read ATOMIC's rows; yields posts (the events) and assertions."""
    out = Collector(path, source=options.source or "atomic2020")
    language = options.language or "en"
    layout: dict[str, int] | None = None
    latest = ""
    for line in read_lines(path, limit=options.max_line):
        if line.problem:
            out.problem(line.number, line.problem, line.text)
        elif line.text.strip():
            cells = line.text.split("\t")
            if layout is None:
                layout = _header(cells)
                if layout is not None:
                    continue
                layout = _positions()
                _check_first(path, line, cells)
            with out.row(line.number, line.text):
                latest = _add(out, line, cells, layout, language, latest)
        yield from out.drain()
    if layout is None:
        raise InputError("the file has no rows", file=str(path), fix=_LAYOUT)
    yield from out.finish()


def _positions() -> dict[str, int]:
    return {name: at for at, name in enumerate(_COLUMNS)}


def _header(cells: list[str]) -> dict[str, int] | None:
    """Where each column stands, if these cells are a header."""
    found = [fold(cell) for cell in cells]
    aliases = {fold(alias): name for alias, name in _ALIASES.items()}
    named = {aliases.get(cell, cell): at for at, cell in reversed(list(enumerate(found)))}
    return {n: named[n] for n in _COLUMNS} if all(n in named for n in _COLUMNS) else None


def _check_first(path: Path, line: Line, cells: list[str]) -> None:
    """Refuse a file that is laid out in another way, rather than each of its rows."""
    if len(cells) < len(_COLUMNS):
        raise UnsuitableFileError(
            f"the first line has {len(cells)} cells parted by tabs, not head, relation and tail",
            file=str(path),
            row=line.number,
            fix=_LAYOUT,
        )


def _add(
    out: Collector,
    line: Line,
    cells: list[str],
    layout: dict[str, int],
    language: str,
    latest: str,
) -> str:
    """Add one row; returns the event that was added last."""
    if len(cells) <= max(layout.values()):
        raise BadValue(f"{len(cells)} cells, where at least 3 are needed", _LAYOUT)
    head, name, tail = (cells[layout[column]] for column in _COLUMNS)
    relation = _relation(name.strip())
    if relation is None:
        out.note(f"relation {name.strip()} is not social, left out")
        return latest
    if tail.strip().casefold() == "none":
        out.note(_NO_EFFECT)
        return latest
    event = " ".join((text(head, "head") or "").split())
    if not event:
        raise BadValue("the event is empty", "give every row its head")
    rows: list[tuple[Table, dict[str, object]]] = []
    if event != latest:
        rows.append(("posts", {"external_id": event, "text": event, "language": language}))
    assertion: dict[str, object] = {
        "head_type": "Post",
        "head_id": post_id(out.source, event),
        "relation": relation.name,
        "text": text(tail, "tail"),
        "model": MODEL,
    }
    rows.append(("assertions", assertion))
    return event if out.add_all(rows, line=line.number, excerpt=line.text) else latest


def _relation(name: str) -> Relation | None:
    """Return the social relation, or None for one of ATOMIC's others."""
    if name in OTHERS:
        return None
    try:
        return resolve(name, "atomic")
    except UnknownRelationError as error:
        known = [*sorted(_SOCIAL), *sorted(OTHERS)]
        close = get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        raise BadValue(
            error.message, f"{hint}relations of ATOMIC 2020: {', '.join(known)}"
        ) from None
