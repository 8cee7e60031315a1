"""What a model may read of a post: its text, its image in words, its intentions, another's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.downstream.harness import Run
from benchmarks.downstream.sarcasm.data import Posts
from schema.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from benchmarks.downstream.sarcasm import Config
    from kg.directory import Directory
    from queries.features import Retrieved

ARMS: dict[str, tuple[str, ...]] = {
    "text": (),
    "text+image": ("image",),
    "text+intentions": ("intentions",),
    "text+random": ("random",),
    "all": ("image", "intentions"),
    "all-random": ("image", "random"),
}
"""By the name of an arm, what stands beside the text."""


def retrieve(config: Config, run: Run, posts: Posts) -> Retrieved:
    """Intentions of all posts, in their order."""
    from benchmarks.downstream.harness.graphs import text_id
    from queries.features import Features
    from schema.identity import post_id

    own = config.graph == "student"
    with Features(_graph(config, run, posts)) as features:
        run.progress("retrieving intentions")
        ids = [
            text_id(row.key) if own else post_id(config.graph_source, row.key) for row in posts.rows
        ]
        # The student's silence about a post is left as it is.
        texts = [row.told for row in posts.rows]
        return features.of("Post", ids, k=config.k, texts=texts, nearest=not own)


def of_another(found: Retrieved, seed: int) -> Retrieved:
    """The control: each post gets the intentions of another, and no post its own."""
    import numpy as np

    order = np.random.default_rng(seed).permutation(len(found))
    places = found.places.copy()
    origins = found.origins.copy()
    places[order] = found.places[np.roll(order, 1)]
    origins[order] = found.origins[np.roll(order, 1)]
    return replace(found, places=places, origins=origins)


def beside(arm: str, posts: Posts, found: Retrieved, seed: int) -> list[str] | None:
    """What is appended to each text, in words; None where nothing is."""
    if not ARMS[arm]:
        return None
    parts = []
    for name in ARMS[arm]:
        if name == "image":
            parts.append([row.image for row in posts.rows])
        else:
            given = found if name == "intentions" else of_another(found, seed)
            parts.append(given.sentences())
    return [" . ".join(filter(None, row)) for row in zip(*parts, strict=True)]


class Vectors:
    """MiniLM's vectors of texts and images, each made when it is first asked for."""

    def __init__(self, posts: Posts, found: Retrieved, run: Run) -> None:
        self._posts = posts
        self._found = found
        self._run = run
        self._kept: dict[str, npt.NDArray[np.float32]] = {}

    def of(self, learnt: str, arm: str, seed: int) -> npt.NDArray[np.float32]:
        """Shape (posts, 384 for each part of the arm)."""
        import numpy as np

        rows = self._posts.rows
        parts = [self._encoded(learnt, [row.texts[learnt] for row in rows])]
        for name in ARMS[arm]:
            if name == "image":
                parts.append(self._encoded("image", [row.image for row in rows]))
            else:
                given = self._found if name == "intentions" else of_another(self._found, seed)
                parts.append(given.pooled())
        # Components of vectors of length 1 are small; a head learns faster from larger ones.
        return np.concatenate(parts, 1) * np.float32(10.0)

    def _encoded(self, name: str, texts: list[str]) -> npt.NDArray[np.float32]:
        import numpy as np

        from kg.embed import load_embedder

        if name not in self._kept:
            self._run.progress(f"vectors of {name}")
            self._kept[name] = np.asarray(load_embedder(None).encode(texts), np.float32)
        return self._kept[name]


def _graph(config: Config, run: Run, posts: Posts) -> Directory:
    from benchmarks.downstream.harness.graphs import graph_of_posts
    from kg.directory import Directory

    if config.graph != "student":
        manifest = Path(config.graph) / "kb.json"
        if not manifest.exists():
            raise UsageError(
                f"graph = {config.graph!r} is no knowledge base",
                fix='name its folder, or "student"',
            )
        run.reads(manifest)
        return Directory(Path(config.graph))
    return graph_of_posts(
        run.place("student.kg"),
        {row.key: row.told for row in posts.rows},
        relations=config.relations,
        progress=run.progress,
    )
