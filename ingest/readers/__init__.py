"""Readers of posts, products and co-buys, one file for each format."""
