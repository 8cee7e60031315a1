"""The driver alone: one thread, UNWIND and MERGE; see benchmarks.performance.loaders."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

from collections import defaultdict
from itertools import batched

from loading import Edge, Node, Server, run
from neo4j import GraphDatabase

ROWS = 5_000

Groups = tuple[dict[str, list[Node]], dict[tuple[str, str, str], list[Edge]]]


def prepare(nodes: list[Node], edges: list[Edge]) -> Groups:
    """Group nodes by label, edges by type and ends."""
    labels: dict[str, list[Node]] = defaultdict(list)
    kinds: dict[tuple[str, str, str], list[Edge]] = defaultdict(list)
    for node in nodes:
        labels[node["label"]].append(node)
    for edge in edges:
        kinds[edge["start_label"], edge["type"], edge["end_label"]].append(edge)
    return labels, kinds


def write(server: Server, groups: Groups) -> None:
    """Write them, constraints first."""
    labels, kinds = groups
    with GraphDatabase.driver(
        server.uri, auth=(server.user, server.password), notifications_min_severity="OFF"
    ) as driver:
        for label in labels:
            driver.execute_query(
                f"CREATE CONSTRAINT IF NOT EXISTS FOR (n:`{label}`) REQUIRE n.id IS UNIQUE"
            )
        driver.execute_query("CALL db.awaitIndexes()")
        for label, nodes in labels.items():
            query = (
                f"UNWIND $rows AS row MERGE (n:`{label}` {{id: row.id}}) SET n += row.properties"
            )
            for some in batched(nodes, ROWS):
                driver.execute_query(query, rows=list(some))
        for (start, kind, end), edges in kinds.items():
            query = (
                f"UNWIND $rows AS row MATCH (a:`{start}` {{id: row.start}}) "
                f"MATCH (b:`{end}` {{id: row.end}}) MERGE (a)-[r:`{kind}`]->(b) "
                "SET r += row.properties"
            )
            for some in batched(edges, ROWS):
                driver.execute_query(query, rows=list(some))


if __name__ == "__main__":
    run(prepare, write)
