"""A knowledge base whose intentions lack scores, for the tests of the critic and of judges."""

from __future__ import annotations

from pathlib import Path

from kg.directory import Directory
from schema.identity import cobuy_id, post_id
from tests.graph_samples import cobuy, commit, evidence, post, product

TITLES = {
    "B1": "Waterproof hiking boots for men",
    "B2": "Merino wool hiking socks, 3 pairs",
    "B3": "Stainless steel garlic press",
    "B4": "",
}
PAIR = cobuy_id("B1", "B2")
ODD = cobuy_id("B3", "B4")
POST = post_id("test", "0")


def make_kb(folder: Path, name: str = "my.kg") -> Path:
    """Seven intentions; of these one has both scores, one a typicality, one an empty title."""
    directory = Directory.create(folder / name)
    commit(
        directory,
        posts=[post(0, "Someone stole my bike last night"), post(1, "I passed the exam!")],
        products=[product(key, title or None) for key, title in TITLES.items()],
        cobuys=[cobuy("B1", "B2"), cobuy("B3", "B4", source="other")],
        assertions=[
            evidence("Post", POST, "xReact", "angry"),
            evidence("Post", post_id("test", "1"), "xReact", "relieved and proud"),
            evidence("CoBuy", PAIR, "UsedFor", "hiking in wet weather"),
            evidence("CoBuy", PAIR, "UsedFor", "keeping dry", plausibility=0.9, typicality=0.8),
            evidence("CoBuy", PAIR, "Open", "his feet get cold", typicality=0.7),
            evidence("CoBuy", ODD, "Can", "be used in a kitchen"),
            evidence("Product", "B3", "UsedFor", "crushing garlic"),
        ],
    )
    return folder / name
