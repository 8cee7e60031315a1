"""How models word the relations' phrases: patterns that open, repeat or label a tail.

The phrases themselves are the registry's; here are the ways in which replies reword them ("they are
both used for", "after posting this Tweet, the user would like to").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from schema.relations import COBUY, Family, Relation, get


@dataclass(frozen=True, slots=True)
class Phrasing:
    """Patterns of one relation.

    Attributes
    ----------
    lead
        Its phrase, reworded or not, at the beginning; may match nothing.
    inner
        Its phrase as the registry has it, anywhere; None without one.
    label
        A label before the tail: its name, or a word for what is asked.
    others
        The other co-buy relations' phrases at the beginning; None where that says nothing.
    """

    lead: re.Pattern[str]
    inner: re.Pattern[str] | None
    label: re.Pattern[str]
    others: re.Pattern[str] | None


def phrasing(relation: Relation) -> Phrasing:
    """Give the patterns of a relation; made once each."""
    return _phrasing(relation.name, relation.family)


@cache
def _phrasing(name: str, family: Family) -> Phrasing:
    relation = get(name, family)
    inner = None
    if relation.phrase:
        inner = re.compile(rf"(?<!\w){_spaced(relation.phrase)}(?!\w)", re.IGNORECASE)
    named = rf"\A(?:{re.escape(name)}|{_LABELS})\s*(?:\([^()]{{0,40}}\)\s*)?"
    label = re.compile(rf"{named}(?:[:：=→]|(?<=\s)[-–—]\s)\s*", re.IGNORECASE)
    return Phrasing(_lead(relation), inner, label, _others(relation))


_LABELS = "intention|answer|tail|output|response|completion|co-?buy intention|意图|意圖|答案|意図"
_POST = (
    r"(?:this|that|the|a|their|his|her)"
    r"(?:\s+(?:tweet|post|message|photo|picture|image|content|status|update))?"
)
_WRITING = r"(?:posting|sharing|tweeting|publishing|writing)"
_POSTING = rf"(?:(?:after|upon|by|on|when|in)\s+{_WRITING}\s+{_POST},?\s+)?"
_VIEWING = rf"(?:(?:after|upon|on|when)\s+(?:viewing|seeing|reading)\s+{_POST},?\s+)?"
_BEFORE = rf"(?:before\s+{_WRITING}\s+{_POST},?\s+)?"
_USER = r"(?:the\s+(?:user|poster|author|person|writer)|he/she|he\s+or\s+she|he|she|they|i|personx)"
_POSTED = (
    rf"(?:{_USER}\s+(?:posts?|posted|is\s+posting|shared?|shares|tweeted|tweets)\s+{_POST}"
    r"\s+because\s+)"
)
_SEEN = r"(?:the\s+)?(?:others|other\s+(?:people|users)|people|viewers|followers|readers|audience)"
_MAY = r"(?:(?:will|may|might|would|could|can|probably|likely|also)\s+)*"
_WILL = r"(?:will|may|might|would)(?:\s+(?:likely|probably))?"
_SOCIAL: dict[str, str] = {
    "xWant": rf"{_POSTING}{_USER}\s+{_MAY}(?:wants?|wanted|like|hopes?|wishes)\s+to",
    "oEffect": rf"{_VIEWING}{_SEEN}\s+{_WILL}",
    "xAttr": rf"{_POSTED}?{_USER}\s+(?:is|was|are|seems|appears)(?:\s+to\s+be)?",
    "xIntent": rf"{_POSTED}?{_USER}\s+(?:intend(?:s|ed)?|want(?:s|ed)?|meant)\s+to",
    "xReact": rf"{_POSTING}{_USER}\s+{_MAY}(?:feels?|felt)",
    "oReact": rf"{_VIEWING}{_SEEN}\s+{_MAY}(?:feels?|felt)",
    "oWant": rf"{_VIEWING}{_SEEN}\s+{_MAY}(?:wants?|wanted|like)\s+to",
    "xEffect": rf"{_POSTING}{_USER}\s+{_WILL}",
    "xNeed": rf"{_BEFORE}{_USER}\s+(?:needs?|needed|had|has|have)\s+to",
    "Open": _POSTED.removesuffix(r"\s+)") + ")",
}
# Also said without their beginning: "wants to sleep", "feels proud". What follows begins in lower
# case: "Will Smith" is somebody's name.
_SHORT = {
    "xWant": r"(?:wants?\s+)?to",
    "oEffect": "will",
    "xAttr": "is",
    "xIntent": r"(?:(?:intend|want)(?:s|ed)?\s+)?to",
    "xReact": "(?:feels?|felt)",
    "oReact": "(?:feels?|felt)",
    "oWant": r"(?:wants?\s+)?to",
    "xEffect": "will",
    "xNeed": r"(?:(?:needs?|needed|had)\s+)?to",
    "Cause": r"(?:wants?\s+)?to",
    "UsedFor": r"used\s+for",
}
_PRODUCTS = (
    r"(?:both\s+)?(?:(?:the|these|those|my|our|her|his)\s+)?(?:two\s+)?(?:products|items|purchases)"
)
_BOTH = (
    rf"(?:they|both(?:\s+of\s+(?:them|these))?|{_PRODUCTS}|products?\s+a\s+and\s+(?:product\s+)?b)"
)
_SHOPPER = r"(?:(?:the|a|this)\s+(?:person|customer|buyer|user|consumer|shopper)|i|he|she|they)"
_BOUGHT = rf"(?:(?:{_SHOPPER}|personx)\s+(?:bought|purchased)\b.{{0,400}}?\s(?:because|since)\s+)?"
_COULD_BE = (
    r"(?:(?:the|a|my|one)\s+(?:(?:potential|possible|most\s+likely|likely)\s+)?"
    r"(?:(?:co-?buy(?:ing)?|purchase|buying)\s+)?intention\b[^.!?]{0,120}?"
    r"\b(?:could|would|might|may|can|is|are)(?:\s+be)?(?:\s+(?:because|that))*[\s,:]+)?"
)
_LEADS = r"(?:(?:because|since|and|that)\b[\s,:]*)*"


def _spaced(phrase: str) -> str:
    return r"\s+".join(map(re.escape, phrase.split()))


def _lead(relation: Relation) -> re.Pattern[str]:
    if relation.family is Family.SOCIAL:
        full, opening = _SOCIAL[relation.name], ""
    else:
        full, opening = _reworded(relation.phrase), _COULD_BE + _BOUGHT
    said = rf"{opening}{_LEADS}" + (rf"(?:{full})(?!\w)" if full else "")
    ways = [said]
    if relation.phrase:
        ways.insert(0, rf"{_LEADS}{_spaced(relation.phrase)}(?![\w/])")
    if short := _SHORT.get(relation.name):
        ways.append(rf"{_LEADS}{short}(?=[\s:,]+(?-i:[^\sA-Z]))")
    if relation.name == "Open":
        ways.append(r"because(?!\w)")
    return re.compile(rf"(?:{'|'.join(ways)})[\s:,…]*", re.IGNORECASE)


def _reworded(phrase: str) -> str:
    match phrase.split():
        case ["they", "both", verb, *rest] | ["they", verb, *rest]:
            forms = {"are": "are|were", "have": "have|had", "can": "can|could"}[verb]
            tail = "".join(rf"\s+{re.escape(word)}" for word in rest)
            return rf"{_BOTH}\s+(?:both\s+)?(?:{forms})(?:\s+both)?{tail}"
        case ["the", "person", "wants", "to"]:
            return rf"{_SHOPPER}\s+(?:wants?|wanted|would\s+like)\s+to"
        case ["the", "person", "wants", "his"]:
            return rf"{_SHOPPER}\s+(?:wants?|wanted)\s+(?:his/her|his\s+or\s+her|his|her|their|my)"
    return ""


def _others(relation: Relation) -> re.Pattern[str] | None:
    if relation.family is Family.SOCIAL or not relation.phrase:
        return None
    # "they both are" and "they both can" open too many sentences to say anything.
    vague = {"Other", "Can", relation.name}
    phrases = [other.phrase for other in COBUY if other.phrase and other.name not in vague]
    others = [_reworded(phrase) for phrase in phrases if phrase not in relation.phrase]
    return re.compile(rf"{_LEADS}(?:{'|'.join(others)})(?!\w)", re.IGNORECASE)
