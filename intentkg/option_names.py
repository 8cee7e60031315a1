"""Options by their names in Python."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from schema.errors import UsageError


def check_names(given: Iterable[str], options: type[Any]) -> None:
    """See that a dataclass of options has all that were given.

    Raises
    ------
    UsageError
        For one that it has not.
    """
    known = [one.name for one in fields(options)]
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            raise UsageError(
                f"there is no option {name!r}",
                fix=f"did you mean {close[0]!r}?" if close else f"options: {', '.join(known)}",
            )
