"""A Neo4j Community server for benchmarks, tests, and whoever wants to try one.

Its jars come from Maven Central, on the first use; it is the server itself, as the distribution
starts it. ``python -m benchmarks.neo4j_server`` runs one in the foreground.
"""

from __future__ import annotations

from benchmarks.neo4j_server.server import Neo4jServer, admin

__all__ = ["Neo4jServer", "admin"]
