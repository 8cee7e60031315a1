"""How a head is put to the student: an event as ATOMIC words it, a post, or two products.

The events that the student learnt from say ``PersonX``; posts say ``I``. So that it understands
both, training shows it every event either way, in the words of `first_person`.
"""

from __future__ import annotations

import html
import re

from generation.heads import CoBuyHead, PostHead, Product

MOST_CHARACTERS = 600  # of one text; its tokens are cut later

_LINK = re.compile(r"https?://\S+|www\.\S+", re.IGNORECASE)
_MENTION = re.compile(r"@\w+")
_HASH = re.compile(r"#(?=\w)")
_MODEL_NUMBER = re.compile(r"\b(?=\w*\d)(?=\w*[a-z])\w{6,}\b", re.IGNORECASE)
_OTHERS = re.compile(r"\bPerson\s?[YZ]\b|\bPeople\s?X\b")
_PERSON = re.compile(r"\bPerson\s?X\b")
_OWN = re.compile(r"\bPerson\s?X\s?'s\b|\bPerson\s?X'")
_LEADING = re.compile(r"^person ?[xy] (?=\w)", re.IGNORECASE)
_SELF = re.compile(r"\bperson ?x\b", re.IGNORECASE)
_ANYBODY = re.compile(r"\bpersons? ?[yz]\b", re.IGNORECASE)
_IRREGULAR = {"is": "am", "has": "have", "does": "do", "goes": "go", "was": "was", "be": "am"}


def first_person(event: str) -> str:
    """Say an event as the one whom it happens to would.

    Examples
    --------
    >>> first_person("PersonX loses PersonX's keys")
    'I lose my keys'
    >>> first_person("PersonX carries PersonY's bag")
    "I carry someone's bag"
    """
    text = _OTHERS.sub("someone", _OWN.sub("my", event)).replace("___", "something")
    words = text.split()
    for at, word in enumerate(words[:-1]):
        if _PERSON.fullmatch(word):
            words[at + 1] = _bare_verb(words[at + 1])
    text = " ".join(words)
    opening, *rest = _PERSON.split(text)
    return "I".join([opening, *(rest[:1])]) + "".join(f"me{part}" for part in rest[1:])


def _bare_verb(word: str) -> str:
    """Take the third person's ending off a verb."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zzes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is", "'s")) and len(word) > 2:
        return word[:-1]
    return word


def people_as_words(tail: str) -> str:
    """Put words for ATOMIC's placeholders in a tail, and leave out its subject.

    Examples
    --------
    >>> people_as_words("personx be angry at person y")
    'be angry at someone'
    """
    told = _LEADING.sub("", tail)
    return _ANYBODY.sub("someone", _SELF.sub("themselves", told))


def post_text(head: PostHead) -> str:
    """Give what is put to the student of a post: its words, then its notes in brackets."""
    text = _HASH.sub("", _MENTION.sub("someone", _LINK.sub("", html.unescape(head.text))))
    told = " ".join(text.split())[:MOST_CHARACTERS]
    more = " ".join(head.notes.split())[:MOST_CHARACTERS]
    return f"{told} ({more})" if more and told else told or more


def product_text(product: Product) -> str:
    """Give a product's title; without one, the first of what else is known of it."""
    found = [
        product.title,
        *product.features,
        " ".join(product.categories[-1:]),
        product.description,
    ]
    return next((clean_title(text) for text in found if text.strip()), "")


def clean_title(title: str) -> str:
    """Take mark-up and part numbers out of a title.

    Examples
    --------
    >>> clean_title("Leg Avenue Women&#39;s Witch 83412XL Costume")
    "Leg Avenue Women's Witch Costume"
    """
    text = html.unescape(title)
    return " ".join(_MODEL_NUMBER.sub(" ", text).split())[:MOST_CHARACTERS] or " ".join(
        text.split()
    )


def texts_of(head: PostHead | CoBuyHead) -> tuple[str, ...]:
    """Give one text of a post, two of a co-buy; empty where there is nothing to go by."""
    if isinstance(head, PostHead):
        text = post_text(head)
        return (text,) if text else ()
    pair = (product_text(head.a), product_text(head.b))
    return pair if all(pair) else ()
