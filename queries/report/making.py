"""From a knowledge base to a report: which sections there are, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kg.directory import Directory
from queries.report import optional, words
from queries.report.facts import Facts, facts
from queries.report.shapes import Block, Options, Picture, Report, Section
from queries.results import Table
from queries.statistics import Statistics, by_model, rejections, tables, together

_WHAT = {
    "posts": "posts",
    "products": "products",
    "cobuys": "co-buys",
    "images": "images",
    "intentions": "intentions",
    "assertions": "assertions",
    "evidence": "pieces of evidence",
}
_MEASURES = {
    "assertions": "Intentions",
    "preserved": "Preserved by the filter",
    "plausibility": "Mean plausibility",
    "typicality": "Mean typicality",
}
_FEW = 30  # below so many a rate or a mean says little

type Progress = Callable[[str, int, int | None], None]


def make(
    directory: Directory,
    against: Sequence[Directory] = (),
    options: Options | None = None,
    *,
    kb: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Make a report on a knowledge base.

    Parameters
    ----------
    directory
        The knowledge base.
    against
        Others to put beside it.
    options
        See :class:`Options`.
    kb
        What commands that the report advises call it; by default its path.
    progress
        Called with ``(stage, done, total)``.
    """
    chosen = options or Options()
    tell = progress or (lambda stage, done, total: None)
    name = kb or str(directory.root)
    tell("counting", 0, None)
    graphs = together([directory, *against], seed=chosen.seed)
    graph, known = graphs[0], facts(directory)
    tell("counting", 1, 1)
    sections = [
        _contents(graph, known),
        _relations(graph, known),
        _verdicts(graph, name),
        _scores(graph, name),
        _frequent(known),
        _coverage(known, name),
    ]
    if graph.total:
        sections.append(_models(directory, known, chosen))
        if "rejections" not in chosen.without:
            sections.append(_rejections(directory))
        sections += optional.sections(directory, graph.label, chosen, name, tell)
    if len(graphs) > 1 and "comparison" not in chosen.without:
        sections.append(_comparison(graphs))
    told = tuple(section for section in sections if section is not None)
    told += (_caveats(graph, told), _footer(known, chosen))
    return Report(
        title=f"{graph.label}: a graph of intentions",
        summary=words.summary(graph, known),
        figures=tuple(
            (f"{known.counts[what]:,}", said)
            for what, said in _WHAT.items()
            if known.counts[what] and what != "evidence"
        ),
        sections=told,
    )


def _contents(graph: Statistics, known: Facts) -> Section:
    counts = Table(["what", "count"], [[_WHAT[k], v] for k, v in known.counts.items()])
    blocks = [Block("What the knowledge base holds", counts)]
    if graph.sources:
        blocks.append(Block("What each source brought (MIKO's Table 1)", tables.sources(graph)))
    if known.writers:
        columns = ["model", "sources", "assertions", "evidence", "scored", "judged", "accepted"]
        rows = [[model or "not named", *rest] for model, *rest in known.writers]
        blocks.append(Block("Who wrote or judged intentions", Table(columns, rows)))
    return Section("contents", "What it holds", blocks=tuple(blocks))


def _relations(graph: Statistics, known: Facts) -> Section | None:
    if not graph.total:
        return None
    blocks = [Block("By relation", tables.relations(graph), totals=len(graph.totals))]
    if known.state["posts"][0]:
        blocks.append(Block("Intentions by aspect (MIKO's Table 2)", tables.aspects(graph)))
    return Section(
        "relations",
        "Relations",
        (words.relations(graph),),
        _drawn([graph], "relations"),
        tuple(blocks),
    )


def _verdicts(graph: Statistics, name: str) -> Section | None:
    if not graph.total:
        return None
    if graph.total.preserved is None:
        return Section(
            "preserved",
            "What the filter preserved",
            ("No filter has judged these intentions.",),
            advice=(_critic(name),),
        )
    return Section(
        "preserved",
        "What the filter preserved",
        (words.preserved(graph),),
        _drawn([graph], "preserved"),
        (
            Block(
                "What was accepted (MIND's Table 1, but for what only people can judge)",
                tables.preserved(graph),
                totals=len(graph.totals),
            ),
        ),
    )


def _scores(graph: Statistics, name: str) -> Section | None:
    if not graph.total:
        return None
    blocks = tuple(
        Block(f"{score.capitalize()} by relation", found, totals=len(graph.totals))
        for score in ("typicality", "plausibility")
        if (found := tables.scores(graph, score)).rows
    )
    if not blocks:
        return Section(
            "typicality",
            "Plausibility and typicality",
            ("Nobody has scored these intentions.",),
            advice=((f"intentkg generate {words.quoted(name)} --pipeline critic", "scores them"),),
        )
    return Section(
        "typicality",
        "Plausibility and typicality",
        words.scores(graph),
        (*_drawn([graph], "typicality"), *_drawn([graph], "plausibility")),
        blocks,
    )


