"""How good the student's tails are, beside two baselines that take theirs from the training data.

    python -m benchmarks.intrinsic.student DATA [--limit N] [--writer NAME ...] [--corpus NAME ...]

DATA holds the published corpora (:mod:`benchmarks.learning.corpora`). A question is a held-out head
in one relation; its references are what people wrote. Each writer's best tail is scored. Where all
people wrote "none", the only right answer is none: that is counted apart.

Goals: a BERTScore gain over the most frequent tail that is at least 1.1 times retrieval's, 1.1
times retrieval's ROUGE-L, at most half of the tails copied from the training data, 200 tails a
second on two cores in less than 1.5 GB.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.intrinsic.bertscore import BertScore
from benchmarks.intrinsic.measuring import ACCEPTABLE, Measure, goals
from benchmarks.intrinsic.questions import read
from benchmarks.intrinsic.writers import WRITERS, Remembering
from benchmarks.learning.corpora import EVALUATED, learnable
from benchmarks.performance.workload import ROOT, fresh
from kg.embed import load_embedder
from schema.identity import normalise_text

if TYPE_CHECKING:
    from rich.table import Table


def measure(
    data: Path, corpora: list[str], names: list[str], limit: int | None
) -> dict[str, dict[str, Any]]:
    """Measure writers on corpora; prints each corpus's table when it is done."""
    from rich.console import Console

    console = Console(width=130)
    examples = learnable(data)
    training = frozenset(normalise_text(one.tail) for one in examples if one.tail)
    embedder = Remembering(load_embedder())
    writers = [WRITERS[name](examples, embedder) for name in names]
    bert_score = BertScore()
    found: dict[str, dict[str, Any]] = {}
    for corpus in corpora:
        start = time.perf_counter()
        questions = read(data, corpus, limit)
        measuring = Measure(questions, training, bert_score, embedder)
        figures = {}
        for writer in writers:
            writer.notes.clear()
            figures[writer.name] = measuring.figures(measuring.write(writer))
            figures[writer.name]["notes"] = list(writer.notes)
        found[corpus] = {
            "questions": len(questions),
            "with_references": len(measuring.answerable),
            "references": sum(map(len, measuring.references)),
            "writers": figures,
            "goals": goals(figures),
            "seconds": round(time.perf_counter() - start, 1),
        }
        console.print(table(corpus, found[corpus]))
        for line in lines(found[corpus]):
            console.print(line, highlight=False)
    return found


def table(corpus: str, found: dict[str, Any]) -> Table:
    """Set the writers of one corpus under one another.

    ``2+ words``: copied, of tails of two or more words. ``none``: silent where people wrote none;
    ``some``: wrote where they wrote something.
    """
    from rich import box
    from rich.table import Table

    grid = Table(
        title=f"{corpus}: {found['with_references']:,} questions, {found['references']:,} "
        f"references; {found['questions'] - found['with_references']:,} with none",
        box=box.SIMPLE_HEAD,
        title_justify="left",
    )
    for name in ("writer", "BLEU-2", "ROUGE-L", "BERTScore", "answered", "distinct-2", "copied"):
        grid.add_column(name, justify="left" if name == "writer" else "right", no_wrap=True)
    for name in ("2+ words", "none", "some", "acceptable", "ECE"):
        grid.add_column(name, justify="right", no_wrap=True)
    for name, row in found["writers"].items():
        none, calibration = row["no_answer"], row["calibration"]
        grid.add_row(
            name,
            *(f"{row[key]:.4f}" for key in ("bleu2", "rouge_l", "bert_score")),
            f"{row['answered']['share']:.0%}",
            f"{row['distinct2']:.3f}",
            *(f"{row[key]:.1%}" for key in ("copied", "copied_longer")),
            *(f"{none[k]:.1%}" if none else "–" for k in ("silent_where_none", "wrote_where_some")),
            f"{calibration['acceptable']:.1%}",
            f"{calibration['ece']:.3f}",
        )
    return grid


def lines(found: dict[str, Any]) -> list[str]:
    """Say what the goals come to."""
    said = [f"{name}: {note}" for name, row in found["writers"].items() for note in row["notes"]]
    if goal := found["goals"]:
        ratio = goal["rouge_l_ratio"]
        said += [
            f"BERTScore gain over frequent: student {goal['bert_score_gain']:+.4f}, nearest "
            f"{goal['bert_score_gain_of_nearest']:+.4f}: {_met(goal['bert_score_met'])}",
            f"ROUGE-L beside nearest: {'–' if ratio is None else f'{ratio:.2f}'} times: "
            f"{_met(goal['rouge_l_met'])}",
            f"copied {goal['copied']:.1%}: {_met(goal['copied_met'])}; of two or more words "
            f"{goal['copied_longer']:.1%}: {_met(goal['copied_longer_met'])}",
        ]
    return said


def _met(met: bool) -> str:
    return "met" if met else "missed"


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--limit", type=click.IntRange(1), help="About so many questions of each corpus.")
@click.option("--writer", "names", multiple=True, type=click.Choice(list(WRITERS)))
@click.option("--corpus", "corpora", multiple=True, type=click.Choice(list(EVALUATED)))
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
    no_speed: bool,
    output: Path,
) -> None:
    """Measure the student beside its baselines, on held-out heads."""
    chosen = list(names or WRITERS)
    speed = None
    if "student" in chosen and not no_speed:
        speed = fresh("benchmarks.intrinsic.speed", str(data))
        click.echo(
            f"student: {speed['per_s']:,.0f} tails/s (goal 200), {speed['peak_mb']:,.0f} MB at "
            f"most (goal 1,500), loaded in {speed['load_s']:.1f} s; load {speed['load']}"
        )
    found = measure(data, list(corpora or EVALUATED), chosen, limit)
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
