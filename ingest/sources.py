"""Open a file, plain or compressed, and read it line by line in bounded memory.

Compression is told from the first bytes, not from the name. Decompression streams through Arrow,
which notices a stream that ends too early or fails its checksum.

A line that cannot be used (not UTF-8, a NUL byte, longer than the limit) is still a
:class:`Line`, with :attr:`Line.problem` set: counting goes on, and the reader decides what the
loss of that line means.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from schema.errors import InputError, UnsuitableFileError

MAX_LINE = 16 * 1024 * 1024
"""Longest line that is read, in bytes; a longer one is refused without being held whole."""

_CHUNK = 256 * 1024
_MAGIC: tuple[tuple[bytes, str], ...] = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"))
_FOREIGN: tuple[tuple[bytes, str, str], ...] = (
    (b"BZh", "a bzip2 file", "unpack it first: bunzip2 -k {path}"),
    (b"\xfd7zXZ\x00", "an xz file", "unpack it first: xz -dk {path}"),
    (b"PK\x03\x04", "a zip archive", "unpack it first: unzip {path}"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-zip archive", "unpack it first: 7z x {path}"),
    (b"SQLite format 3\x00", "an SQLite database", "export its table as CSV"),
    (b"PAR1", "a Parquet file", "only tables are read as Parquet, and not compressed once more"),
    (b"%PDF-", "a PDF document", "give the data behind it as CSV or JSON lines"),
    (b"\xff\xfe", "UTF-16 text", "iconv -f UTF-16 -t UTF-8 {path} > utf8.txt"),
    (b"\xfe\xff", "UTF-16 text", "iconv -f UTF-16 -t UTF-8 {path} > utf8.txt"),
)
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a line or a row cannot be used, and what would make it usable."""

    reason: str
    fix: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a text file, without its line end.

    Attributes
    ----------
    number
        1-based.
    text
        The line. Where `problem` is set, a stand-in that must not be used as data.
    problem
        Why the line is unusable, or None.
    """

    number: int
    text: str
    problem: Problem | None = None


class ByteStream(Protocol):
    """What is needed of an open stream; Arrow's streams and Python's files have it."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end."""


def check_file(path: str | Path) -> Path:
    """Return `path` if it is a file that can be opened.

    Raises
    ------
    UnsuitableFileError
        If there is no such file, or it is a directory, or it must not be read.
    """
    where = Path(path)
    try:
        if where.is_dir():
            raise UnsuitableFileError(
                "this is a directory, not a file",
                file=str(path),
                fix=f"name the files in it, as in {where / '*.jsonl'}",
            )
        with where.open("rb"):
            pass
    except FileNotFoundError:
        raise UnsuitableFileError("no such file", file=str(path), fix=_near(where)) from None
    except PermissionError:
        raise UnsuitableFileError(
            "it may not be read", file=str(path), fix=f"chmod +r {where}, or run as its owner"
        ) from None
    except (OSError, ValueError) as error:
        raise UnsuitableFileError(
            f"it cannot be opened: {error}", file=str(path), fix="check the path and the disk"
        ) from None
    return where


def magic(path: str | Path, size: int = 16) -> bytes:
    """Return the first bytes of a file as they are on disk."""
    with check_file(path).open("rb") as stream:
        return stream.read(size)


def compression(path: str | Path) -> str | None:
    """Return ``gzip``, ``zstd`` or None for a file, from its first bytes."""
    head = magic(path)
    return next((name for sign, name in _MAGIC if head.startswith(sign)), None)


@contextmanager
def open_bytes(path: str | Path) -> Iterator[ByteStream]:
    """Open a file for reading bytes, decompressed.

    Raises
    ------
    InputError
        If it cannot be opened, is in a container that is not read (zip, bzip2, UTF-16, ...), or,
        while it is read, if the compressed data end too early or are damaged.
    """
    import pyarrow as pa

    where = check_file(path)
    packed = compression(where)
    if packed is None:
        _refuse_foreign(magic(where), path)
        with where.open("rb") as plain:
            yield _Guarded(plain, str(path), None)
        return
    with (
        pa.OSFile(str(where), "rb") as raw,
        pa.CompressedInputStream(raw, packed) as stream,
    ):
        guarded = _Guarded(stream, str(path), packed)
        guarded.refuse_foreign()
        yield guarded


