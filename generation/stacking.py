"""Two pictures as one, a black bar between them, as MIND shows a pair to models that take one.

The stack is named by its two parts, so that it has an identity before it is made, and is made when
a request is about to be sent::

    images = with_stacks(load)          # load: digest -> Image
    images(stack_name(a, b))            # the two pictures, one above the other
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

from generation.requests import Image, Images
from schema.errors import RequestFailedError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_PREFIX = "stack:"
_BAR = 24  # pixels
_WIDEST = 1024
_TALLEST = 1024  # of each of the two


def stack_name(upper: str, lower: str) -> str:
    """Name the stack of two pictures."""
    return f"{_PREFIX}{upper}+{lower}"


def with_stacks(images: Images) -> Images:
    """Give a function that also knows stacks of what `images` knows."""

    def load(name: str) -> Image:
        if not name.startswith(_PREFIX):
            return images(name)
        upper, _, lower = name.removeprefix(_PREFIX).partition("+")
        return stack(images(upper), images(lower))

    return load


def stack(upper: Image, lower: Image) -> Image:
    """Put one picture above the other, both as wide as the narrower one, a black bar between.

    Returns
    -------
    A JPEG of at most 1024 pixels' width; transparent parts become white.

    Raises
    ------
    RequestFailedError
        If one of them is no picture.
    """
    from PIL import Image as Pillow

    pictures = [_open(upper), _open(lower)]
    width = min(_WIDEST, *(picture.width for picture in pictures))
    fitted = []
    for picture in pictures:
        height = max(1, round(picture.height * width / picture.width))
        size = (width, height)
        if height > _TALLEST:
            size = (max(1, round(width * _TALLEST / height)), _TALLEST)
        fitted.append(picture.resize(size, Pillow.Resampling.LANCZOS))
    canvas = Pillow.new("RGB", (width, sum(one.height for one in fitted) + _BAR), "white")
    canvas.paste(fitted[0], ((width - fitted[0].width) // 2, 0))
    canvas.paste((0, 0, 0), (0, fitted[0].height, width, fitted[0].height + _BAR))
    canvas.paste(fitted[1], ((width - fitted[1].width) // 2, fitted[0].height + _BAR))
    data = io.BytesIO()
    canvas.save(data, "JPEG", quality=90)
    return Image("image/jpeg", data.getvalue())


def _open(image: Image) -> Picture:
    from PIL import Image as Pillow
    from PIL import ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Pillow.DecompressionBombWarning)
            picture = ImageOps.exif_transpose(Pillow.open(io.BytesIO(image.data)))
            if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
                ground = Pillow.new("RGBA", picture.size, "white")
                return Pillow.alpha_composite(ground, picture.convert("RGBA")).convert("RGB")
            return picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError, Warning) as error:
        raise RequestFailedError(
            f"a picture of the request cannot be read: {error}",
            reason="bad_request",
            fix="look at it with `intentkg verify`; fetch it again",
        ) from None
