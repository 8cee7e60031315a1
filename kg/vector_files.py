"""The files of a vector index: written as a whole or not at all, opened only if all agrees.

``ids.u128``
    The digests of the ids, 16 bytes each (two little-endian halves), ascending.
``index.faiss`` and, for a large index, ``rows.i8``
    See :mod:`kg.vector_forms`; inside, a vector goes by the 63-bit key of its id.
``manifest.json``
    A :class:`Header`, with the size and checksum of each of the others.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import orjson

from kg.directory import sync_directory
from kg.vector_forms import FORMS, Form
from kg.vector_ids import IdTable
from schema.errors import CorruptError, StoreError

IDS = "ids.u128"
HEADER = "manifest.json"
FORMAT = 1

_FIX = "intentkg build KB --fresh"
_PIECE = 1 << 24  # bytes; pieces are hashed on every core


@dataclass(frozen=True, slots=True)
class File:
    """Size of a file, and the sha256 of the sha256s of its pieces of 16 MiB."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Header:
    """What ``manifest.json`` says.

    Attributes
    ----------
    format
        Version of this layout.
    model, dimension, metric
        The embedder's name, the length of a vector, and ``cosine``.
    form
        ``flat`` or ``scan-pq4``.
    kind
        What stands before the underscore of the ids; None if there never was one.
    count
        How many vectors there are.
    faiss
        Version of FAISS that wrote the index.
    files
        The other files.
    """

    format: int
    model: str
    dimension: int
    metric: str
    form: str
    kind: str | None
    count: int
    faiss: str
    files: dict[str, File]

    @classmethod
    def read(cls, raw: bytes) -> Self:
        """Parse ``manifest.json``; ValueError, KeyError or TypeError if it is something else."""
        data = orjson.loads(raw)
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']} instead of {FORMAT}")
        stored = {name: File(**file) for name, file in data.pop("files").items()}
        if set(stored) != {IDS, *FORMS[data["form"]].files}:
            raise ValueError("it does not name its files")
        return cls(**data, files=stored)


def save(directory: Path, form: Form, ids: IdTable, *, model: str) -> str:
    """Write an index into `directory`, which must not exist; returns the manifest's sha256."""
    import faiss

    staging = directory.with_name(f".{directory.name}.new")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        staging.mkdir(parents=True)
        form.write(staging)
        ids.write(staging / IDS)
        header = Header(
            format=FORMAT,
            model=model,
            dimension=form.dimension,
            metric="cosine",
            form=form.name,
            kind=ids.kind,
            count=len(ids),
            faiss=faiss.__version__,
            files={name: _measure(staging / name) for name in (IDS, *form.files)},
        )
        raw = orjson.dumps(asdict(header), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        (staging / HEADER).write_bytes(raw)
        for name in (HEADER, *header.files):
            with (staging / name).open("rb+") as file:
                os.fsync(file.fileno())
        sync_directory(staging)
        staging.rename(directory)
        sync_directory(directory.parent)
    except (OSError, RuntimeError) as error:  # FAISS raises the latter when a disk is full
        raise StoreError(
            f"cannot write the vector index {directory}: {str(error).splitlines()[0]}",
            fix="check the free space and the permissions there; nothing was changed",
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return hashlib.sha256(raw).hexdigest()


def check(path: Path, *, expected: str | None, model: str | None) -> Header:
    """Read the manifest in `path` and hold the other files against it.

    Raises
    ------
    CorruptError
        If a file is missing or differs, or the model is another one.
    """
    try:
        raw = (path / HEADER).read_bytes()
    except OSError:
        raise CorruptError(f"the vector index {path} is missing", fix=_FIX) from None
    if expected is not None and hashlib.sha256(raw).hexdigest() != expected:
        raise CorruptError(f"{path / HEADER} is not the one that was built", fix=_FIX)
    try:
        header = Header.read(raw)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptError(f"{path / HEADER} is damaged: {error}", fix=_FIX) from None
    if model is not None and model != header.model:
        raise CorruptError(
            f"the vectors are of the model {header.model}, not {model}",
            fix=f"use that model, or make the vectors anew: {_FIX}",
        )
    for name, said in header.files.items():
        try:
            size = (path / name).stat().st_size
            if size != said.bytes:
                raise CorruptError(
                    f"{path / name} has {size:,} bytes instead of {said.bytes:,}", fix=_FIX
                )
            same = _measure(path / name) == said
        except OSError as error:
            raise CorruptError(f"{path / name}: {error.strerror}", fix=_FIX) from None
        if not same:
            raise CorruptError(f"{path / name} was altered: its checksum differs", fix=_FIX)
    return header


def read(path: Path, header: Header) -> tuple[Form, IdTable]:
    """Read the index and its ids, whose files :func:`check` has passed.

    Raises
    ------
    CorruptError
        If they do not agree with one another.
    """
    ids = IdTable.read(path / IDS, header.kind)
    if len(ids) != header.count:
        raise CorruptError(
            f"{path / IDS} holds {len(ids):,} ids instead of {header.count:,}", fix=_FIX
        )
    return FORMS[header.form].read(path, header.dimension, ids.keys), ids


def _measure(path: Path) -> File:
    """Size and checksum of a file; on two cores some 4 GB a second."""
    size = path.stat().st_size
    if not size:
        return File(0, hashlib.sha256().hexdigest())
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        memoryview(data) as view,
        ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool,
    ):
        pieces = pool.map(lambda start: _sha256(view, start), range(0, size, _PIECE))
        return File(size, hashlib.sha256(b"".join(pieces)).hexdigest())


def _sha256(view: memoryview, start: int) -> bytes:
    with view[start : start + _PIECE] as piece:
        return hashlib.sha256(piece).digest()
