"""What all downstream benchmarks share: configuration, resuming, training, metrics, reports."""

from __future__ import annotations

from benchmarks.downstream.harness.config import load
from benchmarks.downstream.harness.executing import execute, summaries
from benchmarks.downstream.harness.report import Report, Table
from benchmarks.downstream.harness.running import Run

__all__ = ["Report", "Run", "Table", "execute", "load", "summaries"]
