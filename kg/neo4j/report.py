"""What a push did."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Graph = Literal["current", "written", "resumed", "updated", "rewritten"]
Vectors = Literal["current", "written", "none", "left out"]


@dataclass(frozen=True, slots=True)
class PushReport:
    """What a push did, or would do.

    Attributes
    ----------
    server, database, prefix
        Where to.
    graph
        ``current`` (nothing to do), ``written`` (all of it, into an empty place), ``resumed`` (the
        rest of a push that was stopped), ``updated`` (what is new) or ``rewritten`` (all of it,
        over what was there).
    vectors
        ``current``, ``written``, ``none`` (the knowledge base has none) or ``left out``.
    nodes, edges
        How many were written.
    removed_nodes, removed_edges
        How many were removed, because the truth no longer has them.
    embedded
        How many intentions were given their vector.
    total_nodes, total_edges
        How many the database holds under our labels, and how many begin there; -1 after a dry run.
    seconds
        Time by step: ``connect``, ``schema``, ``nodes``, ``edges``, ``indexes``, ``vectors``,
        ``prune`` and ``total``.
    dry_run
        Whether nothing was written.
    notes
        What a person should know or do.
    """

    server: str
    database: str
    prefix: str | None = None
    graph: Graph = "current"
    vectors: Vectors = "current"
    nodes: int = 0
    edges: int = 0
    removed_nodes: int = 0
    removed_edges: int = 0
    embedded: int = 0
    total_nodes: int = -1
    total_edges: int = -1
    seconds: dict[str, float] = field(default_factory=dict)
    dry_run: bool = False
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything was, or would be, written or removed."""
        return any((self.nodes, self.edges, self.removed_nodes, self.removed_edges, self.embedded))

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        seconds = {step: round(value, 3) for step, value in self.seconds.items()}
        return {**asdict(self), "notes": list(self.notes), "seconds": seconds}

    def __str__(self) -> str:
        did = "would be" if self.dry_run else "were" if self.changed else ""
        if not self.changed:
            return f"nothing to do; {self._size()}" if not self.dry_run else "nothing to do"
        parts = [f"{self.nodes:,} nodes and {self.edges:,} edges {did} written"]
        if self.removed_nodes or self.removed_edges:
            parts.append(f"{self.removed_nodes:,} nodes and {self.removed_edges:,} edges removed")
        if self.embedded:
            parts.append(f"{self.embedded:,} vectors")
        if self.dry_run:
            return "; ".join(parts)
        return f"{'; '.join(parts)}; {self._size()}; {self.seconds.get('total', 0.0):.1f} s"

    def _size(self) -> str:
        return f"{self.database} holds {self.total_nodes:,} nodes and {self.total_edges:,} edges"
