"""One domain of BundleRec as questions: which item completes a bundle, which is bought next.

Bundles are split by the shopping session that they come from, so that no session is both learnt
from and asked about. What a held-out bundle's people intended is not in the graph.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.downstream.harness.bundlerec import rows
from schema.errors import InputError
from schema.identity import product_id

SHARES = (0.7, 0.1)
"""Of the sessions: for training, and to choose settings by; the rest is tested on."""

_GRAPH = {
    "bundle_item": ("bundle ID", "item ID"),
    "bundle_intent": ("bundle ID", "intent"),
    "item_titles": ("item ID", "titles"),
    "item_asin": ("item ID", "source ID"),
}
"""The tables that the graph is made of, with their headers."""

_TABLES = (*_GRAPH, "session_bundle")


@dataclass(frozen=True, slots=True)
class Domain:
    """Items and bundles.

    Attributes
    ----------
    products
        Shape (n,): each item's id in the graph. Items are numbered in this order.
    titles
        Shape (n,).
    train, valid, test
        Bundles: the items of each, at least two.
    sessions
        For each test bundle the number of the session that it comes from.
    trained
        Names of the training bundles, as the tables have them.
    folder
        Where the tables lie.
    """

    products: list[str]
    titles: list[str]
    train: list[list[int]]
    valid: list[list[int]]
    test: list[list[int]]
    sessions: list[int]
    trained: set[str]
    folder: Path

    @property
    def warm(self) -> set[int]:
        """Items that occur in a training bundle; all others are cold."""
        return {item for bundle in self.train for item in bundle}

    @property
    def partners(self) -> dict[int, set[int]]:
        """By item, what it was bought with in training bundles."""
        found: dict[int, set[int]] = {}
        for bundle in self.train:
            for item in bundle:
                found.setdefault(item, set()).update(other for other in bundle if other != item)
        return found


@dataclass(frozen=True, slots=True)
class Question:
    """Rank all items but those in `given` and `apart`: where does `answer` come?

    Attributes
    ----------
    bundle
        Number of the bundle that it is about.
    given
        What is known to be bought.
    answer
        The item that was bought with it.
    apart
        Other right answers, which are not counted as errors.
    """

    bundle: int
    given: tuple[int, ...]
    answer: int
    apart: tuple[int, ...] = ()


def read_domain(name: str, data: Callable[..., Path], *, seed: int, most: int = 0) -> Domain:
    """Read a domain and split it.

    Parameters
    ----------
    name
        ``electronic`` or ``clothing``.
    data
        Finds its files (:meth:`benchmarks.downstream.harness.Run.data`).
    seed
        Of the split.
    most
        Only so many sessions; 0: all.

    Raises
    ------
    InputError
        If a table is missing or damaged, a bundle has an item without a title, or a part of the
        split is left without bundles.
    """
    files = {stem: data("bundle_intent", name, f"{stem}.csv.gz") for stem in _TABLES}
    held: dict[str, dict[str, None]] = {}
    for bundle, item in rows(files["bundle_item"]):
        held.setdefault(bundle, {})[item] = None
    titles = {item: " ".join(title.split()) for item, title in rows(files["item_titles"])}
    asins = dict(rows(files["item_asin"]))
    sessions: dict[str, list[str]] = {}
    for session, bundle in rows(files["session_bundle"]):
        sessions.setdefault(session, []).append(bundle)
    order = sorted(sessions)
    random.Random(f"sessions/{seed}").shuffle(order)
    order = order[:most] if most else order
    bundles = [bundle for session in order for bundle in sessions[session]]
    names = list(dict.fromkeys(item for bundle in bundles for item in held.get(bundle, ())))
    if lacking := [item for item in names if not titles.get(item)]:
        raise InputError(
            f"item {lacking[0]} has no title", file=str(files["item_titles"]), fix="add it"
        )
    number = {item: place for place, item in enumerate(names)}
    first, second = (round(sum(SHARES[:n]) * len(order)) for n in (1, 2))
    parts, origins = [], []
    for part in (order[:first], order[first:second], order[second:]):
        inside = [
            (place, [number[item] for item in held.get(bundle, ())])
            for place, session in enumerate(part)
            for bundle in sessions[session]
        ]
        parts.append([items for _, items in inside if len(items) > 1])
        origins.append([place for place, items in inside if len(items) > 1])
    if not all(parts):
        raise InputError(
            f"{len(order)} sessions are too few to split",
            file=str(files["session_bundle"]),
            fix="use all of them",
        )
    return Domain(
        products=[product_id(asins.get(item) or f"bundlerec-{name}-{item}") for item in names],
        titles=[titles[item] for item in names],
        train=parts[0],
        valid=parts[1],
        test=parts[2],
        sessions=origins[2],
        trained={bundle for session in order[:first] for bundle in sessions[session]},
        folder=files["bundle_item"].parent,
    )


def completions(bundles: list[list[int]]) -> list[Question]:
    """One question for each item of each bundle: the others are given."""
    return [
        Question(number, tuple(other for other in bundle if other != item), item)
        for number, bundle in enumerate(bundles)
        for item in bundle
    ]


def next_buys(bundles: list[list[int]], partners: dict[int, set[int]]) -> list[Question]:
    """One question for each ordered pair of each bundle: the first item is given.

    The bundle's other items, and what the first was bought with in training, are right answers
    too and stand apart.
    """
    return [
        Question(
            number,
            (given,),
            answer,
            tuple(({*bundle} | partners.get(given, set())) - {given, answer}),
        )
        for number, bundle in enumerate(bundles)
        for given in bundle
        for answer in bundle
        if answer != given
    ]


def write_training(domain: Domain, folder: Path) -> Path:
    """Write the training bundles in the published layout, for the graph to be made of.

    Returns
    -------
    Path
        A folder that ``intentkg ingest`` reads as ``bundlerec``.
    """
    inside = folder / domain.folder.name
    inside.mkdir(parents=True, exist_ok=True)
    for stem, head in _GRAPH.items():
        with (inside / f"{stem}.csv").open("w", encoding="utf-8", newline="") as file:
            out = csv.writer(file)
            out.writerow(head)
            found = rows(domain.folder / f"{stem}.csv.gz")
            of_bundles = head[0] == "bundle ID"
            out.writerows(row for row in found if not of_bundles or row[0] in domain.trained)
    return inside
