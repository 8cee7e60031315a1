"""``intentkg analyse KB concepts``: intentions with a concept in the place of a noun."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from intentkg import output
from intentkg.analyse_options import (
    chosen_options,
    corpus_of,
    directory_of,
    mentions_of,
    open_taxonomy,
    sample_options,
    taxonomy_options,
)


@click.command("concepts", epilog="Example: intentkg analyse my.kg concepts --relation UsedFor")
@sample_options(None)
@chosen_options
@taxonomy_options
@click.option(
    "--min-score",
    type=click.FloatRange(0, 1),
    default=0.2,
    show_default=True,
    help="Typicality of a concept that takes a noun's place.",
)
@click.option(
    "--min-members",
    type=click.IntRange(min=2),
    default=3,
    show_default=True,
    help="Intentions that an abstract one stands for.",
)
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--write", is_flag=True, help="Write them into KB, in place of earlier ones.")
@output.form_options
@click.pass_obj
def command(
    kb: Path,
    /,
    sample: int,
    seed: int,
    taxonomy: str,
    layout: Any,
    parser: str | None,
    min_score: float,
    min_members: int,
    top: int,
    write: bool,
    as_json: bool,
    as_csv: bool,
    **chosen: Any,
) -> None:
    """Group intentions that differ in a noun alone: "used for [outdoor activity]", as FolkScope.

    With --write they become part of the graph at the next build: AbstractIntention nodes, and
    INSTANCE_OF edges to them.
    """
    from queries.hypernyms.abstraction import Abstractions

    with directory_of(kb) as directory, output.progress(quiet=as_json) as progress:
        known = open_taxonomy(taxonomy, layout, progress)
        read = mentions_of(
            corpus_of(directory, sample=sample, seed=seed, **chosen), known, parser, progress
        )
        with Abstractions(
            read, known, least_score=min_score, least_members=min_members
        ) as abstract:
            many, covered = len(abstract), abstract.covered
            found = abstract.top(None if as_csv else top)
            written = abstract.write(directory) if write else None
    columns = ["abstract intention", "members", "instances", "score", "such as"]
    rows = [[a.text, a.members, a.instances, a.score, list(a.examples)] for a in found]
    if as_json:
        output.emit_json(
            {
                "intentions": read.intentions,
                "covered": covered,
                "abstract": many,
                "top": [each.to_dict() for each in found],
                "written": written,
            }
        )
        return
    if as_csv:
        output.emit_csv(columns, rows)
        return
    if rows:
        output.table(columns, rows, right=columns[1:4])
    output.say(f"{many:,} abstract intentions stand for {covered:,} of {read.intentions:,}")
    if written is not None:
        output.say(f"they were written; next: intentkg build {kb}")
