"""Everything that calls a model to write intentions."""
