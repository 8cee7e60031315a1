"""Checks of the truth: files as committed, rows as the rules demand, ids as they recompute."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq

from kg import blobs, rejections, rules
from kg.directory import Directory
from kg.findings import Check, Finding
from kg.fold import know
from kg.manifest import MANIFEST_NAME, Manifest, Part, sha256_file
from kg.sql import KEYS, connect, schema_of, stream
from kg.status import rows as standing_rows
from schema.errors import UsageError
from schema.identity import (
    assertion_id,
    cobuy_id,
    evidence_id,
    intention_id,
    normalise_key,
    post_id,
)
from schema.layers import LAYERS, Layer
from schema.records import REJECTED, SCHEMAS, TABLES, Table

_SHOWN = 3
_OURS = frozenset(
    {MANIFEST_NAME, f"{MANIFEST_NAME}.new", "records", "assertions", "layers", "graph", "vectors"}
) | {
    "requests.sqlite",
    "requests.sqlite-wal",
    "requests.sqlite-shm",
    "requests.sqlite.lock",
    rejections.FILE,
    ".staging",
    ".lock",
    ".lock.owner",
}


def check_parts(directory: Directory, manifest: Manifest) -> Iterator[Finding]:
    """Each committed part exists, with the size, checksum, row count and columns it had."""
    names = (*TABLES, *LAYERS)
    parts = [(table, part) for table in names for part in manifest.parts(table)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for problem in pool.map(lambda pair: _damage(directory, *pair), parts):
            if problem is not None:
                yield problem


def _damage(directory: Directory, table: Table | Layer, part: Part) -> Finding | None:
    path = directory.path(part.file)
    fix = f"restore {part.file} from a backup, or ingest the sources into a new directory"
    if table in LAYERS:
        fix = f"restore {part.file} from a backup, or run the analysis that wrote it again"
    expected = schema_of(table)
    try:
        size = path.stat().st_size
        if size != part.bytes:
            return Finding(
                "part-size", "error", f"{path} has {size:,} bytes, not {part.bytes:,}", fix
            )
        if sha256_file(path) != part.sha256:
            return Finding("part-checksum", "error", f"{path} was altered", fix)
        footer = pq.read_metadata(path)
        found = footer.schema.to_arrow_schema()
    except FileNotFoundError:
        return Finding("part-exists", "error", f"{path} is missing", fix)
    except (OSError, pa.ArrowException) as error:
        return Finding("part-readable", "error", f"{path} cannot be read: {error}", fix)
    if footer.num_rows != part.rows:
        return Finding(
            "part-rows", "error", f"{path} has {footer.num_rows:,} rows, not {part.rows:,}", fix
        )
    if found.names != expected.names or found.types != expected.types:
        return Finding("part-columns", "error", f"{path} has other columns: {found.names}", fix)
    return None


def check_rows(directory: Directory, manifest: Manifest) -> Iterator[Finding]:
    """Every row obeys the rules of its table, and each key stands once."""
    with connect(directory, manifest) as connection:
        for table in TABLES:
            know(connection, table)
        for table in TABLES:
            keys = ", ".join(KEYS[table])
            total, distinct = connection.execute(
                f"SELECT count(*), (SELECT count(*) FROM (SELECT DISTINCT {keys} FROM {table})) "
                f"FROM {table}"
            ).fetchone() or (0, 0)
            expected = standing_rows(manifest, table)
            if not total == distinct == expected:
                yield Finding(
                    "duplicate-key",
                    "error",
                    f"{table} shows {total:,} rows for {distinct:,} keys; the manifest says "
                    f"{expected:,}",
                    _RESTORE,
                )
            broken = connection.execute(
                f"SELECT _rule, count(*), list(id ORDER BY id)[:{_SHOWN}] FROM "
                f"(SELECT id, {rules.number(table)} AS _rule FROM {table}) "
                "WHERE _rule IS NOT NULL GROUP BY _rule ORDER BY _rule"
            ).fetchall()
            for number, count, ids in broken:
                rule = rules.rules(table)[number]
                yield _wrong(
                    rule.name, table, f"against the rule {rule.name}", count, ids, rule.fix
                )


def check_ids(directory: Directory, manifest: Manifest) -> Iterator[Finding]:
    """Every id is what the identity functions make of the row today."""
    with connect(directory, manifest) as connection:
        for name, table, columns, wrong in _IDS:
            count = 0
            shown: list[str] = []
            for batch in stream(connection, _id_query(table, columns)):
                bad = wrong([column.to_pylist() for column in batch.columns])
                count += len(bad)
                shown += bad[: _SHOWN - len(shown)]
            if count:
                yield _wrong(name, table, "with an id that does not recompute", count, shown)


def check_images(directory: Directory, manifest: Manifest) -> Iterator[Finding]:
    """Every image has its bytes, and every image that a row refers to is there."""
    with connect(directory, manifest) as connection:
        ids = (i for batch in stream(connection, "SELECT id FROM images") for i in _column(batch))
        known: set[str] = set()
        for batch in _batched(ids, 4096):
            known.update(batch)
            for image, problem in blobs.damaged(directory, batch):
                yield Finding(
                    "image-bytes",
                    "error",
                    f"image {image}: {problem} ({directory.blob(image)})",
                    "delete the file if there is one, and ingest the image again",
                )
        for table in ("posts", "products"):
            dangling = connection.execute(
                f"SELECT count(*), list(id ORDER BY id)[:{_SHOWN}] FROM (SELECT DISTINCT id FROM "
                f"(SELECT id, unnest(images) AS image FROM {table}) WHERE image.id IS NOT NULL "
                "AND image.id NOT IN (SELECT id FROM images))"
            ).fetchone()
            count, shown = dangling or (0, [])
            if count:
                what = "with an image that is not stored"
                fix = "ingest their images again"
                yield _wrong("image-reference", table, what, count, shown, fix)
    extra = [path.name for path in blobs.stored(directory) if path.name not in known]
    if extra:
        yield Finding(
            "image-unused", "info", f"{len(extra):,} stored images belong to no row: {_some(extra)}"
        )


def check_rejected(directory: Directory, manifest: Manifest) -> Iterator[Finding]:
    """The list of refused rows can be read."""
    path = directory.path(rejections.FILE)
    fix = f"delete {path}; nothing else depends on it"
    try:
        if path.exists() and pq.read_schema(path).names != REJECTED.names:
            yield Finding("rejected-readable", "error", f"{path} has other columns", fix)
    except (OSError, pa.ArrowException) as error:
        yield Finding("rejected-readable", "error", f"{path} cannot be read: {error}", fix)


def check_files(directory: Directory, manifest: Manifest) -> Iterator[Finding]:
    """Files that nothing names: left by an interrupted or running writer, or not ours."""
    kept = manifest.files()
    left = [
        f"{folder}/{found.name}"
        for folder in ("records", "assertions", "graph", "vectors")
        for found in sorted((directory.root / folder).glob("*"))
        if f"{folder}/{found.name}" not in kept and found != directory.blobs
    ]
    if left:
        yield Finding(
            "left-over",
            "info",
            f"{len(left):,} files belong to no commit; the next writer removes them: {_some(left)}",
        )
    foreign = sorted(path.name for path in directory.root.iterdir() if path.name not in _OURS)
    if foreign:
        yield Finding("unknown-file", "info", f"files that are not ours: {_some(foreign)}")


TRUTH_CHECKS: tuple[Check, ...] = (
    Check("parts", check_parts, needs_parts=False),
    Check("rows", check_rows),
    Check("ids", check_ids),
    Check("images", check_images),
    Check("rejected", check_rejected, needs_parts=False),
    Check("files", check_files, needs_parts=False),
)

_RESTORE = "restore records/ and assertions/ from a backup, or ingest into a new directory"

type _Columns = list[list[str]]


def _wrong_posts(columns: _Columns) -> list[str]:
    return [i for i, source, external in zip(*columns, strict=True) if i != _post(source, external)]


def _post(source: str, external: str) -> str | None:
    try:
        return post_id(source, external)
    except UsageError:
        return None


def _wrong_products(columns: _Columns) -> list[str]:
    return [i for i in columns[0] if i != normalise_key(i)]


def _wrong_cobuys(columns: _Columns) -> list[str]:
    return [i for i, a, b in zip(*columns, strict=True) if i != cobuy_id(a, b)]


def _wrong_intentions(columns: _Columns) -> list[str]:
    return [i for i, text in zip(*columns, strict=True) if i != intention_id(text)]


def _wrong_assertions(columns: _Columns) -> list[str]:
    return [
        i
        for i, head_type, head, relation, tail in zip(*columns, strict=True)
        if i != assertion_id(head_type, head, relation, tail)
    ]


def _wrong_evidence(columns: _Columns) -> list[str]:
    return [
        i
        for i, assertion, source, model, prompt, request in zip(*columns, strict=True)
        if i
        != evidence_id(assertion, source=source, model=model, prompt_hash=prompt, request=request)
    ]


# Name, table, columns (the id first), and the function that finds the wrong among them.
_IDS: tuple[tuple[str, Table, tuple[str, ...], Callable[[_Columns], list[str]]], ...] = (
    ("post-id", "posts", ("id", "source", "external_id"), _wrong_posts),
    ("product-id", "products", ("id",), _wrong_products),
    ("cobuy-id", "cobuys", ("id", "a", "b"), _wrong_cobuys),
    ("intention-id", "assertions", ("intention_id", "text"), _wrong_intentions),
    (
        "assertion-id",
        "assertions",
        ("assertion_id", "head_type", "head_id", "relation", "intention_id"),
        _wrong_assertions,
    ),
    (
        "evidence-id",
        "assertions",
        ("id", "assertion_id", "source", "model", "prompt_hash", "request"),
        _wrong_evidence,
    ),
)


def _id_query(table: Table, columns: tuple[str, ...]) -> str:
    """Select what an id is made of, once where rows share it."""
    once = "" if (columns[0],) == KEYS[table] else "DISTINCT "
    # What lacks a required field is the rules' finding, not this one's.
    required = [c for c in columns if not SCHEMAS[table].field(c).nullable]
    there = " AND ".join(f"{column} IS NOT NULL" for column in required)
    return f"SELECT {once}{', '.join(columns)} FROM {table} WHERE {there}"


def _wrong(
    name: str, table: str, what: str, count: int, ids: list[str], fix: str | None = None
) -> Finding:
    rows = "row" if count == 1 else "rows"
    message = f"{count:,} {rows} of {table} {what}: {_some(ids, count)}"
    return Finding(name, "error", message, fix or _RESTORE)


def _some(names: list[str], count: int | None = None) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown + (", …" if (len(names) if count is None else count) > _SHOWN else "")


def _column(batch: pa.RecordBatch) -> list[str]:
    return list(batch.column(0).to_pylist())


def _batched(items: Iterable[str], size: int) -> Iterator[list[str]]:
    batch: list[str] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
