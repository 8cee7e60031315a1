"""The three arms, trained with several seeds and compared example by example."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.downstream.harness import Report, Run, Table
from benchmarks.downstream.harness.classifying import Examples, classify
from benchmarks.downstream.harness.comparing import interval
from benchmarks.downstream.harness.graphs import coverage, retrieve
from benchmarks.downstream.harness.metrics import classification
from benchmarks.downstream.harness.pictures import dots
from benchmarks.downstream.harness.seeds import Claim, compared, stated
from benchmarks.downstream.intents.data import Splits, Utterance, read_splits

if TYPE_CHECKING:
    from benchmarks.downstream.intents import Config
    from queries.features import Retrieved

ARMS = {"text": "text", "intentions": "text + intentions", "random": "text + random intentions"}
MEASURES = ("accuracy", "f1", "precision", "recall")


def experiment(config: Config, run: Run) -> Report:
    """Retrieve, train and compare."""
    splits = _limited(read_splits(config.dataset, run.data), config)
    retrieved = _retrieve(config, run, splits)
    arms: dict[str, Retrieved | None] = {"text": None}
    findings = []
    if retrieved.missing.all():
        findings.append("The graph has no intention for any example: only the text was used.")
    else:
        arms |= {"intentions": retrieved, "random": None}
    cells: dict[str, list[dict[str, Any]]] = {}
    for arm in arms:
        cells[arm] = []
        for seed in range(config.seed, config.seed + config.seeds):
            beside = retrieved.shuffled(seed) if arm == "random" else arms[arm]

            def train(folder: Path, seed: int = seed, beside: Retrieved | None = beside) -> Any:
                return _train(config, splits, beside, seed, folder, run)

            cells[arm].append(run.cell(f"{arm}/seed-{seed}", train))
    return _report(config, splits, retrieved, cells, findings)


def _limited(splits: Splits, config: Config) -> Splits:
    """The sample that the configuration asks for, with every class in it at least twice."""
    if not config.train_limit and not config.test_limit:
        return splits
    chance = random.Random(config.seed)

    def some(rows: list[Utterance], most: int, each: int = 0) -> list[Utterance]:
        if not most or most >= len(rows):
            return rows
        order = chance.sample(rows, len(rows))
        by_class = [
            row
            for name in splits.classes
            for row in [row for row in order if row.label == name][:each]
        ]
        kept = dict.fromkeys([*by_class, *order])
        return list(kept)[: max(most, len(by_class))]

    return Splits(
        some(splits.train, config.train_limit, 2),
        some(splits.valid, config.test_limit),
        some(splits.test, config.test_limit),
        splits.classes,
    )


def _all(splits: Splits) -> list[Utterance]:
    return [*splits.train, *splits.valid, *splits.test]


def _retrieve(config: Config, run: Run, splits: Splits) -> Retrieved:
    """Intentions of all utterances, in the order of train, validation, test."""
    rows = _all(splits)
    keys, texts = [row.key for row in rows], [row.text for row in rows]
    return retrieve(config.graph, run, keys, texts, k=config.k, relations=config.relations)


def _train(
    config: Config,
    splits: Splits,
    beside: Retrieved | None,
    seed: int,
    folder: Path,
    run: Run,
) -> dict[str, Any]:
    parts = []
    start = 0
    sentences = beside.sentences() if beside is not None and config.way == "tokens" else None
    vectors = beside.pooled() if beside is not None and config.way == "stream" else None
    for rows in (splits.train, splits.valid, splits.test):
        part = slice(start, start + len(rows))
        start += len(rows)
        parts.append(
            Examples(
                [row.text for row in rows],
                splits.labels(rows),
                None if sentences is None else sentences[part],
                None if vectors is None else vectors[part],
            )
        )
    found = classify(
        config.backbone,
        *parts,
        classes=len(splits.classes),
        schedule=config.schedule,
        seed=seed,
        folder=folder,
        max_tokens=config.max_tokens,
        trained_layers=config.trained_layers,
        measure="accuracy",
        progress=run.progress,
    )
    return {
        **classification(splits.labels(splits.test), found.predicted),
        "epochs": len(found.history.scores),
        "valid": max(found.history.scores),
        "predicted": found.predicted,
    }


def _report(
    config: Config,
    splits: Splits,
    retrieved: Retrieved,
    cells: dict[str, list[dict[str, Any]]],
    findings: list[str],
) -> Report:
    gold = splits.labels(splits.test)
    rows = [
        [ARMS[arm], *(stated([cell[name] for cell in done]) for name in MEASURES)]
        for arm, done in cells.items()
    ]
    usual = max(set(gold), key=gold.count)
    naive = classification(gold, [usual] * len(gold))
    rows.append(["most frequent class", *(f"{naive[name]:.2f}" for name in MEASURES)])
    tables = [
        Table(
            "scores",
            f"{config.dataset}: {len(splits.train):,} training, {len(gold):,} test utterances",
            ["input", "ACC %", "F1 %", "P %", "R %"],
            rows,
            f"Mean and 95 % interval over {config.seeds} seed(s); F1, P and R are macro. "
            f"{coverage(retrieved, 'utterances')}",
        )
    ]
    figures: dict[str, Any] = {"naive": naive["accuracy"]}
    if "intentions" in cells:
        pairs = (("intentions", "text"), ("intentions", "random"), ("random", "text"))
        claims = {pair: compared(gold, *(cells[arm] for arm in pair)) for pair in pairs}
        figures |= {f"{one} - {other}": claims[one, other].gap.mean for one, other in pairs}
        tables.append(
            Table(
                "differences",
                "Accuracy compared, example by example",
                ["", "against", "difference, 95 % interval, p", "what may be said"],
                [
                    [ARMS[one], ARMS[other], str(claim.gap), str(claim)]
                    for (one, other), claim in claims.items()
                ],
                "Each example counts with its mean over the seeds; p of a paired permutation test. "
                "Over seeds: Welch's t-test of their accuracies.",
            )
        )
        findings.append(_verdict(claims["intentions", "text"], claims["intentions", "random"]))
    reached = {arm: interval([cell["accuracy"] for cell in done]) for arm, done in cells.items()}
    figures |= {arm: found.mean for arm, found in reached.items()}
    draw = partial(
        dots,
        series={config.dataset: {ARMS[arm]: found for arm, found in reached.items()}},
        title=f"{config.dataset}: intents of utterances",
        axis="accuracy %",
    )
    return Report(tables, findings, {"accuracy": draw}, figures)


def _verdict(over_text: Claim, over_random: Claim) -> str:
    """What may be claimed: a gain is one over the text alone, and over random intentions too."""
    figures = (
        f"over the text {over_text.gap}: {over_text}; "
        f"over random intentions {over_random.gap}: {over_random}"
    )
    if over_text.gain and over_random.gain:
        return f"The graph's intentions help, and random ones do not: {figures}."
    if over_random.gain:
        return f"The graph's intentions beat random ones, but not the text alone: {figures}."
    if over_text.gain:
        return f"A gain over the text that is not shown over random intentions: {figures}."
    return f"The graph's intentions are not shown to help: {figures}."
