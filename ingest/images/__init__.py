"""Images of posts and products: find, check, strip and address them by content.

::

    with_images(items, ImageOptions(mode="fetch"))

takes what a reader yields and yields the same rows with each image's `id` or `error` filled in,
and one `ImageBlob` for each new image, always before the rows that name it.

==============  ==============================================================================
`options.py`    what may be read, and how much of it
`resolve.py`    the pass itself: concurrent, in order, with bounded memory
`local.py`      paths and ``data:`` addresses
`fetch.py`      http(s) addresses: limits, retries, redirects
`guard.py`      which network addresses may be spoken to
`content.py`    bytes to `ImageBlob`: sniff, check, strip, turn upright
`containers.py` metadata out of JPEG, PNG, GIF and WebP without touching a pixel
==============  ==============================================================================
"""

from ingest.images.content import to_blob
from ingest.images.local import data_address
from ingest.images.options import ImageMode, ImageOptions
from ingest.images.resolve import with_images

__all__ = ["ImageMode", "ImageOptions", "data_address", "to_blob", "with_images"]
