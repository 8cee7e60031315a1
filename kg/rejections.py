"""``rejected.parquet``: every row that was refused, once, with the reason and the fix.

A file that was damaged as a whole has one entry, without a row. When all of a file goes in later,
what is listed of it is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePath

import pyarrow as pa
import pyarrow.parquet as pq

from kg.directory import Directory, settle
from kg.manifest import Manifest
from kg.sql import connect, parquet, quote, store_errors, stream
from kg.staging import Staged, Staging, printable
from schema.records import REJECTED, Rejection

FILE = "rejected.parquet"
CONFLICT_FIX = "correct the row, or run this again with --update to replace what is stored"
"""The fix of a row that differs from what is stored (see :mod:`kg.merge`)."""


def record_rejections(
    directory: Directory, rejections: Iterable[Rejection], purpose: str = "ingest"
) -> int:
    """Keep rejections without anything else, for a file that failed as a whole.

    Returns
    -------
    int
        How many of them were not known yet.

    Raises
    ------
    LockedError
        If another process is writing.
    """
    with directory.write(purpose) as folder, store_errors(f"writing to {directory.root}"):
        staging = Staging(folder)
        staging.reject(rejections)
        staged = staging.rejections()
        return keep(directory, folder, staged) if staged else 0


def read(directory: Directory) -> pa.Table:
    """Return every rejection, oldest first, columns as in ``schema.records.REJECTED``."""
    path = directory.path(FILE)
    return pq.read_table(path).cast(REJECTED) if path.exists() else REJECTED.empty_table()


def count(directory: Directory) -> int:
    """Count the rejections."""
    path = directory.path(FILE)
    return int(pq.read_metadata(path).num_rows) if path.exists() else 0


def forget(directory: Directory, folder: Path, name: str) -> int:
    """Drop what is listed of a file, or of the files in a folder; the caller holds the lock.

    Parameters
    ----------
    directory
        The knowledge base.
    folder
        Where to write meanwhile.
    name
        The file or folder as the person named it.

    Returns
    -------
    int
        How many rejections were dropped.
    """
    old = directory.path(FILE)
    if not old.exists():
        return 0
    given = PurePath(printable(name))
    names = pq.read_table(old, columns=["file"])["file"].unique().to_pylist()
    mine = {n for n in names if given in (path := PurePath(n), *path.parents)}
    if not mine:
        return 0
    rest = Staged(folder / FILE, REJECTED)
    for batch in pq.ParquetFile(old).iter_batches():
        kept = [file not in mine for file in batch["file"].to_pylist()]
        rest.write(batch.filter(pa.array(kept)).cast(REJECTED))
    dropped = count(directory) - rest.rows
    rest.close()
    if rest.rows:
        settle(rest.path, old)
    else:
        old.unlink()
    return dropped


def keep(directory: Directory, folder: Path, staged: Path) -> int:
    """Add staged rejections to ``rejected.parquet``, durably; the caller holds the lock.

    A row that was refused for the same reason before is not listed again.
    """
    old = directory.path(FILE)
    known = folder / "rejected-known.parquet"
    if old.exists():
        # A link, so that the connection needs to reach no further than the staging directory.
        known.hardlink_to(old)
    else:
        pq.write_table(REJECTED.empty_table(), known)
    # How a row differs depends on what was filled since, so a conflict counts by its id.
    why = f"CASE WHEN fix = {quote(CONFLICT_FIX)} THEN excerpt ELSE reason END AS _why"
    new = (
        "SELECT DISTINCT ON (file, row, _why) * FROM "
        f"(SELECT *, {why}, file_row_number AS _at "
        f"FROM {parquet(staged, options=', file_row_number = true')}) n "
        f"WHERE NOT EXISTS (SELECT 1 FROM (SELECT *, {why} FROM {parquet(known)}) k "
        "WHERE k.file = n.file AND k.row IS NOT DISTINCT FROM n.row AND k._why = n._why) "
        "ORDER BY _at"
    )
    connection = connect(directory, Manifest(), memory="256MB", scratch=folder, tables=())
    try:
        connection.execute(f"CREATE TABLE fresh AS {new}")
        row = connection.execute("SELECT count(*) FROM fresh").fetchone()
        added = int(row[0]) if row else 0
        if not added:
            return 0
        whole = Staged(folder / FILE, REJECTED)
        for batch in pq.ParquetFile(known).iter_batches():
            whole.write(batch.cast(REJECTED))
        names = ", ".join(REJECTED.names)
        for batch in stream(connection, f"SELECT {names} FROM fresh ORDER BY _at"):
            whole.write(batch.cast(REJECTED))
        whole.close()
        settle(whole.path, old)
        return added
    finally:
        connection.close()
