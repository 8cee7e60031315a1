"""Tables of BundleRec (Sun et al., SIGIR 2022): two columns and a header each, gzipped."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from schema.errors import InputError, UnsuitableFileError

DOMAINS = ("electronic", "clothing")

_AGAIN = "fetch BundleRec again"


def rows(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the rows of a table, without its header.

    Raises
    ------
    UnsuitableFileError
        If it cannot be read.
    InputError
        If a row has not two cells.
    """
    try:
        text = gzip.decompress(path.read_bytes()).decode("utf-8")
    except OSError as error:
        what = error.strerror or "is no gzip file"
        raise UnsuitableFileError(f"cannot be read: {what}", file=str(path), fix=_AGAIN) from None
    except (EOFError, zlib.error, UnicodeDecodeError):
        raise UnsuitableFileError("is damaged", file=str(path), fix=_AGAIN) from None
    reader = csv.reader(text.splitlines(keepends=True))
    next(reader, None)
    for cells in reader:
        if len(cells) != 2:
            raise InputError(
                f"has {len(cells)} cells, not 2",
                file=str(path),
                row=reader.line_num,
                fix=_AGAIN,
            )
        yield cells[0], cells[1]
