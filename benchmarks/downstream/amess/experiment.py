"""All arms, trained with several seeds; tables, the sweep over k and what may be said of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.downstream.amess.arms import ARMS, build
from benchmarks.downstream.amess.features import LAYOUTS, Layout, padded
from benchmarks.downstream.amess.learning import Examples, learn
from benchmarks.downstream.harness import Report, Run, Table
from benchmarks.downstream.harness.comparing import interval, paired
from benchmarks.downstream.harness.metrics import classification, hits
from benchmarks.downstream.harness.training import Schedule, seeded
from benchmarks.downstream.intents.data import Utterance, read_splits

if TYPE_CHECKING:
    from benchmarks.downstream.amess import Config

MEASURES = ("accuracy", "f1", "precision", "recall")


@dataclass(frozen=True, slots=True)
class Problem:
    """Three splits, their classes' names, the features' sizes, and how a BERT is come by."""

    splits: tuple[Examples, Examples, Examples]
    classes: list[str]
    sizes: tuple[int, int]
    backbone: Callable[[], tuple[Any, Any]]
    schedule: Schedule
    length: int


def experiment(config: Config, run: Run) -> Report:
    """Run both parts."""
    tables: list[Table] = []
    findings: list[str] = []
    plots: dict[str, Callable[[Path], None]] = {}
    figures: dict[str, Any] = {}
    if config.dataset != "none":
        problem = _published(config, run)
        whole = problem.splits[0].video is not None
        arms = tuple(ARMS) if whole else ("text", "text-ss")
        done = _cells(config, run, config.dataset, problem, arms)
        note = "" if whole else " Words alone: there are no video and audio features here."
        tables.append(_table(config.dataset, problem, done, note))
        pairs = [("text-ss", "text")] + ([("amess", "no-ame"), ("amess", "no-ss")] if whole else [])
        findings += [_compared(config.dataset, problem, done, *pair) for pair in pairs]
        figures |= {f"{config.dataset}/{arm}": _mean(cells) for arm, cells in done.items()}
    if config.made_arms:
        made = _made(config)
        done = _cells(config, run, "made", made, config.made_arms)
        note = f" Chance is {100.0 / config.made_classes:.0f} %."
        tables.append(_table("made features", made, done, note))
        figures |= {f"made/{arm}": _mean(cells) for arm, cells in done.items()}
        figures["made/chance"] = 100.0 / config.made_classes
        findings += [
            _compared("made features", made, done, "amess", other)
            for other in config.made_arms
            if other != "amess" and "amess" in config.made_arms
        ]
        swept = {k: _swept(config, run, made, done, k) for k in config.sweep}
        if swept:
            rows = [[k, _said([cell["accuracy"] for cell in swept[k]])] for k in swept]
            tables.append(Table("anchors", "Made features: accuracy by k", ["k", "ACC %"], rows))
            plots["anchors"] = lambda path: _plot(path, swept)
    return Report(tables, findings, plots, figures)


def _swept(
    config: Config, run: Run, made: Problem, done: dict[str, list[dict[str, Any]]], k: int
) -> list[dict[str, Any]]:
    if k == config.k and "amess" in done:
        return done["amess"]  # the same training
    return _cells(config, run, f"sweep/k-{k}", made, ("amess",), k=k)["amess"]


def _published(config: Config, run: Run) -> Problem:
    splits = read_splits(config.dataset, run.data)
    layout = LAYOUTS[config.dataset]
    chance = random.Random(config.seed)
    parts = []
    limits = (config.train_limit, config.test_limit, config.test_limit)
    for rows, most in zip((splits.train, splits.valid, splits.test), limits, strict=True):
        kept = chance.sample(rows, most) if 0 < most < len(rows) else rows
        parts.append(_with_features(config, splits.labels(kept), kept, layout))

    def backbone() -> tuple[Any, Any]:
        from benchmarks.downstream.harness.backbones import load_backbone

        loaded = load_backbone(config.backbone)
        return loaded.model, loaded.tokenizer

    schedule = Schedule(config.epochs, config.patience, config.batch, config.rate, config.head_rate)
    sizes = (layout.video[1], layout.audio[1])
    return Problem(
        (parts[0], parts[1], parts[2]), splits.classes, sizes, backbone, schedule, config.length
    )


def _with_features(
    config: Config, labels: list[int], rows: Sequence[Utterance], layout: Layout
) -> Examples:
    texts = [row.text for row in rows]
    if not config.features:
        return Examples(texts, labels)
    keys = [row.key for row in rows]
    streams = []
    for name, (steps, width) in (("video", layout.video), ("audio", layout.audio)):
        file = Path(config.features) / f"{name}_feats.safetensors"
        place = file if file.exists() else file.with_suffix(".pkl")
        streams.append(padded(place, keys, steps, width)[0])
    return Examples(texts, labels, streams[0], streams[1])


def _made(config: Config) -> Problem:
    from benchmarks.downstream.amess.synthetic import make

    video = (config.made_video[0], config.made_video[1])
    audio = (config.made_audio[0], config.made_audio[1])
    layout = Layout((config.made_length, config.made_width), video, audio)
    parts = []
    for number, count in enumerate(config.made_counts):
        seed = 100 * config.seed + number
        one = make(count, config.made_classes, layout, seed=seed)
        parts.append(Examples(one.texts, one.labels, one.video, one.audio))

    def backbone() -> tuple[Any, Any]:
        from transformers import AutoTokenizer, BertConfig, BertModel

        from generation import minilm

        tokenizer = AutoTokenizer.from_pretrained(str(minilm.folder()), local_files_only=True)
        shape = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.made_width,
            num_hidden_layers=config.made_layers,
            num_attention_heads=4,
            intermediate_size=2 * config.made_width,
        )
        return BertModel(shape, add_pooling_layer=False), tokenizer

    names = ["Agree", "Complain", "Joke", "Praise", "Leave", "Thank", "Warn", "Plan"]
    schedule = Schedule(config.made_epochs, config.made_epochs, config.batch, config.made_rate)
    return Problem(
        (parts[0], parts[1], parts[2]),
        names[: config.made_classes],
        (video[1], audio[1]),
        backbone,
        schedule,
        config.made_length,
    )


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
    from benchmarks.downstream.amess.synchronisation import describe
    from kg.embed import load_embedder

    seeded(seed)
    bert, tokenizer = problem.backbone()
    net = build(
        arm,
        bert,
        Sizes(*problem.sizes, len(problem.classes)),
        describe(problem.classes, load_embedder()),
        k=k,
        length=problem.length,
        temperature=config.temperature,
    )
    predicted, history = learn(
        net,
        tokenizer,
        *problem.splits,
        problem.schedule,
        seed=seed,
        folder=folder,
        length=problem.length,
        encoder=bert,
        progress=run.progress,
    )
    gold = problem.splits[2].labels
    scores = classification(gold, predicted)
    return {**scores, "valid": max(history.scores), "predicted": predicted}


def _said(values: Sequence[float]) -> str:
    """Mean and interval; of one value there is no interval to state."""
    return str(interval(values)) if len(values) > 1 else f"{values[0]:.2f}"


def _mean(cells: Sequence[dict[str, Any]]) -> float:
    return interval([cell["accuracy"] for cell in cells]).mean


def _table(name: str, problem: Problem, done: dict[str, list[dict[str, Any]]], note: str) -> Table:
    rows = [
        [ARMS[arm], *(_said([cell[one] for cell in cells]) for one in MEASURES)]
        for arm, cells in done.items()
    ]
    train, _, test = problem.splits
    seeds = len(next(iter(done.values())))
    over = f"Mean and 95 % interval over {seeds} seeds" if seeds > 1 else "One seed"
    return Table(
        name.replace(" ", "_"),
        f"{name}: {len(train):,} training, {len(test):,} test utterances",
        ["model", "ACC %", "F1 %", "P %", "R %"],
        rows,
        f"{over}; F1, P and R are macro.{note}",
    )


def _compared(
    name: str, problem: Problem, done: dict[str, list[dict[str, Any]]], one: str, other: str
) -> str:
    gold = problem.splits[2].labels
    right = [hits(gold, [cell["predicted"] for cell in done[arm]]) for arm in (one, other)]
    gap = paired(*right)
    verdict = (
        "no difference shown" if not gap.significant else "better" if gap.mean > 0 else "worse"
    )
    return f"{name}: {ARMS[one]} against {ARMS[other]}: accuracy {gap}: {verdict}."


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
