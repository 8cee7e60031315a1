"""``intentkg requests``: what was asked of models, and batch files in OpenAI's form."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from intentkg import output
from intentkg.generate_options import asking_options, read_settings

_KB = click.argument("kb", type=click.Path(path_type=Path))
_STAGE = click.option("--stage", help="Only this stage, such as mind.filter.")
_MODEL = click.option("--model", "-m", help="Only this model.")
_SMALLER = "a provider may refuse it: ingest smaller pictures, or leave them out with --text-only"


class Group(click.Group):
    """Subcommands, each of which takes the knowledge base; it may also stand before its name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let ``requests KB stats`` mean ``requests stats KB``."""
        plain = [index for index, word in enumerate(args) if not word.startswith("-")][:2]
        if len(plain) == 2 and args[plain[0]] not in self.commands:
            first, second = plain
            if args[second] in self.commands:
                args[first], args[second] = args[second], args[first]
        return super().parse_args(ctx, args)


@click.group(
    "requests",
    cls=Group,
    epilog="Example: intentkg requests export my.kg out.jsonl --pipeline mind --model gpt-4o-mini",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Look at what was asked of models; send requests through batch files."""
    ctx.obj = as_json


def _json(as_json: bool) -> bool:
    """See whether JSON is wanted, here or before the subcommand."""
    return as_json or bool(click.get_current_context().obj)


def _store(kb: Path) -> Path:
    from intentkg.generating.running import STORE
    from kg.directory import Directory

    directory = Directory(kb)
    directory.manifest()
    return directory.root / STORE


