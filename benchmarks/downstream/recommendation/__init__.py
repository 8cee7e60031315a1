"""What was bought together: do a graph's intentions help to complete a bundle?

LightGCN learns on the co-buys of training bundles; then on these and the intentions that people
named for them; then on as many intentions dealt out at random; then on as many items with like
titles, which is what an intention's words may say without anybody's intention.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.downstream.harness import Report, Run

SUMMARY = "recommend what completes a bundle, or is bought next, with and without intention edges"


@dataclass(frozen=True, slots=True)
class Config:
    """Settings; see ``default.toml``.

    Attributes
    ----------
    domains
        Of BundleRec: ``electronic``, ``clothing``.
    split
        Seed of the split into training, validation and test sessions.
    sessions
        Only so many sessions; 0: all.
    trials
        Settings tried for each arm, the same ones for all: drawn from the lists below.
    dimension
        Length of an embedding that is learnt alone; those on titles are as long as MiniLM's.
    layers, rates, drops, weights, ks, leasts, ways
        What is drawn from; see :class:`benchmarks.downstream.recommendation.model.Settings`.
    """

    domains: tuple[str, ...]
    seed: int
    seeds: int
    split: int
    sessions: int
    trials: int
    epochs: int
    patience: int
    batch: int
    negatives: int
    dimension: int
    layers: tuple[int, ...]
    rates: tuple[float, ...]
    drops: tuple[float, ...]
    weights: tuple[float, ...]
    ks: tuple[int, ...]
    leasts: tuple[float, ...]
    ways: tuple[str, ...]


def run(config: Config, run: Run) -> Report:
    """Run the benchmark; see :mod:`benchmarks.downstream.recommendation.experiment`."""
    from benchmarks.downstream.recommendation.experiment import experiment

    return experiment(config, run)
