r"""Rules that read a rationale: which of MIND's three kinds of error does a rejection name?

MIND (appendix C) had people read 200 rationales: 81 % of the rejected intentions were plausible
but too weak to motivate the purchase, 13 % were misjudged by the filter, 6 % were implausible or
wrong. These rules look for words instead. They can be read, argued with and counted; they do not
understand. The first rule that matches decides, in the order in which they stand; a rationale that
none matches is unclassified. Case is ignored; patterns are RE2's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ErrorClass = Literal["weak", "implausible", "misjudged"]

MEANINGS: dict[ErrorClass, str] = {
    "weak": "plausible, but no motive to buy the two",
    "misjudged": "the rationale speaks for the intention, the verdict against it",
    "implausible": "implausible, or at odds with the products",
}

MIND_SHARES: dict[ErrorClass, float] = {"weak": 0.81, "misjudged": 0.13, "implausible": 0.06}
"""What MIND's annotators found (appendix C)."""

_NOT = r"(?:\b(?:not|no|hardly|never|cannot|nobody|without|fail(?:s|ed)? to)|n['’]t)\b"
_MOTIVE = (
    r"(?:motiv\w*|reason\w*|persuad\w*|convinc\w*|compell\w*|drives?|lead me|explain\w*|"
    r"purchas\w*|buy(?:ing)?|bought|shop|why|decision|influence)"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes
    ----------
    kind
        The class it stands for.
    name
        What it looks for, in words.
    pattern
        A regular expression that is searched in the rationale.
    """

    kind: ErrorClass
    name: str
    pattern: str


RULES: tuple[Rule, ...] = (
    Rule("misjudged", "begins with yes", r"^\W*yes\b"),
    Rule(
        "implausible",
        "says that it is false",
        r"\b(?:false|untrue|incorrect|inaccurate|factual\w*|impossible|contradict\w*|implausible|"
        r"mis(?:read|represent|describ)\w*|wrong)\b|\bmakes? no sense\b|"
        r"\bdo(?:es)?(?: not|n['’]t) make sense\b",
    ),
    Rule(
        "implausible",
        "says that products and intention do not belong together",
        r"\bunrelated\b|\bnothing to do with\b|\bno (?:connection|relation|link)\b|"
        r"\bdo(?:es)?(?: not|n['’]t) (?:fit|match|apply|align|relate|contain|belong)\b|"
        r"\bnot? (?:\w+ )?(?:suitable|related|compatible)\b",
    ),
    Rule(
        "weak",
        "denies a motive",
        rf"{_NOT}(?:\W+\w+){{0,5}}?\W+{_MOTIVE}\b|"
        r"\b(?:lacks?|weak|insufficient|irrelevant)\b",
    ),
    Rule(
        "weak",
        "calls it general, or a mere description",
        r"\b(?:vague|generic|too (?:general|broad)|merely|product-centric|repeats?|"
        r"any (?:two|other) products?)\b|\bsays? (?:only|nothing)\b|"
        r"\bonly (?:says?|describes?|states?|repeats?)\b|\b(?:alone|not (?:\w+ )?enough)\b|"
        r"\b(?:instead of|rather than) (?:on )?(?:a need|the (?:buyer|customer|person))\b",
    ),
    Rule(
        "misjudged",
        "speaks for the purchase",
        r"\bmakes sense\b|\bi would (?:buy|want)\b|\bcomplement each other\b|\bideal for\b|"
        r"\b(?:good|strong|sound|fair) reason\b|\bfits? the intention\b",
    ),
    Rule(
        "implausible",
        "denies a property of the products",
        r"\bneither\b|\bcannot\b|\bonly (?:one|the \w+)\b|"
        r"\b(?:is|are|was|were|has|have|had|do|does|did|will|would) (?:not|no|none)\b|\w+n['’]t\b",
    ),
)
