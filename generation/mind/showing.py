"""How a pair of products is shown in a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from generation.heads import CoBuyHead, Product
from generation.mind.options import MindOptions
from generation.prompt import shorten
from generation.stacking import stack_name


@dataclass(frozen=True, slots=True)
class Shown:
    """A pair as the prompts show it.

    Attributes
    ----------
    fields
        For the prompts of intentions and of the filter.
    images
        Digests of the pictures that are shown.
    texts
        What a reply must not merely repeat.
    """

    fields: Mapping[str, str | None]
    images: tuple[str, ...]
    texts: tuple[str, ...]


def product_fields(product: Product, options: MindOptions) -> dict[str, str | None]:
    """Give the fields that say what a product is; what is blank is left out of the prompt."""
    listing = options.listing_characters
    return {
        "title": shorten(product.title, options.title_characters),
        "brand": shorten(product.brand, 100),
        "categories": shorten(" > ".join(product.categories), 200),
        "features": shorten("; ".join(product.features), listing),
        "description": shorten(product.description, listing),
    }


def show_pair(head: CoBuyHead, noticed: Sequence[str], options: MindOptions) -> Shown:
    """Give all that is shown of a pair.

    Parameters
    ----------
    noticed
        The features of the two products; empty where there are none.
    """
    fields: dict[str, str | None] = {}
    pictures: dict[str, str] = {}
    for end, product, text in zip("ab", (head.a, head.b), noticed, strict=True):
        for name, value in product_fields(product, options).items():
            fields[f"{name}_{end}"] = value
        fields[f"noticed_{end}"] = shorten(text, options.noticed_characters)
        if options.images and product.images:
            pictures[f"image_{end}"] = product.images[0]
    images = tuple(pictures.values())
    if options.pictures == "stacked" and len(images) == 2:
        pictures = {"image_both": stack_name(*images)}
    texts = (head.a.title, head.b.title, *noticed)
    return Shown({**fields, **pictures}, images, texts)
