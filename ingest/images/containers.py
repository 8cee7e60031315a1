"""Take metadata out of JPEG, PNG, GIF and WebP files without touching a pixel.

Each function walks the container and keeps only the parts that decide what is seen (and an ICC
colour profile); EXIF, GPS, XMP, IPTC, comments, thumbnails, unknown parts and anything behind
the end mark are left out. No pixel is encoded again, so the same input gives the same bytes on
every machine, and a file without metadata comes back unchanged.

References: ITU-T T.81 annex B, PNG third edition chapters 5 and 11, GIF89a, the WebP container
specification.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from typing import Final

_SIGNATURES: Final = (
    ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ("image/png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("image/gif", re.compile(rb"GIF8[79]a")),
    ("image/webp", re.compile(rb"RIFF....WEBP", re.DOTALL)),
)


class BrokenContainerError(ValueError):
    """The bytes are not a whole file of that type."""


def sniff(data: bytes) -> str | None:
    """Media type by the first bytes; null if it is none of the four."""
    return next((kind for kind, signature in _SIGNATURES if signature.match(data)), None)


def strip(data: bytes, media_type: str) -> bytes:
    """Return the file without its metadata.

    Raises
    ------
    BrokenContainerError
        If the file ends early or is not put together as its type demands.
    """
    try:
        return b"".join(_PARTS[media_type](data))
    except (IndexError, struct.error):
        raise BrokenContainerError("the file ends early") from None


def _take(data: bytes, start: int, size: int) -> bytes:
    part = data[start : start + size]
    if len(part) != size:
        raise BrokenContainerError("the file ends early")
    return part


# --- JPEG ---------------------------------------------------------------------------------------

_SCAN_END = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})


def _jpeg(data: bytes) -> Iterator[bytes]:
    yield data[:2]
    at = 2
    while True:
        if data[at] != 0xFF:
            raise BrokenContainerError("a JPEG marker is missing")
        while data[at + 1] == 0xFF:  # fill bytes
            at += 1
        marker = data[at + 1]
        if marker == 0xD9:
            yield b"\xff\xd9"
            return
        if marker in _NO_LENGTH:
            yield data[at : at + 2]
            at += 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if length < 2:
            raise BrokenContainerError("a JPEG segment is too short")
        segment = _take(data, at, length + 2)
        at += length + 2
        if marker == 0xDA:  # the scan's coded data runs to the next real marker
            end = _SCAN_END.search(data, at)
            if end is None:
                raise BrokenContainerError("the file ends early")
            yield segment + data[at : end.start()]
            at = end.start()
        else:
            yield _jpeg_segment(marker, segment)


def _jpeg_segment(marker: int, segment: bytes) -> bytes:
    body = segment[4:]
    if marker == 0xE0:  # JFIF, without its thumbnail; JFXX is nothing but a thumbnail
        if not body.startswith(b"JFIF\x00") or len(body) < 14:
            return b""
        return segment if body[12:] == b"\x00\x00" else b"\xff\xe0\x00\x10" + body[:12] + b"\0\0"
    if marker == 0xE2:
        return segment if body.startswith(b"ICC_PROFILE\x00") else b""
    if marker == 0xEE:  # says how the colours are coded
        return segment if body.startswith(b"Adobe") else b""
    return b"" if 0xE1 <= marker <= 0xEF or marker == 0xFE else segment


# --- PNG ----------------------------------------------------------------------------------------

_PNG_KEPT = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP sBIT cICP mDCV cLLI bKGD hIST sPLT pHYs "
    b"acTL fcTL fdAT".split()
)


def _png(data: bytes) -> Iterator[bytes]:
    yield data[:8]
    at = 8
    while True:
        (length,) = struct.unpack_from(">I", data, at)
        name = data[at + 4 : at + 8]
        chunk = _take(data, at, length + 12)
        at += length + 12
        if name in _PNG_KEPT:
            yield chunk
        elif not name[0] & 0x20:
            raise BrokenContainerError(f"unknown critical PNG chunk {name!r}")
        if name == b"IEND":
            return


# --- GIF ----------------------------------------------------------------------------------------

_GIF_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


def _gif_table(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _gif_blocks(data: bytes, at: int) -> int:
    """Offset behind a chain of sub-blocks."""
    while data[at]:
        at += data[at] + 1
    return at + 1


def _gif(data: bytes) -> Iterator[bytes]:
    at = 13 + _gif_table(data[10])
    yield _take(data, 0, at)
    control = b""  # belongs to the image, or the text, that follows it
    while data[at] != 0x3B:
        start = at
        if data[at] == 0x2C:
            at = _gif_blocks(data, at + 10 + _gif_table(data[at + 9]) + 1)
            yield control + data[start:at]
            control = b""
        elif data[at] == 0x21:
            label = data[at + 1]
            at = _gif_blocks(data, at + 2)
            if label == 0xF9:
                control = data[start:at]
            elif label == 0x01:
                control = b""
            elif label == 0xFF and data[start + 3 : start + 14] in _GIF_LOOPS:
                yield data[start:at]
        else:
            raise BrokenContainerError("an unknown GIF block")
    yield b"\x3b"


# --- WebP ---------------------------------------------------------------------------------------

_WEBP_KEPT = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ANIM", b"ANMF", b"ALPH", b"ICCP"})
_WEBP_METADATA_FLAGS = 0x0C  # EXIF and XMP


def _webp(data: bytes) -> Iterator[bytes]:
    (size,) = struct.unpack_from("<I", data, 4)
    body = b"".join(_webp_chunks(_take(data, 12, size - 4) if size >= 4 else b""))
    yield b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _webp_chunks(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        body = _take(data, at + 8, length)
        at += 8 + length + (length & 1)
        if name not in _WEBP_KEPT:
            continue
        if name == b"VP8X":
            body = bytes([body[0] & ~_WEBP_METADATA_FLAGS]) + body[1:]
        elif name == b"ANMF":
            body = body[:16] + b"".join(_webp_chunks(body[16:]))
        yield name + struct.pack("<I", len(body)) + body + b"\x00" * (len(body) & 1)


_PARTS: Final[dict[str, Callable[[bytes], Iterator[bytes]]]] = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/gif": _gif,
    "image/webp": _webp,
}
