"""neo4j-graphrag's Neo4jWriter; see benchmarks.performance.loaders."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import asyncio

from loading import Edge, Node, Server, run
from neo4j import GraphDatabase
from neo4j_graphrag.components.kg_writer import Neo4jWriter
from neo4j_graphrag.components.types import Neo4jGraph, Neo4jNode, Neo4jRelationship


def prepare(nodes: list[Node], edges: list[Edge]) -> Neo4jGraph:
    """Make the tool's own objects."""
    return Neo4jGraph(
        nodes=[
            Neo4jNode(id=node["id"], label=node["label"], properties=node["properties"])
            for node in nodes
        ],
        relationships=[
            Neo4jRelationship(
                start_node_id=edge["start"],
                end_node_id=edge["end"],
                type=edge["type"],
                properties=edge["properties"],
            )
            for edge in edges
        ],
    )


def write(server: Server, graph: Neo4jGraph) -> None:
    """Write them."""
    with GraphDatabase.driver(
        server.uri, auth=(server.user, server.password), notifications_min_severity="OFF"
    ) as driver:
        writer = Neo4jWriter(driver, batch_size=BATCH)
        result = asyncio.run(writer.run(graph=graph))
    if result.status != "SUCCESS":
        raise SystemExit(str(result.metadata))


BATCH = 5_000

if __name__ == "__main__":
    run(prepare, write)
