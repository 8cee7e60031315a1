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


def critic_source(pipeline: str, critic: Any, threshold: float) -> str:
    """Name what a pipeline wrote and a critic accepted from a threshold on.

    Another critic or threshold gives another name, so that both verdicts on a tail stand.

    Parameters
    ----------
    critic
        Its attribute ``name`` tells it from others; without one, and with the threshold of MIND
        (0.8), the name is the plain one.

    Examples
    --------
    >>> critic_source("mind", object(), 0.8)
    'mind-critic'
    """
    told: list[Any] = [getattr(critic, "name", None), threshold]
    plain = f"{pipeline}-critic"
    return plain if told == [None, 0.8] else f"{plain}-{short_digest(told)}"
