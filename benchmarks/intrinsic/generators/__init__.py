"""Generators beside each other, on a set of intentions that people judged: MIKO's Table 3."""
