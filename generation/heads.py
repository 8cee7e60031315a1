"""What intentions are asked about: posts and co-bought products, as plain values.

They are read from a knowledge base elsewhere; images stand in them by their digest, and the run's
`generation.requests.Images` turns a digest into bytes when a request is about to be sent.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PostHead:
    """One post.

    Attributes
    ----------
    id
        As in the table of posts.
    language
        Its language's code, if the source states one.
    images
        Digests (sha256) of its images that could be had, in their order.
    notes
        What its source says beside it: key information, what its picture shows.
    """

    id: str
    text: str
    language: str | None = None
    images: tuple[str, ...] = ()
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Product:
    """One end of a co-buy; empty where nothing is known."""

    id: str
    title: str = ""
    description: str = ""
    features: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    brand: str = ""
    images: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        """See whether there is anything to go by."""
        return bool(self.title.strip() or self.description.strip() or self.features or self.images)


@dataclass(frozen=True, slots=True)
class CoBuyHead:
    """Two products that were bought together."""

    id: str
    a: Product
    b: Product
