"""The closed vocabulary of relations, held once.

Ten social relations with a post as the head (ATOMIC's nine and Open; MIKO, arXiv 2402.18169,
section 4) and twenty co-buy relations with a co-buy as the head (ConceptNet's, as in MIND's
Table 1). FolkScope's ``HasA`` and ``MotivatedBy`` can be read from its files but are not
generated: they are marked `import_only`.

Everything else that needs to know a relation asks this module: prompts, Cypher, Arrow schemas,
importers, documentation. No relation name reaches Cypher from anywhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from types import MappingProxyType

from schema.errors import UnknownRelationError

_CONCEPTNET = "http://conceptnet.io/r/"
_ATOMIC = "https://allenai.org/data/atomic-2020#"
_OWN = "urn:intentkg:relation:"


class Family(StrEnum):
    """Which of the two vocabularies a relation belongs to."""

    SOCIAL = "social"
    COBUY = "cobuy"


class NodeType(StrEnum):
    """Label of a node in the graph."""

    POST = "Post"
    PRODUCT = "Product"
    IMAGE = "Image"
    INTENTION = "Intention"
    CONCEPT = "Concept"
    COBUY = "CoBuy"
    CANONICAL = "CanonicalIntention"
    ABSTRACTION = "AbstractIntention"


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation of the registry.

    Attributes
    ----------
    name
        As in ATOMIC or ConceptNet; also the relationship type in Cypher.
    family
        Social (head: a post) or co-buy (head: a co-buy).
    phrase
        The words that lead from the head to the tail in a prompt. Empty for co-buy Open.
    head_types
        Types of node the relation may start from. The first is what generation produces; ready
        co-buy intentions may also be about one product (BundleRec, ConceptNet).
    tail_type
        Always an intention.
    symmetric
        Whether (x, r, y) implies (y, r, x) between concepts, as ConceptNet states it.
    iri
        The relation in ConceptNet's or ATOMIC's own vocabulary, else in ours.
    crosswalk
        Names of the relation elsewhere, by vocabulary: ``atomic``, ``conceptnet``,
        ``folkscope``, ``mind``.
    read_phrases
        Other wordings found in published files, read on import, never written.
    import_only
        Read from published files, never generated.
    """

    name: str
    family: Family
    phrase: str
    head_types: tuple[NodeType, ...]
    iri: str
    symmetric: bool = False
    tail_type: NodeType = NodeType.INTENTION
    crosswalk: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    read_phrases: tuple[str, ...] = ()
    import_only: bool = False

    @property
    def key(self) -> str:
        """Name that tells the two ``Open`` apart.

        Examples
        --------
        >>> get("Open", Family.COBUY).key
        'cobuy:Open'
        """
        return f"{self.family.value}:{self.name}"

    def sentence(self, tail: str) -> str:
        """Join the phrase and a tail into a sentence.

        Examples
        --------
        >>> get("UsedFor").sentence("keeping warm")
        'they both are used for keeping warm'
        """
        return f"{self.phrase} {tail}".strip()


def _social(name: str, phrase: str, *, iri: str | None = None) -> Relation:
    return Relation(
        name=name,
        family=Family.SOCIAL,
        phrase=phrase,
        head_types=(NodeType.POST,),
        iri=iri or _ATOMIC + name,
        crosswalk=MappingProxyType({} if name == "Open" else {"atomic": (name,)}),
    )


def _cobuy(
    name: str,
    phrase: str,
    *,
    conceptnet: str | None = None,
    close: str | None = None,
    folkscope: str | None = None,
    spellings: tuple[str, ...] = (),
    reads: tuple[str, ...] = (),
    symmetric: bool = False,
    import_only: bool = False,
) -> Relation:
    walk: dict[str, tuple[str, ...]] = {}
    if match := conceptnet or close:
        walk["conceptnet"] = (match,)
    if folkscope:
        walk["folkscope"] = (folkscope, *spellings)
    if not import_only:
        walk["mind"] = (name, *spellings)
    return Relation(
        name=name,
        family=Family.COBUY,
        phrase=phrase,
        head_types=(NodeType.COBUY, NodeType.PRODUCT),
        iri=(_CONCEPTNET + conceptnet) if conceptnet else _OWN + name,
        symmetric=symmetric,
        crosswalk=MappingProxyType(walk),
        read_phrases=reads,
        import_only=import_only,
    )


# Social, in the order in which MIKO's prompt asks for them.
SOCIAL: tuple[Relation, ...] = (
    _social("xWant", "After posting this, the user wants to"),
    _social("oEffect", "After viewing this, others will"),
    _social("xAttr", "The user posts this because the user is"),
    _social("xIntent", "The user posts this because the user intended to"),
    _social("xReact", "After posting this, the user feels"),
    _social("oReact", "After viewing this, others feel"),
    _social("oWant", "After viewing this, others want to"),
    _social("xEffect", "After posting this, the user will"),
    _social("xNeed", "Before posting this, the user needs to"),
    _social("Open", "The user posted this because", iri=_OWN + "Open"),
)

