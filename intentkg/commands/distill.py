"""``intentkg distill``: instruction data out of a knowledge base, and a student trained on it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from intentkg import output
from intentkg.filters import edge_filters
from schema.errors import InterruptedRunError, UsageError

_STOPPED = 130
_STAGES = ("key_information", "features", "intentions", "filter")
_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)
_ABOVE = click.FloatRange(min=0, min_open=True)
_SHARE = click.FloatRange(0, 1, max_open=True)


@click.group(
    "distill", epilog="Example: intentkg distill export my.kg data --min-typicality 0.5 --accepted"
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Teach a language model of your own what a knowledge base holds.

    Export writes questions with their answers, train fine-tunes a model on them (LoRA), and
    generate asks the student.
    """
    ctx.obj = as_json


def _json(as_json: bool) -> bool:
    """See whether JSON is wanted, here or before the subcommand."""
    return as_json or bool(click.get_current_context().obj)


@command.command(
    "export",
    epilog="Example: intentkg distill export my.kg data --pipeline mind --min-typicality 0.5",
)
@click.argument("kb", type=click.Path(path_type=Path))
@click.argument("out", type=_FOLDER)
@click.option(
    "--pipeline",
    "-p",
    "pipelines",
    type=click.Choice(["miko", "mind"]),
    multiple=True,
    help="miko: only posts; mind: only co-buys. Both if not given.",
)
@edge_filters
@click.option("--source", "sources", multiple=True, help="Only what this source gave.")
@click.option("--model", "-m", "models", multiple=True, help="Only what this model wrote.")
@click.option(
    "--form",
    type=click.Choice(["pipeline", "paper"]),
    default="pipeline",
    show_default=True,
    help="pipeline: the questions that generate asks; paper: a conversation about each post, and "
    "MIND's question about each co-buy.",
)
@click.option(
    "--stage",
    "stages",
    type=click.Choice(_STAGES),
    multiple=True,
    help="Only this stage of the pipelines; may be repeated. All but filter if not given.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Only so many heads, by their ids.")
