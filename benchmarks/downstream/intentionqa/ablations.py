"""MIND's ablations (Table 3, Figure 4): training sets for a student, trained and asked.

    python -m benchmarks.downstream.intentionqa.ablations KB OUT DATA --model DIR [--text-only KB]

=================  ==========================================================================
``mind``           what the customer that a model plays accepted
``without-filter`` all that was generated, rejected or not
``critic-filter``  what a critic finds 0.8 typical or more, whatever the customer said
``text-only``      what the customer accepted of a second knowledge base, generated of titles alone
=================  ==========================================================================

KB is a knowledge base as ``intentkg generate`` makes it; pairs of products that a question is about
are left out of every set. The questions are MIND's appendix D; the student is trained by
`generation.distill` and asked as any backend is.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from benchmarks.downstream.harness.running import write_whole
from benchmarks.downstream.intentionqa.answering import ask
from benchmarks.downstream.intentionqa.questions import (
    FILES,
    Questions,
    Task,
    accuracy,
    read_questions,
)
from generation.backends import open_backend
from generation.distill.chosen import Tail, fold
from generation.distill.export import Exported, write
from generation.distill.options import Lora
from generation.distill.pairs import PairRows
from generation.distill.rows import Row
from generation.distill.run import train
from generation.heads import CoBuyHead, Product
from generation.mind import MindOptions
from kg.asserted import Asserted
from kg.directory import Directory
from schema.errors import IntentKGError
from schema.relations import Family

TYPICAL = 0.8  # MIND, section 5.4.3

type Rule = Callable[[Tail], bool]

RULES: Mapping[str, Rule] = {
    "mind": lambda tail: tail.accepted is True,
    "without-filter": lambda tail: True,
    "critic-filter": lambda tail: tail.typicality is not None and tail.typicality >= TYPICAL,
    "text-only": lambda tail: tail.accepted is True,
}


def training_set(
    directory: Directory, out: Path, name: str, *, without: Collection[frozenset[str]] = ()
) -> Exported:
    """Write one ablation's training set.

    Parameters
    ----------
    directory
        The knowledge base whose intentions are taught.
    out
        Folder for the files; one of an earlier run is replaced.
    name
        One of `RULES`.
    without
        Pairs of product ids that are not taught.

    Raises
    ------
    UsageError
        If nothing is left to train on, or `out` holds something else.
    """
    left: Counter[str] = Counter()
    with Asserted(directory) as asserted:
        return write(
            _rows(asserted, RULES[name], without, left),
            out,
            validation=0.0,
            test=0.0,
            history=False,
            options={"ablation": name},
            left_out=left,
        )


def trained_and_asked(
    data: Path,
    out: Path,
    model: str,
    files: Mapping[Task, Questions],
    lora: Lora,
    *,
    progress: Callable[[str], None] | None = None,
) -> dict[str, float]:
    """Train a student on a training set and ask it; the same call again goes on where it was.

    Parameters
    ----------
    data
        Folder of the training set.
    out
        Folder for the student and its replies.
    model
        Folder of the language model that is trained.

    Returns
    -------
    dict
        Accuracy in percent by task; how many questions have no reply, if some have none.
    """
    train(data, out / "student", model, lora)
    found: dict[str, float] = {}
    for task, file in files.items():
        student = str(out / "student" / "merged")
        backend = open_backend("transformers", model=student)
        answers = ask(file.questions, backend, student, out / "replies.sqlite", progress=progress)
        found[task] = accuracy(file.questions, answers.letters)
        if answers.failed:
            found[f"{task}, without a reply"] = float(sum(answers.failed.values()))
    return found


def _rows(
    asserted: Asserted, rule: Rule, without: Collection[frozenset[str]], left: Counter[str]
) -> Iterator[Row]:
    writer = PairRows(MindOptions(model="student", structured=False, images=False), paper=True)
    for row, evidence in asserted.heads("CoBuy"):
        head = CoBuyHead(row["id"], *(_product(row[end]) for end in ("a", "b")))
        if frozenset((head.a.id, head.b.id)) in without:
            left["pair of a question"] += 1
            continue
        tails = []
        for tail in fold(evidence, Family.COBUY):
            if tail.relation.import_only:
                left["relation that models are not asked for"] += 1
            elif rule(tail):
                tails.append(replace(tail, accepted=None))
            else:
                left["not in this set"] += 1
        yield from writer.rows(head, tails, [], {}, left)


def _product(row: Mapping[str, Any]) -> Product:
    return Product(row["id"], row["title"] or "", row["description"] or "")


@click.command()
@click.argument("kb", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--model", required=True, help="Folder of the language model to train.")
@click.option("--text-only", type=click.Path(path_type=Path, exists=True), help="A second KB.")
@click.option("--rank", default=64, show_default=True, help="Of the adapter.")
@click.option("--epochs", default=3.0, show_default=True, help="How often each row is seen.")
@click.option("--limit", default=0, help="Ask so many questions of each task; 0: all.")
def main(
    kb: Path,
    out: Path,
    data: Path,
    model: str,
    text_only: Path | None,
    rank: int,
    epochs: float,
    limit: int,
) -> None:
    """Train MIND's ablations on intentions of KB and ask IntentionQA's questions in DATA."""
    try:
        found = _ablate(kb, out, data, model, text_only, Lora(rank=rank, epochs=epochs), limit)
    except IntentKGError as error:
        fix = f"\nfix: {error.fix}" if error.fix else ""
        raise click.ClickException(f"{error}{fix}") from None
    click.echo(json.dumps(found, indent=1))


def _ablate(
    kb: Path,
    out: Path,
    data: Path,
    model: str,
    text_only: Path | None,
    lora: Lora,
    limit: int,
) -> dict[str, Any]:
    files: dict[Task, Questions] = {}
    pairs: set[frozenset[str]] = set()
    for name in ("understanding", "utilization"):
        task, file = FILES[name]
        whole = read_questions(data / "intentionqa" / file, task)
        pairs.update(frozenset(one.keys) for one in whole.questions)
        files[task] = replace(whole, questions=whole.questions[: limit or None])
    out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    for name in RULES:
        source = text_only if name == "text-only" else kb
        if source is None:
            continue
        made = training_set(Directory(source), out / name / "data", name, without=pairs)
        scores = trained_and_asked(Path(made.out), out / name, model, files, lora)
        found[name] = {"rows": made.rows["train"], **scores}
        write_whole(out / "results.json", json.dumps(found, indent=1).encode())
    return found


if __name__ == "__main__":
    main()
