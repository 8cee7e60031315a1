"""``intentkg analyse KB annotate``: what do people think? Label Studio projects, out and in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intentkg import output
from intentkg.analyse_options import directory_of

if TYPE_CHECKING:
    from queries.annotation.votes import Votes

_PROTOCOLS = ("mind", "miko-1", "miko-2")
_FILES = click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False)
)
_SHOWN = 8


@click.group("annotate", epilog="Example: intentkg analyse my.kg annotate export tasks")
def command() -> None:
    """Let people judge intentions in Label Studio, and read back what they say."""


@command.command(
    "export", epilog="Example: intentkg analyse my.kg annotate export tasks --protocol mind"
)
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--protocol",
    type=click.Choice(_PROTOCOLS),
    default="mind",
    show_default=True,
    help="MIND's four aspects, or the stages of MIKO.",
)
@click.option(
    "--per-relation",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Intentions drawn of each relation (mind).",
)
@click.option(
    "--heads",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Posts drawn, with all their intentions (miko-1).",
)
@click.option(
    "--after",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="Label Studio's export of the first stage (miko-2).",
)
@click.option(
    "--annotators",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="People who should do each task.",
)
@click.option("--seed", default=0, show_default=True, help="What the sample is drawn with.")
@click.option("--no-images", is_flag=True, help="Leave images out.")
@output.json_option
@click.pass_obj
def export(
    kb: Path,
    /,
    out: Path,
    protocol: str,
    per_relation: int,
    heads: int,
    after: tuple[Path, ...],
    annotators: int,
    seed: int,
    no_images: bool,
    as_json: bool,
) -> None:
    """Write a Label Studio project into the folder OUT: labelling page, tasks, how to go on."""
    from queries.annotation import protocols, results, tasks, votes

    if (protocol == "miko-2") != bool(after):
        raise click.UsageError("--protocol miko-2 and --after EXPORT belong together")
    only: Sequence[str] = ()
    with directory_of(kb) as directory:
        if after:
            only = results.goes_on(_stage(votes.read(after), "miko-1"))
            if not only:
                raise click.ClickException(
                    f"no post of the first stage has more than {protocols.MIKO_TOTAL} points"
                )
        found = tasks.export(
            directory,
            out,
            protocols.get(protocol),
            per_relation=per_relation,
            heads=heads,
            only=only,
            annotators=annotators,
            seed=seed,
            pictures=not no_images,
        )
    if as_json:
        output.emit_json(found.to_dict())
        return
    images = f", {found.without_image:,} without an image" if found.without_image else ""
    click.echo(f"{out}: {found.tasks:,} tasks about {found.heads:,} heads{images}")
    output.say(f"next: {out / 'README.md'} says how to set the project up")


@command.command(
    "agreement", epilog="Example: intentkg analyse my.kg annotate agreement export.json"
)
@_FILES
@output.json_option
@click.pass_obj
def agreement(kb: Path, /, files: tuple[Path, ...], as_json: bool) -> None:
    """Say how far annotators agree in Label Studio's export; nothing is written."""
    from queries.annotation import agreement as agreeing
    from queries.annotation import results, votes

    with directory_of(kb):
        read = votes.read(files)
    aspects, people = agreeing.of(read), agreeing.annotators(read)
    points = results.totals(read) if read.protocol.name == "miko-1" else None
    if as_json:
        output.emit_json(
            {
                **_account(read),
                "aspects": [each.to_dict() for each in aspects],
                "annotators": [each.to_dict() for each in people],
                "pairs": [
                    {"a": a, "b": b, "agreement": share}
                    for (a, b), share in agreeing.pairs_of(read).items()
                ],
                "totals": points,
                "go_on": None if points is None else results.goes_on(read),
            }
        )
        return
    names = ["aspect", "tasks", "shared", "answers", "pairwise", "Fleiss' κ", "Krippendorff's α"]
    rows = []
    for each in aspects:
        aspect = read.protocol.aspect(each.aspect)
        labels = {} if aspect is None else {v: k for k, v in aspect.choices.items()}
        answers = ", ".join(f"{labels[v]} {100 * s:.0f}%" for v, s in reversed(each.shares.items()))
        figures = [_figure(f) for f in (each.pairwise, each.kappa, each.alpha)]
        rows.append([each.aspect, f"{each.tasks:,}", f"{each.shared:,}", answers, *figures])
    output.table(names, rows, right=[*names[1:3], *names[4:]])
    for each in aspects:
        if each.note:
            output.say(f"note: {each.aspect}: {each.note}")
        if each.left_out:
            output.say(
                f"note: {each.aspect}: κ is over the tasks with {each.raters} answers; "
                f"{each.left_out:,} with another number are left out"
            )
    columns = ["annotator", "tasks", "with the majority", "first third", "last third", "drifts"]
    output.table(
        columns,
        [
            [p.name, f"{p.votes:,}", *map(_figure, (p.agreement, p.first, p.last)), p.drifts]
            for p in people
        ],
        right=columns[1:5],
    )
    if points is not None:
        output.say(
            f"{len(results.goes_on(read)):,} of {len(points):,} posts go on (above 5 points)"
        )
    _say_refused(read)