@click.option("--one-each", is_flag=True, help="miko: one request for each relation.")
@click.option("--language", help="miko: language that the student will be asked to write in.")
@click.option("--no-structured", is_flag=True, help="Answers in plain text, not in JSON.")
@click.option("--no-system-role", is_flag=True, help="For models without system messages.")
@click.option(
    "--prompts",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder with prompts of your own.",
)
@click.option(
    "--validation",
    type=_SHARE,
    default=0.05,
    show_default=True,
    help="Share of the heads to validate with.",
)
@click.option(
    "--test", type=_SHARE, default=0.05, show_default=True, help="Share of the heads to test with."
)
@output.json_option
def export(
    kb: Path,
    out: Path,
    no_structured: bool,
    no_system_role: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Write instruction data of KB to the folder OUT, in the layouts of Alpaca and ShareGPT.

    What a filter rejected is left out unless you ask for it; a head and all that is said of it
    lies in one split. Train a student with the options that generate will be given (--one-each,
    --no-structured, --no-system-role, --language, --prompts).
    """
    from intentkg.distilling.exporting import export as write
    from intentkg.distilling.exporting import settle_export
    from intentkg.distilling.showing import show_export
    from kg.directory import Directory

    for name in ("pipelines", "stages"):
        if not options[name]:
            del options[name]
    asked = settle_export(**options, structured=not no_structured, system_role=not no_system_role)
    as_json = _json(as_json)
    with output.progress(quiet=as_json) as told:
        done = write(Directory(kb), out, asked, progress=told)
    if as_json:
        output.emit_json(done.to_dict())
        return
    show_export(done)


@command.command(
    "train",
    epilog="Example: intentkg distill train data student --model ./Llama-3.2-1B-Instruct "
    "--guard mmlu.csv",
)
@click.argument("data", type=_FOLDER)
@click.argument("out", type=_FOLDER)
@click.option(
    "--model",
    "-m",
    required=True,
    help="Folder of a causal language model, or its name in Hugging Face's cache.",
)
@click.option("--rank", type=click.IntRange(min=1), default=64, show_default=True)
@click.option("--alpha", type=click.IntRange(min=1), help="Twice the rank if not given.")
@click.option("--dropout", type=_SHARE, default=0.0, show_default=True)
@click.option(
    "--targets",
    default="all-linear",
    show_default=True,
    help="Layers that get an adapter, such as q_proj,v_proj.",
)
@click.option("--learning-rate", "--lr", type=_ABOVE, default=1e-4, show_default=True)
@click.option(
    "--warmup",
    type=_SHARE,
    default=0.1,
    show_default=True,
    help="Share of the steps in which the rate rises; then it falls along a cosine.",
)
@click.option("--weight-decay", type=click.FloatRange(min=0), default=0.0, show_default=True)
@click.option("--epochs", type=_ABOVE, default=3.0, show_default=True)
@click.option("--steps", type=click.IntRange(min=1), help="So many steps, whatever --epochs says.")
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Sequences at once.",
)
@click.option(
    "--accumulate",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Batches in a step.",
)
@click.option(
    "--max-length",
    type=click.IntRange(min=1),
    default=2048,
    show_default=True,
    help="Tokens of the longest row; longer ones are left out, and counted.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option(
    "--dtype",
    type=click.Choice(["auto", "float32", "bfloat16", "float16"]),
    default="auto",
    show_default=True,
    help="Of the model's weights; auto: as they are saved.",
)
@click.option("--gradient-checkpointing", is_flag=True, help="Slower, with less memory.")
@click.option(
    "--merge/--no-merge",
    default=True,
    show_default=True,
    help="Also save the model with the adapter worked in.",
)
@click.option(
    "--guard",
    type=_FILE,
    metavar="FILE",
    help="Multiple-choice questions (question,A,B,C,D,answer as CSV, or JSON lines) that the "
    "model is asked before and after.",
)
@click.option(
    "--guard-shots",
    "shots",
    type=_FILE,
    metavar="FILE",
    help="Examples that are shown before each of them, in the same form.",
)
@click.option(
    "--save-minutes",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    help="Time between two checkpoints; 0: after each step.",
)
@click.option("--device", help="cpu, cuda...; a GPU if there is one.")
@click.option("--download", is_flag=True, help="Fetch the model if it is not on this machine.")
@click.option("--fresh", is_flag=True, help="Forget what OUT holds of an earlier training.")
@output.json_option
def train(
    data: Path,
    out: Path,
    model: str,
    merge: bool,
    guard: Path | None,
    shots: Path | None,
    save_minutes: float,
    device: str | None,
    download: bool,
    fresh: bool,
    targets: str,
    as_json: bool,
    **options: Any,
) -> int:
    """Train a model on the folder DATA that export wrote; the student goes to the folder OUT.

    OUT/adapter is the LoRA adapter, OUT/merged the whole model, OUT/training.json the record. The
    same command again goes on where it was stopped, and does nothing once all is done. Needs
    intentkg[distill].
    """
    from generation.distill.options import lora
    from generation.distill.record import RECORD
    from generation.distill.run import train as work
    from intentkg.distilling.showing import quiet, show_training, training_progress

    as_json = _json(as_json)
    names = tuple(name.strip() for name in targets.split(",") if name.strip())
    if not names:
        raise UsageError(
            "--targets names no layer", fix="leave it out, or name some: q_proj,v_proj"
        )
    chosen = lora(**options, targets=targets if names == ("all-linear",) else names)
    file = out / RECORD
    before = file.read_bytes() if file.is_file() else None
    try:
        with quiet(), training_progress() as told:
            done = work(
                data,
                out,
                model,
                chosen,
                merge=merge,
                guard=guard,
                shots=shots,
                fresh=fresh,
                download=download,
                device=device,
                save_minutes=save_minutes,
                progress=told,
            )
    except InterruptedRunError as error:
        if as_json:
            output.emit_json({"error": output.error_dict(error)})
        else:
            output.complain(error, error.fix, word="stopped")
        return _STOPPED
    if as_json:
        output.emit_json(asdict(done))
        return 0
    show_training(done, out)
    if file.read_bytes() == before:
        output.say("all of it was done already: nothing was left to do")
    return 0
