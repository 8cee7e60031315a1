"""``intentkg report``: one page on a graph that can be shown to others."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from intentkg import output
from intentkg.analyse_options import directory_of

_SECTIONS = ("comparison", "rejections", "hypernyms", "duplicates", "annotation")


@click.command("report", epilog="Example: intentkg report my.kg --out my-report --against other.kg")
@click.argument("kb", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="A folder, or a name that ends in .html. Default: KB's name with -report.",
)
@click.option(
    "--against",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Another knowledge base to put beside it; may be repeated.",
)
@click.option(
    "--sample",
    type=click.IntRange(min=0),
    default=30_000,
    show_default=True,
    help="Intentions that the slower sections read; 0: all.",
)
@click.option("--seed", default=0, show_default=True, help="Of the sample and of intervals.")
@click.option(
    "--taxonomy",
    default="wordnet",
    show_default=True,
    help="The one that comes with IntentKG, or a file of is-a counts.",
)
@click.option(
    "--without", multiple=True, type=click.Choice(_SECTIONS), help="Leave this section out."
)
@click.option("--date", help="A date to print; without one the same input gives the same bytes.")
@output.json_option
def command(
    kb: Path,
    out: Path | None,
    against: tuple[Path, ...],
    sample: int,
    seed: int,
    taxonomy: str,
    without: tuple[str, ...],
    date: str | None,
    as_json: bool,
) -> None:
    """Write a report on a graph: a page that needs no network, and the same as Markdown.

    What it holds, who wrote it, how it was judged and scored, what it speaks of, what is missing.
    """
    import contextlib

    from queries import report
    from queries.statistics import label

    words = ["intentkg", "report", str(kb), *(["--out", str(out)] if out else [])]
    words += [word for other in against for word in ("--against", str(other))]
    for name, value, usual in (
        ("--sample", sample, 30_000),
        ("--seed", seed, 0),
        ("--taxonomy", taxonomy, "wordnet"),
    ):
        words += [] if value == usual else [name, str(value)]
    words += [word for section in without for word in ("--without", section)]
    words += ["--date", date] if date else []
    options = report.Options(
        sample=sample or None,
        seed=seed,
        taxonomy=taxonomy,
        without=frozenset(without),
        command=shlex.join(words),
        versions=_versions(),
        date=date,
    )
    if "hypernyms" not in without:
        from queries.language import spare_torch

        spare_torch()
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(directory_of(kb))
        others = [stack.enter_context(directory_of(other)) for other in against]
        progress = stack.enter_context(output.progress(quiet=as_json))
        made = report.make(directory, others, options, kb=str(kb), progress=progress)
        written = report.write(made, out or Path(f"{label(kb)}-report"))
    if as_json:
        output.emit_json({"files": [str(path) for path in written], **made.to_dict()})
        return
    for sentence in made.summary:
        click.echo(sentence)
    output.say(f"wrote {written[0]}, {written[1]} and {len(written) - 2} pictures")


def _versions() -> dict[str, str]:
    import platform
    from importlib.metadata import version

    from intentkg import __version__

    found = {"intentkg": __version__, "Python": platform.python_version()}
    return found | {name: version(name) for name in ("duckdb", "matplotlib", "spacy")}
