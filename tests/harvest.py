"""Help for the tests of the readers: read a file and gather what comes."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from ingest.reading import Options, read
from schema.records import SCHEMAS, Note, Rejection, Rows


class Harvest:
    """Everything that a reader gave for one file."""

    def __init__(self, path: Path | str, format: str = "auto", **options: Any) -> None:
        self.tables: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.lines: dict[str, list[int]] = defaultdict(list)
        self.rejections: list[Rejection] = []
        self.notes: dict[str, int] = {}
        for item in read(path, format, Options(**options)):
            if isinstance(item, Rows):
                assert item.batch.schema.equals(SCHEMAS[item.table])
                assert len(item.lines) == item.batch.num_rows > 0
                assert item.file == str(path)
                item.batch.validate(full=True)
                self.tables[item.table] += item.batch.to_pylist()
                self.lines[item.table] += item.lines.to_pylist()
            elif isinstance(item, Rejection):
                assert item.reason and item.fix and item.file == str(path)
                self.rejections.append(item)
            elif isinstance(item, Note):
                self.notes[item.label] = item.count

    @property
    def posts(self) -> list[dict[str, Any]]:
        return self.tables["posts"]

    @property
    def products(self) -> list[dict[str, Any]]:
        return self.tables["products"]

    @property
    def cobuys(self) -> list[dict[str, Any]]:
        return self.tables["cobuys"]

    @property
    def refused(self) -> dict[int | None, str]:
        return {r.row: r.reason for r in self.rejections}

    def ids(self, table: str) -> list[str]:
        return [row["id"] for row in self.tables[table]]


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    return path


def jsonl(path: Path, *rows: Any) -> Path:
    return write(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
