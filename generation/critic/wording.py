"""How an assertion reads for the critic: the head, and the relation's word with the tail.

Published tuples and posts are brought to one form: people's placeholders become words, a tail loses
what only repeats the relation ("PersonX wants to go" and "to go" are the same xWant), and of a
post addresses and marks are left out.

>>> from schema.relations import get
>>> head_texts(["PersonX gives PersonY a ride"])
('I gives someone a ride',)
>>> tail_text(get("xWant"), "PersonX wants to get home.")
'then wants to get home'
>>> tail_text(get("UsedFor"), "keeping warm")
'both are used for keeping warm'
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from types import MappingProxyType

from schema.relations import Family, Relation

# Short, for every word is a token; in words that the encoder knows.
_LEADS = MappingProxyType(
    {
        "xWant": "then wants to",
        "oEffect": "others then",
        "xAttr": "is",
        "xIntent": "because wanted to",
        "xReact": "feels",
        "oReact": "others feel",
        "oWant": "others want to",
        "xEffect": "then",
        "xNeed": "before needed to",
        "Open": "because",
    }
)
_PEOPLE = (
    (re.compile(r"\bperson ?x\b", re.IGNORECASE), "I"),
    (re.compile(r"\bperson ?y\b", re.IGNORECASE), "someone"),
    (re.compile(r"\bperson ?z\b", re.IGNORECASE), "another"),
    (re.compile(r"\bpeople ?x\b", re.IGNORECASE), "people"),
    (re.compile(r"\bpeople ?[yz]\b", re.IGNORECASE), "others"),
)
_REPEATED = re.compile(
    r"(?:(?:person ?[xyz]|people ?[xyz]?|they|others|he|she|i|the user)\s+)?"
    r"(?:(?:will|would|wants?|wanted|needs?|needed|intends?|intended|feels?|felt|be|is|am|are|was"
    r"|to)\s+)*",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"https?://\S+|www\.\S+", re.IGNORECASE)
_HANDLE = re.compile(r"(?<!\w)@\w+|<user>")
_MOST = 2000  # characters: more never reaches the encoder


def head_texts(head: Sequence[str]) -> tuple[str, ...]:
    """Give a post's text, or the titles of products, as the critic reads them."""
    return tuple(_people(_bare(text)) for text in head)


def tail_text(relation: Relation, tail: str) -> str:
    """Give the relation's word and the tail."""
    tail = _bare(tail)
    if relation.family is Family.COBUY:
        return f"{relation.phrase.removeprefix('they ') or 'because'} {tail}"
    found = _REPEATED.match(tail)
    rest = tail[found.end() :] if found else tail
    return f"{_LEADS[relation.name]} {_people(rest or tail)}"


def has_words(text: str) -> bool:
    """See whether there is anything to judge: an address alone is nothing."""
    return any(map(str.isalnum, _ADDRESS.sub(" ", text[:_MOST])))


def _bare(text: str) -> str:
    text = _ADDRESS.sub(" ", html.unescape(text[:_MOST]))
    text = _HANDLE.sub("someone", text).replace("#", " ")
    return " ".join(text.split()).rstrip(" .")


def _people(text: str) -> str:
    for pattern, word in _PEOPLE:
        text = pattern.sub(word, text)
    return text