class _Guarded:
    """Turns the errors of a stream into errors that a person understands."""

    def __init__(self, stream: ByteStream, file: str, packed: str | None) -> None:
        self._stream = stream
        self._file = file
        self._packed = packed
        self._head = b""

    def refuse_foreign(self) -> None:
        self._head = self.read(16)
        _refuse_foreign(self._head, self._file)

    def read(self, size: int, /) -> bytes:
        if self._head:
            head, self._head = self._head, b""
            return head
        try:
            return self._stream.read(size)
        except (OSError, EOFError) as error:
            text = str(error)
            if self._packed is None:
                raise InputError(
                    f"reading failed: {text}", file=self._file, fix="check the disk"
                ) from None
            what = "ends too early" if "runcated" in text else f"is damaged ({text})"
            tool = {"gzip": "gzip -t", "zstd": "zstd -t"}[self._packed]
            raise InputError(
                f"the {self._packed} data {what}",
                file=self._file,
                fix=f"fetch or make the file again; `{tool} {self._file}` tests it",
            ) from None


def read_lines(
    path: str | Path, *, limit: int = MAX_LINE, chunk_size: int = _CHUNK
) -> Iterator[Line]:
    """Yield the lines of a text file, plain or compressed, in bounded memory.

    Lines end at a line feed; a carriage return before it goes with it. A byte-order mark at the
    beginning is skipped.

    Parameters
    ----------
    path
        The file.
    limit
        Longest line in bytes. A longer one is skipped piecewise and comes as a line with a
        problem.
    chunk_size
        How much is read at a time, in bytes.

    Raises
    ------
    InputError
        As :func:`open_bytes`.
    """
    with open_bytes(path) as stream:
        number, offset = 1, 0  # of the line that `tail` begins
        tail = b""
        skipped: _Skipped | None = None
        first = True
        while chunk := stream.read(chunk_size):
            if first:
                # The head that was peeked at may be short: a mark needs three bytes.
                while len(chunk) < len(_BOM) and (more := stream.read(chunk_size)):
                    chunk += more
                first = False
                if chunk.startswith(_BOM):
                    chunk, offset = chunk[len(_BOM) :], len(_BOM)
            pieces = chunk.split(b"\n")
            if skipped is not None:
                skipped.feed(pieces[0])
                if len(pieces) == 1:
                    continue
                yield skipped.line(number, limit)
                offset += skipped.length + 1
                number += 1
                skipped = None
                pieces.pop(0)
            else:
                pieces[0] = tail + pieces[0]
            tail = pieces.pop()
            for piece in pieces:
                yield _line(piece, number, offset, limit)
                offset += len(piece) + 1
                number += 1
            if len(tail) > limit:
                skipped = _Skipped(tail)
                tail = b""
        if skipped is not None:
            yield skipped.line(number, limit)
        elif tail:
            yield _line(tail, number, offset, limit)


class _Skipped:
    """A line too long to hold: only its length and its double quotes are counted."""

    def __init__(self, begin: bytes) -> None:
        self.length = 0
        self._quotes = 0
        self.feed(begin)

    def feed(self, piece: bytes) -> None:
        self.length += len(piece)
        self._quotes += piece.count(b'"')

    def line(self, number: int, limit: int) -> Line:
        return _too_long(number, self.length, self._quotes, limit)


def _too_long(number: int, length: int, quotes: int, limit: int) -> Line:
    # An odd number of quotes opens or closes a quoted cell, so the stand-in keeps the parity.
    return Line(
        number,
        '"' if quotes % 2 else "",
        Problem(
            f"the line is {length:,} bytes long; at most {limit:,} are read",
            "split it, or check whether line ends are missing",
        ),
    )


def _line(raw: bytes, number: int, offset: int, limit: int) -> Line:
    if len(raw) > limit:
        return _too_long(number, len(raw), raw.count(b'"'), limit)
    raw = raw.removesuffix(b"\r")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return Line(
            number,
            raw.decode("utf-8", "replace").replace("\0", " "),
            Problem(
                f"not UTF-8: byte 0x{raw[error.start]:02x} at byte offset {offset + error.start:,}",
                "convert the file: iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW (or its own encoding)",
            ),
        )
    if "\0" in text:
        at = offset + raw.index(b"\0")
        return Line(
            number,
            text.replace("\0", " "),
            Problem(
                f"a NUL byte at byte offset {at:,}",
                "remove it: tr -d '\\000' < OLD > NEW; check that the file was not cut by a crash",
            ),
        )
    return Line(number, text)


def _refuse_foreign(head: bytes, path: str | Path) -> None:
    for sign, what, fix in _FOREIGN:
        if head.startswith(sign):
            raise InputError(
                f"this is {what}; plain, gzip and zstd files in UTF-8 are read",
                file=str(path),
                fix=fix.format(path=path),
            )


def _near(path: Path) -> str:
    """Suggest a file of a similar name in the same folder."""
    from difflib import get_close_matches

    names: list[str] = []
    with suppress(OSError):
        # A folder may hold very many files; a suggestion is not worth listing them all.
        for entry, _ in zip(path.parent.iterdir(), range(10_000), strict=False):
            names.append(entry.name)
    close = get_close_matches(path.name, names, n=1, cutoff=0.6)
    return f"did you mean {path.parent / close[0]}?" if close else "check the path"
