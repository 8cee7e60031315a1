"""Bundles of BundleRec (Sun et al., SIGIR 2022): other people's co-buys, to choose and learn by.

People named an intent for what was bought together in the same shop. IntentionQA's questions have
no part in it, and bundles with a product of theirs are left out. Whatever the scorer learns or
chooses, it does on these.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.downstream.harness.bundlerec import DOMAINS, rows
from benchmarks.downstream.intentionqa.questions import OPTIONS
from schema.errors import InputError
from schema.relations import get

_LIKE = ("RelatedTo", "IsA", "UsedFor", "CauseDesire")
PHRASES = tuple(f"because {get(name).phrase}" for name in _LIKE)
"""What leads to an intent, so that it reads like a question's sentence."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What was bought together, and why.

    Attributes
    ----------
    intent
        In a person's words.
    titles
        Of two products or more.
    domain
        ``electronic`` or ``clothing``.
    """

    intent: str
    titles: tuple[str, ...]
    domain: str


@dataclass(frozen=True, slots=True)
class Made:
    """A question made of a bundle: two titles, their intent, and other bundles for the options.

    Attributes
    ----------
    titles
        The two products.
    intent
        Why.
    others
        Three bundles' (second title, intent): what is wrong in utilization and in understanding.
    """

    titles: tuple[str, str]
    intent: str
    others: tuple[tuple[str, str], ...]


def read_bundles(folder: Path, *, without: Collection[str] = ()) -> list[Bundle]:
    """Read the bundles of both domains.

    Parameters
    ----------
    folder
        Holds ``electronic`` and ``clothing`` as BundleRec spreads them, gzipped.
    without
        ASINs; a bundle with one of these is left out whole.

    Raises
    ------
    InputError
        If a file is not there or cannot be read, or no bundle is left.
    """
    found = []
    for domain in DOMAINS:
        titles = dict(rows(folder / domain / "item_titles.csv.gz"))
        asins = dict(rows(folder / domain / "item_asin.csv.gz"))
        items: dict[str, list[str]] = {}
        for bundle, item in rows(folder / domain / "bundle_item.csv.gz"):
            items.setdefault(bundle, []).append(item)
        for bundle, said in rows(folder / domain / "bundle_intent.csv.gz"):
            held = items.get(bundle, [])
            known = [
                " ".join(titles[item].split()) for item in held if titles.get(item, "").strip()
            ]
            intent = " ".join(said.split())
            if intent and len(known) > 1 and not any(asins.get(item) in without for item in held):
                found.append(Bundle(intent, tuple(known), domain))
    if not found:
        raise InputError("holds no bundle of two titles", file=str(folder), fix="see its README")
    return found


def written(intent: str, phrase: str) -> str:
    """Write an intent as a sentence of a question.

    Examples
    --------
    >>> written("Winter clothes", "because the person wants")
    'because the person wants winter clothes'
    """
    return f"{phrase} {intent[:1].lower()}{intent[1:]}" if phrase else intent


def make_questions(bundles: Sequence[Bundle], *, seed: int) -> list[Made]:
    """Make one question of each bundle; what is wrong comes from bundles of the same domain.

    Intents follow a phrase drawn from `PHRASES`, as the questions' sentences do.

    Parameters
    ----------
    bundles
        No two of a question have the same intent, or a product in common.

    Raises
    ------
    InputError
        If there are too few bundles to choose from.
    """
    draw = random.Random(f"questions/{seed}")
    made = []
    for bundle in bundles:
        first, second = draw.sample(bundle.titles, 2)
        others: list[Bundle] = []
        for other in draw.sample(bundles, len(bundles)):
            taken = [bundle, *others]
            if other.domain == bundle.domain and not any(_alike(other, one) for one in taken):
                others.append(other)
            if len(others) == OPTIONS - 1:
                break
        else:
            raise InputError(
                f"{len(bundles)} bundles are too few to make questions of", fix="use all of them"
            )
        said = [written(one.intent, draw.choice(PHRASES)) for one in (bundle, *others)]
        titles = [draw.choice(other.titles) for other in others]
        wrong = tuple(zip(titles, said[1:], strict=True))
        made.append(Made((first, second), said[0], wrong))
    return made


def _alike(one: Bundle, other: Bundle) -> bool:
    same = one.intent.casefold() == other.intent.casefold()
    return same or bool(set(one.titles) & set(other.titles))
