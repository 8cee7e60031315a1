"""How the shipped weights were made: the corpora with their splits, and the training scripts."""
