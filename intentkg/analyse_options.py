"""What the analyses share: which intentions they are about, and options for that."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intentkg import output
from intentkg.filters import naming
from schema.relations import NodeType

if TYPE_CHECKING:
    from kg.directory import Directory
    from queries.corpus import Corpus
    from queries.hypernyms.mentions import Mentions
    from queries.hypernyms.taxonomy import Taxonomy

_HEADS = (NodeType.POST.value, NodeType.COBUY.value, NodeType.PRODUCT.value)


def chosen_options[F: Callable[..., Any]](command: F) -> F:
    """Add the options that say which assertions count."""
    for option in reversed(
        (
            click.option(
                "--relation", "relations", multiple=True, help="Only this relation; repeatable."
            ),
            click.option("--head-type", type=click.Choice(_HEADS), help="Only of such heads."),
            click.option("--model", help="Only what this model wrote."),
            click.option("--source", help="Only what came from this source."),
            click.option(
                "--accepted/--rejected", default=None, help="Only with this verdict of the filter."
            ),
        )
    ):
        command = option(command)
    return command


def sample_options[F: Callable[..., Any]](sample: int | None) -> Callable[[F], F]:
    """Add the options that say how many intentions are read; None: all, unless told otherwise."""

    def add(command: F) -> F:
        command = click.option(
            "--seed", default=0, show_default=True, help="What the sample is drawn with."
        )(command)
        return click.option(
            "--sample",
            type=click.IntRange(min=0),
            default=sample or 0,
            show_default=sample is not None,
            help="Intentions that are read; 0: all." if sample else "Read only so many intentions.",
        )(command)

    return add


def taxonomy_options[F: Callable[..., Any]](command: F) -> F:
    """Add the options that say which taxonomy and which parser are used."""
    for option in reversed(
        (
            click.option(
                "--taxonomy",
                default="wordnet",
                show_default=True,
                help="The one that comes with IntentKG, or a file of is-a counts.",
            ),
            click.option(
                "--format",
                "layout",
                type=click.Choice(["probase", "hearst"]),
                help="Of that file: concept, instance, count; or instance, concept, count.",
            ),
            click.option(
                "--parser", help="A spaCy model that is installed, in place of the one shipped."
            ),
        )
    ):
        command = option(command)
    return command


@contextlib.contextmanager
def directory_of(kb: Path) -> Iterator[Directory]:
    """Open a knowledge base; commands that an error advises name it as the person did."""
    from kg.directory import Directory

    with naming(kb):
        directory = Directory(kb)
        directory.manifest()
        yield directory


def corpus_of(directory: Directory, *, sample: int = 0, seed: int = 0, **chosen: Any) -> Corpus:
    """The intentions that the options ask for."""
    from queries.corpus import Chosen, Corpus

    return Corpus(directory, Chosen.make(**chosen), sample=sample or None, seed=seed)


def open_taxonomy(name: str, layout: Any, progress: output.Progress) -> Taxonomy:
    """Open a taxonomy, and say what of its file was left out."""
    from queries.hypernyms.taxonomy import Taxonomy

    taxonomy = Taxonomy.open(name, layout, progress=progress)
    if (made := taxonomy.imported) is not None:
        if made.refused.total:
            such = "; ".join(made.refused.examples)
            output.say(
                f"note: {name}: {made.refused.total:,} rows were left out ({made.refused.broken:,} "
                f"broken, {made.refused.no_count:,} without a count above zero, "
                f"{made.refused.itself:,} of a word to itself), such as {such}"
            )
        if made.both_ways:
            output.say(
                f"note: {name}: {made.both_ways:,} pairs are said to be of each other; as edges, "
                "only the way to the broader one counts"
            )
    return taxonomy


def mentions_of(
    corpus: Corpus, taxonomy: Taxonomy, parser: str | None, progress: output.Progress
) -> Mentions:
    """Parse and match the intentions of a corpus.

    Raises
    ------
    StoreError
        If there is no intention to read.
    """
    from queries.hypernyms import mentions
    from queries.language import spare_torch
    from schema.errors import StoreError

    if not corpus.count():
        raise StoreError(
            f"{corpus.directory.root} holds no intentions that were asked for",
            fix="loosen the options, or see what there is: intentkg status KB",
        )
    if parser is None:
        spare_torch()
    return mentions.read(corpus, taxonomy, parser=parser, progress=progress)
