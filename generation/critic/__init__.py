"""A critic that comes with IntentKG: plausibility and typicality of intentions, offline.

What it is, what it learnt from, its figures and its limits: ``weights/MODEL_CARD.md``.
"""

from __future__ import annotations

from generation.critic.critic import Assertion, Critic, load_critic

__all__ = ["Assertion", "Critic", "load_critic"]
