"""The registry of formats: one reader each, found by name or recognised from the file.

A reader is a generator of :data:`schema.records.Item`. It registers itself::

    @reader(
        "posts",
        kind="records",
        summary="posts as JSON lines, CSV or Parquet",
        sniff=sniff,
        fields=FIELDS,
        options=("source", "columns"),
    )
    def read(path: Path, options: Options) -> Iterator[Item]: ...

To add a format, put one file with such a function into ``ingest/readers`` (records) or
``ingest/intentions`` (ready intentions); nothing else needs to know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ingest.sources import MAX_LINE
from schema.errors import InputError, UnknownFormatError, UsageError
from schema.identity import check_source

if TYPE_CHECKING:
    from ingest.rows import Field
    from ingest.sampling import Sample
    from schema.records import Item

Kind = Literal["records", "intentions"]
Guess = tuple[float, str]
"""How sure a format is that a file is its own, 0 to 1, and what it goes by."""

SURE = 0.5
LEAD = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a person may set for a reader. A format refuses those that mean nothing to it.

    Attributes
    ----------
    source
        Source name of the rows in place of the format's own.
    columns
        Field name to column name of the file.
    directed
        cobuys: whether the order of a pair says what was bought first.
    min_support
        Co-buys seen less often are left out.
    basket
        baskets: what is one basket. ``session``: rows of one session column; ``day``, ``week``:
        one user's rows of one UTC day or ISO week; ``user``: all rows of one user. None:
        ``session`` where there is such a column, else ``day``.
    max_basket
        baskets: a basket with more different items is left out; its pairs grow with the square.
    dangling
        Links to products that the file does not describe: ``drop`` them (they are counted), or
        ``keep`` them with a product that has nothing but its id. None: the format's own way,
        which so far is ``drop`` in all that heed it.
    images
        Folder or address in which images lie whose names follow from the rows' ids. Without it
        such rows get no image reference.
    language
        Language of texts that state none, as a tag such as ``en``.
    max_line
        Longest line in bytes; longer ones are refused.
    memory
        Bound for what is sorted and joined on disk, as ``512MB``.
    temp_dir
        Where that lies meanwhile; None: the system's folder for temporary files.
    """

    source: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    directed: bool = False
    min_support: int = 1
    basket: Literal["session", "day", "week", "user"] | None = None
    max_basket: int = 1000
    dangling: Literal["drop", "keep"] | None = None
    images: str | None = None
    language: str | None = None
    max_line: int = MAX_LINE
    memory: str = "512MB"
    temp_dir: Path | None = None


_ALWAYS = frozenset({"source", "max_line", "memory", "temp_dir"})
_DEFAULTS = Options()

