"""What our part of a Neo4j database is called, so that it shares one with other people's.

With a prefix ``P`` every label becomes ``P_Post``, ``P_Intention``, …; relationship types and
properties keep their names. One database holds one knowledge base per prefix (or none).

Every node and edge that IntentKG writes carries the property :data:`MARKER`, whose value is the
prefix (``IntentKG`` where there is none). What does not carry it is someone else's: it is never
changed, matched or removed. Readers leave :data:`OURS` out, so that a whole node looks the same
on every store.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from schema.errors import UsageError

MARKER = "intentkg"
"""Property of every node and edge of ours; its value is :attr:`Names.mark`."""

VECTOR = "vector"
"""Property of an intention: its embedding, of length 1, in 32-bit floats."""

OURS = frozenset({MARKER, VECTOR})
"""Properties that only this store has."""

_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_HOME = "IntentKG"


@dataclass(frozen=True, slots=True)
class Names:
    """Names with a prefix, or without one.

    Parameters
    ----------
    prefix
        What stands in front of each label: an ASCII letter, then letters, digits, underscores.

    Raises
    ------
    UsageError
        If the prefix is of another form.

    Examples
    --------
    >>> Names("ikg").label("Post"), Names().label("Post")
    ('ikg_Post', 'Post')
    """

    prefix: str | None = None

    def __post_init__(self) -> None:
        if self.prefix is not None and (
            not _PREFIX.fullmatch(self.prefix) or len(self.prefix) > 40 or self.prefix == _HOME
        ):
            raise UsageError(
                f"{self.prefix!r} cannot stand in front of labels",
                fix="a prefix is a letter, then letters, digits or underscores, such as ikg",
            )

    @property
    def mark(self) -> str:
        """The value of :data:`MARKER`."""
        return self.prefix or _HOME

    @property
    def home(self) -> str:
        """Label of the nodes that keep the state of our part (:mod:`kg.neo4j.state`)."""
        return self.label(_HOME)

    @property
    def vector_index(self) -> str:
        """Name of the vector index over intentions."""
        return self.index("intention_vector")

    @property
    def text_index(self) -> str:
        """Name of the full-text index over intentions, product titles and posts."""
        return self.index("text")

    def label(self, name: str) -> str:
        """A label as it stands in the database."""
        return name if self.prefix is None else f"{self.prefix}_{name}"

    def index(self, purpose: str) -> str:
        """Name of an index or constraint of ours."""
        return self.label(f"intentkg_{purpose}")


def quoted(name: str) -> str:
    """A label, type, property or index as it stands in Cypher.

    All of them come from the registry and a checked prefix; this makes sure of it.
    """
    if not _PLAIN.match(name):
        raise ValueError(f"{name!r} is not a name of ours")
    return f"`{name}`"
