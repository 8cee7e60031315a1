"""What to say of a file whose format is not clear."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from ingest.columns import mapping
from ingest.sampling import Sample
from schema.errors import InputError, UnknownFormatError, UnsuitableFileError

if TYPE_CHECKING:
    from ingest.reading import Format
    from ingest.rows import Field

_IMAGES = frozenset({".jpg", ".jpeg", ".png", ".gif", ".webp"})
_TABLES = ("jsonl", "csv", "parquet")


def refuse_unreadable(sample: Sample) -> None:
    """Raise an InputError for what no format reads: an empty file or folder, a folder of images."""
    file = str(sample.path)
    if sample.container == "empty":
        raise InputError("the file is empty", file=file, fix="check where it comes from")
    if sample.container != "directory":
        return
    if not sample.names:
        raise UnsuitableFileError("the folder is empty", file=file, fix="name a file")
    images = sum(PurePath(name).suffix.lower() in _IMAGES for name in sample.names)
    if 2 * images > len(sample.names):
        raise UnsuitableFileError(
            f"this is a folder of images ({images:,} of {len(sample.names):,} files)",
            file=file,
            fix="name the table whose rows say which image is whose, in a column `images`",
        )


def unclear(sample: Sample, guesses: Sequence[tuple[float, str, Format]]) -> UnknownFormatError:
    """Say what was seen in a file, which formats come close, and what would make it clear.

    Parameters
    ----------
    sample
        The beginning of the file.
    guesses
        How sure each format is and why, the surest first.
    """
    if part := _part(sample):
        return part
    near = [guess for guess in guesses if guess[0] > 0][:3]
    close = "; ".join(f"{format.name} ({why})" for _, why, format in near)
    names = ", ".join(format.name for _, _, format in sorted(guesses, key=lambda g: g[2].name))
    columns = ""
    if sample.container in _TABLES:
        best = near[0][2] if near else None
        wanted = [f for f in best.fields if f.required] if best else []
        lacking = [field.name for field in wanted if not _has(sample, field)]
        columns = "; if columns have other names, say which they are, as in "
        columns += (
            f"--format {best.name} {mapping(lacking)}"
            if best and lacking
            else "--column FIELD=COLUMN (`intentkg formats NAME` lists the fields)"
        )
    return UnknownFormatError(
        f"{sample.path}: the format is not clear. Seen: {sample.describe()}"
        + (f". Close: {close}" if close else ""),
        fix=f"name it with --format NAME, one of: {names}{columns}",
    )


def _has(sample: Sample, field: Field) -> bool:
    return sample.has_any((field.name, *field.aliases))


def _part(sample: Sample) -> UnknownFormatError | None:
    """Say so if the file is one of those that a format reads together, as a directory."""
    from ingest.reading import COMMANDS, formats

    stem = sample.path.name.partition(".")[0]
    for format in formats():
        if stem in format.parts and sample.container != "directory":
            command = COMMANDS[format.kind].replace("NAME", format.name)
            return UnknownFormatError(
                f"{sample.path}: this is part of {format.name}, whose files are read together",
                fix=f"give the folder: {command.replace('FILE', str(sample.path.parent))}",
            )
    return None
