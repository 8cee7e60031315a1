"""Sections that rest on slower analyses, or on what not every knowledge base has."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kg import sql
from kg.directory import Directory
from queries.corpus import Corpus
from queries.report import words
from queries.report.shapes import Block, Options, Picture, Section
from queries.results import Table

_SHOWN = 15

type Progress = Callable[[str, int, int | None], None]

# What people judged, beside what everybody else said of the same assertion.
_JUDGED = """
    SELECT assertion_id, starts_with(lower(model), 'human') AS human, avg(plausibility) AS p,
           avg(typicality) AS t, bool_and(accepted) AS accepted, count(DISTINCT model) AS judges
    FROM assertions
    WHERE model IS NOT NULL AND coalesce(plausibility, typicality, accepted::DOUBLE) IS NOT NULL
    GROUP BY ALL
"""
_AGREEMENT = f"""
    WITH judged AS ({_JUDGED}),
    h AS (SELECT * FROM judged WHERE human), m AS (SELECT * FROM judged WHERE NOT human)
    SELECT count(*), round(avg(h.p), 6), round(avg(h.t), 6), count(h.accepted),
           count(*) FILTER (h.accepted), count(m.t + h.t), round(avg(abs(m.t - h.t)), 6),
           round(corr(m.t, h.t), 6), count(m.p + h.p), round(avg(abs(m.p - h.p)), 6),
           round(corr(m.p, h.p), 6),
           count(*) FILTER (h.accepted AND m.accepted),
           count(*) FILTER (h.accepted AND NOT m.accepted),
           count(*) FILTER (NOT h.accepted AND m.accepted),
           count(*) FILTER (NOT h.accepted AND NOT m.accepted)
    FROM h LEFT JOIN m USING (assertion_id)
"""


def sections(
    directory: Directory, label: str, options: Options, kb: str, progress: Progress
) -> Iterator[Section | None]:
    """Yield them, those left out aside."""
    if "hypernyms" not in options.without:
        yield _hypernyms(directory, label, options, kb, progress)
    if "duplicates" not in options.without:
        yield _duplicates(directory, options, kb, progress)
    if "annotation" not in options.without:
        yield _annotation(directory, kb)


def _hypernyms(
    directory: Directory, label: str, options: Options, kb: str, progress: Progress
) -> Section:
    from queries.hypernyms import mentions
    from queries.hypernyms.diversity import measure
    from queries.hypernyms.taxonomy import Taxonomy
    from queries.plots import hypernyms, style

    taxonomy = Taxonomy.open(options.taxonomy, None, progress=progress)
    corpus = Corpus(directory, sample=options.sample, seed=options.seed)
    found = measure(mentions.read(corpus, taxonomy, progress=progress), taxonomy, label=label)
    rows = [[h.concept, f"{h.share:.1%}", list(h.examples)] for h in found.distribution[:_SHOWN]]
    name = "WordNet" if found.taxonomy == "wordnet" else found.taxonomy
    pictures: tuple[Picture, ...] = ()
    if found.distribution:
        pictures = (
            Picture(
                "hypernyms",
                "The concepts that nouns of the intentions are most often kinds of.",
                "Chart: the heaviest concepts. The table of this section names them.",
                style.svg(hypernyms.bars([found])),
            ),
        )
    return Section(
        "hypernyms",
        "What intentions speak of",
        (
            f"Nouns of {words.counted(found.intentions, 'intention')} were looked up in "
            f"{name}, which knows {found.coverage:.0%} of {found.phrases:,} noun phrases."
            f" They belong to {words.counted(found.concepts, 'concept')}; the distribution has "
            f"{found.entropy:.1f} bits of entropy, {found.evenness:.0%} of what it could have "
            "(the more, the more diverse; MIND's Figure 3 shows such a distribution).",
        ),
        pictures,
        (Block("The heaviest concepts", Table(["concept", "share", "such as"], rows)),),
        ((f"intentkg analyse {words.quoted(kb)} hypernyms --write", "puts them into the graph"),),
    )


def _duplicates(
    directory: Directory, options: Options, kb: str, progress: Progress
) -> Section | None:
    if directory.manifest().vectors is None:
        return Section(
            "duplicates",
            "Intentions that mean the same",
            ("Near-duplicates are found by the vectors of intentions, which were not built yet.",),
            advice=((f"intentkg build {words.quoted(kb)}", "builds graph and vectors"),),
        )
    from queries.duplicates.finding import find

    found = find(
        Corpus(directory, sample=options.sample, seed=options.seed),
        examples=_SHOWN,
        progress=progress,
    )
    rows = [
        [words.short(c.text), len(c.members), [words.short(m.text) for m in c.members[:4]]]
        for c in found.largest
    ]
    sentence = (
        f"Of {words.counted(found.intentions, 'intention')}, {found.merged:,} mean the same as "
        f"another, in {words.counted(found.clusters, 'group')} (cosine of at least "
        f"{found.threshold:.2f}, and neither number, negation nor contrast between them)."
    )
    blocks = (Block("The largest groups", Table(["intention", "others", "such as"], rows)),)
    return Section(
        "duplicates",
        "Intentions that mean the same",
        (sentence,),
        blocks=blocks if rows else (),
        advice=(
            (f"intentkg analyse {words.quoted(kb)} duplicates --merge", "joins them in the graph"),
        )
        if rows
        else (),
    )


def _annotation(directory: Directory, kb: str) -> Section | None:
    with (
        sql.store_errors(f"reading {directory.root}"),
        sql.connect(directory, tables=["assertions"]) as db,
    ):
        row = db.execute(_AGREEMENT).fetchall()[0]
    n, p, t, verdicts, accepted, both_t, apart_t, corr_t, both_p, apart_p, corr_p, *cells = row
    advice = ((f"intentkg analyse {words.quoted(kb)} annotate --help", "has people judge them"),)
    title = "What people say"
    if not n:
        return Section(
            "annotation", title, ("No person has judged these intentions.",), advice=advice
        )
    sentences = [f"People judged {words.counted(n, 'assertion')}."]
    if verdicts:
        sentences.append(f"They accepted {accepted:,} of {verdicts:,} ({accepted / verdicts:.0%}).")
    if total := sum(cells):
        same = cells[0] + cells[3]
        kappa = _kappa(*cells)
        told = "is undefined, as one verdict is constant" if kappa is None else f"is {kappa:.2f}"
        sentences.append(
            f"The filter agrees with them on {same:,} of {total:,} ({same / total:.0%}); Cohen's "
            f"kappa {told}."
        )
    rows = [
        [name, mean, both or None, apart, corr]
        for name, mean, both, apart, corr in (
            ("plausibility", p, both_p, apart_p, corr_p),
            ("typicality", t, both_t, apart_t, corr_t),
        )
        if mean is not None
    ]
    columns = ["score", "mean by people", "scored by models too", "mean distance", "correlation"]
    blocks = (Block("People beside models, on the same assertions", Table(columns, rows)),)
    return Section("annotation", title, tuple(sentences), blocks=blocks if rows else ())


def _kappa(both: int, only_people: int, only_filter: int, neither: int) -> float | None:
    """Cohen's kappa of a two by two table; None where chance alone agrees always."""
    n = both + only_people + only_filter + neither
    people, judge = (both + only_people) / n, (both + only_filter) / n
    chance = people * judge + (1 - people) * (1 - judge)
    return None if chance == 1 else ((both + neither) / n - chance) / (1 - chance)
