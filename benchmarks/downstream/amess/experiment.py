"""All arms, trained with several seeds; tables, the sweep over k and what may be said of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.downstream.amess.arms import ARMS, PLAIN, build
from benchmarks.downstream.amess.learning import learn
from benchmarks.downstream.amess.outside import in_and_out
from benchmarks.downstream.amess.problems import Problem, made, published
from benchmarks.downstream.harness import Report, Run, Table
from benchmarks.downstream.harness.comparing import interval
from benchmarks.downstream.harness.graphs import coverage
from benchmarks.downstream.harness.metrics import classification
from benchmarks.downstream.harness.seeds import compared, stated
from benchmarks.downstream.harness.training import seeded

if TYPE_CHECKING:
    import torch

    from benchmarks.downstream.amess import Config

INSIDE = {"accuracy": "ACC", "f1": "F1", "precision": "P", "recall": "R"}
WHOLE = {"accuracy": "ACC", "f1_is": "F1-IS", "f1_os": "F1-OS", "f1": "F1"}
"""Measures of tables I and II."""


def experiment(config: Config, run: Run) -> Report:
    """Run both parts."""
    tables: list[Table] = []
    findings: list[str] = []
    plots: dict[str, Callable[[Path], None]] = {}
    figures: dict[str, Any] = {}
    if config.dataset != "none":
        problem = published(config, run)
        whole = problem.splits[0].video is not None
        arms = list(PLAIN) if whole else ["text", "text-ss"]
        pairs = [("text-ss", "text")] + ([("amess", "no-ame"), ("amess", "no-ss")] if whole else [])
        note = "" if whole else " Words alone: there are no video and audio features here."
        if problem.retrieved is not None and problem.retrieved.missing.all():
            findings.append(
                f"{config.dataset}: the graph has no intention for any utterance: it was left out."
            )
        elif problem.retrieved is not None:
            base = "amess" if whole else "text-ss"
            own, random = f"{base}+intentions", f"{base}+random"
            arms += [own, random]
            pairs += [(own, base), (own, random), (random, base)]
            note += f" {coverage(problem.retrieved, 'utterances')}"
        done = _cells(config, run, config.dataset, problem, arms)
        tables.append(_table(config.dataset, problem, done, note))
        findings += [_compared(config.dataset, problem, done, *pair) for pair in pairs]
        figures |= {f"{config.dataset}/{arm}": _mean(cells) for arm, cells in done.items()}
    if config.made_arms:
        on_made = made(config)
        done = _cells(config, run, "made", on_made, config.made_arms)
        note = f" Chance is {100.0 / config.made_classes:.0f} %."
        tables.append(_table("made features", on_made, done, note))
        figures |= {f"made/{arm}": _mean(cells) for arm, cells in done.items()}
        figures["made/chance"] = 100.0 / config.made_classes
        findings += [
            _compared("made features", on_made, done, "amess", other)
            for other in config.made_arms
            if other != "amess" and "amess" in config.made_arms
        ]
        swept = {k: _swept(config, run, on_made, done, k) for k in config.sweep}
        if swept:
            rows = [[k, stated([cell["accuracy"] for cell in swept[k]])] for k in swept]
            tables.append(Table("anchors", "Made features: accuracy by k", ["k", "ACC %"], rows))
            plots["anchors"] = lambda path: _plot(path, swept)
    return Report(tables, findings, plots, figures)


def _swept(
    config: Config, run: Run, problem: Problem, done: dict[str, list[dict[str, Any]]], k: int
) -> list[dict[str, Any]]:
    if k == config.k and "amess" in done:
        return done["amess"]  # the same training
    return _cells(config, run, f"sweep/k-{k}", problem, ("amess",), k=k)["amess"]


def _cells(
    config: Config,
    run: Run,
    name: str,
    problem: Problem,
    arms: Sequence[str],
    *,
    k: int | None = None,
) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for arm in arms:
        found[arm] = []
        for seed in range(config.seed, config.seed + config.seeds):

            def train(folder: Path, arm: str = arm, seed: int = seed) -> dict[str, Any]:
                return _train(config, problem, arm, seed, folder, run, k or config.k)

            found[arm].append(run.cell(f"{name}/{arm}/seed-{seed}", train))
    return found


def _train(
    config: Config, problem: Problem, arm: str, seed: int, folder: Path, run: Run, k: int
) -> dict[str, Any]:
    from benchmarks.downstream.amess.model import Sizes

    splits, dimension = problem.splits, 0
    if "+" in arm and problem.retrieved is not None:
        beside = problem.retrieved.shuffled(seed) if arm.endswith("+random") else problem.retrieved
        splits, dimension = problem.beside(beside), beside.dimension
    said = _described(tuple(problem.learnt))  # first: loading a model may draw random numbers
    seeded(seed)
    bert, tokenizer = problem.backbone()
    net = build(
        arm,
        bert,
        Sizes(*problem.sizes, len(problem.learnt)),
        said,
        k=k,
        length=problem.length,
        temperature=config.temperature,
        readout=config.readout,
        dimension=dimension,
    )
    predicted, history = learn(
        net,
        tokenizer,
        *splits,
        problem.schedule,
        seed=seed,
        folder=folder,
        length=problem.length,
        encoder=bert,
        rejecting=problem.outside == "unseen",
        progress=run.progress,
    )
    gold = problem.splits[2].labels
    scores = (
        classification(gold, predicted)
        if problem.outside == "none"
        else in_and_out(gold, predicted, problem.classes)
    )
    return {**scores, "valid": max(history.scores), "predicted": predicted}


@cache
def _described(labels: tuple[str, ...]) -> torch.Tensor:
    from benchmarks.downstream.amess.synchronisation import describe
    from kg.embed import load_embedder

    return describe(labels, load_embedder())


def _mean(cells: Sequence[dict[str, Any]]) -> float:
    return interval([cell["accuracy"] for cell in cells]).mean


def _table(name: str, problem: Problem, done: dict[str, list[dict[str, Any]]], note: str) -> Table:
    measures = INSIDE if problem.outside == "none" else WHOLE
    rows = [
        [ARMS[arm], *(stated([cell[one] for cell in cells]) for one in measures)]
        for arm, cells in done.items()
    ]
    train, _, test = problem.splits
    seeds = len(next(iter(done.values())))
    over = f"Mean and 95 % interval over {seeds} seeds" if seeds > 1 else "One seed"
    what = "F1, P and R are macro."
    if problem.outside != "none":
        count = sum(label == len(problem.classes) - 1 for label in test.labels)
        what = f"{count:,} test utterances are out of scope; " + (
            "training saw none."
            if problem.outside == "unseen"
            else "they are a class in training too."
        )
    return Table(
        name.replace(" ", "_"),
        f"{name}: {len(train):,} training, {len(test):,} test utterances",
        ["model", *(f"{name} %" for name in measures.values())],
        rows,
        f"{over}; {what}{note}",
    )


def _compared(
    name: str, problem: Problem, done: dict[str, list[dict[str, Any]]], one: str, other: str
) -> str:
    claim = compared(problem.splits[2].labels, done[one], done[other])
    return f"{name}: {ARMS[one]} against {ARMS[other]}: accuracy {claim.gap}: {claim}."


def _plot(path: Path, swept: dict[int, list[dict[str, Any]]]) -> None:
    """Accuracy by the number of anchors, as figure 4 has it."""
    from queries.plots import style

    figure, axes = style.canvas(5.0, 3.2)
    means = [interval([cell["accuracy"] for cell in cells]) for cells in swept.values()]
    axes.errorbar(
        [str(k) for k in swept],
        [one.mean for one in means],
        yerr=[one.half for one in means],
        color=style.PALETTE[0],
        marker="o",
        capsize=3,
    )
    axes.set_xlabel("anchors of each modality, k")
    axes.set_ylabel("accuracy on made features, %")
    style.title(axes, "How many anchors")
    style.save(figure, path)
