"""Images that lie on this machine: paths, ``file:`` and ``data:`` addresses."""

from __future__ import annotations

import base64
import binascii
import os
import re
import stat
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from schema.errors import InputError

_BASE64 = re.compile(r";\s*base64\s*\Z", re.IGNORECASE)


def data_address(data: bytes) -> str:
    """Write bytes as a ``data:`` address: how a reader hands over an image's bytes in a `ref`.

    The pass reads it and leaves null in its place, so the bytes are not stored twice.

    Examples
    --------
    >>> data_address(b"GIF89a")
    'data:;base64,R0lGODlh'
    """
    return "data:;base64," + base64.b64encode(data).decode("ascii")


def read_data_address(address: str, max_bytes: int) -> bytes:
    """Read the bytes of a ``data:`` address (RFC 2397).

    Raises
    ------
    InputError
        If it is not one, or holds more than `max_bytes`.
    """
    head, comma, body = address[len("data:") :].partition(",")
    if not comma:
        raise InputError("a data address without a comma")
    # Base64 writes 3 bytes in 4 characters, percent-coding at most 1 in 3: refuse before decoding.
    if len(body) > 3 * max_bytes + 4:
        raise InputError(f"larger than the limit of {max_bytes} bytes")
    if _BASE64.search(head):
        try:
            data = base64.b64decode("".join(unquote(body).split()), validate=True)
        except (binascii.Error, ValueError):
            raise InputError("a data address whose base64 is broken") from None
    else:
        data = unquote_to_bytes(body)
    if len(data) > max_bytes:
        raise InputError(f"larger than the limit of {max_bytes} bytes")
    return data


def read_path(ref: str, base: Path, *, max_bytes: int, allow_outside: bool) -> bytes:
    """Read an image file.

    Parameters
    ----------
    ref
        A path, or a ``file:`` address.
    base
        Folder that a relative path starts from, and that no path may lead out of, not even
        through a symbolic link, unless `allow_outside`.

    Raises
    ------
    InputError
        If it cannot be read, leads outside, is no plain file, or is larger than `max_bytes`.
    """
    path = unquote(urlsplit(ref).path) if ref.casefold().startswith("file:") else ref
    try:
        target = Path(os.path.realpath(base / path))
        if not allow_outside and not target.is_relative_to(os.path.realpath(base)):
            raise InputError(f"refused: the path leads out of {base}")
        # Not blocking: opening a named pipe would wait for its writer.
        descriptor = os.open(target, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise InputError("not a plain file")
            with open(descriptor, "rb", closefd=False) as file:
                data = file.read(max_bytes + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise InputError("no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else None
        raise InputError(f"cannot be read: {reason or error}") from None
    if len(data) > max_bytes:
        raise InputError(f"larger than the limit of {max_bytes} bytes")
    return data
