"""``intentkg analyse KB statistics``: counts, verdicts and scores by relation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from intentkg import output
from schema.errors import UsageError

if TYPE_CHECKING:
    from queries.statistics import Statistics


@click.command(
    "statistics",
    epilog="Example: intentkg analyse my.kg statistics --against folkscope.kg --plot pictures",
)
@click.option(
    "--against",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Another knowledge base to put beside it; may be repeated.",
)
@click.option("--by-model", is_flag=True, help="Put the models that wrote or judged side by side.")
@click.option(
    "--papers", is_flag=True, help="Print MIKO's Tables 1 and 2 and MIND's Table 1 instead."
)
@click.option("--model", help="Only what this model wrote or judged.")
@click.option("--source", help="Only what this source gave.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the bootstrap.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    help="Draw: a folder for SVG files, or a name such as stats.png for stats-typicality.png …",
)
@output.form_options
@click.pass_obj
def command(
    kb: Path,
    against: tuple[Path, ...],
    by_model: bool,
    papers: bool,
    model: str | None,
    source: str | None,
    seed: int,
    plot: Path | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Count intentions by relation; preserve rate, plausibility and typicality with their spread.

    In the shape of MIKO's Tables 1 and 2 and MIND's Table 1. Scores are the best over an
    assertion's evidence, and what one piece of evidence rejects is rejected, as in the graph.
    """
    from kg.directory import Directory
    from queries import statistics as figures
    from queries.corpus import Chosen
    from queries.statistics import tables

    if by_model and (against or model):
        raise UsageError(
            "--by-model puts the models of one knowledge base side by side",
            fix="leave out --against and --model, or leave out --by-model",
        )
    chosen = Chosen.make(model=model, source=source)
    directory = Directory(kb)
    if by_model:
        graphs = figures.by_model(directory, chosen, seed=seed)
    else:
        graphs = figures.together([directory, *map(Directory, against)], chosen, seed=seed)
    written = []
    if plot is not None:
        from queries.plots import statistics as pictures

        written = pictures.save(graphs, plot)
    if as_json:
        output.emit_json(
            {
                "graphs": [graph.to_dict() for graph in graphs],
                "pictures": [str(path) for path in written],
            }
        )
    elif as_csv:
        found = tables.long(graphs)
        output.emit_csv(found.columns, found.rows)
    else:
        _show(graphs, papers=papers)
    for path in () if as_json else written:
        output.say(f"wrote {path}")


def _show(graphs: Sequence[Statistics], *, papers: bool) -> None:
    from queries.statistics import tables

    if not any(graph.total for graph in graphs):
        output.say("no intentions yet: intentkg import or intentkg generate brings some")
        return
    if papers:
        for graph in graphs:
            for name, found in (
                ("what each source brought (MIKO, Table 1)", tables.sources(graph)),
                ("intentions by aspect (MIKO, Table 2)", tables.aspects(graph)),
                ("intentions that were accepted (MIND, Table 1)", tables.preserved(graph)),
            ):
                numbers = [column for column in found.columns[1:] if column != "sample"]
                output.table(
                    found.columns, found.rows, title=f"{graph.label}: {name}", right=numbers
                )
        return
    if len(graphs) == 1:
        found = tables.relations(graphs[0])
        output.table(found.columns, found.rows, title=graphs[0].label, right=found.columns[1:])
        for score in ("plausibility", "typicality"):
            spread = tables.scores(graphs[0], score)
            if spread.rows:
                output.table(spread.columns, spread.rows, title=score, right=spread.columns[1:])
        return
    for measure in ("assertions", "preserved", "plausibility", "typicality"):
        found = tables.side_by_side(graphs, measure)
        if found.rows:
            output.table(found.columns, found.rows, title=measure, right=found.columns[1:])
