"""Writing the truth: one file's rows go in together, or not at all.

::

    with Transaction(directory, "ingest") as transaction:
        for item in reader(file):
            transaction.add(item)
        summary = transaction.commit()

What is added is staged on disk, so a file of any size needs the same memory. The commit folds it
with what is stored (:mod:`kg.merge`), writes at most one new part per table, and makes them
current by replacing ``kb.json``. Leaving the block without a commit, by whatever way, leaves the
knowledge base as it was.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from kg import blobs, rejections
from kg.directory import Directory, settle
from kg.fold import Fold, know
from kg.manifest import Part, sha256_file
from kg.rejections import record_rejections
from kg.sql import connect, store_errors, stream
from kg.staging import Staging
from schema.errors import StoreError
from schema.records import (
    IMAGES,
    TABLES,
    ImageBlob,
    Item,
    Note,
    Rejection,
    Rows,
    Table,
)

if TYPE_CHECKING:
    import duckdb

__all__ = ["Summary", "TableSummary", "Transaction", "record_rejections"]

_SHOWN = 10
_FOLDERS = {"assertions": "assertions"}
_AMPLE = "2GB"  # memory for what does not fit into what was granted
_IMAGES_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class TableSummary:
    """What a commit did to one table, counted in keys (a co-buy counts once per source).

    `changed` rows were stored before and were filled or updated. A row that is stored, and that
    was only offered with other content and refused, is counted in none of the three.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """What a commit did.

    Attributes
    ----------
    tables
        Per table that rows were offered for.
    rejected
        Rows refused in this run; `rejections` holds the first few of them.
    notes
        The readers' figures, by label.
    revision
        The knowledge base's revision after the commit.
    """

    tables: dict[Table, TableSummary] = field(default_factory=dict)
    rejected: int = 0
    rejections: tuple[Rejection, ...] = ()
    notes: dict[str, int] = field(default_factory=dict)
    revision: int = 0

    @property
    def changed(self) -> bool:
        """Whether the commit changed any table."""
        return any(t.added or t.changed for t in self.tables.values())


