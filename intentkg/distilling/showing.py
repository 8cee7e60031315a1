"""An export and a training on a screen."""

from __future__ import annotations

import contextlib
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intentkg import output
from schema.relations import names

if TYPE_CHECKING:
    from generation.distill.export import Exported
    from generation.distill.options import OnProgress
    from generation.distill.record import Record

_LINE_EVERY = 60.0  # seconds, where there is no screen
_SPLITS = ("train", "validation", "test")


def show_export(done: Exported) -> None:
    """Print what was written, and what was not."""
    order = {name: place for place, name in enumerate(names())}
    tails = sorted(done.tails.items(), key=lambda item: order[item[0]])
    rows = [
        [name, *(f"{counts[split]:,}" if counts[split] else "" for split in _SPLITS)]
        for name, counts in tails
    ]
    output.table(["relation", *_SPLITS], rows, right=_SPLITS)
    for label, counts in (("heads", done.heads), ("rows", done.rows)):
        told = ", ".join(f"{counts[split]:,} {split}" for split in _SPLITS if split in counts)
        click.echo(f"{label}: {told}")
    for reason, count in done.left_out.most_common():
        click.echo(f"left out: {count:,} × {reason}")
    click.echo(f"next: intentkg distill train {done.out} STUDENT --model MODEL")


def show_training(done: Record, out: Path) -> None:
    """Print what a training came to."""
    run, counted = done.run, done.data["train"]
    click.echo(
        f"{done.model['name']}: {run['trainable_parameters']:,} parameters of an adapter beside "
        f"{run['parameters'] - run['trainable_parameters']:,}"
    )
    click.echo(
        f"  rows:       {counted['examples']:,}, {counted['tokens']:,} tokens, of which the loss "
        f"counts {counted['answers']:,}"
    )
    first, last = done.loss[0], done.loss[-1]
    click.echo(
        f"  loss:       {first['loss']:.3f} at step {first['step']:,}, {last['loss']:.3f} at step "
        f"{last['step']:,}"
    )
    if done.validation:
        told = ", ".join(f"{one['loss']:.3f}" for one in done.validation)
        click.echo(f"  validation: {told}")
    click.echo(
        f"  speed:      {run['tokens_per_second']:,.0f} tokens/s on {run['device']}, "
        f"{run['peak_memory_bytes'] / 1e9:.1f} GB at most"
    )
    if done.guard and "difference" in done.guard:
        _show_guard(done.guard)
    for note in done.notes:
        output.say(f"note: {note}")
    served = out / "merged" if done.merged else out / "adapter"
    click.echo(f"next: intentkg generate KB --pipeline P --backend vllm --model {served}")
    click.echo("      (or --backend transformers)")


def _show_guard(guard: dict[str, Any]) -> None:
    before, after = guard["before"]["accuracy"], guard["after"]["accuracy"]
    click.echo(
        f"  guard:      {before:.1%} of {guard['questions']:,} questions before, {after:.1%} "
        f"after: {100 * guard['difference']:+.1f} points ({guard['lost']:,} lost, "
        f"{guard['won']:,} won)"
    )
    subjects = guard["after"].get("subjects")
    if subjects and len(subjects) > 1:
        rows = [
            [name, f"{guard['before']['subjects'][name]:.1%}", f"{share:.1%}"]
            for name, share in subjects.items()
        ]
        output.table(["subject", "before", "after"], rows, right=["before", "after"])


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' own bars and warnings off the screen."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()


@contextlib.contextmanager
def training_progress() -> Iterator[OnProgress]:
    """Show on stderr what a training is at; where that is no screen, a line a minute."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    with output.bars_on_stderr(word="word") as bars:
        tasks: dict[str, Any] = {}

        def report(part: str, done: int, total: int | None, word: str) -> None:
            if part not in tasks:
                for task in tasks.values():
                    bars.update(task, visible=False)
                tasks[part] = bars.add_task(part, total=total, word="")
            bars.update(tasks[part], completed=done, total=total, word=word)

        yield report


class _Lines:
    def __init__(self) -> None:
        self._told = time.monotonic()
        self._part = ""

    def __call__(self, part: str, done: int, total: int | None, word: str) -> None:
        now = time.monotonic()
        if part != self._part or now - self._told >= _LINE_EVERY:
            self._told, self._part = now, part
            of = f" of {total:,}" if total else ""
            output.say(f"{part}: {done:,}{of} {word}".rstrip())
