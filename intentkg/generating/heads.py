"""The truth's rows as heads for the pipelines, and its images as bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from intentkg.generating.settings import Settings
from kg import blobs
from kg.directory import Directory
from kg.heads import Heads
from kg.unscored import Unscored
from schema.errors import CorruptError, RequestFailedError
from schema.identity import cobuy_id
from schema.relations import Family, get

if TYPE_CHECKING:
    from generation.heads import CoBuyHead, PostHead, Product
    from generation.judge import Claim
    from generation.requests import Image, Images

# Attributes of a post that say what it is about and what its picture shows.
_TELLING = ("key_information", "image_description", "caption", "image_attributes")
_KINDS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG", "image/png"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


def choose(directory: Directory, settings: Settings) -> Heads:
    """Give the heads that the settings choose, or a judge's intentions; a context manager.

    A co-buy may be named by its id or by its two products, ``A,B``.
    """
    if settings.pipeline == "critic":
        from intentkg.generating.settings import make_pipeline

        judge = make_pipeline(settings)
        return Unscored(
            directory,
            source=settings.evidence_source or judge.source,
            model=judge.model("judgement"),
            again=settings.rescore,
            relations=[relation.name for relation in judge.relations],
            sources=settings.sources,
            heads=[pair_id(name) for name in settings.heads],
        )
    ids = list(settings.heads)
    if settings.head_kind == "CoBuy":
        ids = [pair_id(name) for name in ids]
    return Heads(directory, settings.head_kind, sources=settings.sources, ids=ids)


def as_heads(
    rows: Iterator[dict[str, Any]], settings: Settings
) -> Iterator[PostHead | CoBuyHead | Claim]:
    """Turn rows of `kg.heads` into what the pipelines take."""
    if settings.pipeline == "critic":
        return (_claim(row, settings) for row in rows)
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


def pair_id(name: str) -> str:
    """Give the id of a co-buy that is named as ``A,B``; any other name is an id already."""
    first, comma, second = name.partition(",")
    return cobuy_id(first, second) if comma and not name.startswith("co_") else name


def family_of(head_type: str) -> Family:
    """Say to which vocabulary the relations of such a head belong."""
    return Family.SOCIAL if head_type == "Post" else Family.COBUY


def _claim(row: Mapping[str, Any], settings: Settings) -> Claim:
    from generation.judge import Claim

    kept = (None, None) if settings.rescore else (row["plausibility"], row["typicality"])
    return Claim(
        row["id"],
        row["head_type"],
        row["head_id"],
        get(row["relation"], family_of(row["head_type"])),
        row["text"],
        tuple(text or "" for text in row["heads"]),
        *kept,
    )


def _post(row: Mapping[str, Any]) -> PostHead:
    from generation.heads import PostHead

    return PostHead(
        row["id"], row["text"], row["language"], tuple(row["images"]), _notes(row["attributes"])
    )


def _notes(attributes: str | None) -> str:
    """Give what a post's attributes say of what it is about and what its picture shows."""
    told = orjson.loads(attributes) if attributes else {}
    found = [told[name] for name in _TELLING if told.get(name)]
    parts = [one if isinstance(one, list) else [one] for one in found]
    return "; ".join(", ".join(map(str, part)) for part in parts)


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
