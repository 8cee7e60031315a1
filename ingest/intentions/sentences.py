"""Sentences of the kind "PersonX bought ... because they both are a type of cable".

FolkScope writes every intention as one sentence: what was bought, the relation's phrase, the tail.
Here it is taken apart again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ingest.batching import Collector
from ingest.cleaning import BadValue
from schema.errors import UnknownRelationError
from schema.relations import (
    Family,
    Relation,
    cut_phrase,
    get,
    is_bare_phrase,
    match_phrase,
    resolve,
)

_PREFACE = re.compile(
    r"""\s*(?:PersonX|He|She|The\ (?:person|customer|user|buyer))\ bought\ a\ product\ of\s+
        (?: Item\ A\ and\ a\ product\ of\ Item\ B\b [\s,]*
          # Titles may hold any word and more quotes, so what follows them decides.
          | ".{0,2000}?"\ and\ a\ product\ of\ ".{0,2000}?"[\s,]*
            (?=(?:because|as\ a\ result|and)\b|\Z)
        )""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)

_ALL = "all"  # IntentionQA's word where a file is not parted by relation
UNMATCHED = "sentences without a known phrase, kept as Open"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sentence says.

    Attributes
    ----------
    relation
        The relation named for it, or else the one whose phrase opens it.
    tail
        What follows the phrase. The whole clause, where the sentence does not open with the
        relation's phrase.
    notes
        Labels to count, once the row was accepted.
    """

    relation: Relation
    tail: str
    notes: tuple[str, ...]

    def count(self, out: Collector) -> None:
        """Count the notes."""
        for label in self.notes:
            out.note(label)


def cut_preface(sentence: str) -> str:
    """Cut off what was bought: "PersonX bought a product of Item A and a product of Item B".

    Examples
    --------
    >>> cut_preface('He bought a product of "a 15" bag" and a product of "b" because of it')
    'because of it'
    """
    return sentence[found.end() :] if (found := _PREFACE.match(sentence)) else sentence.strip()


def has_preface(sentence: str) -> bool:
    """Whether a sentence begins with what was bought, as FolkScope's do."""
    return _PREFACE.match(sentence) is not None


def read_sentence(
    sentence: str,
    named: str | None,
    vocabulary: str,
    *,
    residual: frozenset[str] = frozenset(),
) -> Reading:
    """Take a sentence apart.

    Parameters
    ----------
    sentence
        With or without the preface.
    named
        The relation that the file names for it, if it does.
    vocabulary
        In which the relation is named, as :func:`schema.relations.resolve` knows it.
    residual
        Names (case-folded) that state no relation; the phrase decides, as where there is none.

    Raises
    ------
    BadValue
        If the relation is unknown, or the sentence ends with its phrase.
    """
    clause = cut_preface(sentence)
    if is_bare_phrase(clause):
        raise BadValue(
            "the sentence ends where the intention should begin",
            f"complete it, or leave the row out: it ends with {clause[-60:]!r}",
        )
    by_phrase, tail = match_phrase(clause)
    label = (named or "").strip()
    if not label or label.casefold() in residual:
        notes: list[str] = []
        if label and label.casefold() != _ALL:
            notes.append(f"relation {label!r} read by its phrase as {by_phrase.name}")
        if by_phrase.name == "Open":
            notes.append(UNMATCHED)
        return Reading(by_phrase, tail, tuple(notes))
    try:
        relation = resolve(label, vocabulary)
    except UnknownRelationError as error:
        raise BadValue(error.message, error.fix or "see the registry of relations") from None
    own = cut_phrase(clause, relation)
    if relation.phrase:
        if by_phrase is relation:
            note = "relations named that the phrase agrees with"
        elif by_phrase.name == "Open":
            note = f"relation {relation.name} named, no known phrase"
        else:
            note = f"relation {relation.name} named, phrase of {by_phrase.name}"
        return Reading(relation, own or _clause(clause), (note,))
    return Reading(relation, own or "", ())


def _clause(clause: str) -> str:
    """The whole clause but its "because"."""
    return cut_phrase(clause, get("Open", Family.COBUY)) or ""
