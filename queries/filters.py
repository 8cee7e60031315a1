"""Which edges a reader wants: checked once, handed to Cypher as parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from schema import relations as registry
from schema.errors import UsageError
from schema.relations import Family, NodeType

HEAD_TYPES = (NodeType.POST, NodeType.COBUY, NodeType.PRODUCT)

# Constant texts, so that no value ever becomes Cypher; `r` is the edge. An absent property is null,
# and a comparison with null lets nothing through.
_CONDITIONS = {
    "relations": "type(r) IN $relations",
    "min_plausibility": "r.plausibility >= $min_plausibility",
    "min_typicality": "r.typicality >= $min_typicality",
    "accepted": "r.accepted = $accepted",
    "source": "$source IN r.sources",
}

# Best first: typicality, then plausibility, unscored edges last, ties by the edge's id.
ORDER = "coalesce(r.typicality, -1.0) DESC, coalesce(r.plausibility, -1.0) DESC, r.id"


@dataclass(frozen=True, slots=True)
class EdgeFilter:
    """Conditions that an edge to an intention has to meet, all of them.

    Attributes
    ----------
    relations
        Names of the registry; empty lets every relation through.
    min_plausibility, min_typicality
        In [0, 1], inclusive; an unscored edge does not pass. None asks nothing.
    accepted
        The filter's verdict; an edge that nobody judged passes neither True nor False.
    source
        A source that gave the edge.
    head_type
        Label of the node it starts from.
    """

    relations: tuple[str, ...] = ()
    min_plausibility: float | None = None
    min_typicality: float | None = None
    accepted: bool | None = None
    source: str | None = None
    head_type: NodeType | None = None

    @classmethod
    def make(
        cls,
        *,
        relations: str | Sequence[str] | None = None,
        min_plausibility: float | None = None,
        min_typicality: float | None = None,
        accepted: bool | None = None,
        source: str | None = None,
        head_type: str | None = None,
        family: Family | None = None,
    ) -> EdgeFilter:
        """Check what a person asked for.

        Raises
        ------
        UnknownRelationError
            If a relation is not in the registry, or not in `family`.
        UsageError
            If a threshold lies outside [0, 1], or the head type is none.
        """
        names = [relations] if isinstance(relations, str) else list(relations or ())
        if accepted is not None and not isinstance(accepted, bool):
            raise UsageError(f"accepted is {accepted!r}", fix="use True, False, or None for either")
        return cls(
            relations=tuple(dict.fromkeys(_relation(name, family) for name in names)),
            min_plausibility=_threshold("min_plausibility", min_plausibility),
            min_typicality=_threshold("min_typicality", min_typicality),
            accepted=accepted,
            source=None if source is None else check_text("source", source),
            head_type=None if head_type is None else check_head_type(head_type),
        )

    def where(self) -> str:
        """Cypher's WHERE for the edge `r`, empty if nothing is asked of it."""
        asked = [_CONDITIONS[name] for name in self.parameters()]
        return f"WHERE {' AND '.join(asked)}" if asked else ""

    def parameters(self) -> dict[str, Any]:
        """Values for :meth:`where`."""
        values = {name: getattr(self, name) for name in _CONDITIONS}
        asked = {name: value for name, value in values.items() if value not in (None, ())}
        return {**asked, "relations": list(self.relations)} if self.relations else asked


def check_text(name: str, value: object) -> str:
    """Return `value` if it is text that is not blank and that UTF-8 can hold.

    Raises
    ------
    UsageError
        If it is not.
    """
    if not isinstance(value, str):
        raise UsageError(
            f"{name} is {type(value).__name__} {value!r}, not text", fix=f"give {name} as text"
        )
    if not value.strip():
        raise UsageError(f"{name} is empty", fix=f"give {name} at least one visible character")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise UsageError(
            f"{name} holds a character that is no Unicode text (a lone surrogate)",
            fix="check the encoding in which it was read",
        ) from None
    return value


def check_head_type(value: object) -> NodeType:
    """Return the type of node that an intention can be about.

    Raises
    ------
    UsageError
        If `value` names none.
    """
    for kind in HEAD_TYPES:
        if isinstance(value, str) and value.casefold() == kind.value.casefold():
            return kind
    raise UsageError(
        f"no intention starts from {value!r}", fix=f"use one of: {', '.join(HEAD_TYPES)}"
    )


def check_count(name: str, value: object, *, least: int = 1, most: int | None = None) -> int:
    """Return a whole number in the range.

    Raises
    ------
    UsageError
        If it is not a whole number, or lies outside.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"{name} is {value!r}, not a whole number", fix=f"use {name}={least}")
    if value < least or (most is not None and value > most):
        bounds = f"{least} or more" if most is None else f"between {least} and {most}"
        raise UsageError(f"{name} is {value}", fix=f"use {bounds}")
    return value


def _relation(name: object, family: Family | None) -> str:
    return registry.get(name if isinstance(name, str) else repr(name), family).name


def _threshold(name: str, value: object) -> float | None:
    if value is None:
        return None
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or not 0 <= value <= 1
    ):
        raise UsageError(f"{name} is {value!r}", fix="use a number between 0 and 1")
    return float(value)
