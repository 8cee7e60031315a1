"""``intentkg analyse KB generators``: which model writes what people accept?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from intentkg import output
from intentkg.analyse_options import directory_of
from schema import relations

if TYPE_CHECKING:
    from benchmarks.intrinsic.generators.scoring import Comparison, Figure

_NAMES = {
    "bert_score": "BERTScore",
    "rouge_l": "ROUGE-L",
    "bleu": "BLEU",
    "meteor": "METEOR",
    "cosine": "cosine",
}


@click.command(
    "generators",
    epilog="Example: intentkg analyse my.kg generators --benchmark set/benchmark.jsonl "
    "-c small=model:qwen2.5-7b -c mine=replies.jsonl",
)
@click.option(
    "--candidate",
    "-c",
    "candidates",
    multiple=True,
    required=True,
    metavar="NAME=WHAT",
    help="A file of replies (head_id, relation, text), or model:…, run:…, prompt:… or source:… "
    "in KB; repeatable.",
)
@click.option(
    "--benchmark",
    type=click.Path(path_type=Path, dir_okay=False),
    help="References: a file as annotate benchmark writes it. Default: what people accepted in KB.",
)
@click.option("--reference-model", help="References: what this model wrote in KB.")
@click.option("--reference-source", help="References: what came from this source.")
@click.option(
    "--bertscore-model",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of a transformers encoder for BERTScore; default: the MiniLM that is installed.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the bootstrap."
)
@click.option(
    "--controls", is_flag=True, help="Beside what is usual in the relation, and said elsewhere."
)
@click.option("--by-relation", is_flag=True, help="BERTScore by relation, as MIKO's Table 3.")
@click.option("--markdown", is_flag=True, help="Print a Markdown table.")
@output.form_options
@click.pass_obj
def command(
    kb: Path,
    /,
    candidates: tuple[str, ...],
    benchmark: Path | None,
    reference_model: str | None,
    reference_source: str | None,
    bertscore_model: Path | None,
    seed: int,
    controls: bool,
    by_relation: bool,
    markdown: bool,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Score generators beside intentions that people judged right.

    BERTScore, ROUGE-L, BLEU, METEOR and the cosine of sentences, each with a 95 % interval; with
    two or more candidates also the differences from the first.
    """
    from benchmarks.intrinsic.generators import replies, scoring
    from kg.embed import load_embedder
    from queries.corpus import Chosen
    from schema.errors import UsageError

    chosen = None
    if benchmark is not None and (reference_model or reference_source):
        raise click.UsageError("--benchmark names the references: leave --reference-… out")
    if bertscore_model is not None and not (bertscore_model / "config.json").exists():
        raise click.UsageError(f"{bertscore_model} holds no transformers model (no config.json)")
    if reference_model or reference_source:
        chosen = Chosen.make(model=reference_model, source=reference_source)
    with directory_of(kb) as directory:
        if benchmark is not None:
            right = replies.from_file("references", benchmark)
        else:
            right = replies.references(directory, chosen)
        texts = [replies.candidate(directory, spoken) for spoken in candidates]
    if controls:
        texts += replies.controls(right, seed=seed)
    if len({each.name for each in texts}) < len(texts):
        raise UsageError("two candidates have the same name", fix="give each its own NAME=")
    for each in texts:
        if strange := replies.unknown_heads(each, right.by_key):
            output.say(
                f"note: {each.name}: no reference is about such heads as {', '.join(strange)}"
            )
        if each.doubles:
            output.say(f"note: {each.name}: {each.doubles:,} rows say again what one before said")
    found = scoring.compare(
        right, texts, embedder=load_embedder(), model=bertscore_model, seed=seed
    )
    if as_json:
        output.emit_json(found.to_dict())
        return
    columns, rows = _relations(found) if by_relation else _overall(found)
    if as_csv:
        output.emit_csv(columns, rows)
        return
    if markdown:
        lines = [columns, ["---", *(["--:"] * (len(columns) - 1))], *rows]
        click.echo("\n".join(f"| {' | '.join(line)} |" for line in lines))
        return
    title = f"{found.questions:,} questions about {found.heads:,} heads"
    output.table(columns, rows, title=title, right=columns[1:], whole=columns)
    least = 2 / (scoring.RESAMPLES + 1)
    for apart in found.differences:
        if apart.metric == "bert_score":
            click.echo(
                f"{apart.second} less {apart.first}, BERTScore: {_shown(apart.figure)}, "
                f"p {'=' if apart.p > least else '<='} {max(apart.p, least):.3f}"
            )


def _overall(found: Comparison) -> tuple[list[str], list[list[str]]]:
    columns = ["candidate", "answered", *_NAMES.values()]
    return columns, [
        [
            each.name,
            f"{100 * each.answered / each.questions:.0f}%",
            *(_shown(each.overall[name]) for name in _NAMES),
        ]
        for each in found.candidates
    ]


def _relations(found: Comparison) -> tuple[list[str], list[list[str]]]:
    columns = ["relation", "questions", *(each.name for each in found.candidates)]
    rows = [
        [r, f"{n:,}", *(_shown(c.by_relation[r]["bert_score"]) for c in found.candidates)]
        for r in dict.fromkeys(relations.names())
        if (n := found.relations.get(r))
    ]
    average = [_shown(each.overall["bert_score"]) for each in found.candidates]
    return columns, [*rows, ["all", f"{found.questions:,}", *average]]


def _shown(figure: Figure) -> str:
    mean, low, high = (100 * value for value in (figure.mean, figure.low, figure.high))
    return f"{mean:.1f} [{low:.1f}, {high:.1f}]"
