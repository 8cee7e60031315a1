"""The registry of export formats, and the one way to write them: whole or not at all.

A format is a module of this package that registers itself::

    @exporter("name", summary="what for", options=Options)
    def write(source: Source, options: Options) -> Written: ...

It writes its files into ``source.folder``, which becomes the folder that the person named once all
is finished. To add a format, put its module here and its name into :data:`MODULES`.
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from kg.directory import Directory
from kg.sql import connect, store_errors
from schema.errors import StoreError, UnknownFormatError, UsageError
from schema.records import TABLES

if TYPE_CHECKING:
    import duckdb

    from kg.manifest import Manifest
    from kg.projection import Projection

Progress = Callable[[str, int, int | None], None]

_WIDTH = 88

MODULES: dict[str, str] = {"neo4j-admin": "neo4j_admin"}
"""Formats, and the modules that write them."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a format writes from, and where to.

    Attributes
    ----------
    projection
        The graph as the truth has it.
    connection
        Its connection; ``COPY`` may write into `folder`, and nowhere else.
    folder
        An empty folder.
    progress
        Called with a stage, how much of it is done, and its total where that is known.
    """

    directory: Directory
    manifest: Manifest
    connection: duckdb.DuckDBPyConnection
    projection: Projection
    folder: Path
    progress: Progress


@dataclass(frozen=True, slots=True)
class Written:
    """What a format wrote.

    Attributes
    ----------
    rows
        Rows of each file, headers not counted, in the order in which they are read.
    nodes, edges
        How much of the graph is in them.
    command
        The shell command that loads them, to be run in their folder; empty if there is none.
    notes
        What to know about it, a sentence each.
    """

    rows: dict[str, int]
    nodes: int
    edges: int
    command: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export did: as :class:`Written`, with the folder and its size in bytes."""

    format: str
    folder: Path
    rows: dict[str, int]
    bytes: int
    nodes: int
    edges: int
    command: str
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {**asdict(self), "folder": str(self.folder)}

    def __str__(self) -> str:
        text = (
            f"{self.folder}: {self.nodes:,} nodes and {self.edges:,} edges in {len(self.rows)} "
            f"files, {self.bytes / 1e6:,.1f} MB"
        )
        if self.command:
            place = shlex.quote(str(self.folder))
            text += f"\nread them with:\n  cd {place}\n  {_broken(self.command)}"
        return text


@dataclass(frozen=True, slots=True)
class Format:
    """A format: its name, what it is for, its options (a dataclass), and what writes it."""

    name: str
    summary: str
    options: type[Any]
    write: Callable[[Source, Any], Written]


_FORMATS: dict[str, Format] = {}


def exporter[F: Callable[[Source, Any], Written]](
    name: str, *, summary: str, options: type[Any]
) -> Callable[[F], F]:
    """Register what writes a format."""

    def register(write: F) -> F:
        _FORMATS[name] = Format(name, summary, options, write)
        return write

    return register


def get(name: str) -> Format:
    """Find a format.

    Raises
    ------
    UnknownFormatError
        If there is none of that name.
    """
    if name not in MODULES:
        close = get_close_matches(name, MODULES, n=1)
        raise UnknownFormatError(
            f"there is no export format {name!r}",
            fix=f"did you mean {close[0]!r}?" if close else f"formats: {', '.join(MODULES)}",
        )
    import_module(f"kg.exports.{MODULES[name]}")
    return _FORMATS[name]


def export(
    directory: Directory,
    folder: Path,
    *,
    format: str,
    progress: Progress | None = None,
    **options: Any,
) -> ExportReport:
    """Write the graph of a knowledge base, as the truth has it now, for another tool.

    Nothing needs to have been built. A crash or an error leaves no `folder`.

    Parameters
    ----------
    directory
        The knowledge base.
    folder
        Where to: a folder that is not there yet, or an empty one.
    format
        One of :data:`MODULES`.
    progress
        Called with a stage, how much of it is done, and its total where that is known.
    **options
        Of the format.

    Raises
    ------
    UnknownFormatError, UsageError
        If there is no such format, it has no such option, or `folder` holds something.
    StoreError
        If there is nothing to export, or the disk is full or fails.
    """
    from kg.projection import Projection

    chosen = get(format)
    asked = _options(chosen, options)
    manifest = directory.manifest()
    if not any(part.rows for table in TABLES for part in manifest.parts(table)):
        raise StoreError(
            f"{directory.root} is empty: there is no graph to export",
            fix=f"put something in first: intentkg ingest {directory.root} FILE",
        )
    doing = f"exporting {directory.root} to {folder}"
    with store_errors(doing), _beside(folder) as (work, out):
        with connect(directory, manifest, scratch=work) as connection:
            projection = Projection(connection, directory, manifest)
            source = Source(directory, manifest, connection, projection, out, progress or _silent)
            written = chosen.write(source, asked)
        size = sum(file.stat().st_size for file in out.iterdir())
    return ExportReport(
        format=format,
        folder=folder,
        rows=written.rows,
        bytes=size,
        nodes=written.nodes,
        edges=written.edges,
        command=written.command,
        notes=written.notes,
    )


def _options(format: Format, given: dict[str, Any]) -> Any:
    known = [one.name for one in fields(format.options)]
    for name in given:
        if name not in known:
            raise UsageError(
                f"format {format.name} has no option {name!r}",
                fix=f"leave it out; it has: {', '.join(known) or 'none'}",
            )
    return format.options(**given)


@contextlib.contextmanager
def _beside(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield a scratch folder beside `folder`, and one in it that takes its place in the end."""
    if any(folder.iterdir()) if folder.is_dir() else folder.exists():
        raise UsageError(
            f"{folder} is there already, and it is not an empty folder",
            fix="name one that is not there yet, or remove it",
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = folder.absolute().parent / f".{folder.name}-{uuid4().hex}"
    (work / "out").mkdir(parents=True)
    try:
        yield work, work / "out"
        (work / "out").replace(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _broken(command: str) -> str:
    """A command in lines that a screen holds, which a shell takes as they are."""
    lines = [""]
    for word in shlex.split(command):
        word = shlex.quote(word)
        if lines[-1] and len(lines[-1]) + len(word) > _WIDTH:
            lines.append("")
        lines[-1] += f"{word} "
    return "\\\n    ".join(lines).rstrip()


def _silent(stage: str, done: int, total: int | None) -> None:
    """Report to nobody."""
