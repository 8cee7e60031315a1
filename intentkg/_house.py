"""The packages that IntentKG consists of, and a check that they are really ours.

Our packages have plain names (``schema``, ``queries``, …). Should another package of such a name
come first on ``sys.path``, an import would find the wrong one and fail far from the cause; so the
door looks first. Standard library only: nothing of ours may be imported before the check.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOMS = ("schema", "ingest", "generation", "kg", "queries", "benchmarks")


class ShadowedPackageError(ImportError):
    """Another package of the same name is found in the place of one of ours.

    Attributes
    ----------
    fix
        What to do about it.
    """

    exit_code = 1

    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(f"{message}\n  fix: {fix}")
        self.message = message
        self.fix = fix


def check_house(rooms: tuple[str, ...] = ROOMS) -> None:
    """Check that every package of ours is found beside this one.

    Raises
    ------
    ShadowedPackageError
        If one is missing or another package of that name is found instead.
    """
    home = Path(__file__).resolve().parent.parent
    for room in rooms:
        spec = importlib.util.find_spec(room)
        found = None if spec is None or spec.origin is None else Path(spec.origin).resolve()
        if found == home / room / "__init__.py":
            continue
        where = found or "nowhere"
        raise ShadowedPackageError(
            f"IntentKG's package {room!r} should be in {home}, but Python finds it at {where}",
            fix=(
                f"take {found.parent.parent if found else 'the other package'} off the Python path "
                "(PYTHONPATH, or the folder you started Python in), "
                "or install IntentKG in an environment of its own"
            ),
        )