def _critic(name: str) -> tuple[str, str]:
    return (
        f"intentkg generate {words.quoted(name)} --pipeline critic",
        "scores and judges what nobody did",
    )


def _frequent(known: Facts) -> Section | None:
    columns = ["intention", "heads", "relations", "best typicality"]
    captions = {"posts": "Shared by most posts", "purchases": "Shared by most co-buys or products"}
    blocks = tuple(
        Block(captions[kind], Table(columns, [[words.short(row[0]), *row[1:]] for row in rows]))
        for kind, rows in known.frequent.items()
        if rows
    )
    if not blocks:
        return None
    return Section("frequent", "The most frequent intentions", blocks=blocks)


def _coverage(known: Facts, name: str) -> Section | None:
    if not known.coverage:
        return None
    rows = [
        [_WHAT[what], total, meant, words.percent(meant, total)]
        for what, total, meant in known.coverage
    ]
    bare = [what for what, total, meant in known.coverage if meant < total]
    return Section(
        "coverage",
        "Coverage",
        (
            "A post or a co-buy is covered if it has an intention; a product, if it or one of its "
            "co-buys has.",
        ),
        blocks=(
            Block(
                "With at least one intention", Table(["what", "known", "covered", "share"], rows)
            ),
        ),
        advice=((f"intentkg generate {words.quoted(name)}", "writes what is missing"),)
        if bare
        else (),
    )


def _models(directory: Directory, known: Facts, chosen: Options) -> Section | None:
    if len([row for row in known.writers if row[0]]) < 2:
        return None
    blocks = _beside(by_model(directory, most=4, seed=chosen.seed), ("preserved", "typicality"))
    if not blocks:
        return None
    return Section(
        "models",
        "Models side by side",
        ("Each column is what one model wrote, or what it said of others' intentions.",),
        blocks=blocks,
    )


def _rejections(directory: Directory) -> Section | None:
    found = rejections(directory)
    if not found.explained:
        return None
    return Section(
        "rejections",
        "Why intentions were rejected",
        words.rejections(found),
        blocks=(
            Block("Classes of rationales, by rules that look for words", found.table()),
            Block("Examples", found.examples()),
        ),
    )


def _comparison(graphs: Sequence[Statistics]) -> Section:
    pictures = [
        picture
        for name in ("relations", "preserved", "typicality")
        for picture in _drawn(graphs, name, beside=True)
    ]
    return Section(
        "comparison",
        "Beside other graphs",
        words.comparison(graphs),
        tuple(pictures),
        _beside(graphs),
    )


def _beside(
    graphs: Sequence[Statistics], measures: Sequence[str] = tuple(_MEASURES)
) -> tuple[Block, ...]:
    return tuple(
        Block(_MEASURES[measure], found, totals=1)
        for measure in measures
        if (found := tables.side_by_side(graphs, measure)).rows
    )


def _caveats(graph: Statistics, told: Sequence[Section]) -> Section:
    few = [tables.title(f) for f in graph.relations if f.assertions < _FEW]
    return Section(
        "caveats",
        "How to read this",
        words.caveats(graph, few, _FEW),
        advice=tuple(dict.fromkeys(each for section in told for each in section.advice)),
    )


def _footer(known: Facts, chosen: Options) -> Section:
    rows = [["knowledge base, revision", str(known.revision)], ["seed", str(chosen.seed)]]
    rows.append(["sample", "all" if chosen.sample is None else f"{chosen.sample:,}"])
    rows += [[f"version of {name}", version] for name, version in chosen.versions.items()]
    rows += [["date", chosen.date]] if chosen.date else []
    return Section(
        "made",
        "How this was made",
        blocks=(Block("Same input, same bytes", Table(["what", "value"], rows)),),
        advice=((chosen.command, "makes this report again"),) if chosen.command else (),
    )


def _drawn(graphs: Sequence[Statistics], name: str, *, beside: bool = False) -> tuple[Picture, ...]:
    from queries.plots import statistics, style

    figure = statistics.PICTURES[name](graphs[: statistics.MOST])
    if figure is None:
        return ()
    file = f"{name}-compared" if beside else name
    return (Picture(file, words.CAPTIONS[name], words.described(graphs, name), style.svg(figure)),)
