"""What is said, in the list of refused rows, of an image that could not be had."""

from __future__ import annotations

from schema.records import Rejection, Rows

_SHOWN = 200  # characters of a reference

# By what the reason says; the first that fits.
_REMEDIES = (
    ("leads out of", "put the image into that folder, or name the folder with --image-base"),
    ("is the private address", "fetch from private networks with --allow-private, if you trust it"),
    ("refused", "give a path, an http(s) address or a data: address"),
    ("larger than the limit", "make the image smaller"),
    ("pixels", "make the image smaller"),
    ("data address", "write it as data:image/png;base64,..."),
    ("HTTP", "see whether the address still has the image, then ingest the file again"),
    ("not had within", "allow more with --image-timeout, or ingest the file again later"),
)
_ANYWAY = "put a whole JPEG, PNG, GIF or WebP there, then ingest the file again"


def failure(rows: Rows, row: int, ref: str | None, error: str) -> Rejection:
    """Say of an image of a row that it could not be had; the row itself stays.

    Parameters
    ----------
    rows, row
        The batch, and the row's place in it.
    ref
        Path or address; None for bytes in the row itself.
    error
        Why not, as on the row.
    """
    name = "in the row itself" if ref is None else ref[:_SHOWN]
    return Rejection(
        file=rows.file,
        row=rows.lines[row].as_py(),
        reason=f"the row is stored without its image {name}: {error}",
        fix=next((fix for sign, fix in _REMEDIES if sign in error), _ANYWAY),
        excerpt=rows.batch.column("id")[row].as_py(),
    )
