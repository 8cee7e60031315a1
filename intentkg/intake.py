"""Files into the truth: read, resolve images, commit. One file is one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from intentkg.output import error_dict
from kg.directory import Directory
from schema.errors import InputError, IntentKGError, UnsuitableFileError, UsageError
from schema.records import Rejection, Rows

if TYPE_CHECKING:
    from ingest.images import ImageOptions
    from kg.truth import Summary
    from schema.records import Item

Kind = Literal["records", "intentions"]
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file.

    Attributes
    ----------
    file
        As the person named it.
    format
        The format it was read as; None where it was not recognised.
    summary
        What was added, changed and refused; None where the file failed as a whole.
    error
        Why it failed; nothing of it was stored then.
    """

    file: str
    format: str | None
    summary: Summary | None
    error: IntentKGError | None = None

    @property
    def rows(self) -> int:
        """Rows of it that are stored now, be they new or known."""
        tables = self.summary.tables.values() if self.summary else ()
        return sum(t.added + t.changed + t.unchanged for t in tables)

    @property
    def changed(self) -> bool:
        """Whether anything of it was new."""
        return self.summary is not None and self.summary.changed

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        report: dict[str, Any] = {"file": self.file, "format": self.format}
        if self.summary is not None:
            report["tables"] = {
                table: {"added": t.added, "changed": t.changed, "unchanged": t.unchanged}
                for table, t in self.summary.tables.items()
            }
            report["rejected"] = self.summary.rejected
            report["rejections"] = [
                {"row": r.row, "reason": r.reason, "fix": r.fix} for r in self.summary.rejections
            ]
            report["notes"] = dict(self.summary.notes)
        if self.error is not None:
            report["error"] = error_dict(self.error)
        return report


def take_in(
    directory: Directory,
    files: Iterable[str | Path],
    *,
    kind: Kind,
    format: str = "auto",
    update: bool = False,
    image_options: ImageOptions | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> list[FileReport]:
    """Read files into a knowledge base.

    Each file goes in whole or not at all; one that fails is reported, and the next one is read.
    Rows that are refused, and files that are damaged as a whole, are listed in
    ``rejected.parquet`` until the file goes in without refusals; wrong use (no such file, the
    wrong format or column) is only reported. Reading the same file again changes nothing.

    Parameters
    ----------
    directory
        The knowledge base.
    files
        Plain, gzip or zstd; some formats take a directory.
    kind
        ``records`` or ``intentions``.
    format
        A format's name, or ``auto`` to recognise each file.
    update
        Whether a value that differs from a stored one replaces it; else its row is refused.
    image_options
        How images are resolved (:class:`ingest.images.ImageOptions`).
    progress
        Called with the file's name, the rows read so far, and None.
    **options
        Options of the reader (:class:`ingest.reading.Options`).

    Raises
    ------
    UsageError
        For a format or an option that does not exist; before any file is read.
    StoreError
        If the knowledge base cannot be written to.
    """
    from ingest import reading

    wrong = set(options) - {f.name for f in fields(reading.Options)}
    if wrong:
        raise UsageError(
            f"unknown option {sorted(wrong)[0]!r}",
            fix=f"options: {', '.join(f.name for f in fields(reading.Options))}",
        )
    chosen = reading.Options(**options)
    if format != "auto":
        reading.get(format, kind).check(chosen)
    resolve = _with_known_images(directory, image_options)
    return [
        _take_one(directory, str(file), kind, format, update, resolve, progress, chosen)
        for file in files
    ]


def _take_one(
    directory: Directory,
    file: str,
    kind: Kind,
    format: str,
    update: bool,
    image_options: ImageOptions | None,
    progress: Progress | None,
    options: Any,
) -> FileReport:
    from ingest import reading
    from ingest.images import with_images
    from ingest.sources import check_file
    from kg.truth import Transaction, record_rejections

    purpose = "ingest" if kind == "records" else "import"
    name: str | None = None
    try:
        if not Path(file).is_dir():
            check_file(file)
        found = reading.detect(file, kind) if format == "auto" else reading.get(format, kind)
        name = found.name
        items = reading.read(file, name, options, kind=kind)
        with Transaction(directory, purpose, update=update) as transaction:
            transaction.covers(file)
            for item in with_images(_counted(items, file, progress), image_options):
                transaction.add(item)
            return FileReport(file, name, transaction.commit())
    except (UsageError, UnsuitableFileError) as error:
        # Not the file's fault: another path, format or column may do.
        return FileReport(file, name, None, error)
    except InputError as error:
        fix = error.fix or "see the message"
        record_rejections(directory, [Rejection(file, error.row, error.reason, fix)], purpose)
        return FileReport(file, name, None, error)


def _with_known_images(directory: Directory, options: ImageOptions | None) -> ImageOptions | None:
    """Let images that are stored already not be fetched again.

    Memory grows with the number of web addresses known, some 200 bytes each.
    """
    if options is None or options.mode != "fetch" or options.known is not None:
        return options
    from kg.blobs import known_addresses

    return replace(options, known=known_addresses(directory).get)


def _counted(items: Iterable[Item], file: str, progress: Progress | None) -> Iterator[Item]:
    done = 0
    for item in items:
        if progress is not None and isinstance(item, Rows):
            done += item.batch.num_rows
            progress(Path(file).name, done, None)
        yield item
