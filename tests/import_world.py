"""Read a file with an importer and look at what came out, for the tests of imports."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest import reading
from ingest.reading import Options
from schema.records import SCHEMAS, Note, Rejection, Rows

Row = dict[str, Any]


@dataclass
class Outcome:
    """What an importer yielded, by kind."""

    tables: dict[str, list[Row]] = field(default_factory=dict)
    lines: dict[str, list[int]] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)
    largest_batch: int = 0

    def __getattr__(self, table: str) -> list[Row]:
        if table not in SCHEMAS:
            raise AttributeError(table)
        return self.tables.get(table, [])

    def ids(self, table: str) -> set[str]:
        return {row["id"] for row in self.tables.get(table, [])}

    def relations(self) -> Counter[str]:
        return Counter(row["relation"] for row in self.assertions)

    def triples(self) -> list[tuple[str, str]]:
        return [(row["relation"], row["text"]) for row in self.assertions]


def take(path: Path, format: str = "auto", **options: Any) -> Outcome:
    """Read a file to its end."""
    out = Outcome()
    for item in reading.read(path, format, Options(**options), kind="intentions"):
        if isinstance(item, Rows):
            assert item.batch.schema == SCHEMAS[item.table]
            assert len(item.lines) == item.batch.num_rows
            out.tables.setdefault(item.table, []).extend(item.batch.to_pylist())
            out.lines.setdefault(item.table, []).extend(item.lines.to_pylist())
            out.largest_batch = max(out.largest_batch, item.batch.num_rows)
        elif isinstance(item, Rejection):
            assert item.fix
            out.rejections.append(item)
        elif isinstance(item, Note):
            out.notes[item.label] = item.count
    return out


def write_csv(path: Path, rows: list[Row], *, delimiter: str = ",") -> Path:
    """Write rows with the keys of the first as a header; compressed where the name says so."""
    opened = gzip.open if path.name.endswith(".gz") else open
    with opened(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_jsonl(path: Path, rows: list[Row]) -> Path:
    """Write rows as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
