"""All evidence for one assertion, found without reading the rest.

A part of the assertions is sorted by assertion id, so the statistics of its row groups (one per
16,384 rows) say where an id can be.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kg.directory import Directory
from kg.sql import store_errors
from schema.records import ASSERTIONS

_KEY = ASSERTIONS.get_field_index("assertion_id")  # among leaf columns too: no list precedes it


def evidence(directory: Directory, assertion_id: str) -> pa.Table:
    """Return the evidence for an assertion.

    Parameters
    ----------
    directory
        The knowledge base.
    assertion_id
        ``as_…``, as edges carry it.

    Returns
    -------
    pyarrow.Table
        One row per piece of evidence, sorted by its id, columns as in
        ``schema.records.ASSERTIONS``; without rows if there is no such assertion.

    Notes
    -----
    Reads the footer of each part and, in each, the one or two row groups that may hold the id.
    """
    found: dict[str, pa.Table] = {}
    with store_errors(f"reading {directory.root}"):
        for part in directory.manifest().parts("assertions"):
            with pq.ParquetFile(directory.path(part.file)) as file:
                groups = _groups(file.metadata, assertion_id)
                if not groups:
                    continue
                ids = file.read_row_groups(groups, columns=["assertion_id"])["assertion_id"]
                hits = pc.indices_nonzero(pc.equal(ids, assertion_id))
                if not len(hits):
                    continue
                rows = file.read_row_groups(groups).take(hits).cast(ASSERTIONS)
                for index, identifier in enumerate(rows["id"].to_pylist()):
                    found[identifier] = rows.slice(index, 1)  # a later part replaces it
    if not found:
        return ASSERTIONS.empty_table()
    return pa.concat_tables(found[identifier] for identifier in sorted(found)).combine_chunks()


def _groups(metadata: pq.FileMetaData, assertion_id: str) -> list[int]:
    """Row groups whose statistics do not exclude the id."""
    groups = []
    for index in range(metadata.num_row_groups):
        statistics = metadata.row_group(index).column(_KEY).statistics
        if (
            statistics is None
            or not statistics.has_min_max
            or statistics.min <= assertion_id <= statistics.max
        ):
            groups.append(index)
    return groups
