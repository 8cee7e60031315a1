"""From bytes to an `ImageBlob`: sniff, check, strip, turn upright, address by content."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

from ingest.images.containers import BrokenContainerError, sniff, strip
from schema.errors import InputError
from schema.records import ImageBlob

if TYPE_CHECKING:
    from PIL.Image import Image

_ORIENTATION = 0x0112  # EXIF tag
_PILLOW = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/webp": "WEBP"}


def to_blob(data: bytes, *, max_pixels: int) -> ImageBlob:
    """Check an image and give it its identity.

    The type is told from the bytes alone. The size is read from the header before anything is
    decoded; then the first frame is decoded, which finds a file that is cut off or damaged.
    Metadata is cut out of the container (see `ingest.images.containers`), so that the stored
    bytes, and with them the id, are the same on every machine. Only an image whose EXIF says
    that it lies on its side is encoded again, upright: PNG and WebP without loss, JPEG at
    quality 95. The id of such an image depends on the version of the codec.

    Parameters
    ----------
    data
        The file's bytes.
    max_pixels
        Limit on width times height.

    Raises
    ------
    InputError
        If it is not an image of a type that is read, too large, or damaged.
    """
    if not data:
        raise InputError("the image is empty: 0 bytes")
    kind = sniff(data)
    if kind is None:
        raise InputError(f"not a JPEG, PNG, GIF or WebP: it begins with {data[:12]!r}")
    try:
        stored = strip(data, kind)
    except BrokenContainerError as error:
        raise InputError(f"broken {_PILLOW[kind]}: {error}") from error
    image = _open(data, kind, max_pixels)
    if (turn := _orientation(image)) != 1:
        stored, image = _upright(_load(image), kind, turn)
    else:  # what is stored is what must decode
        image = _load(_open(stored, kind, max_pixels))
    return ImageBlob(
        id=hashlib.sha256(stored).hexdigest(),
        data=stored,
        media_type=kind,
        width=image.width,
        height=image.height,
    )


@cache
def _pillow() -> ModuleType:
    from PIL import Image

    # Sizes are checked here, and broken EXIF is thrown away: both warnings are noise.
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    return Image


def _open(data: bytes, kind: str, max_pixels: int) -> Image:
    """Read the header only."""
    with _reasons(kind):
        image: Image = _pillow().open(io.BytesIO(data), formats=(_PILLOW[kind],))
    if image.width * image.height > max_pixels:
        raise InputError(f"{image.width} x {image.height} pixels, above the limit of {max_pixels}")
    return image


def _load(image: Image) -> Image:
    with _reasons(f"image/{(image.format or '').lower()}"):
        image.load()
    return image


@contextmanager
def _reasons(kind: str) -> Iterator[None]:
    name = _PILLOW.get(kind, "image")
    try:
        yield
    except MemoryError:
        raise InputError(f"broken {name}: not enough memory to decode it") from None
    except _pillow().DecompressionBombError as error:  # Pillow's own limit: 179 million
        raise InputError(f"too many pixels: {error}") from error
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged input
        reason = str(error).replace("\n", " ")[:200] or type(error).__name__
        raise InputError(f"broken {name}: {reason}") from error


def _orientation(image: Image) -> int:
    """How a single frame has to be turned, as EXIF or XMP says: 1 (not at all) to 8."""
    if getattr(image, "is_animated", False):
        return 1
    try:
        turn = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # broken EXIF says nothing; a broken image fails when it is loaded
        return 1
    return turn if isinstance(turn, int) and 2 <= turn <= 8 else 1


def _upright(image: Image, kind: str, orientation: int) -> tuple[bytes, Image]:
    transpose = _pillow().Transpose
    turns = {
        2: transpose.FLIP_LEFT_RIGHT,
        3: transpose.ROTATE_180,
        4: transpose.FLIP_TOP_BOTTOM,
        5: transpose.TRANSPOSE,
        6: transpose.ROTATE_270,
        7: transpose.TRANSVERSE,
        8: transpose.ROTATE_90,
    }
    profile = image.info.get("icc_profile")
    turned = image.transpose(turns[orientation])
    turned.info = {}  # nothing of it may be written again
    settings: dict[str, object] = {"icc_profile": profile} if profile else {}
    if kind == "image/jpeg":
        settings |= {"quality": 95, "subsampling": 0}
    elif kind == "image/webp":
        settings |= {"lossless": True}
    if "transparency" in image.info:
        settings |= {"transparency": image.info["transparency"]}
    out = io.BytesIO()
    turned.save(out, format=_PILLOW[kind], **settings)
    return strip(out.getvalue(), kind), turned
