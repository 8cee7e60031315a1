"""``intentkg analyse KB duplicates``: which intentions mean the same?"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intentkg import output
from intentkg.analyse_options import chosen_options, corpus_of, directory_of, sample_options
from schema.errors import UsageError

if TYPE_CHECKING:
    from kg.directory import Directory
    from queries.duplicates import Duplicates


@click.command(
    "duplicates", epilog="Example: intentkg analyse my.kg duplicates, then the same with --merge"
)
@click.option(
    "--threshold",
    type=click.FloatRange(min=0, max=1, min_open=True),
    help="Least cosine of two that mean the same; by default the one chosen on labelled pairs.",
)
@click.option(
    "--candidates",
    type=click.Choice(["both", "spelling", "meaning"]),
    default="both",
    show_default=True,
    help="Compare those alike in spelling, those near in meaning, or both.",
)
@sample_options(None)
@chosen_options
@click.option("--examples", type=click.IntRange(min=0), default=10, show_default=True)
@click.option("--merge", is_flag=True, help="Write SAME_AS into KB; nothing is lost by it.")
@click.option("--unmerge", is_flag=True, help="Take SAME_AS away again, and look for nothing.")
@output.form_options
@click.pass_obj
def command(
    kb: Path,
    /,
    threshold: float | None,
    candidates: Any,
    sample: int,
    seed: int,
    examples: int,
    merge: bool,
    unmerge: bool,
    as_json: bool,
    as_csv: bool,
    **chosen: Any,
) -> None:
    """Find intentions that mean the same, and on request join them.

    A pair counts if the cosine of its vectors reaches the threshold and no guard sees other
    numbers, a negation, opposites, exchanged roles or an addition. Each is put with the one of its
    cluster that has the most assertions.
    """
    from queries import duplicates

    if merge and (unmerge or sample):
        raise UsageError(
            "--merge needs all intentions, and --unmerge takes it back",
            fix="leave out --sample and --unmerge",
        )
    with directory_of(kb) as directory:
        if unmerge:
            _unmerge(directory, as_json)
            return
        with output.progress(quiet=as_json or as_csv) as progress:
            found = duplicates.find(
                corpus_of(directory, sample=sample, seed=seed, **chosen),
                threshold=duplicates.THRESHOLD if threshold is None else threshold,
                candidates=candidates,
                examples=examples,
                progress=progress,
            )
        written = duplicates.merge(directory, found) if merge else None
    if as_json:
        output.emit_json({**found.to_dict(), "written": written})
    elif as_csv:
        output.emit_csv(found.rows.column_names, zip(*found.rows.to_pydict().values(), strict=True))
    else:
        _show(found)
    if written is not None:
        output.say(
            f"joined {written:,} intentions to {found.clusters:,}; "
            f"into the graph: intentkg build {shlex.quote(str(kb))}"
        )


def _unmerge(directory: Directory, as_json: bool) -> None:
    from queries import duplicates

    removed = duplicates.unmerge(directory)
    if as_json:
        output.emit_json({"removed": removed})
    elif removed:
        name = shlex.quote(str(directory.root))
        output.say(f"{removed:,} intentions stand for themselves again: intentkg build {name}")
    else:
        output.say("nothing was joined")


def _show(found: Duplicates) -> None:
    if not found.intentions:
        output.say("no intentions yet: intentkg import or intentkg generate brings some")
        return
    what = {
        "intentions": f"{found.intentions:,}" + (" (a sample)" if found.sampled else ""),
        "threshold": f"cosine {found.threshold:g} ({found.model})",
        "candidates": ", ".join(f"{n:,} by {name}" for name, n in found.pairs.items()),
        "refused": ", ".join(f"{n:,} {name}" for name, n in found.refused.items()),
        "clusters": f"{found.clusters:,}",
        "would be merged": f"{found.merged:,} ({found.merged / found.intentions:.1%})",
        "found by": ", ".join(f"{n:,} {name}" for name, n in found.by_origin.items()),
        "sizes": ", ".join(f"{n:,} of {size}" for size, n in found.sizes.items()),
    }
    output.record(what, title="intentions that mean the same")
    if found.largest:
        output.table(
            ["canonical", "means the same", "cosine", "found by"],
            [
                [cluster.text if first else None, each.text, each.similarity, each.origin]
                for cluster in found.largest
                for first, each in zip([True] + [False] * 4, cluster.members, strict=False)
            ],
            title="largest clusters, up to five members of each",
            right=["cosine"],
        )
