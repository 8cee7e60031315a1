"""All arms in all domains: settings chosen on validation bundles, several seeds, paired tests."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.downstream.harness import Report, Run
from benchmarks.downstream.harness.metrics import by_group, gains
from benchmarks.downstream.recommendation import ranks
from benchmarks.downstream.recommendation.data import (
    Domain,
    Question,
    completions,
    next_buys,
    read_domain,
    write_training,
)
from schema.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from benchmarks.downstream.recommendation import Config
    from benchmarks.downstream.recommendation.edges import Edges
    from benchmarks.downstream.recommendation.model import Settings
    from queries.features import Retrieved

ARMS = {
    "ids": "LightGCN",
    "ids+intentions": "LightGCN + intentions",
    "ids+random": "LightGCN + random intentions",
    "ids+alike": "LightGCN + like titles",
    "titles": "LightGCN on titles",
    "titles+intentions": "LightGCN on titles + intentions",
    "titles+random": "LightGCN on titles + random intentions",
    "titles+alike": "LightGCN on titles + like titles",
}
TASKS = {"completion": "Bundle completion", "next": "Next co-buy"}
WAYS = ("own", "meaning")


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What a domain's arms learn from.

    Attributes
    ----------
    vectors
        Shape (items, dimension): MiniLM's of the titles.
    retrieved
        Intentions of all items by way: their own first, or those nearest to the titles.
    """

    domain: Domain
    vectors: npt.NDArray[np.float32]
    retrieved: dict[str, Retrieved]

    def questions(self, bundles: list[list[int]]) -> dict[str, list[Question]]:
        """By task, what is asked about bundles."""
        return {
            "completion": completions(bundles),
            "next": next_buys(bundles, self.domain.partners),
        }


def experiment(config: Config, run: Run) -> Report:
    """Split, build the graph, tune, train, and compare."""
    from benchmarks.downstream.recommendation.results import report

    if wrong := set(config.ways) - {*WAYS}:
        raise UsageError(
            f"there is no way {min(wrong)!r} to give items intentions",
            fix=f"use {' or '.join(WAYS)}",
        )
    domains, cells = {}, {}
    for name in config.domains:
        known = _prepared(name, config, run)
        domains[name] = known
        cells[name] = {**dict(_naive(known, run, name)), **dict(_learned(known, config, run, name))}
    return report(domains, cells)


def _prepared(name: str, config: Config, run: Run) -> Known:
    from benchmarks.downstream.harness.graphs import graph_of_files
    from queries.features import Features

    domain = read_domain(name, run.data, seed=config.split, most=config.sessions)
    folder = write_training(domain, run.place("training"))
    directory = graph_of_files(
        run.place(f"{name}.kg"), {folder: "bundlerec"}, progress=run.progress
    )
    run.progress(f"{name}: retrieving intentions")
    with Features(directory) as features:
        most = max(config.ks)
        return Known(
            domain,
            features.embedder.encode(domain.titles),
            {
                "own": features.of("Product", domain.products, k=most, texts=domain.titles),
                "meaning": features.of_texts(domain.titles, k=most),
            },
        )


def _naive(known: Known, run: Run, name: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    domain = known.domain
    for arm, score in {
        "popularity": ranks.by_count(domain),
        "company": ranks.by_company(domain),
        "cosine": ranks.by_vectors(known.vectors),
    }.items():
        asked = known.questions(domain.test)

        def ranked(_: Path, score: Any = score, asked: Any = asked) -> dict[str, Any]:
            return {task: ranks.ranks(questions, score) for task, questions in asked.items()}

        yield arm, [run.cell(f"{name}/{arm}", ranked)]


def _learned(
    known: Known, config: Config, run: Run, name: str
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    trials = draw_trials(config)
    intended = not all(found.missing.all() for found in known.retrieved.values())
    for arm in ARMS if intended else ("ids", "titles"):
        tried = []
        for number, settings in enumerate(trials):

            def tune(folder: Path, settings: Settings = settings, arm: str = arm) -> Any:
                valid = _train(known, config, arm, settings, config.seed, folder)[0]
                return {"valid": valid}

            tried.append(run.cell(f"{name}/{arm}/trial-{number}", tune)["valid"])
        best = max(range(len(trials)), key=tried.__getitem__)
        done = []
        for seed in range(config.seed, config.seed + config.seeds):

            def test(folder: Path, seed: int = seed, arm: str = arm, best: int = best) -> Any:
                valid, vectors = _train(known, config, arm, trials[best], seed, folder)
                score = ranks.by_vectors(vectors)
                asked = known.questions(known.domain.test)
                found = {task: ranks.ranks(questions, score) for task, questions in asked.items()}
                return {**found, "valid": valid, "trial": best}

            done.append(run.cell(f"{name}/{arm}/seed-{seed}", test))
        yield arm, done


def draw_trials(config: Config) -> list[Settings]:
    """The settings that every arm tries."""
    from benchmarks.downstream.recommendation.model import Settings

    draw = random.Random(f"trials/{config.seed}")
    found: dict[Settings, None] = {}
    for _ in range(100 * config.trials):
        settings = Settings(
            layers=draw.choice(config.layers),
            rate=draw.choice(config.rates),
            drop=draw.choice(config.drops),
            weight=draw.choice(config.weights),
            k=draw.choice(config.ks),
            least=draw.choice(config.leasts),
            way=draw.choice(config.ways),
        )
        found[settings] = None
        if len(found) == config.trials:
            break
    return list(found)


def _train(
    known: Known, config: Config, arm: str, settings: Settings, seed: int, folder: Path
) -> tuple[float, npt.NDArray[np.float32]]:
    """Train one arm; gives its best score on validation bundles, and the items' embeddings."""
    import torch

    from benchmarks.downstream.harness.training import seeded
    from benchmarks.downstream.recommendation.model import Recommender, train

    seeded(seed)
    domain = known.domain
    titled = arm.startswith("titles")
    dimension = known.vectors.shape[1] if titled else config.dimension
    model = Recommender(
        len(domain.titles),
        _edges(known, arm, settings, seed),
        known.vectors if titled else None,
        dimension,
        settings,
    )
    asked = known.questions(domain.valid)

    def score(vectors: npt.NDArray[np.float32]) -> float:
        return sum(
            float(
                by_group(gains(ranks.ranks(part, ranks.by_vectors(vectors)))["ndcg"], groups).mean()
            )
            for part, groups in (
                (questions, [question.bundle for question in questions])
                for questions in asked.values()
            )
        ) / len(asked)

    history = train(
        model,
        domain.train,
        score,
        settings,
        epochs=config.epochs,
        patience=config.patience,
        batch=config.batch,
        negatives=config.negatives,
        seed=seed,
        folder=folder,
    )
    with torch.no_grad():
        vectors = model().numpy()
    return max(history.scores), vectors


def _edges(known: Known, arm: str, settings: Settings, seed: int) -> Edges:
    from benchmarks.downstream.recommendation import edges

    base = edges.bought_together(known.domain.train, known.vectors.shape[1])
    beside = arm.partition("+")[2]
    if not beside:
        return base
    if beside == "alike":
        more = edges.alike(known.vectors, settings.k, settings.weight, settings.least)
    else:
        # Chosen first: random ones have to be as many as those that they stand against.
        retrieved = edges.chosen(known.retrieved[settings.way], settings.k, settings.least)
        retrieved = retrieved.shuffled(seed) if beside == "random" else retrieved
        more = edges.intentions(retrieved, settings.weight)
    return edges.joined(base, more)