Read = Callable[[Path, Options], Iterator["Item"]]
Sniff = Callable[["Sample"], Guess]


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Attributes
    ----------
    name
        As in ``--format NAME``.
    kind
        ``records`` (for ``intentkg ingest``) or ``intentions`` (for ``intentkg import``).
    summary
        One line on what it reads.
    read
        The reader. Prefer :func:`read`, which checks the options first.
    sniff
        How sure the format is that a sample is its own.
    options
        Names of the :class:`Options` that it heeds, beside those that all do.
    fields
        What ``--column`` may map.
    takes_directory
        Whether a path may be a directory.
    parts
        Names, without ending, of files that are read together with the one it is told by.
    """

    name: str
    kind: Kind
    summary: str
    read: Read
    sniff: Sniff
    options: frozenset[str] = frozenset()
    fields: tuple[Field, ...] = ()
    takes_directory: bool = False
    parts: tuple[str, ...] = ()

    def check(self, options: Options) -> None:
        """Raise a UsageError for an option or a column that this format does not know."""
        if options.source is not None:
            check_source(options.source)
        for option in fields(Options):
            name = option.name
            if name in self.options or name in _ALWAYS:
                continue
            if getattr(options, name) != getattr(_DEFAULTS, name):
                known = ", ".join(sorted(self.options | {"source"}))
                raise UsageError(
                    f"format {self.name} has no option {name.replace('_', '-')}",
                    fix=f"leave it out; {self.name} has: {known}",
                )
        if options.min_support < 1 or options.max_basket < 2:
            raise UsageError(
                "min-support must be at least 1 and max-basket at least 2", fix="give a larger one"
            )
        known_fields = [wanted.name for wanted in self.fields]
        for name in options.columns:
            if name not in known_fields:
                close = get_close_matches(name, known_fields, n=1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                raise UsageError(
                    f"format {self.name} has no field {name!r} to map a column to",
                    fix=f"{hint}fields: {', '.join(known_fields) or 'none'}",
                )


_FORMATS: dict[str, Format] = {}


def reader(
    name: str,
    *,
    kind: Kind,
    summary: str,
    sniff: Sniff,
    options: Iterable[str] = (),
    fields: Iterable[Field] = (),
    takes_directory: bool = False,
    parts: Iterable[str] = (),
) -> Callable[[Read], Read]:
    """Register a reader under a name."""

    def register(read: Read) -> Read:
        if name in _FORMATS and _FORMATS[name].read.__module__ != read.__module__:
            raise ValueError(f"two readers are called {name}")
        wanted = tuple(fields)
        heeds = frozenset(options) | ({"columns"} if wanted else set())
        _FORMATS[name] = Format(
            name, kind, summary, read, sniff, heeds, wanted, takes_directory, tuple(parts)
        )
        return read

    return register


def formats(kind: Kind | None = None) -> tuple[Format, ...]:
    """Return all formats, of one kind or of both, by name."""
    _load()
    return tuple(f for _, f in sorted(_FORMATS.items()) if kind in (None, f.kind))


def get(name: str, kind: Kind | None = None) -> Format:
    """Look a format up by name.

    Raises
    ------
    UnknownFormatError
        If there is none of that name, or it is of the other kind.
    """
    known = {f.name: f for f in formats()}
    key = name.strip().casefold().replace("_", "-")
    if key not in known:
        names = [f.name for f in formats(kind)]
        close = get_close_matches(key, names, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise UnknownFormatError(
            f"unknown format {name!r}", fix=f"{hint}formats: auto, {', '.join(names)}"
        )
    found = known[key]
    if kind is not None and found.kind != kind:
        raise UnknownFormatError(
            f"format {found.name} holds {HOLDS[found.kind]}", fix=f"use {COMMANDS[found.kind]}"
        )
    return found


HOLDS = {"records": "posts, products or co-buys", "intentions": "ready intentions"}
COMMANDS = {
    "records": "`intentkg ingest KB --format NAME FILE`",
    "intentions": "`intentkg import KB --format NAME FILE`",
}


def detect(path: str | Path, kind: Kind | None = None) -> Format:
    """Recognise the format of a file.

    Parameters
    ----------
    path
        A file, or a directory for the formats that take one.
    kind
        Only formats of this kind may win; if one of the other kind would, the error says so.

    Raises
    ------
    UnknownFormatError
        If no format is sure enough, or two are about equally sure. The message says what was
        seen and which formats come close.
    InputError
        If the file cannot be read.
    """
    from ingest.sampling import take
    from ingest.unclear import refuse_unreadable, unclear

    sample = take(path)
    guesses = sorted(((*f.sniff(sample), f) for f in formats()), key=lambda g: (-g[0], g[2].name))
    top = guesses[0]
    mine = [g for g in guesses if kind in (None, g[2].kind)]
    if mine and mine[0][0] >= SURE and top[0] - mine[0][0] < LEAD:
        rival = mine[1][0] if len(mine) > 1 else 0.0
        if mine[0][0] - rival >= LEAD:
            return mine[0][2]
    elif top[0] >= SURE and kind not in (None, top[2].kind):
        raise UnknownFormatError(
            f"{path}: this looks like {top[2].name} ({top[1]}), which holds {HOLDS[top[2].kind]}",
            fix=f"use {COMMANDS[top[2].kind].replace('NAME', top[2].name)}",
        )
    refuse_unreadable(sample)
    raise unclear(sample, mine)


def read(
    path: str | Path,
    format: str = "auto",
    options: Options | None = None,
    *,
    kind: Kind | None = None,
) -> Iterator[Item]:
    """Read a file into items: batches of rows, refusals and notes.

    Parameters
    ----------
    path
        The file (or directory, for the formats that take one).
    format
        A format's name, or ``auto``.
    options
        What to set for the reader.
    kind
        Restricts the formats.

    Returns
    -------
    An iterator; reading goes on as it is consumed, and so may raise an InputError later.

    Raises
    ------
    UsageError
        For an unknown format, or an option that the format does not know.
    InputError
        If there is no such file, or it cannot be read.
    """
    from ingest.rows import container
    from ingest.sources import check_file

    if not Path(path).is_dir() and container(path) == "empty":
        raise InputError("the file is empty", file=str(path), fix="check where it comes from")
    found = detect(path, kind) if format.strip().casefold() == "auto" else get(format, kind)
    if not found.takes_directory:
        check_file(path)  # says so if it is a directory
    chosen = options or _DEFAULTS
    found.check(chosen)
    return found.read(Path(path), chosen)


@cache
def _load() -> None:
    """Import every reader; each registers itself."""
    import importlib
    import pkgutil

    for package in ("ingest.readers", "ingest.intentions"):
        try:
            folder = importlib.import_module(package)
        except ModuleNotFoundError as error:
            if error.name != package:
                raise
            continue
        for module in pkgutil.iter_modules(folder.__path__, package + "."):
            importlib.import_module(module.name)
