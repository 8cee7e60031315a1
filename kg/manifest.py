"""``kb.json``: which files make up a knowledge base right now.

The manifest names every committed Parquet part and the current generation of the graph and of
the vectors. It is the only commit point: files are written under names that no manifest mentions
yet, made durable, and come into being together when ``kb.json`` is replaced by a rename. A crash
before that rename leaves the old knowledge base whole; what it left lying about is swept by the
next writer.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from schema.errors import CorruptError, FormatVersionError, NotAKnowledgeBaseError

FORMAT_VERSION = 1
MANIFEST_NAME = "kb.json"


@dataclass(frozen=True, slots=True)
class Part:
    """One immutable file of the truth: `file` is relative to the knowledge base.

    `supersedes` counts its rows that replace a row of an earlier part of the same table.
    """

    file: str
    rows: int
    bytes: int
    sha256: str
    supersedes: int = 0


@dataclass(frozen=True, slots=True)
class GraphState:
    """The graph projection: one file of the embedded engine.

    `parts` lists the truth parts it was built from; what is missing there is what an incremental
    build has to add.
    """

    file: str
    engine: str
    bytes: int
    sha256: str
    nodes: int
    edges: int
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VectorState:
    """The vector projection: a directory that holds a FAISS index and its own manifest."""

    directory: str
    model: str
    dimension: int
    count: int
    sha256: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of ``kb.json``.

    Attributes
    ----------
    format
        Version of the directory's layout.
    revision
        Counts commits, from 1.
    tables
        Committed parts by table, oldest first. In a later part a row stands for the same id in an
        earlier one.
    graph, vectors
        The current projections, or None while they are not built.
    """

    format: int = FORMAT_VERSION
    revision: int = 0
    tables: dict[str, tuple[Part, ...]] = field(default_factory=dict)
    graph: GraphState | None = None
    vectors: VectorState | None = None

    def parts(self, table: str) -> tuple[Part, ...]:
        """Committed parts of a table, oldest first."""
        return self.tables.get(table, ())

    def with_part(self, table: str, part: Part) -> Manifest:
        """Return a copy that holds one part more."""
        return replace(self, tables={**self.tables, table: (*self.parts(table), part)})

    def files(self) -> set[str]:
        """Every file or directory that this manifest keeps alive, relative."""
        kept = {part.file for parts in self.tables.values() for part in parts}
        if self.graph:
            kept.add(self.graph.file)
        if self.vectors:
            kept.add(self.vectors.directory)
        return kept

    def to_json(self) -> bytes:
        """Serialise, indented, keys in a fixed order."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def read(cls, root: Path) -> Manifest:
        """Read the manifest of the knowledge base at `root`.

        Raises
        ------
        NotAKnowledgeBaseError
            If there is no ``kb.json``.
        CorruptError
            If it cannot be parsed.
        FormatVersionError
            If another version of the layout wrote it.
        """
        path = root / MANIFEST_NAME
        try:
            raw = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise NotAKnowledgeBaseError(
                f"{root} is not a knowledge base: it has no {MANIFEST_NAME}",
                fix=f"begin one with: intentkg ingest {root} FILE",
            ) from None
        try:
            data: dict[str, Any] = orjson.loads(raw)
            version = data["format"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise CorruptError(
                f"{path} is damaged: it is not the JSON that intentkg writes",
                fix="restore kb.json from a backup; records/ and assertions/ are untouched",
            ) from None
        if version != FORMAT_VERSION:
            raise FormatVersionError(
                f"{root} has format version {version}; this intentkg reads {FORMAT_VERSION}",
                fix="use the intentkg that wrote it, or ingest the sources into a new directory",
            )
        try:
            return cls(
                format=version,
                revision=data["revision"],
                tables={
                    table: tuple(Part(**part) for part in parts)
                    for table, parts in data["tables"].items()
                },
                graph=_state(GraphState, data["graph"]),
                vectors=_state(VectorState, data["vectors"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise CorruptError(
                f"{path} is damaged: {error}",
                fix="restore kb.json from a backup; records/ and assertions/ are untouched",
            ) from None


def _state[T: (GraphState, VectorState)](kind: type[T], data: dict[str, Any] | None) -> T | None:
    return None if data is None else kind(**{**data, "parts": tuple(data["parts"])})


def sha256_file(path: Path) -> str:
    """Hexadecimal sha256 of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