class Transaction(contextlib.AbstractContextManager["Transaction"]):
    """All or nothing: rows are staged by `add` and come into being by `commit`.

    Parameters
    ----------
    directory
        The knowledge base.
    purpose
        The command, for the message that a second writer gets.
    update
        Whether a later value replaces an earlier one that differs; else the row is refused.
    memory
        DuckDB's memory limit during the commit; what needs more spills to disk. What cannot
        spill is tried once more with 2 GB.

    Raises
    ------
    LockedError
        On entry, if another process is writing.
    StoreError
        If the disk is full, not writable, or fails; nothing is changed then.
    """

    def __init__(
        self,
        directory: Directory,
        purpose: str,
        *,
        update: bool = False,
        memory: str = "256MB",
    ) -> None:
        self.directory = directory
        self.purpose = purpose
        self.update = update
        self.memory = memory
        self._exit = contextlib.ExitStack()
        self._open = False
        self._keep_rejections = False
        self._covered: str | None = None

    def __enter__(self) -> Self:
        self.directory.manifest()  # says first of all whether this is a knowledge base
        with self._exit as stack:
            self._folder = stack.enter_context(self.directory.write(self.purpose))
            self._manifest = self.directory.manifest()
            self._staging = Staging(self._folder)
            self._images: dict[str, dict[str, Any]] = {}  # rows; the bytes are on disk
            self._notes: dict[str, int] = {}
            self._rejected = 0
            self._first: list[Rejection] = []
            self._open = True
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if self._open:
                self._roll_back()
        finally:
            self._exit.close()

    def add(self, item: Item) -> None:
        """Stage what a reader yields."""
        self._check_open()
        with self._writing():
            match item:
                case Rows(table="images"):
                    raise StoreError(
                        "rows of images come with their bytes", fix="add an ImageBlob for each"
                    )
                case Rows():
                    self._staging.add(item)
                case Rejection():
                    self._reject(item)
                case ImageBlob():
                    blobs.stage(self._blobs, self.directory, item.id, item.data)
                    self._images[item.id] = {
                        "id": item.id,
                        "media_type": item.media_type,
                        "width": item.width,
                        "height": item.height,
                        "size": len(item.data),
                    }
                    if len(self._images) >= _IMAGES_AT_ONCE:
                        self._flush_images()
                case Note():
                    self._notes[item.label] = self._notes.get(item.label, 0) + item.count

    def reject_file(self, rejection: Rejection) -> None:
        """Say why the whole file is refused.

        The transaction will store nothing, but the rejections so far, and this one, are kept.
        """
        self._check_open()
        with self._writing():
            self._reject(rejection)
        self._keep_rejections = True

    def covers(self, name: str) -> None:
        """Say that what is added is the whole of a file (or folder), as the person named it.

        If nothing of it is refused, the commit drops what was listed of that file before.
        """
        self._covered = name

    def commit(self) -> Summary:
        """Fold what was staged into the truth and make it current.

        If it changes nothing, no part is written and the revision stays as it is.
        """
        self._check_open()
        if self._keep_rejections:
            raise StoreError("a refused file cannot be committed", fix="begin a new transaction")
        with self._writing():
            self._flush_images()
            self._staging.close()
            manifest = self._manifest
            tables: dict[Table, TableSummary] = {}
            settled: list[Path] = []
            try:
                parts = self._fold(tables)
                self._save_rejections()
                blobs.publish(self._blobs, self.directory, settled)
                for table, (file, supersedes) in parts.items():
                    part = self._settle(table, file, supersedes, settled)
                    manifest = manifest.with_part(table, part)
                if parts:
                    manifest = self.directory.commit(manifest)
            except BaseException:
                self._unsettle(settled)
                raise
        self._open = False
        return Summary(
            tables=tables,
            rejected=self._rejected,
            rejections=tuple(self._first),
            notes=dict(self._notes),
            revision=manifest.revision,
        )

    @property
    def _blobs(self) -> Path:
        return self._folder / "blobs"

    def _writing(self) -> contextlib.AbstractContextManager[None]:
        return store_errors(f"writing to {self.directory.root}")

    def _check_open(self) -> None:
        if not self._open:
            raise StoreError(
                "this transaction is not open", fix="use it in a with block, and commit it once"
            )

    def _reject(self, rejection: Rejection) -> None:
        self._rejected += 1
        if len(self._first) < _SHOWN:
            self._first.append(rejection)
        self._staging.reject([rejection])

    def _flush_images(self) -> None:
        """Stage the rows of the images whose bytes are staged."""
        rows, self._images = list(self._images.values()), {}
        if rows:
            batch = pa.RecordBatch.from_pylist(rows, schema=IMAGES)
            lines = pa.nulls(len(rows), pa.int64())
            self._staging.add(Rows("images", batch, lines, self.purpose))

    def _fold(self, tables: dict[Table, TableSummary]) -> dict[Table, tuple[Path, int]]:
        """Fold every staged table, with more memory where what is granted does not do."""
        import duckdb

        refused = self._rejected, list(self._first)
        try:
            return self._fold_within(self.memory, tables)
        except duckdb.OutOfMemoryException:
            # Not everything can spill. What was written is written anew, and a rejection that is
            # staged twice is listed once.
            self._rejected, self._first = refused
            tables.clear()
            return self._fold_within(_AMPLE, tables)

    def _fold_within(
        self, memory: str, tables: dict[Table, TableSummary]
    ) -> dict[Table, tuple[Path, int]]:
        """Fold every staged table; parents first, since rows may refer to them."""
        parts: dict[Table, tuple[Path, int]] = {}
        if not self._staging.tables:
            return parts
        connection = connect(self.directory, self._manifest, memory=memory, scratch=self._folder)
        try:
            for table in TABLES:
                staged = self._staging.tables.get(table)
                if staged is None or not staged.rows:
                    know(connection, table)
                    continue
                fold = Fold(connection, table, staged.path, self._folder, update=self.update)
                part, added, changed, unchanged = fold.run()
                tables[table] = TableSummary(added, changed, unchanged)
                self._collect_refused(connection)
                if part is not None:
                    parts[table] = part, changed
        finally:
            connection.close()
        return parts

    def _collect_refused(self, connection: duckdb.DuckDBPyConnection) -> None:
        names = {number: name for name, number in self._staging.files.items()}
        query = "SELECT id, _file, _line, reason, fix FROM refused ORDER BY _file, _line"
        for batch in stream(connection, query):
            for row in batch.to_pylist():
                place = names[row["_file"]], row["_line"]
                self._reject(Rejection(*place, row["reason"], row["fix"], excerpt=row["id"]))

    def _settle(self, table: Table, file: Path, supersedes: int, settled: list[Path]) -> Part:
        name = f"{table}-{self._manifest.revision + 1:06}.parquet"
        relative = f"{_FOLDERS.get(table, 'records')}/{name}"
        target = self.directory.path(relative)
        part = Part(
            file=relative,
            rows=pq.read_metadata(file).num_rows,
            bytes=file.stat().st_size,
            sha256=sha256_file(file),
            supersedes=supersedes,
        )
        settled.append(target)
        settle(file, target)
        return part

    def _save_rejections(self) -> None:
        staged = self._staging.rejections()
        if staged is not None:
            rejections.keep(self.directory, self._folder, staged)
        elif self._covered is not None:
            rejections.forget(self.directory, self._folder, self._covered)

    def _unsettle(self, settled: list[Path]) -> None:
        """Take back files that were put in place for a commit that did not come about."""
        # Unless the commit did come about and only its last sync failed.
        with contextlib.suppress(StoreError, OSError):
            if self.directory.manifest().revision == self._manifest.revision:
                for path in settled:
                    path.unlink(missing_ok=True)

    def _roll_back(self) -> None:
        self._open = False
        if self._keep_rejections:
            with self._writing():
                self._save_rejections()
        self._staging.discard()