@command.command("import", epilog="Example: intentkg analyse my.kg annotate import export.json")
@_FILES
@output.json_option
@click.pass_obj
def import_(kb: Path, /, files: tuple[Path, ...], as_json: bool) -> None:
    """Write the majority's verdicts into KB as evidence of the model "human"."""
    from queries.annotation import results, votes

    with directory_of(kb) as directory:
        read = votes.read(files)
        found = results.record(directory, read)
    read.refused = found.refused
    if as_json:
        output.emit_json({**_account(read), **found.to_dict()})
        return
    click.echo(
        f"{found.added:,} judgements written, {found.unchanged:,} known already: "
        f"{found.accepted:,} accepted, {found.rejected:,} rejected, {found.undecided:,} undecided"
    )
    _say_refused(read)
    output.say(f"next: intentkg build {kb}")


@command.command(
    "benchmark",
    epilog="Example: intentkg analyse my.kg annotate benchmark set first.json --second second.json",
)
@click.argument("out", type=click.Path(path_type=Path))
@_FILES
@click.option(
    "--second",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="The export of MIKO's second stage.",
)
@output.json_option
@click.pass_obj
def benchmark(
    kb: Path, /, out: Path, files: tuple[Path, ...], second: tuple[Path, ...], as_json: bool
) -> None:
    """Write what people accepted as a benchmark into the folder OUT, with a datasheet."""
    from queries.annotation import benchmark as surviving
    from queries.annotation import votes

    with directory_of(kb):
        found = surviving.write(out, votes.read(files), votes.read(second) if second else None)
    if as_json:
        output.emit_json(found.to_dict())
        return
    click.echo(f"{out}: {found.rows:,} assertions about {found.heads:,} heads survive")


def _stage(read: Votes, name: str) -> Votes:
    if read.protocol.name != name:
        raise click.UsageError(f"--after wants an export of {name}, not of {read.protocol.name}")
    return read


def _account(read: Votes) -> dict[str, Any]:
    return {
        "protocol": read.protocol.name,
        "tasks": len(read.tasks),
        "unjudged": read.unjudged,
        "annotations": len(read.votes),
        "cancelled": read.cancelled,
        "refused": [
            {"file": r.file, "row": r.row, "reason": r.reason, "fix": r.fix, "excerpt": r.excerpt}
            for r in read.refused
        ],
    }


def _say_refused(read: Votes) -> None:
    if read.cancelled:
        output.say(f"note: {read.cancelled:,} annotations were skipped by their annotators")
    if read.unjudged:
        output.say(f"note: {read.unjudged:,} tasks have no annotation that counts")
    for each in read.refused[:_SHOWN]:
        place = each.file if each.row is None else f"{each.file}, task {each.row}"
        output.complain(f"{place}: {each.reason}", each.fix, word="refused")
    if len(read.refused) > _SHOWN:
        output.say(f"and {len(read.refused) - _SHOWN:,} more refused (all of them: --json)")


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
