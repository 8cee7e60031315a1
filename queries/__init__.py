"""Everything that reads: semantic search, co-buy pulls, Cypher, named queries."""
