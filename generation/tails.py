"""From what a model wrote for one relation to the tail of an intention, or the reason against it.

A tail is what follows the relation's phrase. Models repeat the phrase, reword it, number it, put it
in quotes or bold; all that is cut off, and the words themselves are kept as written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

from generation.phrasing import phrasing
from generation.refusals import is_nothing, is_refusal
from schema.identity import normalise_text
from schema.relations import Relation

Discard = Literal[
    "empty",  # no word is left
    "none",  # it says that there is none, or is a placeholder
    "refusal",  # the model declined
    "echo",  # it repeats the prompt, the post or a title
    "too_long",
    "repetition",  # it goes round in circles
    "other_relation",  # it opens with another relation's phrase
    "duplicate",  # the same head has it in the same relation already
    "missing",  # the reply says nothing for this relation
]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a tail may be; characters count where a script has no spaces."""

    words: int = 60
    characters: int = 400


@dataclass(frozen=True, slots=True)
class Told:
    """What the prompt said, to recognise it in a reply.

    Attributes
    ----------
    words
        The prompt's own words: five of them in a row, and nothing else, are an echo.
    heads
        The head's texts: a reply that is the same as one of them is an echo.
    """

    words: str = ""
    heads: frozenset[str] = frozenset()

    @classmethod
    def of(cls, words: str, heads: Sequence[str] = ()) -> Told:
        """Take the prompt's text and the head's texts as they are."""
        return cls(_plain_prompt(words), frozenset(_plain_head(text) for text in heads if text))

    def has(self, tail: str) -> bool:
        """See whether the tail only repeats it."""
        plain = _plain(tail)
        if plain.count(" ") >= 4 and f" {plain} " in self.words:
            return True
        return (len(plain) >= 12 and plain in self.heads) or _TAG.search(tail) is not None


def clean_tail(
    text: str, relation: Relation, *, told: Told | None = None, bounds: Bounds | None = None
) -> tuple[str, Discard | None]:
    """Bring what a model wrote for a relation to a tail.

    Returns
    -------
    tail, reason
        The reason is None for a tail that can be kept.

    Examples
    --------
    >>> from schema.relations import get
    >>> clean_tail('1. **They are both used for** keeping warm', get("UsedFor"))
    ('keeping warm', None)
    >>> clean_tail("None.", get("xNeed"))
    ('None.', 'none')
    """
    bounds = bounds or Bounds()
    if is_refusal(bare(text)):
        return " ".join(text.split())[:200], "refusal"
    tail = cut(text, relation)
    if not any(map(str.isalnum, tail)):
        return tail, "empty"
    if is_nothing(tail):
        return tail, "none"
    if is_refusal(tail):
        return tail, "refusal"
    if len(tail) > bounds.characters or tail.count(" ") >= bounds.words:
        return tail, "repetition" if _circles(tail) else "too_long"
    if told and told.has(tail):
        return tail, "echo"
    if _circles(tail):
        return tail, "repetition"
    others = phrasing(relation).others
    if others and others.match(tail):
        return tail, "other_relation"
    return tail, None


def cut(text: str, relation: Relation) -> str:
    """Cut off all that is not the tail; what is left does not hold the relation's phrase.

    Takes one line; of several, white space makes one.
    """
    known = phrasing(relation)
    tail = bare(text)
    was_led = False
    while True:
        before = tail
        if found := known.label.match(tail):
            tail = bare(tail[found.end() :])
        if (found := known.lead.match(tail)) and found.end():
            was_led = True
            tail = tail[found.end() :].lstrip(_JOINTS)
        elif known.inner and (found := known.inner.search(tail)):
            # A preface stands before it ("Most likely because ..."), or it is said once more.
            first, rest = tail[: found.start()].rstrip(), tail[found.end() :].lstrip(_JOINTS)
            is_preface = not was_led and _PREFACE.search(first) is not None
            first = _TRAILING.sub("", first.rstrip(_JOINTS)).rstrip(_JOINTS)
            tail = rest if is_preface or not any(map(str.isalnum, first)) else first
            was_led = True
        tail = bare(tail)
        if tail == before:
            return tail


def bare(text: str) -> str:
    """Take off numbering, bullets, quotes and bold; white space becomes single spaces.

    Of more than 4,000 characters, which no tail has, the rest is left out.
    """
    text = " ".join(_UNSEEN.sub(" ", text[:_MOST]).replace("**", "").replace("__", "").split())
    while True:
        before = text
        if found := _BULLET.match(text):
            text = text[found.end() :].strip()
        first, last = text[:1], text[-1:]
        if len(text) > 1 and _CLOSER.get(first) == last and last not in text[1:-1]:
            text = text[1:-1].strip()
        elif first in _LONE and _CLOSER[first] not in text[1:]:
            text = text[1:].strip()
        elif last in _LONE.values() and not any(
            opener in text[:-1] for opener, closer in _LONE.items() if closer == last
        ):
            text = text[:-1].strip()
        if text == before:
            return text


_MOST = 4000
_JOINTS = " ,;:.-–—…·\t"
_CLOSER = dict(zip("\"'“‘«`「『‹", "\"'”’»`」』›", strict=True))
_LONE = {opener: closer for opener, closer in _CLOSER.items() if opener not in "'‘‹"}
_BULLET = re.compile(
    r"(?:[-*•–—▪●·➢✓>#]+\s+|[•▪●➢]\s*|\(?\d{1,2}\s?[.):、．]\s+|\(?\d{1,2}[、．]\s*"
    r"|\(?[a-jA-J]\)\s+|…+\s*|\.{2,}\s*)"
)
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u2060\ufeff\ud800-\udfff]")
_TRAILING = re.compile(r"[\s,;]*\b(?:and|or|but|because|so|that|also)\Z", re.IGNORECASE)
_PREFACE = re.compile(r"(?:\b(?:because|that|since|is|be|as)|:)\W*\Z", re.IGNORECASE)
_TAG = re.compile(
    r"</?(?:post|image_description|intention|concept|action|object|emotion|keywords"
    r"|(?:title|brand|categories|features|description|noticed)(?:_[ab])?)>|<\|\w+\|>|\[/?INST\]"
)


def _circles(tail: str) -> bool:
    """See whether a few words (or, without spaces, characters) come again and again."""
    words: Sequence[str] = tail.casefold().split()
    if len(words) <= 2 and len(tail) >= 40:
        words = [character for character in tail if character.isalnum()]
    return len(words) >= 8 and len(set(words)) * 4 <= len(words)


@cache
def _plain_prompt(words: str) -> str:
    return f" {_plain(words)} "


@lru_cache(1024)
def _plain_head(text: str) -> str:
    return _plain(text)


def _plain(text: str) -> str:
    """Words only: no case, no punctuation."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", normalise_text(text))))
