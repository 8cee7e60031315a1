"""``intentkg analyse KB robustness``: is the same said when the question is put otherwise?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intentkg import output
from intentkg.analyse_options import chosen_options, directory_of

if TYPE_CHECKING:
    from queries.robustness import Robustness

_NOTHING = {
    "prompt": "two prompts of one model: intentkg generate KB --prompts DIR, or --no-visual-cues",
    "model": "two models: intentkg generate KB --model NAME",
    "run": "two runs of one model and prompt: intentkg generate KB --run NAME",
    "sample": "two samples: intentkg generate KB --samples 2",
}


@click.command(
    "robustness", epilog="Example: intentkg analyse my.kg robustness --across prompt --plot r.svg"
)
@click.option(
    "--across",
    type=click.Choice(["prompt", "model", "run", "sample"]),
    default="prompt",
    show_default=True,
    help="What the two that are compared differ in.",
)
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    help="Compare with what this knowledge base says of the same heads.",
)
@click.option("--heads", type=click.IntRange(min=1), help="Draw so many heads; MIND takes 100.")
@click.option(
    "--seed", default=0, show_default=True, help="Of that, the baseline and the intervals."
)
@chosen_options
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw the distribution (.svg, .png, .pdf).",
)
@output.form_options
@click.pass_obj
def command(
    kb: Path,
    /,
    across: Any,
    against: Path | None,
    heads: int | None,
    seed: int,
    plot: Path | None,
    as_json: bool,
    as_csv: bool,
    **chosen: Any,
) -> None:
    """Compare intentions for the same head and relation by the cosine of their embeddings.

    As in MIND, section 5.4.4, across prompts, models, runs or samples; beside it the similarity
    to the intentions of another head, and a bootstrap interval.
    """
    from kg.directory import Directory
    from queries import robustness
    from queries.corpus import Chosen

    with directory_of(kb) as directory, output.progress(quiet=as_json or as_csv) as progress:
        found = robustness.measure(
            directory,
            across,
            Chosen.make(**chosen),
            against=None if against is None else Directory(against),
            heads=heads,
            seed=seed,
            progress=progress,
        )
    if plot is not None:
        from queries.plots import style
        from queries.plots.robustness import distribution

        style.save(distribution(found), plot)
    if as_json:
        output.emit_json({**found.to_dict(), "picture": None if plot is None else str(plot)})
        return
    table = found.table()
    if as_csv:
        output.emit_csv(table.columns, table.rows)
    else:
        _show(found, _NOTHING[across] if against is None else "heads that both have")
    if plot is not None:
        output.say(f"wrote {plot}")


def _show(found: Robustness, wanted: str) -> None:
    if found.total is None:
        output.say(f"no head was asked twice; this needs {wanted}")
        return
    names = ["relation", "pairs", "mean", "95 %", "median", "identical", "from 0.8", "baseline"]
    rows = [
        [
            each.name,
            each.pairs,
            each.mean,
            "" if each.low is None else f"{each.low:.2f} to {each.high:.2f}",
            each.median,
            each.identical,
            each.shares["0.8"],
            each.baseline,
        ]
        for each in (*found.relations, found.total)
    ]
    output.table(names, rows, title="cosine similarity", right=names[1:])
    if len(found.origins) > 1:
        rows = [[each.name, each.pairs, each.mean, each.baseline] for each in found.origins]
        names = ["between", "pairs", "mean", "baseline"]
        output.table(names, rows, title="by origins", right=names[1:])
