"""The sentences of a report: plain, and only what the figures say."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from queries.report.facts import Facts
from queries.statistics import Rejections, RelationFigures, Statistics
from queries.statistics.tables import title

_TEXT = 160  # characters of an intention in a table
_SHOWN = {
    "relations": "intentions",
    "preserved": "preserve rate",
    "typicality": "typicality",
    "plausibility": "plausibility",
}
_ENOUGH = 5  # a relation with fewer is not called the best or the worst

CAPTIONS = {
    "relations": "How many intentions there are of each relation.",
    "preserved": "Share of judged intentions that the filter accepted, with its 95 % interval.",
    "typicality": "How typical intentions are: the middle half, the median and the mean.",
    "plausibility": "How plausible intentions are: the middle half, the median and the mean.",
}


def quoted(kb: str) -> str:
    """A knowledge base's name as a shell takes it."""
    return shlex.quote(kb)


def short(text: str) -> str:
    """A text on one line, cut where it is very long."""
    line = " ".join(text.split())
    return line if len(line) <= _TEXT else line[: _TEXT - 1].rstrip() + "…"


def listed(parts: Sequence[str]) -> str:
    """Join words as a sentence does."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def summary(graph: Statistics, known: Facts) -> tuple[str, ...]:
    """What the graph holds, who wrote it, and how much of it was judged."""
    counts = known.counts
    nouns = (("posts", "post"), ("products", "product"), ("cobuys", "co-buy"), ("images", "image"))
    parts = [counted(counts[what], noun) for what, noun in nouns if counts[what]]
    held = f"The graph holds {listed(parts)}." if parts else "The graph holds no post or product."
    if not graph.total:
        return (held, "It has no intentions yet.")
    about = (("posts", "posts"), ("purchases", "co-buys and products"))
    states = [(said, known.state[kind]) for kind, said in about if known.state[kind][0]]
    parts = [f"{state[0]:,} about {said}" for said, state in states]
    where = f" ({listed(parts)})" if len(parts) > 1 else ""
    sentences = [
        held,
        f"It says {graph.total.assertions:,} times why somebody posts or buys{where}, in "
        f"{counted(counts['intentions'], 'different intention')} of {graph.total.words:.1f} words "
        "on average.",
        _who(known),
    ]
    for said, (total, scored, judged) in states:
        sentences.append(
            f"Of those about {said}, {share(scored, total)} have a typicality score and "
            f"{share(judged, total)} a filter's verdict."
        )
    if graph.total.preserved:
        kept = graph.total.preserved
        sentences.append(f"The filter accepted {kept.count:,} of {kept.of:,} ({kept.rate:.0%}).")
    if graph.total.typicality:
        lies = graph.total.typicality
        sentences.append(f"Mean typicality is {lies.mean:.2f}, on a scale from 0 to 1.")
    return tuple(sentences)


def _who(known: Facts) -> str:
    said = {None: "somebody who is not named", "human": "people"}
    names = [said.get(row[0], row[0]) for row in known.writers]
    shown = [short(name) for name in names[:4]]
    more = [f"{len(names) - 4} more"] if len(names) > 4 else []
    return f"Intentions were written or judged by {listed([*shown, *more])}."


def share(count: int, of: int) -> str:
    """How much of something, in words where it is none or all."""
    return {0: "none", of: "all"}.get(count) or percent(count, of)


def percent(count: int, of: int) -> str:
    """A share in percent; nearly all is not 100 %, nearly none not 0."""
    if count in (0, of):
        return "100%" if count else "0%"
    found = 100 * count / of
    return f"{found:.0f}%" if 1 <= found <= 99 else f"{min(max(found, 0.1), 99.9):.1f}%"


def relations(graph: Statistics) -> str:
    """Which relations are frequent."""
    busy = sorted(graph.relations, key=lambda f: -f.assertions)
    if len(busy) == 1:
        return f"All intentions are of one relation, {title(busy[0])}."
    most, least = busy[0], busy[-1]
    return (
        f"{len(busy)} relations occur. {title(most)} has most intentions ({most.assertions:,}), "
        f"{title(least)} fewest ({least.assertions:,})."
        if most.assertions > least.assertions
        else f"{len(busy)} relations occur, each with {counted(most.assertions, 'intention')}."
    )


def preserved(graph: Statistics) -> str:
    """How much the filter let through, and where least."""
    rates = [(f, f.preserved) for f in graph.relations if f.preserved]
    rates = [pair for pair in rates if pair[1].of >= _ENOUGH] or rates
    total = graph.total.preserved if graph.total else None
    if total is None:
        return ""
    lowest, rate = min(rates, key=lambda pair: (pair[1].rate, -pair[1].of))
    words = (
        f"The filter accepted {total.rate:.1%} of the {counted(total.of, 'assertion')} that it "
        f"judged (95 % interval {total.low:.1%} to {total.high:.1%})."
    )
    if len(rates) > 1:
        words += f" Least of {title(lowest)}: {rate.count:,} of {rate.of:,}."
    return words + " MIND's preserved 46.7 % (appendix C)."


def scores(graph: Statistics) -> tuple[str, ...]:
    """What is most and least typical."""
    found = [(f, f.typicality) for f in graph.relations if f.typicality]
    found = [pair for pair in found if pair[1].n >= _ENOUGH] or found
    sentences = [
        "Scores are in [0, 1], the best over an assertion's evidence. Low, middle and high are "
        "the thirds of that scale."
    ]
    if len(found) > 1:
        ranked = sorted(found, key=lambda pair: -pair[1].mean)
        high, low = ranked[0], ranked[-1]
        sentences.append(
            f"Most typical on average is {title(high[0])} ({high[1].mean:.2f}, "
            f"n = {high[1].n:,}), least {title(low[0])} ({low[1].mean:.2f}, n = {low[1].n:,})."
        )
    return tuple(sentences)


def rejections(found: Rejections) -> tuple[str, ...]:
    """What the classes are, and what they rest on."""
    sentences = [
        f"{found.explained:,} of {counted(found.rejected, 'rejection')} have a rationale. Rules "
        "that look for words sort them into the three classes that MIND's annotators found by "
        "reading (appendix C); rules do not understand, so read the examples, too."
    ]
    if found.scored:
        high = found.high_scores
        sentences.append(
            f"Of {counted(found.scored, 'rejection')} with scores, {share(high, found.scored)} "
            "have a plausibility and a typicality of 0.75 or more"
            + (": the filter may have been wrong there." if high else ".")
        )
    return tuple(sentences)


def comparison(graphs: Sequence[Statistics]) -> tuple[str, ...]:
    """Totals in one sentence each."""
    return tuple(_line(graph, graph.total) for graph in graphs)


def _line(graph: Statistics, total: RelationFigures | None) -> str:
    if total is None:
        return f"{graph.label} has no intentions."
    parts = [counted(total.assertions, "intention")]
    parts += [f"{total.preserved.rate:.0%} preserved"] if total.preserved else []
    parts += [f"mean typicality {total.typicality.mean:.2f}"] if total.typicality else []
    return f"{graph.label}: {', '.join(parts)}."


def caveats(graph: Statistics, few: Sequence[str], least: int) -> tuple[str, ...]:
    """What the figures cannot say."""
    if not graph.total:
        return ("There is nothing to measure yet.",)
    sentences = [
        "Scores are those of whoever gave them: a model's, or a person's. Two graphs that "
        "different judges scored cannot be compared by their means.",
        "Intervals take assertions for independent. Those of one post or co-buy are not quite, so "
        "the true ones are somewhat wider.",
    ]
    if few:
        sentences.insert(
            0,
            f"Fewer than {least} assertions, so rates and means say little: {_some(few)}.",
        )
    return tuple(sentences)


def _some(names: Sequence[str], most: int = 6) -> str:
    more = [f"{len(names) - most} more relations"] if len(names) > most + 1 else []
    return listed([*(names[:most] if more else names), *more])


def described(graphs: Sequence[Statistics], name: str) -> str:
    """A picture in words."""
    shown = f"{_SHOWN[name]} by relation, of {listed([graph.label for graph in graphs])}"
    return f"Chart: {shown}. The tables of this section have its numbers."
