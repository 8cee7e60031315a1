"""Sources of evidence that are named after a model, such as ``mind-filter-qwen2.5-7b-1f0c9a``."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any

from generation.requests import dumps


def slug(model: str) -> str:
    """Give the last of a model's name, in letters that a source may have.

    Examples
    --------
    >>> slug("Qwen/Qwen2.5-7B")
    'qwen-qwen2.5-7b'
    """
    return re.sub(r"[^a-z0-9._]+", "-", model.lower()).strip("-._")[-40:].strip("-._")


def short_digest(told: Any) -> str:
    """Give six hexadecimal digits that tell what else there is to a source."""
    return blake2b(dumps(told), digest_size=3).hexdigest()
