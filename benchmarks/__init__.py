"""What shows that the graph is good and fast."""
