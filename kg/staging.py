"""What a running transaction has taken in: Parquet files that nothing names yet.

Rows are written as they come, so memory stays at about one row group whatever the size of the
file. Three columns are added: ``_seq`` counts the rows of a table, ``_file`` and ``_line`` say
where a row was read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from schema.errors import StoreError
from schema.records import REJECTED, SCHEMAS, Rejection, Rows, Table

_GROUP_ROWS = 32_768
_GROUP_BYTES = 32 << 20
_REJECTIONS = 1_024

_PLACE = [
    pa.field("_seq", pa.int64()),
    pa.field("_file", pa.int32()),
    pa.field("_line", pa.int64()),
]


class Staged:
    """One growing Parquet file; batches are gathered into row groups."""

    def __init__(self, path: Path, schema: pa.Schema, *, group_rows: int = _GROUP_ROWS) -> None:
        self.path = path
        self.group_rows = group_rows
        self.schema = schema
        self.rows = 0
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._waiting_bytes = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows."""
        if not batch.num_rows:
            return
        self.rows += batch.num_rows
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows
        self._waiting_bytes += batch.nbytes
        if self._waiting_rows >= self.group_rows or self._waiting_bytes >= _GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        """Finish the file; one without rows is never begun."""
        self._flush()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def discard(self) -> None:
        """Let go of the file after a failure, without caring what is in it."""
        self._waiting = []
        writer, self._writer = self._writer, None
        if writer is not None:
            # The disk that failed before fails again; the file is swept anyway.
            with contextlib.suppress(OSError, pa.ArrowException):
                writer.close()

    def _flush(self) -> None:
        if not self._waiting:
            return
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self.path, self.schema, compression="zstd", compression_level=1
            )
        table = pa.Table.from_batches(self._waiting, schema=self.schema)
        self._writer.write_table(table, row_group_size=table.num_rows)
        self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0


class Staging:
    """The staged rows of every table, and the staged rejections."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, int] = {}
        self.tables: dict[Table, Staged] = {}
        self._rejected = Staged(folder / "rejected-staged.parquet", REJECTED)
        self._waiting: list[Rejection] = []

    def add(self, rows: Rows) -> None:
        """Stage a batch.

        Raises
        ------
        StoreError
            If its columns are not those of its table.
        """
        expected = SCHEMAS[rows.table]
        batch = rows.batch
        if batch.schema.names != expected.names or len(rows.lines) != batch.num_rows:
            raise StoreError(
                f"a batch for {rows.table} has the columns {batch.schema.names} and "
                f"{len(rows.lines)} line numbers for {batch.num_rows} rows",
                fix=f"give it the columns {expected.names} and one line number per row",
            )
        if rows.table not in self.tables:
            # Nullable throughout: a missing value is the rules' business, not the file's.
            schema = pa.schema([pa.field(f.name, f.type) for f in expected] + _PLACE)
            self.tables[rows.table] = Staged(self.folder / f"{rows.table}-staged.parquet", schema)
        staged = self.tables[rows.table]
        file = self.files.setdefault(printable(rows.file), len(self.files))
        count = batch.num_rows
        columns = [
            column if column.type == field.type else column.cast(field.type)
            for column, field in zip(batch.columns, expected, strict=True)
        ]
        place = [
            pa.array(range(staged.rows, staged.rows + count), pa.int64()),
            pa.repeat(pa.scalar(file, pa.int32()), count),
            rows.lines.cast(pa.int64()),
        ]
        staged.write(pa.RecordBatch.from_arrays(columns + place, schema=staged.schema))

    def reject(self, rejections: Iterable[Rejection]) -> None:
        """Stage rejections."""
        for rejection in rejections:
            self._waiting.append(rejection)
            if len(self._waiting) >= _REJECTIONS:
                self._flush_rejections()

    def close(self) -> None:
        """Finish every table's file."""
        for staged in self.tables.values():
            staged.close()

    def rejections(self) -> Path | None:
        """Finish the rejections' file and say where it is; None if there are none."""
        self._flush_rejections()
        self._rejected.close()
        return self._rejected.path if self._rejected.rows else None

    def discard(self) -> None:
        """Let go of every file after a failure."""
        for staged in (*self.tables.values(), self._rejected):
            staged.discard()

    def _flush_rejections(self) -> None:
        if self._waiting:
            self._rejected.write(rejection_batch(self._waiting))
            self._waiting = []


def rejection_batch(rejections: list[Rejection]) -> pa.RecordBatch:
    """Rejections as Arrow rows."""
    return pa.RecordBatch.from_arrays(
        [
            pa.array([r.row for r in rejections], field.type)
            if field.name == "row"
            else pa.array([printable(getattr(r, field.name)) for r in rejections], field.type)
            for field in REJECTED
        ],
        schema=REJECTED,
    )


def printable[T: (str, str | None)](text: T) -> T:
    """Replace what UTF-8 cannot hold: bytes of a file name or of a line that are not UTF-8."""
    return text if text is None else text.encode("utf-8", "replace").decode("utf-8")