# Co-buy, in the order of MIND's Table 1. `close` is the nearest ConceptNet relation where the
# meaning is not the same, used to read ConceptNet's rows but not as the IRI.
COBUY: tuple[Relation, ...] = (
    _cobuy(
        "Effect",
        "they both have an effect of",
        close="Causes",
        folkscope="effect",
        reads=("as a result, the person will", "the person will"),
    ),
    _cobuy("MannerOf", "they both are a manner of", conceptnet="MannerOf", folkscope="mannerOf"),
    _cobuy("IsA", "they both are a type of", conceptnet="IsA", folkscope="isA"),
    _cobuy("Other", "they both are", folkscope="other"),
    _cobuy("MadeOf", "they both are made of", conceptnet="MadeOf", folkscope="madeOf"),
    _cobuy(
        "SimilarTo",
        "they both are similar to",
        conceptnet="SimilarTo",
        folkscope="similarTo",
        symmetric=True,
    ),
    _cobuy("UsedFor", "they both are used for", conceptnet="UsedFor", folkscope="usedFor"),
    _cobuy("Can", "they both can", folkscope="can", reads=("they could both", "they can both")),
    _cobuy(
        "CauseDesire",
        "the person wants his",
        conceptnet="CausesDesire",
        folkscope="causeDesire",
        spellings=("causeEffect",),
        reads=("the person wants his/her",),
    ),
    _cobuy(
        "RelatedTo",
        "they both are related to",
        conceptnet="RelatedTo",
        folkscope="relatedTo",
        symmetric=True,
    ),
    _cobuy("PartOf", "they both are a part of", conceptnet="PartOf", folkscope="partOf"),
    _cobuy("Open", "", folkscope="open"),
    _cobuy("CreatedBy", "they are created by", conceptnet="CreatedBy", folkscope="createdBy"),
    _cobuy("DeriveFrom", "they are derived from", conceptnet="DerivedFrom", folkscope="deriveFrom"),
    _cobuy("DefinedAs", "they both are defined as", conceptnet="DefinedAs", folkscope="definedAs"),
    _cobuy(
        "PropertyOf",
        "they both have a property of",
        close="HasProperty",
        folkscope="propertyOf",
        spellings=("propertOf",),  # so in files of both
    ),
    _cobuy("CapableOf", "they both are capable of", conceptnet="CapableOf", folkscope="capableOf"),
    _cobuy("Cause", "the person wants to", folkscope="cause"),
    _cobuy("SymbolOf", "they both are symbols of", conceptnet="SymbolOf", folkscope="symbolOf"),
    _cobuy(
        "DistinctFrom",
        "they are distinct from",
        conceptnet="DistinctFrom",
        folkscope="distinctFrom",
        symmetric=True,
    ),
)

# FolkScope's two that MIND dropped: read, never generated.
IMPORT_ONLY: tuple[Relation, ...] = (
    _cobuy("HasA", "they both have", conceptnet="HasA", folkscope="hasA", import_only=True),
    _cobuy(
        "MotivatedBy",
        "buying them was motivated by",
        close="MotivatedByGoal",
        folkscope="motivatedBy",
        import_only=True,
    ),
)

RELATIONS: tuple[Relation, ...] = SOCIAL + COBUY + IMPORT_ONLY


def names(family: Family | None = None) -> tuple[str, ...]:
    """Relation names in registry order, each once, of one family or of both."""
    return tuple(dict.fromkeys(r.name for r in RELATIONS if family in (None, r.family)))


def for_head(head_type: str) -> tuple[Relation, ...]:
    """Relations that may start from a node of that type."""
    return tuple(r for r in RELATIONS if head_type in r.head_types)


def get(name: str, family: Family | None = None) -> Relation:
    """Look a relation up by its name, as the registry or as another vocabulary spells it.

    Case, ``_`` and ``-`` make no difference, and a name that only one relation of the family bears
    elsewhere (see `Relation.crosswalk`) is understood too. What comes back is always the
    registry's relation; take its `name`, never the one that was asked for.

    `family` tells the two ``Open`` apart; without it the social one is meant.

    Raises
    ------
    UnknownRelationError
        If the registry holds no such relation (in that family).

    Examples
    --------
    >>> get("usedFor").name, get("used_for").name, get("/r/CausesDesire").name
    ('UsedFor', 'UsedFor', 'CauseDesire')
    """
    spellings = _spellings(family)
    found = spellings.get(name) or spellings.get(_folded(name))
    if found is None:
        raise _unknown(name, names(family))
    return found


def resolve(name: str, vocabulary: str) -> Relation:
    """Look a relation up by its name in another vocabulary, whatever its case.

    Parameters
    ----------
    name
        As that vocabulary spells it: ``usedFor``, ``/r/UsedFor``, ``xNeed``.
    vocabulary
        ``atomic``, ``conceptnet``, ``folkscope`` or ``mind``.

    Raises
    ------
    UnknownRelationError
        If no relation of the registry bears that name there.
    """
    aliases = _aliases(vocabulary)
    key = name.rpartition("/")[2].casefold()
    if key in aliases:
        return aliases[key]
    raise _unknown(
        name, tuple(sorted({a for r in aliases.values() for a in r.crosswalk[vocabulary]}))
    )


