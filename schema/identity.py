"""Deterministic identity: the same thing has the same id on every machine and in every run.

A post is (source, external id); a product its ASIN or external id; a co-buy the unordered pair;
an intention the hash of its normalised text; an assertion the hash of (head, relation, tail);
evidence the hash of (assertion, source, model, prompt, request).

Every id is invariant under the Unicode normal forms of its parts: text is brought to NFKC first.
Hashes are BLAKE2b with 128 bits, written as 32 hexadecimal digits behind a two-letter prefix.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from schema.errors import UsageError

_SOURCE = re.compile(r"[a-z0-9][a-z0-9._-]*\Z")
_SPACE = re.compile(r"\s+")
_QUOTES = "\"'“”‘’«»`"
_STOPS = ".。．"


def _digest(kind: str, *parts: str) -> str:
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    data = b"".join([len(part).to_bytes(8, "little") + part for part in encoded])
    return f"{kind}_{hashlib.blake2b(data, digest_size=16, person=kind.encode()).hexdigest()}"


def normalise_key(text: str) -> str:
    """Bring an external identifier to its one form: NFKC, outer white space off, case kept."""
    return unicodedata.normalize("NFKC", text).strip()


def normalise_text(text: str) -> str:
    """Bring an intention's text to the form that decides its identity.

    NFKC and case folding, white space collapsed, enclosing quotes and closing full stops off.
    What was written is kept beside it; this form is only hashed.

    Examples
    --------
    >>> normalise_text('  To  keep the phone SAFE. ')
    'to keep the phone safe'
    """
    # Case folding can undo the normal form, so normalise on both sides of it; and a
    # decomposition can bring new white space or stops to the rim, so strip last.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    collapsed = _SPACE.sub(" ", folded).strip()
    previous = None
    while collapsed != previous:
        previous = collapsed
        collapsed = collapsed.rstrip(_STOPS).strip()
        if len(collapsed) > 1 and collapsed[0] in _QUOTES and collapsed[-1] in _QUOTES:
            collapsed = collapsed[1:-1].strip()
    return collapsed


def check_source(source: str) -> str:
    """Return `source` if it is a legal source name.

    Raises
    ------
    UsageError
        If it holds anything but lower-case ASCII letters, digits, ``.``, ``_`` and ``-``.
    """
    if not _SOURCE.match(source):
        raise UsageError(
            f"{source!r} is not a source name",
            fix="use a-z, 0-9, '.', '_' and '-', beginning with a letter or digit",
        )
    return source


def post_id(source: str, external_id: str) -> str:
    """Id of a post: its source and the id it has there.

    Examples
    --------
    >>> post_id("twitter-sarcasm", "840006160660983809")
    'twitter-sarcasm:840006160660983809'
    """
    return f"{check_source(source)}:{normalise_key(external_id)}"


def product_id(external_id: str) -> str:
    """Id of a product: its ASIN or external id."""
    return normalise_key(external_id)


def cobuy_id(a: str, b: str) -> str:
    """Id of the co-buy of two product ids, in either order."""
    first, second = sorted((product_id(a), product_id(b)))
    return _digest("co", first, second)


def intention_id(text: str) -> str:
    """Id of an intention: the hash of its normalised text.

    Examples
    --------
    >>> intention_id("Keep warm.") == intention_id(" keep  WARM")
    True
    """
    return _digest("in", normalise_text(text))


def concept_id(name: str) -> str:
    """Id of a concept: the hash of its normalised name."""
    return _digest("cn", normalise_text(name))


def abstraction_id(text: str) -> str:
    """Id of an abstract intention: the hash of its normalised text, brackets and all."""
    return _digest("ab", normalise_text(text))


def assertion_id(head_type: str, head_id: str, relation: str, tail_id: str) -> str:
    """Id of an assertion: the hash of its head, relation and tail."""
    return _digest("as", head_type, head_id, relation, tail_id)


def evidence_id(
    assertion: str,
    *,
    source: str | None = None,
    model: str | None = None,
    prompt_hash: str | None = None,
    request: str | None = None,
) -> str:
    """Id of one piece of evidence for an assertion.

    Time and run stay out: the same request answered from the store in a second run is the same
    evidence.
    """
    return _digest("ev", assertion, source or "", model or "", prompt_hash or "", request or "")


def vector_key(identifier: str) -> int:
    """63-bit integer under which a vector index holds the item with that hashed id.

    The first 16 hexadecimal digits behind the prefix, without the top bit.
    """
    return int(identifier.partition("_")[2][:16], 16) >> 1
