"""The bundled sample: a small, complete example of everything that goes into a knowledge base.

:data:`FILES` names what is to be read, in the order in which it can be read, with the format of
each. All of it takes the source name :data:`SOURCE`. :data:`GENERATE` names what is to be
generated before the last of them is read, from the replies in :data:`RECORD`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
SOURCE = "sample"

REPLIES = FOLDER / "replies.jsonl"
INTENTIONS = FOLDER / "intentions.jsonl"
RECORD = FOLDER / "record.jsonl"

FILES: tuple[tuple[str, Path], ...] = (
    ("products", FOLDER / "products.jsonl"),
    ("cobuys", FOLDER / "cobuys.csv"),
    ("posts", FOLDER / "posts.jsonl"),
    ("intentions", INTENTIONS),
)
"""Format name and path of each file; a file needs only what those before it hold."""

MODEL = "hand-written sample"
"""Who wrote the replies: people, in the place of a model."""

PIPELINES = ("miko", "mind")

GENERATE: dict[str, Any] = {"model": MODEL, "sources": (SOURCE,)}
"""How the pipelines are set up, in the words of `intentkg.KnowledgeBase.generate`."""

REKEY = "python -m intentkg.sample.recording"
"""What writes :data:`RECORD` anew when a prompt has changed."""
