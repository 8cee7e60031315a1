"""IntentKG: a knowledge graph of why people post and buy.

>>> import intentkg
>>> kb = intentkg.open("my.kg")                       # doctest: +SKIP
>>> kb.search("keep a phone safe in the rain")        # doctest: +SKIP
>>> kb.cobuy("B00000J1U8")                            # doctest: +SKIP

Importing this package is cheap: engines and models load when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from intentkg._house import ShadowedPackageError, check_house

if TYPE_CHECKING:
    from intentkg.api import KnowledgeBase, build, open
    from schema.errors import IntentKGError

__version__ = "0.1.0"

__all__ = [
    "IntentKGError",
    "KnowledgeBase",
    "ShadowedPackageError",
    "__version__",
    "build",
    "open",
]


def __getattr__(name: str) -> Any:
    # Nothing of ours is imported before it is known to be ours.
    if name in __all__:
        check_house()
        from intentkg import api

        return getattr(api, name)
    raise AttributeError(f"module 'intentkg' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
