"""Neo4j: the same graph on a server. Inside this package ``import neo4j`` is the driver."""
