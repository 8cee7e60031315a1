"""The bundled sample: a small, complete example of everything that goes into a knowledge base.

:data:`FILES` names what is to be read, in the order in which it can be read, with the format of
each. All of it takes the source name :data:`SOURCE`.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
SOURCE = "sample"

FILES: tuple[tuple[str, Path], ...] = (
    ("products", FOLDER / "products.jsonl"),
    ("cobuys", FOLDER / "cobuys.csv"),
    ("posts", FOLDER / "posts.jsonl"),
    ("intentions", FOLDER / "intentions.jsonl"),
)
"""Format name and path of each file; a file needs only what those before it hold."""
