"""The truth's rows as heads for the pipelines, and its images as bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from intentkg.generating.settings import Settings
from kg import blobs
from kg.directory import Directory
from kg.heads import Heads
from schema.errors import CorruptError, RequestFailedError
from schema.identity import cobuy_id

if TYPE_CHECKING:
    from generation.heads import CoBuyHead, PostHead, Product
    from generation.requests import Image, Images

_KINDS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG", "image/png"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


def choose(directory: Directory, settings: Settings) -> Heads:
    """Give the heads that the settings choose; a context manager.

    A co-buy may be named by its id or by its two products, ``A,B``.
    """
    ids = list(settings.heads)
    if settings.head_kind == "CoBuy":
        ids = [_pair(name) for name in ids]
    return Heads(directory, settings.head_kind, sources=settings.sources, ids=ids)


def as_heads(rows: Iterator[dict[str, Any]], settings: Settings) -> Iterator[PostHead | CoBuyHead]:
    """Turn rows of `kg.heads` into what the pipelines take."""
    make = _post if settings.head_kind == "Post" else _cobuy
    return map(make, rows)


def image_loader(directory: Directory) -> Images:
    """Give the function from an image's digest to its bytes; it knows stacks and the probe too."""
    from generation.preflight import with_probe
    from generation.requests import Image
    from generation.stacking import with_stacks

    def load(name: str) -> Image:
        try:
            data = blobs.read(directory, name)
        except (CorruptError, OSError) as error:
            fix = error.fix if isinstance(error, CorruptError) else None
            raise RequestFailedError(str(error), reason="missing", fix=fix) from None
        kind = next((kind for start, kind in _KINDS if data.startswith(start)), "image/jpeg")
        return Image(kind, data)

    return with_probe(with_stacks(load))


def _pair(name: str) -> str:
    first, comma, second = name.partition(",")
    return cobuy_id(first, second) if comma and not name.startswith("co_") else name


def _post(row: Mapping[str, Any]) -> PostHead:
    from generation.heads import PostHead

    return PostHead(row["id"], row["text"], row["language"], tuple(row["images"]))


def _cobuy(row: Mapping[str, Any]) -> CoBuyHead:
    from generation.heads import CoBuyHead

    return CoBuyHead(row["id"], _product(row["a"]), _product(row["b"]))


def _product(row: Mapping[str, Any]) -> Product:
    from generation.heads import Product

    return Product(
        row["id"],
        row["title"] or "",
        row["description"] or "",
        tuple(row["features"] or ()),
        tuple(row["categories"] or ()),
        row["brand"] or "",
        tuple(row["images"]),
    )