@command.command(
    "export",
    epilog="Example: intentkg requests export my.kg out.jsonl --pipeline miko --model gpt-4o-mini",
)
@_KB
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@asking_options
@click.option("--again", is_flag=True, help="Also what went out in an earlier file.")
@click.option("--most", type=click.IntRange(min=1), default=50_000, show_default=True)
@click.option(
    "--most-bytes",
    type=click.IntRange(min=1000),
    default=190_000_000,
    show_default=True,
    help="Size at which another file is begun.",
)
@output.json_option
def export(
    kb: Path,
    out: Path,
    again: bool,
    most: int,
    most_bytes: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Write the requests that a run would ask now to OUT, in the OpenAI batch form.

    Later stages depend on earlier answers: import those, and export again, until nothing is left.
    """
    from intentkg.generating import batches
    from intentkg.generating.parameters import check_parameters
    from kg.directory import Directory

    settings = read_settings(**options, backend="openai")
    done, known = batches.export(
        Directory(kb), settings, out, again=again, most=most, most_bytes=most_bytes
    )
    large = [file for file in done.files if Path(file).stat().st_size > most_bytes]
    warnings = check_parameters(settings.parameters)
    warnings += [
        f"{file} holds one request that is larger than {most_bytes:,} bytes; {_SMALLER}"
        for file in large
    ]
    if _json(as_json):
        known += done.known
        output.emit_json({**asdict(done), "known": known, "warnings": warnings})
        return
    for file in done.files:
        click.echo(f"to be answered now: {file}")
    if done.files and str(out) not in map(str, done.files):
        output.say(f"note: {out} is there already, and is left as it is")
    for warning in warnings:
        output.say(f"note: {warning}")
    waiting = f", {done.waiting:,} wait in earlier files" if done.waiting else ""
    click.echo(f"{done.written:,} requests written, {known:,} answered already{waiting}")
    if done.written:
        click.echo(f"then: intentkg requests import {kb} OUTPUT_FILE")
    elif not done.waiting:
        click.echo(
            f"nothing is left to ask: intentkg generate {kb} with the same options takes it in"
        )


@command.command("import", epilog="Example: intentkg requests import my.kg output.jsonl")
@_KB
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--prices", type=click.Path(path_type=Path), metavar="FILE", help="Price file.")
@click.option(
    "--discount",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="What a batch costs of the price.",
)
@output.json_option
def import_(
    kb: Path, files: tuple[Path, ...], prices: Path | None, discount: float, as_json: bool
) -> int:
    """Store the answers in the FILEs that a batch left, output and error files alike."""
    from intentkg.generating import batches
    from kg.directory import Directory

    reports = []
    for file in files:
        done = batches.take_back(Directory(kb), file, prices=prices, discount=discount)
        reports.append({"file": str(file), **asdict(done), "failures": dict(done.failures)})
    if _json(as_json):
        output.emit_json({"files": reports})
    else:
        for report in reports:
            _show_import(report)
        click.echo(
            f"next: intentkg requests export {kb} again for the next stage; when nothing is "
            f"left to ask, intentkg generate {kb}"
        )
    return 0 if any(r["replies"] or r["known"] or r["failures"] for r in reports) else 1


def _show_import(report: dict[str, Any]) -> None:
    failed = sum(report["failures"].values())
    price = "" if report["price"] is None else f", price {report['price']:,.4f}"
    click.echo(
        f"{report['file']}: {report['replies']:,} replies, {failed:,} failed, "
        f"{report['known']:,} known already, {len(report['refused']):,} refused{price}"
    )
    for reason, count in report["failures"].items():
        click.echo(f"  {count:,} × {reason}")
    for row in report["refused"][:5]:
        click.echo(f"  row {row['row']}: {row['reason']} (fix: {row['fix']})")


@command.command("list", epilog="Example: intentkg requests list my.kg --stage mind.filter")
@_KB
@_STAGE
@_MODEL
@click.option("--status", help="ok, failed, or one reason such as unparseable.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@output.json_option
def list_(
    kb: Path, stage: str | None, model: str | None, status: str | None, limit: int, as_json: bool
) -> None:
    """List requests, the newest first."""
    from generation.store_reading import lines

    _check_status(status, ("ok", "failed"))
    found = lines(_store(kb), stage=stage, model=model, status=status, limit=limit)
    if _json(as_json):
        output.emit_json({"requests": [asdict(line) for line in found]})
        return
    # The beginning of a key is enough for `show`, and does not get folded.
    output.table(
        ["key", "stage", "model", "status", "tries", "text"],
        [(x.key[:15], x.stage, x.model, x.status, x.tries, x.text[:80]) for x in found],
        right=["tries"],
        whole=["key"],
    )


@command.command("failures", epilog="Example: intentkg requests failures my.kg")
@_KB
@_STAGE
@_MODEL
@click.option("--reason", help="Only this reason, such as rate_limit.")
@output.json_option
def failures(
    kb: Path, stage: str | None, model: str | None, reason: str | None, as_json: bool
) -> None:
    """Count requests without a usable reply, by stage, model and reason."""
    from generation.store_reading import failures as count

    _check_status(reason, ())
    found = count(_store(kb), stage=stage, model=model, reason=reason)
    if _json(as_json):
        output.emit_json({"failures": [asdict(group) for group in found]})
        return
    if not found:
        click.echo("no failures")
        return
    output.table(
        ["stage", "model", "reason", "requests", "tries", "such as"],
        [(x.stage, x.model, x.reason, x.requests, x.tries, x.message) for x in found],
        right=["requests", "tries"],
    )
    click.echo(f"intentkg generate {kb} with the same options and --retry-failed asks them again")


@command.command("show", epilog="Example: intentkg requests show my.kg rq_4be1")
@_KB
@click.argument("key")
@output.json_option
def show(kb: Path, key: str, as_json: bool) -> None:
    """Show one request whole: messages, parameters, reply; KEY may be cut short."""
    from generation.prompt import show as write_out
    from generation.store_reading import whole

    found = whole(_store(kb), key)
    told = found.to_dict()
    if _json(as_json):
        output.emit_json(told)
        return
    click.echo(f"{told['key']}: {told['stage']}, model {told['model']}, {told['parameters']}")
    click.echo(f"tries: {told['tries']}, stored {told['at']}")
    click.echo(write_out(found.request.messages))
    if told["reply_schema"]:
        click.echo("--- reply schema ---")
        click.echo(str(told["reply_schema"]))
    if told["failure"]:
        click.echo(f"--- failed: {told['failure']['reason']} ---")
        click.echo(told["failure"]["message"])
    if told["reply"]:
        click.echo(f"--- reply ({told['reply']['finish_reason']}) ---")
        click.echo(told["reply"]["text"])


@command.command("stats", epilog="Example: intentkg requests stats my.kg")
@_KB
@output.json_option
def stats(kb: Path, as_json: bool) -> None:
    """Sum requests, failures, tokens and price by stage and model, over all runs."""
    from generation.store import RequestStore
    from generation.store_reading import usage_rows

    with RequestStore(_store(kb), mode="read") as store:
        rows, waiting = usage_rows(store.usage()), store.waiting()
    if _json(as_json):
        output.emit_json({"requests": rows, "waiting": waiting})
        return
    output.usage(rows)
    for file, count in waiting.items():
        click.echo(f"{count:,} requests wait for the answers to {file}")


def _check_status(status: str | None, more: tuple[str, ...]) -> None:
    from generation.requests import REASONS
    from schema.errors import UsageError

    known = (*more, *REASONS)
    if status is not None and status not in known:
        raise UsageError(f"there is no status {status!r}", fix=f"use one of: {', '.join(known)}")
