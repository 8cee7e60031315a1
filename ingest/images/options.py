"""What may be read for an image, and how much of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from schema.errors import UsageError

ImageMode = Literal["fetch", "local", "skip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOptions:
    """How images are resolved.

    Attributes
    ----------
    mode
        ``local`` (default): paths and ``data:`` addresses are read, http(s) addresses are kept
        as they are, so that nothing touches the network unless asked. ``fetch``: http(s)
        addresses are fetched too. ``skip``: nothing is read.
    base_dir
        Folder that paths are relative to; default: the folder of the file being read.
    allow_outside
        Read paths that lead out of `base_dir`.
    allow_private
        Fetch from private, loopback, link-local and cloud metadata addresses too.
    max_bytes
        Limit on one image's file, in bytes.
    max_pixels
        Limit on width times height.
    timeout
        Seconds that one image may take in all: name look-up, retries and redirects included.
    attempts
        How often a request is made that fails in transport or by 429 or 5xx.
    max_redirects
        How many redirects are followed for one image.
    workers
        How many images are in work at once.
    known
        Tells the id of an image already stored under that http(s) address, so that it is not
        fetched again.
    """

    mode: ImageMode = "local"
    base_dir: Path | None = None
    allow_outside: bool = False
    allow_private: bool = False
    max_bytes: int = 20 * 1024 * 1024
    max_pixels: int = 50_000_000
    timeout: float = 30.0
    attempts: int = 3
    max_redirects: int = 5
    workers: int = 16
    known: Callable[[str], str | None] | None = None

    def __post_init__(self) -> None:
        if self.mode not in get_args(ImageMode):
            raise UsageError(
                f"{self.mode!r} is not a way to treat images",
                fix=f"choose one of: {', '.join(get_args(ImageMode))}",
            )
        for name in ("max_bytes", "max_pixels", "timeout", "attempts", "workers"):
            if not getattr(self, name) > 0:
                raise UsageError(
                    f"image option {name} is {getattr(self, name)!r}", fix=f"give {name} above 0"
                )
        if self.max_redirects < 0:
            raise UsageError(
                f"image option max_redirects is {self.max_redirects}", fix="give 0 or more"
            )
