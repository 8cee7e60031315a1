"""What a push has to do, from what the database says it has and what the truth has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kg.graph_build import SHAPE
from kg.manifest import Manifest
from kg.neo4j.connection import Server
from kg.neo4j.report import Graph
from kg.neo4j.schema import LABELS
from kg.neo4j.state import State, base_of, part_key, part_keys
from schema.errors import GraphClashError


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to be done with the graph.

    Attributes
    ----------
    graph
        As in :class:`kg.neo4j.report.PushReport`.
    target
        Parts of the truth that are in the database afterwards.
    held
        Parts that are in it already, all of them among `target`; only what the others add or
        change has to be written.
    exact
        Whether nothing of ours beyond `target` will be there.
    """

    graph: Graph
    target: tuple[str, ...]
    held: frozenset[str] = frozenset()
    exact: bool = True

    def known(self, manifest: Manifest) -> frozenset[str]:
        """Files of the parts that are held, as :class:`kg.projection.Projection` takes them."""
        return frozenset(
            part.file
            for parts in manifest.tables.values()
            for part in parts
            if part_key(part) in self.held
        )


def decide(
    server: Server,
    manifest: Manifest,
    state: State,
    counts: Mapping[str, int],
    *,
    prune: bool,
) -> Plan:
    """Compare the truth with the state of the database.

    Parameters
    ----------
    server
        For messages.
    manifest, state
        What the truth has, and what the database says of itself.
    counts
        What the database has in fact.
    prune
        Whether another knowledge base's graph may be replaced.

    Raises
    ------
    GraphClashError
        If the database holds the graph of another knowledge base.
    """
    target, held = part_keys(manifest), frozenset(state.parts)
    other = bool(state.base) and state.base != base_of(manifest)
    if other and not prune:
        raise GraphClashError(
            f"{server.address} (database {server.database}) holds the graph of another knowledge "
            "base",
            fix="push beside it with --prefix NAME, or in its place with --prune",
        )
    fits = not other and state.shape == SHAPE
    if state.loading:
        if fits and frozenset(state.loading) <= frozenset(target):
            return Plan("resumed", state.loading, exact=state.exact)
        return Plan("rewritten", target, exact=False)
    if not held:
        if not target:
            return Plan("current", target)
        empty = not any(counts[label] for label in LABELS)
        return Plan("written" if empty else "rewritten", target, exact=empty)
    if not fits or not held <= frozenset(target):
        return Plan("rewritten", target, exact=False)
    if any(counts.get(key, 0) < number for key, number in state.counts.items()):
        # Someone has removed nodes or edges of ours.
        return Plan("rewritten", target, exact=state.exact)
    if held == frozenset(target):
        return Plan("current", target, held, state.exact)
    return Plan("updated", target, held, state.exact)


def restricted(manifest: Manifest, parts: tuple[str, ...]) -> Manifest:
    """The truth as it was when it had only these parts."""
    wanted = frozenset(parts)
    tables = {
        table: tuple(part for part in found if part_key(part) in wanted)
        for table, found in manifest.tables.items()
    }
    return replace(manifest, tables=tables)
