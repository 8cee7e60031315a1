"""What is looked at before a run spends anything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from intentkg.generating.heads import as_heads
from intentkg.generating.servers import Servers
from intentkg.generating.settings import Settings
from kg.directory import Directory
from kg.heads import Heads
from schema.errors import CorruptError, DiskFullError

if TYPE_CHECKING:
    from generation.pipeline import Pipeline
    from generation.preflight import Need
    from generation.store import RequestStore

_ROOM = 64 * 1024 * 1024  # bytes, beside what the store itself keeps free
_SMALL = 64 * 1024 * 1024  # bytes of a store that is read through in a moment
_PICTURED = 500  # heads whose images are looked for


def look_at_place(
    directory: Directory, settings: Settings, store: RequestStore, heads: Heads
) -> None:
    """Look at the lock, the disk, the store and the images, before a model is even loaded.

    Raises
    ------
    LockedError
        If another process writes to the knowledge base.
    DiskFullError
        If there is hardly any room.
    CorruptError
        If the store is damaged, or an image is missing.
    """
    with directory.write("generate"):
        pass  # it can be written to
    _check_room(directory)
    store.check_room()
    if store.path.stat().st_size < _SMALL and (found := store.check(keys=False)):
        raise CorruptError(
            f"{store.path} is damaged: {found[0]}",
            fix="restore it from a backup; sqlite3's .recover command saves what can be read",
        )
    if settings.images and settings.backend != "student":
        _check_images(directory, heads)


async def models_to_look_at(
    settings: Settings, pipeline: Pipeline[Any], heads: Heads, servers: Servers
) -> list[Need]:
    """Say to which models a tiny request is put first, and what it asks for; asks nobody."""
    from generation.backends.replay import ReplayBackend
    from generation.backends.student import StudentBackend
    from generation.preflight import needs

    if not settings.preflight:
        return []
    some = _some_heads(heads, settings)
    wanted = await needs(pipeline, some, servers.backend, servers.routes)
    unasked = (ReplayBackend, StudentBackend)
    return [need for need in wanted if not isinstance(need.backend, unasked)]


def _check_room(directory: Directory) -> None:
    disk = os.statvfs(directory.root)
    free = disk.f_bavail * disk.f_frsize
    if free < _ROOM:
        raise DiskFullError(
            f"the disk that holds {directory.root} has {free / 1e6:.1f} MB left; a run needs "
            f"{_ROOM / 1e6:.0f} MB to begin with",
            fix="make room, then run the same command again",
        )


def _check_images(directory: Directory, heads: Heads) -> None:
    for row in heads.rows(limit=_PICTURED, pictured=True):
        ends = (row,) if "images" in row else (row["a"], row["b"])
        for image in (image for end in ends for image in end["images"]):
            if not directory.blob(image).is_file():
                raise CorruptError(
                    f"image {image} of {row['id']} has no bytes in {directory.root}",
                    fix=f"ingest it again (intentkg verify {directory.root} lists all such "
                    "images), or leave images out with --text-only",
                )


def _some_heads(heads: Heads, settings: Settings) -> Iterator[Any]:
    """Give the first head, and the first with an image."""
    yield from as_heads(heads.rows(limit=1), settings)
    if settings.images:
        yield from as_heads(heads.rows(limit=1, pictured=True), settings)
