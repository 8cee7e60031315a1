"""Read the outside world into records: readers, cleaning, images, ready intentions.

The door of this floor is :func:`ingest.reading.read`; :func:`ingest.reading.formats` lists what
can be read. Both are also here, loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingest.reading import Format, Options, detect, formats, get, read

__all__ = ["Format", "Options", "detect", "formats", "get", "read"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from ingest import reading

        return getattr(reading, name)
    raise AttributeError(f"module 'ingest' has no attribute {name!r}")
