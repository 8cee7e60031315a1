"""LlamaIndex's Neo4jPropertyGraphStore; see benchmarks.performance.loaders."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

from llama_index.core.graph_stores.types import EntityNode, Relation
from llama_index.graph_stores.neo4j import Neo4jPropertyGraphStore
from loading import Edge, Node, Server, run


def prepare(nodes: list[Node], edges: list[Edge]) -> tuple[list[EntityNode], list[Relation]]:
    """Make the tool's own objects."""
    return (
        [
            EntityNode(name=node["id"], label=node["label"], properties=node["properties"])
            for node in nodes
        ],
        [
            Relation(
                label=edge["type"],
                source_id=edge["start"],
                target_id=edge["end"],
                properties=edge["properties"],
            )
            for edge in edges
        ],
    )


def write(server: Server, rows: tuple[list[EntityNode], list[Relation]]) -> None:
    """Write them."""
    store = Neo4jPropertyGraphStore(
        username=server.user, password=server.password, url=server.uri, refresh_schema=False
    )
    store.upsert_nodes(rows[0])
    store.upsert_relations(rows[1])
    store.close()


if __name__ == "__main__":
    run(prepare, write)