def match_phrase(sentence: str, family: Family = Family.COBUY) -> tuple[Relation, str]:
    """Find the relation whose phrase opens a sentence, longest phrase first.

    A leading "because" or "and" and the other order of "both are" are allowed for. What matches
    no phrase is ``Open``, with the whole sentence as the tail.

    Returns
    -------
    relation, tail

    Examples
    --------
    >>> relation, tail = match_phrase("because they both are a type of cable.")
    >>> relation.name, tail
    ('IsA', 'cable.')
    """
    text = _LEAD.sub("", sentence.strip(), count=1)
    for relation, pattern in _phrases(family):
        if (found := pattern.match(text)) and (tail := text[found.end() :].strip()):
            return relation, tail
    return get("Open", family), text


def cut_phrase(sentence: str, relation: Relation) -> str | None:
    """Cut one relation's phrase, and a leading "because" or "and", off a sentence.

    Returns
    -------
    The tail; None if the sentence does not open with one of the relation's wordings. For a
    relation without a phrase it is the sentence without the leading word.

    Examples
    --------
    >>> cut_phrase("because they both have a USB port", get("HasA"))
    'a USB port'
    """
    text = _LEAD.sub("", sentence.strip(), count=1)
    if not relation.phrase:
        return text
    for candidate, pattern in _phrases(relation.family):
        if candidate is relation and (found := pattern.match(text)):
            tail = text[found.end() :].strip()
            if tail:
                return tail
    return None


def is_bare_phrase(sentence: str, family: Family = Family.COBUY) -> bool:
    """Whether a sentence is nothing but a relation's phrase, its tail missing.

    Examples
    --------
    >>> is_bare_phrase("because they both are used for ..."), is_bare_phrase("because of rain")
    (True, False)
    """
    text = _LEAD.sub("", sentence.strip(), count=1).rstrip(" .…")
    return not text or text.casefold() in _bare(family)


_LEAD = re.compile(r"\A(?:because|and)\b[\s,]*", re.IGNORECASE)


def _folded(name: str) -> str:
    """Bring a relation's name to the form in which names are compared."""
    return re.sub(r"[\s_-]", "", name.strip().removeprefix("/r/").casefold())


@cache
def _spellings(family: Family | None) -> dict[str, Relation]:
    """Every name under which :func:`get` finds a relation, exact and folded; our own go first."""
    mine = [r for r in RELATIONS if family in (None, r.family)]
    found: dict[str, Relation] = {}
    for relation in mine:
        found.setdefault(relation.name, relation)
        found.setdefault(_folded(relation.name), relation)
    elsewhere: dict[str, list[Relation]] = {}
    for relation in mine:
        aliases = (a for spelled in relation.crosswalk.values() for a in spelled)
        for alias in dict.fromkeys(map(_folded, aliases)):
            elsewhere.setdefault(alias, []).append(relation)
    for alias, bearers in elsewhere.items():
        if len(bearers) == 1:
            found.setdefault(alias, bearers[0])
    return found


@cache
def _aliases(vocabulary: str) -> dict[str, Relation]:
    return {
        alias.casefold(): relation
        for relation in RELATIONS
        for alias in relation.crosswalk.get(vocabulary, ())
    }


@cache
def _phrases(family: Family) -> tuple[tuple[Relation, re.Pattern[str]], ...]:
    found: dict[str, Relation] = {}
    for relation in RELATIONS:
        if relation.family is family:
            for phrase in _wordings(relation):
                found.setdefault(phrase, relation)
    ordered = sorted(found, key=lambda phrase: (-len(phrase), phrase))
    return tuple(
        (found[phrase], re.compile(rf"{re.escape(phrase)}(?!\w)[\s:,]*", re.IGNORECASE))
        for phrase in ordered
    )


@cache
def _bare(family: Family) -> frozenset[str]:
    wordings = (w for r in RELATIONS if r.family is family for w in _wordings(r))
    return frozenset(wording.casefold() for wording in wordings)


def _wordings(relation: Relation) -> Iterator[str]:
    for phrase in (relation.phrase, *relation.read_phrases):
        if phrase:
            yield phrase
            yield phrase.replace("they both are", "they are both").replace(
                "they both have", "they have both"
            )
            yield phrase.replace("they are", "they both are")


def _unknown(name: str, known: tuple[str, ...]) -> UnknownRelationError:
    by_fold = {_folded(k): k for k in known}
    close = get_close_matches(_folded(name), by_fold, n=1, cutoff=0.5)
    hint = f"did you mean {by_fold[close[0]]!r}? " if close else ""
    return UnknownRelationError(
        f"unknown relation {name!r}", fix=f"{hint}known relations: {', '.join(known)}"
    )
