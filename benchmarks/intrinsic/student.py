"""How good the student's tails are, beside two baselines that take theirs from the training data.

    python -m benchmarks.intrinsic.student DATA [--limit N] [--writer NAME] [--corpus NAME]
                                                [--weights DIR] [--most N]

DATA holds the published corpora (:mod:`benchmarks.learning.corpora`). A question is a held-out head
in one relation; its references are what people wrote. Each writer's best tail is scored; silence
scores 0. Where all people wrote "none", the only right answer is none: that is counted apart.
``people`` are the first tails of all heads with several, measured by the others.

Goals: a BERTScore gain over the most frequent tail that is at least 1.1 times retrieval's, 1.1
times retrieval's ROUGE-L, at most half of the tails copied from the training data, 200 tails a
second on two cores in less than 1.5 GB.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.intrinsic import goals
from benchmarks.intrinsic.bertscore import BertScore
from benchmarks.intrinsic.measuring import ACCEPTABLE, Measure
from benchmarks.intrinsic.questions import read
from benchmarks.intrinsic.writers import WRITERS, Means, Remembering, Writer
from benchmarks.learning.corpora import EVALUATED, learnable
from benchmarks.performance.workload import ROOT, fresh
from kg.embed import load_embedder
from schema.errors import IntentKGError
from schema.identity import normalise_text

if TYPE_CHECKING:
    from rich.table import Table

_WIDTH = 150


def measure(
    data: Path,
    corpora: Sequence[str],
    names: Sequence[str],
    *,
    limit: int | None = None,
    weights: Path | None = None,
    most: int = 1,
) -> dict[str, dict[str, Any]]:
    """Measure writers on corpora; prints each corpus's table when it is done."""
    from rich.console import Console

    console = Console(width=_WIDTH, highlight=False)
    examples = learnable(data)
    training = frozenset(normalise_text(one.tail) for one in examples if one.tail)
    embedder = Remembering(load_embedder())
    means = Means(examples, embedder, weights, most)
    writers = [WRITERS[name](means) for name in names]
    bert_score = BertScore()
    found: dict[str, dict[str, Any]] = {}
    for corpus in corpora:
        start = time.perf_counter()
        measuring = Measure(read(data, corpus, limit), training, bert_score, embedder)
        found[corpus] = one = compare(measuring, writers)
        one["seconds"] = round(time.perf_counter() - start, 1)
        console.print(table(corpus, one))
        for line in [*one["notes"], *goals.lines(one["goals"])]:
            console.print(line)
    return found


def compare(measuring: Measure, writers: Sequence[Writer]) -> dict[str, Any]:
    """Measure writers beside one another and beside people, on one corpus."""
    scored = {writer.name: measuring.ask(writer) for writer in writers}
    figures = {name: measuring.figures(one) for name, one in scored.items()}
    asked = {one.relation.key for one in measuring.questions}
    return {
        "questions": len(measuring.questions),
        "with_references": len(measuring.answerable),
        "references": sum(map(len, measuring.references)),
        "writers": figures,
        "people": measuring.people(),
        "goals": goals.goals(scored, figures),
        "notes": sorted(
            {writer.notes[name] for writer in writers for name in asked & writer.notes.keys()}
        ),
    }


def table(corpus: str, found: dict[str, Any]) -> Table:
    """Set the writers of one corpus, and people, under one another.

    ``lift``: BERTScore less the same tails' beside another head's references; what holds of any
    head has none. ``2+ words``: copied, of tails of two or more words. ``none``: silent where
    people wrote none; ``some``: wrote where they wrote something. ``people`` are measured where
    there are several.
    """
    from rich import box
    from rich.table import Table

    nones = found["questions"] - found["with_references"]
    grid = Table(
        title=f"{corpus}: {found['with_references']:,} questions with {found['references']:,} "
        f"references, {nones:,} with none",
        box=box.SIMPLE_HEAD,
        title_justify="left",
    )
    for name in (
        *("writer", "BLEU-2", "ROUGE-L", "BERTScore", "lift", "answered", "distinct-2", "copied"),
        *("2+ words", "none", "some", "acceptable", "ECE", "AUC"),
    ):
        grid.add_column(name, justify="left" if name == "writer" else "right", no_wrap=True)
    for name, row in found["writers"].items():
        grid.add_row(name, *_quality(row, f"{row['answered']['share']:.1%}"), *_doubt(row))
    if found["people"]["questions"]:
        people = found["people"]
        acceptable = f"{people['acceptable']:.1%}"
        name = f"people ({people['questions']:,})"
        grid.add_row(name, *_quality(people, "–"), "–", "–", acceptable, style="dim")
    return grid


def _quality(row: dict[str, Any], answered: str) -> list[str]:
    return [
        *(f"{row[key]:.4f}" for key in ("bleu2", "rouge_l", "bert_score", "lift")),
        answered,
        f"{row['distinct2']:.3f}",
        *(f"{row[key]:.1%}" for key in ("copied", "copied_longer")),
    ]


def _doubt(row: dict[str, Any]) -> list[str]:
    none, calibration = row["no_answer"], row["calibration"]
    return [
        *(f"{none[k]:.1%}" if none else "–" for k in ("silent_where_none", "wrote_where_some")),
        f"{calibration['acceptable']:.1%}",
        f"{calibration['ece']:.3f}",
        "–" if calibration["auc"] is None else f"{calibration['auc']:.3f}",
    ]


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--limit", type=click.IntRange(1), help="About so many questions of each corpus.")
@click.option(
    "--writer", "names", multiple=True, type=click.Choice(list(WRITERS)), help="Default: all."
)
@click.option(
    "--corpus", "corpora", multiple=True, type=click.Choice(list(EVALUATED)), help="Default: all."
)
@click.option(
    "--weights",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The student's; default: those that are shipped.",
)
@click.option(
    "--most",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Tails that the student may write of a head in a relation; the best is scored, and all.",
)
@click.option("--no-speed", is_flag=True, help="Do not measure the student's speed and memory.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=ROOT / "benchmarks/results/student.json",
    help="Where the figures are written as JSON.",
)
def main(
    data: Path,
    limit: int | None,
    names: tuple[str, ...],
    corpora: tuple[str, ...],
    weights: Path | None,
    most: int,
    no_speed: bool,
    output: Path,
) -> None:
    """Measure the student beside its baselines, on held-out heads."""
    chosen = names or tuple(WRITERS)
    try:
        found = measure(
            data,
            corpora or tuple(EVALUATED),
            chosen,
            limit=limit,
            weights=weights,
            most=most,
        )
    except IntentKGError as error:
        raise click.ClickException(
            f"{error}" + (f"\nfix: {error.fix}" if error.fix else "")
        ) from None
    speed = None
    if "student" in chosen and not no_speed:
        words = ["--most", str(most), *(["--weights", str(weights)] if weights else [])]
        speed = fresh("benchmarks.intrinsic.speed", str(data.resolve()), *words)
        click.echo(goals.speed_line(speed))
    report = {
        "cores": os.cpu_count(),
        "limit": limit,
        "acceptable": ACCEPTABLE,
        "speed": speed,
        "corpora": found,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
