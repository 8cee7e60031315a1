"""Label Studio on this machine, in an environment of its own: to try things on, and for tests."""

from benchmarks.label_studio.server import LabelStudio

__all__ = ["LabelStudio"]
