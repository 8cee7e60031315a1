"""Image bytes, stored under the sha256 of what they are: ``records/blobs/ab/abcdef…``."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kg.directory import Directory, settle
from kg.manifest import sha256_file
from schema.errors import CorruptError, InputError

_WORKERS = 8
_ID = re.compile(r"[0-9a-f]{64}\Z")


def digest(data: bytes) -> str:
    """Id of an image: the hexadecimal sha256 of its bytes."""
    return hashlib.sha256(data).hexdigest()


def read(directory: Directory, image_id: str) -> bytes:
    """Return an image's bytes, checked against its id.

    Raises
    ------
    CorruptError
        If they are missing or were altered.
    """
    path = directory.blob(image_id)
    try:
        if not _ID.match(image_id):  # never a path of somebody's making
            raise FileNotFoundError
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise CorruptError(
            f"{directory.root} holds no bytes of image {image_id}",
            fix=f"ingest the image again, or see: intentkg verify {directory.root}",
        ) from None
    if digest(data) != image_id:
        raise CorruptError(
            f"{path} was altered: its bytes are not those of image {image_id}",
            fix="delete that file and ingest the image again",
        )
    return data


def stage(staging: Path, directory: Directory, image_id: str, data: bytes) -> None:
    """Keep an image's bytes in `staging` unless the knowledge base has them already.

    Raises
    ------
    InputError
        If the id is not the sha256 of the bytes.
    """
    if digest(data) != image_id:
        raise InputError(
            f"image {image_id} is not the sha256 of its bytes", fix="read the image again"
        )
    target = staging / image_id
    known = directory.blob(image_id)
    if target.exists() or (known.exists() and known.stat().st_size == len(data)):
        return
    staging.mkdir(exist_ok=True)
    target.write_bytes(data)


def publish(staging: Path, directory: Directory, moved: list[Path]) -> None:
    """Move staged bytes to their place, durably, and note each new file in `moved`.

    Several at once: each waits for the disk, not for the processor.
    """
    if not staging.exists():
        return

    def move(source: Path) -> None:
        target = directory.blob(source.name)
        if not target.exists():
            moved.append(target)
        settle(source, target)

    with ThreadPoolExecutor(_WORKERS) as pool:
        for _ in pool.map(move, sorted(staging.iterdir())):
            pass


def stored(directory: Directory) -> Iterator[Path]:
    """Every file in the blob folder, in sorted order."""
    if directory.blobs.is_dir():
        for folder in sorted(directory.blobs.iterdir()):
            yield from sorted(folder.iterdir()) if folder.is_dir() else [folder]


def damaged(directory: Directory, image_ids: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (id, what is wrong) for each image whose bytes are missing or altered."""

    def check(image_id: str) -> tuple[str, str] | None:
        path = directory.blob(image_id)
        if not path.is_file():
            return image_id, "its bytes are missing"
        return None if sha256_file(path) == image_id else (image_id, "its bytes were altered")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from filter(None, pool.map(check, image_ids))


def known_addresses(directory: Directory) -> dict[str, str]:
    """Ids of the images that posts and products have from the web, by address."""
    from kg import sql

    with sql.connect(directory, tables=["posts", "products"]) as connection:
        found = connection.execute(
            """
            SELECT DISTINCT image.ref, image.id FROM (
                SELECT unnest(images) AS image FROM posts
                UNION ALL SELECT unnest(images) AS image FROM products
            ) WHERE image.id IS NOT NULL AND image.ref ILIKE 'http%'
            ORDER BY ALL
            """
        ).fetchall()
    return dict(found)
