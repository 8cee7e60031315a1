"""All arms over all seeds, scored by each labelling and compared post by post."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.downstream.harness import Report, Run
from benchmarks.downstream.sarcasm import learning
from benchmarks.downstream.sarcasm.data import Posts, limited, read_jsonl, read_twitter
from benchmarks.downstream.sarcasm.inputs import ARMS, Vectors, beside, retrieve
from benchmarks.downstream.sarcasm.results import report
from schema.errors import UsageError

if TYPE_CHECKING:
    from benchmarks.downstream.sarcasm import Config

type Cells = dict[str, dict[str, list[dict[str, Any]]]]


def experiment(config: Config, run: Run) -> Report:
    """Read, retrieve, train and compare."""
    if config.way == "frozen" and config.backbone != "minilm":
        raise UsageError(
            f"the vectors are MiniLM's; the backbone {config.backbone!r} would not be used",
            fix='set way = "tuned"',
        )
    posts = _read(config, run)
    found = retrieve(config, run, posts)
    arms = list(ARMS)
    if found.missing.all():
        arms = [arm for arm in arms if not {"intentions", "random"} & set(ARMS[arm])]
    if not any(row.image for row in posts.rows):
        arms = [arm for arm in arms if "image" not in ARMS[arm]]
    vectors = Vectors(posts, found, run)
    cells: Cells = {learnt: {arm: [] for arm in arms} for learnt in posts.sets}
    for learnt in posts.sets:
        for arm in arms:
            for seed in range(config.seed, config.seed + config.seeds):

                def train(
                    folder: Path, learnt: str = learnt, arm: str = arm, seed: int = seed
                ) -> dict[str, Any]:
                    if config.way == "frozen":
                        given = vectors.of(learnt, arm, seed)
                        return learning.learn_head(config, posts, learnt, given, seed, folder)
                    words = beside(arm, posts, found, seed)
                    return learning.tune(config, posts, learnt, words, seed, folder, run)

                cells[learnt][arm].append(run.cell(f"{learnt}/{arm}/seed-{seed}", train))
    return report(config.seeds, posts, found, cells)


def _read(config: Config, run: Run) -> Posts:
    if config.posts:
        posts = read_jsonl(run.data(config.posts), config.classes, config.positive)
    else:
        posts = read_twitter(run.data("twitter_sarcasm", "mmsd_24635.tsv.gz"))
    most = {"train": config.train_limit, "valid": config.valid_limit, "test": config.test_limit}
    return limited(posts, most, config.seed)
