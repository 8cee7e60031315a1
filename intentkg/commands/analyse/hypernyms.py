"""``intentkg analyse KB hypernyms``: what do the intentions speak of, and how diverse is that?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from queries.hypernyms.diversity import Diversity

_PICTURE = click.Path(path_type=Path, dir_okay=False)


@click.command(
    "hypernyms", epilog="Example: intentkg analyse my.kg hypernyms --against other.kg --plot d.svg"
)
@sample_options(30_000)
@chosen_options
@taxonomy_options
@click.option(
    "--against", type=click.Path(path_type=Path), help="Compare with this knowledge base."
)
@click.option("--against-model", help="Compare with what this model wrote.")
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--plot", type=_PICTURE, help="Draw the heaviest concepts (.svg, .png, .pdf).")
@click.option("--treemap", type=_PICTURE, help="Draw them as areas.")
@click.option("--write", is_flag=True, help="Write the concepts of all intentions into KB.")
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
    against: Path | None,
    against_model: str | None,
    top: int,
    plot: Path | None,
    treemap: Path | None,
    write: bool,
    as_json: bool,
    as_csv: bool,
    **chosen: Any,
) -> None:
    """Count what the nouns of the intentions are kinds of, as MIND's Figure 3 does with Probase.

    With --write it becomes part of the graph at the next build: Concept nodes, MENTIONS and
    HYPERNYM edges.
    """
    from queries.hypernyms.diversity import distance, measure
    from queries.hypernyms.layer import write_concepts
    from queries.statistics import label

    with directory_of(kb) as directory, output.progress(quiet=as_json) as progress:
        known = open_taxonomy(taxonomy, layout, progress)
        read = mentions_of(
            corpus_of(directory, sample=sample, seed=seed, **chosen), known, parser, progress
        )
        found = [measure(read, known, label=chosen["model"] or label(kb))]
        if against is not None or against_model is not None:
            with directory_of(against or kb) as other:
                chosen = {**chosen, "model": against_model or chosen["model"]}
                corpus = corpus_of(other, sample=sample, seed=seed, **chosen)
                second = mentions_of(corpus, known, parser, progress)
            name = against_model or label(against or kb)
            found.append(measure(second, known, label=name))
        written = None
        if write:
            every = corpus_of(directory)
            whole = read if read.intentions == every.count() else None
            whole = whole or mentions_of(every, known, parser, progress)
            written = write_concepts(directory, whole, known)
    _draw(found, plot, treemap)
    for note in dict.fromkeys(note for each in found for note in each.notes):
        output.say(f"note: {note}")
    apart = distance(*found) if len(found) == 2 else None
    if as_json:
        output.emit_json(
            {
                "graphs": [each.to_dict(most=top) for each in found],
                "jensen_shannon_distance": apart,
                "written": written,
            }
        )
        return
    if as_csv:
        output.emit_csv(*_rows(found, None))
        return
    _show(found, top, apart)
    if written is not None:
        output.say(
            f"{written['concepts']:,} concepts, {written['mentions']:,} mentions and "
            f"{written['hypernyms']:,} hypernyms were written; next: intentkg build {kb}"
        )


def _draw(found: list[Diversity], plot: Path | None, treemap: Path | None) -> None:
    from queries.plots import hypernyms, style

    if plot is not None:
        style.save(hypernyms.bars(found), plot)
    if treemap is not None:
        style.save(hypernyms.treemap(found[0]), treemap)


def _show(found: list[Diversity], top: int, apart: float | None) -> None:
    figures = [
        [
            each.label,
            f"{each.intentions:,}",
            f"{each.phrases:,}",
            each.type_token_ratio,
            f"{100 * each.coverage:.0f}%",
            f"{each.concepts:,}",
            each.entropy,
            each.evenness,
        ]
        for each in found
    ]
    names = ["of", "intentions", "phrases", "types/tokens", "known", "concepts"]
    names += ["entropy (bits)", "evenness"]
    output.table(names, figures, title=f"by {found[0].taxonomy}", right=names[1:])
    columns, rows = _rows(found, top)
    shown = [[_percent(value) for value in row] for row in rows]
    output.table(columns, shown, right=columns[1:-1])
    if apart is not None:
        click.echo(f"Jensen-Shannon distance of the two distributions: {apart:.3f} (0 to 1)")


def _rows(found: list[Diversity], top: int | None) -> tuple[list[str], list[list[Any]]]:
    """Concepts with their share in each distribution, the heaviest of the first one first."""
    shares = [{h.concept: h.share for h in each.distribution} for each in found]
    examples = {h.concept: h.examples for each in reversed(found) for h in each.distribution}
    order = sorted(examples, key=lambda name: (-max(each.get(name, 0) for each in shares), name))
    columns = ["concept", *(each.label for each in found), "such as"]
    if len(found) == 2 and found[0].label == found[1].label:
        columns[2] += " (2)"
    rows = [
        [name, *(each.get(name, 0.0) for each in shares), list(examples[name])]
        for name in order[:top]
    ]
    return columns, rows


def _percent(value: Any) -> Any:
    return f"{100 * value:.2f}%" if isinstance(value, float) else value
