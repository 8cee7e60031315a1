"""Everything that stores: the truth, the graph stores, the vector index, the build."""
