"""LangChain's Neo4jGraph.add_graph_documents; see benchmarks.performance.loaders."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

from itertools import batched

from langchain_neo4j import Neo4jGraph
from langchain_neo4j.graphs.graph_document import GraphDocument, Relationship
from langchain_neo4j.graphs.graph_document import Node as GraphNode
from loading import Edge, Node, Server, run

DOCUMENT = 5_000  # nodes or relationships of one document, which is one transaction each


def prepare(nodes: list[Node], edges: list[Edge]) -> list[GraphDocument]:
    """Make the tool's own objects: documents of nodes, then documents of edges."""
    known = {
        node["id"]: GraphNode(id=node["id"], type=node["label"], properties=node["properties"])
        for node in nodes
    }
    ends = {key: GraphNode(id=key, type=node.type) for key, node in known.items()}
    documents = [
        GraphDocument(nodes=list(some), relationships=[])
        for some in batched(known.values(), DOCUMENT)
    ]
    for some in batched(edges, DOCUMENT):
        relationships = [
            Relationship(
                source=ends[edge["start"]],
                target=ends[edge["end"]],
                type=edge["type"],
                properties=edge["properties"],
            )
            for edge in some
        ]
        documents.append(GraphDocument(nodes=[], relationships=relationships))
    return documents


def write(server: Server, documents: list[GraphDocument]) -> None:
    """Write them, with the label that is documented to make it faster."""
    graph = Neo4jGraph(
        url=server.uri, username=server.user, password=server.password, refresh_schema=False
    )
    graph.add_graph_documents(documents, baseEntityLabel=True)
    graph.close()


if __name__ == "__main__":
    run(prepare, write)
