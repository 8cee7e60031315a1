"""What the tests of `intentkg distill` share: lessons that a tiny model learns in seconds."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import torch

from kg.directory import Directory
from schema.identity import cobuy_id
from tests.graph_samples import cobuy, commit, evidence, post, product

TAUGHT = {"UsedFor": "staying dry", "Cause": "travel light", "Open": "rain is near"}
THINGS = ("Tent", "Stove", "Torch", "Socks", "Poncho", "Boots", "Kettle", "Map")

_INTENTION = """
version = 1
system = "{reply}"
[[user]]
text = "{title_a} and {title_b}"
[[user]]
text = "{task}"
[choices.task]
phrase = "Why? {phrase}"
open = "Why? Because"
[choices.reply]
json = "Reply in JSON."
text = "Reply in words."
"""
_FEATURES = """
version = 1
system = "Describe it."
[[user]]
text = "{title}"
"""


def prompts(folder: Path) -> Path:
    """Prompts of a few words, so that a lesson is short."""
    place = folder / "prompts" / "mind"
    place.mkdir(parents=True, exist_ok=True)
    (place / "intention_plain.toml").write_text(_INTENTION, encoding="utf-8")
    (place / "features_plain.toml").write_text(_FEATURES, encoding="utf-8")
    return folder / "prompts"


def make_kb(
    folder: Path,
    things: Sequence[str] = THINGS,
    name: str = "taught.kg",
    taught: Mapping[str, str] = TAUGHT,
    scores: Mapping[str, float] | None = None,
) -> Path:
    """Every pair of things was bought together, for the same reasons."""
    directory = Directory.create(folder / name)
    keys = [f"B{place:02d}" for place in range(len(things))]
    pairs = list(combinations(keys, 2))
    told = [
        evidence("CoBuy", cobuy_id(*pair), relation, text, **(scores or {}))
        for pair in pairs
        for relation, text in taught.items()
    ]
    commit(
        directory,
        products=[product(key, thing) for key, thing in zip(keys, things, strict=True)],
        cobuys=[cobuy(*pair) for pair in pairs],
        **({"assertions": told} if told else {}),
    )
    return folder / name


def scored_kb(folder: Path) -> Path:
    """One pair and one post, whose tails differ in scores, verdicts, sources and models."""
    directory = Directory.create(folder / "scored.kg")
    pair = cobuy_id("B1", "B2")
    rows: list[dict[str, Any]] = [
        evidence("CoBuy", pair, "UsedFor", "hiking in rain", plausibility=0.9, typicality=0.8),
        evidence("CoBuy", pair, "UsedFor", "cold nights", plausibility=0.4, typicality=0.9),
        evidence("CoBuy", pair, "Cause", "sleep outside", plausibility=0.9, typicality=0.2),
        evidence("CoBuy", pair, "Cause", "see the stars", accepted=True, rationale="I would."),
        evidence("CoBuy", pair, "IsA", "camping gear", accepted=False, rationale="Says nothing."),
        evidence("CoBuy", pair, "Open", "summer is here", source="shop", model="model-b"),
        evidence("CoBuy", pair, "Open", "none", source="shop", model="model-b"),
        evidence("CoBuy", pair, "HasA", "a zip"),
        evidence("Product", "B1", "UsedFor", "sleeping"),
        evidence("Post", "test:1", "xWant", "rest"),
        evidence("Post", "test:1", "xNeed", "walk far"),
        evidence("Post", "test:1", "xNeed", "pack a bag"),
    ]
    # A second judge of one tail: the strictest counts.
    rows.append({**rows[3], "id": "ev_" + "0" * 32, "accepted": False, "rationale": "Never."})
    commit(
        directory,
        posts=[post(1, "What a walk that was.")],
        products=[
            product("B1", "Tent", features=["red", "3 kg"]),
            product("B2", "Stove", description="Boils a litre in 3 minutes."),
        ],
        cobuys=[cobuy("B1", "B2")],
        assertions=rows,
    )
    return folder / "scored.kg"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Tiny matrices: on a busy machine two threads wait for one another most of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
