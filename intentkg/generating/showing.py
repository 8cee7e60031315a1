"""A run on a screen: while it goes on, and what it did."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from intentkg import output

if TYPE_CHECKING:
    from generation.stats import Stats
    from intentkg.generating.report import Report
    from intentkg.generating.running import OnProgress

_LINE_EVERY = 60.0  # seconds, where there is no screen
_KEPT = ("kept", "accepted", "rejected", "preserved")


@contextlib.contextmanager
def progress(currency: str = "") -> Iterator[OnProgress]:
    """Show the figures on stderr as they come; where that is no screen, a line a minute."""
    if not sys.stderr.isatty():
        yield _Lines(currency)
        return
    with output.bars_on_stderr(word="figures") as bars:
        task = bars.add_task("heads", total=None, figures="")

        def report(stats: Stats, done: int, total: int) -> None:
            bars.update(task, completed=done, total=total, figures=figures(stats, currency))

        yield report


class _Lines:
    def __init__(self, currency: str) -> None:
        self._currency = currency
        self._told = time.monotonic()

    def __call__(self, stats: Stats, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._told >= _LINE_EVERY:
            self._told = now
            left = f", {stats.seconds * (total - done) / done / 60:.0f} min left" if done else ""
            output.say(f"{done:,} of {total:,} heads{left}; {figures(stats, self._currency)}")


def figures(stats: Stats, currency: str) -> str:
    """Give replies, their rate, failures and price in a few words."""
    rate = stats.replies / stats.seconds if stats.seconds else 0.0
    told = [f"{stats.replies:,} replies", f"{rate:,.1f}/s"]
    if failed := sum(stats.failures.values()):
        told.append(f"{failed:,} failed")
    if stats.price is not None:
        told.append(f"{stats.price:,.4f} {currency}".strip())
    return ", ".join(told)


def show(report: Report, kb: Any) -> None:
    """Print what a run did."""
    told = report.to_dict()
    models = ", ".join(dict.fromkeys(report.models.values()))
    click.echo(f"{report.pipeline} with {models} at {', '.join(report.backends)}")
    if report.pipeline == "student":
        click.echo("  a small model wrote them: docs/student.md says how well, and what it cannot")
    left_out = f" ({report.left_out:,} of unknown products left out)" if report.left_out else ""
    finished = told["heads_done"] - told["unfinished"]
    begun = told["heads_begun"] + told["unfinished"]
    more = f", {begun:,} more begun" if begun else ""
    click.echo(f"  heads:      {finished:,} of {report.heads:,} finished{more}{left_out}")
    failed = sum(sum(reasons.values()) for reasons in told["failed"].values())
    click.echo(
        f"  requests:   {report.requests:,} asked, {told['known']:,} known, "
        f"{failed:,} without a usable reply"
    )
    price = "" if told["price"] is None else f"; {told['price']:,.4f} {report.currency}"
    click.echo(
        f"  tokens:     {told['prompt_tokens']:,} in ({told['cached_tokens']:,} cached), "
        f"{told['completion_tokens']:,} out{price}"
    )
    rows = report.written
    refused = f", {rows.refused:,} refused" if rows.refused else ""
    click.echo(
        f"  intentions: {told['intentions']:,} kept; {rows.added:,} new, {rows.changed:,} changed, "
        f"{rows.known:,} known{refused}"
    )
    if told["relations"]:
        _relations(told["relations"])
    _failures(told, kb)
    for label, count in told["notes"].items():
        click.echo(f"  {label}: {count:,}")
    for warning in report.warnings:
        output.say(f"note: {warning}")
    if report.stopped is None and rows.added + rows.changed:
        click.echo(f"next: intentkg build {kb}")


def _relations(relations: Mapping[str, Mapping[str, Any]]) -> None:
    judged = any("preserved" in counts for counts in relations.values())
    heads = ["relation", "kept", *(("accepted", "rejected", "preserved") if judged else ())]
    rows = []
    for name, counts in relations.items():
        discarded = {reason: n for reason, n in counts.items() if reason not in _KEPT}
        verdicts = [counts.get(key) for key in heads[2:]]
        rows.append([name, counts.get("kept", 0), *verdicts, discarded or None])
    output.table([*heads, "discarded"], rows, right=heads[1:])


def _failures(told: Mapping[str, Any], kb: Any) -> None:
    for stage, reasons in told["failed"].items():
        for reason, count in reasons.items():
            said = told["examples"].get(stage, {}).get(reason)
            click.echo(f"  {stage}: {count:,} × {reason}" + (f", such as: {said}" if said else ""))
    if told["failed"]:
        click.echo(f"  see them: intentkg requests failures {kb}")


def show_dry_run(told: Mapping[str, Any]) -> None:
    """Print what a run would ask and cost."""
    currency = told["currency"]
    rows = [
        [
            stage,
            cost["model"],
            f"{cost['requests']:,}",
            f"{cost['known']:,}",
            f"{cost['prompt_tokens']:,}",
            f"{cost['completion_tokens']:,}",
            _price(cost["price"], currency),
        ]
        for stage, cost in told["stages"].items()
    ]
    total = [
        f"{told[key]:,}" for key in ("requests", "known", "prompt_tokens", "completion_tokens")
    ]
    rows.append(["in all", "", *total, _price(told["price"], currency)])
    names = ["stage", "model", "to ask", "known already", "tokens in", "tokens out", "price"]
    output.table(names, rows, right=names[2:])
    click.echo(f"heads: {told['heads']:,}" + _scaled(told))
    click.echo(f"tokens are {told['tokens']}" + _how(told))
    if told["price"] is None:
        click.echo("there is no price for every model: see --prices")
    else:
        click.echo(
            f"with a server's prefix cache: {_price(told['price_with_cache'], currency)}; "
            f"at most, were every reply as long as it may be: "
            f"{_price(told['most_price'], currency)}"
        )
    if told["seconds"] is not None:
        click.echo(f"at that rate: {_duration(told['seconds'])}")
    for warning in told["warnings"]:
        output.say(f"note: {warning}")
    click.echo("nothing was asked")


def _duration(seconds: float) -> str:
    """Give a time in the unit in which a person thinks of it."""
    for unit, length in (("seconds", 1), ("minutes", 60)):
        if seconds < 120 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds / 3600:,.1f} hours"


def _scaled(told: Mapping[str, Any]) -> str:
    if told["heads_counted"] == told["heads"]:
        return ""
    return f", figures scaled up from {told['heads_counted']:,} of them"


def _how(told: Mapping[str, Any]) -> str:
    exact = told["tokens"] == "counted"
    return " with the model's tokenizer" if exact else "; --tokenizer counts them"


def _price(value: float | None, currency: str) -> str:
    return "" if value is None else f"{value:,.4f} {currency}"
