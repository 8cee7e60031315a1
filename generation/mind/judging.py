"""A critic in the filter's place: what it scores, and what that means for a tail."""

from __future__ import annotations

from generation.harvest import Harvest
from generation.heads import CoBuyHead, PostHead
from generation.mind.options import Critic


async def score(
    harvest: Harvest, head: PostHead | CoBuyHead, critic: Critic, threshold: float
) -> None:
    """Score what was found, and hold it to a threshold: typicality's, else plausibility's."""
    if not harvest.found:
        return
    tails = [(found.relation, found.text) for found in harvest.found]
    for found, scores in zip(harvest.found, await critic.score(head, tails), strict=True):
        found.plausibility, found.typicality = scores.plausibility, scores.typicality
        decisive = scores.typicality if scores.typicality is not None else scores.plausibility
        found.accepted = None if decisive is None else decisive >= threshold
