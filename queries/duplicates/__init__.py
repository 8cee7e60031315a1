"""Intentions that mean the same: found, reported, and on request joined by ``SAME_AS``."""

from queries.duplicates.finding import THRESHOLD, Cluster, Duplicates, find
from queries.duplicates.layer import merge, unmerge

__all__ = ["THRESHOLD", "Cluster", "Duplicates", "find", "merge", "unmerge"]
