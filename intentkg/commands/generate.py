"""``intentkg generate``: intentions of posts and co-buys, written by models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intentkg import output
from intentkg.generate_options import BACKENDS, answering_options, asking_options, read_settings
from schema.errors import IntentKGError, InterruptedRunError, UsageError

if TYPE_CHECKING:
    from intentkg.generating.report import Report
    from intentkg.generating.settings import Settings

    type Tell = Callable[[dict[str, Any]], None]

_STOPPED = 130


@click.command(
    "generate",
    epilog="Example: intentkg generate my.kg --pipeline miko --model qwen2.5-vl-7b "
    "--base-url http://127.0.0.1:8000/v1",
)
@click.argument("kb", type=click.Path(path_type=Path))
@asking_options
@answering_options
@click.option(
    "--judge",
    type=click.Choice([name for name in BACKENDS if name != "student"]),
    help="critic: put its two questions to this backend's model, in place of the critic.",
)
@click.option("--dry-run", is_flag=True, help="Say what it would ask and cost; ask nobody.")
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    help="dry run: requests a second, for the time.",
)
@click.option(
    "--tokenizer",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="dry run: the model's tokenizer.json, or its folder.",
)
@click.option(
    "--sample-heads",
    type=click.IntRange(min=0),
    default=2000,
    show_default=True,
    help="dry run: of more heads count only so many and scale up; 0: all.",
)
@click.option(
    "--show-prompt",
    is_flag=False,
    flag_value="",
    default=None,
    metavar="[STAGE]",
    help="Print the prompts of the first head, or of one stage, and ask nobody.",
)
@click.option("--no-preflight", is_flag=True, help="Leave out the tiny request to each model.")
def command(
    kb: Path,
    judge: str | None,
    dry_run: bool,
    rate: float | None,
    tokenizer: Path | None,
    sample_heads: int,
    show_prompt: str | None,
    no_preflight: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Write intentions for the posts and co-buys of KB.

    Where no model is named, the student writes them: a small model that comes with IntentKG and
    runs on this CPU, asking nobody. With --pipeline, --model and --base-url a language model does.

    Every reply is stored in KB/requests.sqlite before it is used: run the same command again after
    Ctrl-C or a crash, and it goes on where it stopped, paying nothing twice.
    """
    from kg.directory import Directory

    directory = Directory(kb)
    if options["pipeline"] == "critic" and judge is None:
        from intentkg.scoring_command import score

        return score(directory, options, as_json=as_json)
    if judge is not None:
        options["backend"] = _judging(options["pipeline"], judge)
    if dry_run or show_prompt is not None:
        options["backend"] = _asked(options["backend"])
    is_whole = options["pipeline"] is None
    if is_whole:
        options["pipeline"] = "mind"
    settings = read_settings(**options, preflight=not no_preflight)
    if settings.backend == "student":
        return _study(directory, settings, is_whole=is_whole, as_json=as_json)
    if is_whole:
        raise UsageError(
            "a model is to be asked, but not about what",
            fix="give --pipeline miko (posts) or --pipeline mind (co-buys)",
        )
    if show_prompt is not None:
        return _show_prompt(directory, settings, show_prompt or None, as_json=as_json)
    if dry_run:
        from intentkg.generating.estimating import dry_run as estimate

        told = estimate(
            directory, settings, rate=rate, tokenizer=tokenizer, sample=sample_heads or None
        )
        return _print_estimate(told, as_json=as_json)
    return _generate(directory, settings, output.emit_json if as_json else None)


def _asked(backend: str | None) -> str:
    """Give the backend that a dry run is about: never the student, which has no prompts."""
    if backend == "student":
        raise UsageError(
            "the student has no prompts and costs nothing",
            fix="leave out --dry-run and --show-prompt, or name a --model",
        )
    return backend or "openai"


def _judging(pipeline: str, judge: str) -> str:
    if pipeline != "critic":
        raise UsageError(f"{pipeline} has no option --judge", fix="use it with --pipeline critic")
    return judge


def _study(directory: Any, settings: Settings, *, is_whole: bool, as_json: bool) -> int:
    """Let the student write; of posts and of co-buys, where no pipeline was named."""
    from intentkg.generating.apprentice import each_kind

    runs = each_kind(directory, settings) if is_whole else [settings]
    told: list[dict[str, Any]] = []
    code = 0
    for one in runs:
        code = _generate(directory, one, told.append if as_json else None)
        if code:
            break
    if as_json:
        output.emit_json({"runs": told} if is_whole else told[0])
    return code


def _generate(directory: Any, settings: Settings, tell: Tell | None) -> int:
    """Run; where there is somebody to tell, nothing is printed."""
    from generation.pricing import Prices
    from intentkg.generating.running import generate
    from intentkg.generating.showing import progress, show

    try:
        with progress(Prices.load(settings.prices).currency) as told:
            report = generate(directory, settings, progress=told, say=output.say)
    except InterruptedRunError as error:
        return _stopped(error, {}, tell)
    if report.stopped is not None:
        if tell is None:
            show(report, directory.root)
        return _stopped(report.stopped, report.to_dict(), tell)
    code = 1 if _is_fruitless(report) else 0
    if tell:
        tell(report.to_dict())
        return code
    show(report, directory.root)
    if report.tally.unfinished:
        output.say(
            f"{report.tally.unfinished:,} heads are not finished: run the same command again"
        )
    elif code:
        output.say(
            "error: nothing came of any head\n"
            f"  fix: see what went wrong with: intentkg requests failures {directory.root}; "
            "then ask again with --retry-failed, another --model, or --no-structured"
        )
    return code


def _is_fruitless(report: Report) -> bool:
    """See whether no head at all could be finished, or nothing came of any of them."""
    tally = report.tally
    return tally.heads > 0 and tally.heads in (tally.unfinished, tally.fruitless)


def _stopped(error: IntentKGError, told: dict[str, Any], tell: Tell | None) -> int:
    code = _STOPPED if isinstance(error, InterruptedRunError) else error.exit_code
    if tell:
        tell({**told, "error": output.error_dict(error)})
        return code
    word = "stopped" if isinstance(error, InterruptedRunError) else "error"
    output.complain(error, error.fix, word=word)
    return code


def _print_estimate(told: dict[str, Any], *, as_json: bool) -> int:
    from intentkg.generating.showing import show_dry_run

    if as_json:
        output.emit_json(told)
    else:
        show_dry_run(told)
    return 0


def _show_prompt(directory: Any, settings: Settings, stage: str | None, *, as_json: bool) -> int:
    from dataclasses import replace

    from intentkg.generating.estimating import show_prompt

    settings = settings if settings.model else replace(settings, model="MODEL")
    text = show_prompt(directory, settings, stage)
    if as_json:
        output.emit_json({"prompt": text})
    else:
        click.echo(text)
    return 0
