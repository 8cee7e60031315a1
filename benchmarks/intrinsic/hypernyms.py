"""Hypernym tables of published sets of intentions.

    python -m benchmarks.intrinsic.hypernyms ../shared/data [--top 12]

reads the intentions of IntentionQA, BundleRec and ATOMIC 2020 (evaluation sample) with the readers
that an import uses, and counts what they speak of, by WordNet and by Hearst counts. Each different
intention counts once, as in a knowledge base.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click

from ingest import reading
from kg.directory import Directory
from kg.truth import Transaction
from queries.corpus import Corpus
from queries.hypernyms import mentions
from queries.hypernyms.diversity import Diversity, distance, measure
from queries.hypernyms.taxonomy import Taxonomy

SETS: dict[str, tuple[tuple[str, str], ...]] = {
    "IntentionQA": (("intentionqa", "intentionqa/cobuy_intentions.tsv.gz"),),
    "BundleRec": (
        ("bundlerec", "bundle_intent/clothing"),
        ("bundlerec", "bundle_intent/electronic"),
    ),
    "ATOMIC": (("atomic", "atomic2020/atomic2020_eval5000.tsv.gz"),),
}
HEARST = "hearst_isa/hearst_counts.tsv.gz"

_EXAMPLES = 3


def truth(data: Path, name: str, folder: Path) -> Directory:
    """A knowledge base of one set, not built."""
    directory = Directory.create(folder / f"{name}.kg")
    for format_name, file in SETS[name]:
        with Transaction(directory, "import") as transaction:
            for item in reading.read(data / file, format_name, kind="intentions"):
                transaction.add(item)
            transaction.commit()
    return directory


def tables(data: Path, folder: Path) -> dict[str, list[Diversity]]:
    """The distribution of each set, by taxonomy."""
    known = (Taxonomy.open(), Taxonomy.open(data / HEARST, "hearst", cache=folder))
    found: dict[str, list[Diversity]] = {taxonomy.name: [] for taxonomy in known}
    for name in SETS:
        corpus = Corpus(truth(data, name, folder))
        for taxonomy in known:
            read = mentions.read(corpus, taxonomy)
            found[taxonomy.name].append(measure(read, taxonomy, label=name))
    return found


def figures(found: list[Diversity]) -> str:
    """The figures of several sets, in Markdown."""
    lines = [
        "| set | intentions | phrases | types / tokens | known | concepts | entropy | evenness |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    lines += (
        f"| {d.label} | {d.intentions:,} | {d.phrases:,} | {d.type_token_ratio:.2f} "
        f"| {100 * d.coverage:.0f} % | {d.concepts:,} | {d.entropy:.2f} bits | {d.evenness:.2f} |"
        for d in found
    )
    return "\n".join(lines)


def heaviest(found: list[Diversity], top: int) -> str:
    """The heaviest concepts of several sets side by side, in Markdown."""
    lines = [
        f"| {' | '.join(d.label for d in found)} |",
        f"|{'---|' * len(found)}",
    ]
    for place in range(top):
        cells = []
        for each in found:
            if place < len(each.distribution):
                h = each.distribution[place]
                such = ", ".join(h.examples[:_EXAMPLES])
                cells.append(f"**{h.concept}** {100 * h.share:.1f} % ({such})")
            else:
                cells.append("")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--top", type=click.IntRange(min=1), default=12, show_default=True)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("benchmarks/results/hypernyms.json"),
    help="Where the figures are written as JSON.",
)
def main(data: Path, top: int, output: Path) -> None:
    """Print the tables of the sets in DATA."""
    with tempfile.TemporaryDirectory(prefix="intentkg-hypernyms-") as folder:
        found = tables(data, Path(folder))
    for taxonomy, each in found.items():
        click.echo(f"\n### {taxonomy}\n\n{figures(each)}\n\n{heaviest(each, top)}")
        pairs = [(a, b) for n, a in enumerate(each) for b in each[n + 1 :]]
        apart = ", ".join(f"{a.label} to {b.label} {distance(a, b):.2f}" for a, b in pairs)
        click.echo(f"\nJensen-Shannon distance: {apart}")
    output.parent.mkdir(parents=True, exist_ok=True)
    kept = {name: [d.to_dict(most=top) for d in each] for name, each in found.items()}
    output.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
