"""A model as the judge of intentions: FolkScope's two questions, plausibility and typicality.

Yu et al., "FolkScope: Intention Knowledge Graph Construction for E-commerce Commonsense
Discovery", Findings of ACL 2023, section 3.2: whether an assertion is plausible, and how typical
it is, by informativeness and causality.
"""

from __future__ import annotations

from generation.judge.pipeline import Claim, Judge
from generation.judge.reply import Judgement, judgement_schema, parse_judgement

__all__ = ["Claim", "Judge", "Judgement", "judgement_schema", "parse_judgement"]
