"""IntentionQA (Ding et al. 2024), both tasks: an offline scorer, and any backend.

``questions``   the three files, and which questions count
``bundles``     BundleRec: what the scorer learns from and chooses by
``vectors``     MiniLM's vectors of all texts
``norms``       an option that fits everything explains nothing: z-score, CSLS, PMI
``mapping``     a linear map of the vectors, learnt on bundles
``scoring``     the scorer
``titles``      titles cut to what names a product
``words``       the words that question and option share
``others``      the shipped critic, to compare with
``answering``   a backend that is asked as in MIND's appendix E
``ablations``   MIND's ablations as training sets for a student
``steps``       what is done one after another to MiniLM's cosine
``working``     the benchmark's parts; ``results`` the tables
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.downstream.harness import Report, Run
from schema.errors import UsageError

SUMMARY = "IntentionQA: an offline scorer of purchase intentions, and any model asked zero-shot"


@dataclass(frozen=True)
class Config:
    """Settings; what they mean stands in ``default.toml``."""

    seed: int
    seeds: int
    questions: int
    bundles: int
    held: float
    temperatures: tuple[float, ...]
    words: tuple[float, ...]
    epochs: int
    patience: int
    batch: int
    rate: float
    contrast: float
    nearness: float
    critic: bool
    backend: str
    model: str
    base_url: str
    tokens: int


def run(config: Config, run: Run) -> Report:
    """Do what is not done yet, and report.

    Raises
    ------
    UsageError
        If a setting makes no sense.
    InputError
        If a file is not there, or a row cannot be read.
    """
    from benchmarks.downstream.intentionqa import results
    from benchmarks.downstream.intentionqa.working import Work

    _check(config)
    work = Work(config, run)
    words = run.cell("words", lambda _: work.by_words())
    tried = run.cell("choose", lambda _: work.choose())
    levels = run.cell("levels", lambda _: work.levels())
    frozen = run.cell("frozen", lambda _: work.frozen(tried))
    maps = {}
    for kind in ("map", "shuffled"):
        for seed in range(config.seed, config.seed + config.seeds):
            maps[kind, seed] = run.cell(
                f"{kind}/seed-{seed}",
                lambda folder, seed=seed, kind=kind: work.mapped(  # type: ignore[misc]
                    tried, seed, folder, shuffled=kind == "shuffled"
                ),
            )
    critic = run.cell("critic", lambda _: work.critic()) if config.critic else None
    asked = None
    if config.backend:
        asked = {
            task: run.cell(f"backend/{task}", lambda _, task=task: work.ask(task))  # type: ignore[misc]
            for task in ("understanding", "utilization")
        }
    found = results.Found(work.files, words, tried, levels, frozen, maps, critic, asked)
    return results.report(found, config.model or config.backend)


def _check(config: Config) -> None:
    for name in ("seeds", "epochs", "patience", "batch", "tokens"):
        if getattr(config, name) < 1:
            raise UsageError(f"{name} is {getattr(config, name)}", fix="use 1 or more")
    for name in ("rate", "contrast"):
        if not getattr(config, name) > 0:
            raise UsageError(f"{name} is {getattr(config, name)}", fix="use a number above 0")
    if not 0 < config.held < 1:
        raise UsageError(f"held is {config.held}", fix="use a share between 0 and 1")
    if not config.temperatures or not all(
        isinstance(value, float) and value > 0 for value in config.temperatures
    ):
        raise UsageError("temperatures are no numbers above 0", fix="such as [0.05, 0.1]")
    if not config.words or not all(
        isinstance(value, float) and value >= 0 for value in config.words
    ):
        raise UsageError("words are no weights of 0.0 or more", fix="such as [0.0, 0.3]")
    if min(config.questions, config.bundles) < 0:
        raise UsageError("questions or bundles is below 0", fix="use 0 for all")
    if config.backend and not config.model:
        raise UsageError("a backend needs the name of a model", fix='add model = "..."')
