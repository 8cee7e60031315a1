"""MIND (multimodal shopping intention distillation, section 3): why two products go together.

Product features, one intention per relation, a role-aware filter.
"""

from __future__ import annotations

from generation.mind.options import Critic, MindOptions, Scores
from generation.mind.pipeline import Mind

__all__ = ["Critic", "Mind", "MindOptions", "Scores"]
