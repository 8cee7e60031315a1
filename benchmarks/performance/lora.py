"""How fast and in how much memory a student is trained (LoRA, rank 64), by batch and length.

    python -m benchmarks.performance.lora [--quick] [--output FILE]

A Llama of a few hundred million parameters with random weights is trained through
`generation.distill.run.train` on rows of one length; no weights have to be had, and the cost is
that of real ones. Tokens are those of questions and answers, without what fills batches up. Each
case runs in a process of its own, so that memory is its own: on a GPU what PyTorch had allocated
at most, else what the process held at most. On a machine without a GPU only ``--quick`` is quick.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from schema.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
VOCABULARY = 32_000
STEPS = 24


@dataclass(frozen=True, slots=True)
class Case:
    """One training.

    Attributes
    ----------
    width, layers
        Of the model; 1,024 and 24 are 436 million parameters.
    length
        Tokens of a row, about.
    """

    width: int
    layers: int
    batch: int
    length: int
    checkpointing: bool = False
    dtype: str = "bfloat16"
    steps: int = STEPS


CASES = (
    *(Case(1024, 24, batch, 512) for batch in (4, 16, 32)),
    Case(1024, 24, 8, 2048),
    Case(1024, 24, 32, 512, checkpointing=True),
    Case(1024, 24, 32, 2048, checkpointing=True),
)
QUICK = (
    Case(128, 2, 4, 128, dtype="float32", steps=6),
    Case(128, 2, 4, 128, True, "float32", steps=6),
)


def build(case: Case, folder: Path) -> Path:
    """Build a model of that shape with random weights, saved as any model is.

    Raises
    ------
    InputError
        If this is not a checkout with its tests: they know how to build models.
    """
    if not (ROOT / "tests" / "tiny_models.py").exists():
        raise InputError(
            "the tests are not there", file=str(ROOT / "tests"), fix="run this in a checkout"
        )
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    import_module("tests.tiny_models").text_model(folder)  # its tokenizer and chat template
    config = AutoConfig.from_pretrained(folder)
    config.vocab_size = VOCABULARY
    config.hidden_size, config.num_hidden_layers = case.width, case.layers
    config.intermediate_size = 4 * case.width
    config.num_attention_heads = config.num_key_value_heads = max(1, case.width // 64)
    config.head_dim = min(64, case.width)
    config.tie_word_embeddings = True
    config.initializer_range = 0.02
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, case.dtype))
    model.save_pretrained(folder)
    return folder


def lessons(case: Case, folder: Path) -> Path:
    """Write rows of about that many tokens."""
    from generation.distill.layouts import file_name

    folder.mkdir()
    words = ["the", "post", "of", "and", "product", "it", "is"]  # a token each
    rows = []
    for number in range(case.batch * case.steps):
        question = " ".join(words[(number + n) % 7] for n in range(int(case.length * 0.9)))
        answer = " ".join(words[(number * 3 + n) % 7] for n in range(int(case.length * 0.1)))
        said = [{"from": "user", "value": question}, {"from": "assistant", "value": answer}]
        rows.append(json.dumps({"conversations": said}) + "\n")
    (folder / file_name("sharegpt", "train")).write_text("".join(rows), encoding="utf-8")
    return folder


def measure(case: Case) -> dict[str, Any]:
    """Train once; gives the case with its figures."""
    from generation.distill.options import Lora
    from generation.distill.run import train

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model = build(case, folder / "model")
        done = train(
            lessons(case, folder / "data"),
            folder / "out",
            str(model),
            Lora(
                steps=case.steps,
                batch=case.batch,
                max_length=2 * case.length,
                gradient_checkpointing=case.checkpointing,
                dtype=case.dtype,
            ),
            merge=False,
        )
    figures = dict(done.run)
    tokens = done.data["train"]["tokens"] / done.data["train"]["examples"]
    return {
        **asdict(case),
        "tokens_of_a_row": round(tokens),
        **figures,
        "first_loss": done.loss[0]["loss"],
        "last_loss": done.loss[-1]["loss"],
        "versions": done.versions,
    }


def show(found: list[dict[str, Any]]) -> None:
    """Print a table."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    grid = Table(box=box.SIMPLE_HEAD, title=f"LoRA, rank 64, on {found[0]['device']}")
    for name in ("parameters", "trained", "batch", "tokens/row", "recomputed", "tokens/s", "GB"):
        grid.add_column(name, justify="right")
    for one in found:
        grid.add_row(
            f"{(one['parameters'] - one['trainable_parameters']) / 1e6:,.0f} M",
            f"{one['trainable_parameters'] / 1e6:,.1f} M",
            f"{one['batch']}",
            f"{one['tokens_of_a_row']:,}",
            "yes" if one["checkpointing"] else "no",
            f"{one['tokens_per_second']:,.0f}",
            f"{one['peak_memory_bytes'] / 1e9:.2f}",
        )
    Console(width=None if sys.stdout.isatty() else 110).print(grid)


def apart(case: Case) -> dict[str, Any] | None:
    """Measure in another process; None if it fails, for it may be out of memory."""
    words = [sys.executable, "-m", "benchmarks.performance.lora", "--case"]
    done = subprocess.run(
        [*words, json.dumps(asdict(case))],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        env={**os.environ, "HF_HUB_DISABLE_PROGRESS_BARS": "1"},
        check=False,
    )
    if done.returncode:
        click.echo(f"failed: {case}", err=True)
        return None
    found: dict[str, Any] = json.loads(done.stdout.decode("utf-8").splitlines()[-1])
    return found


@click.command()
@click.option("--quick", is_flag=True, help="A tiny model, for a machine without a GPU.")
@click.option("--case", hidden=True, help="One case as JSON; prints its figures.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("benchmarks/results/lora.json"),
    help="Where the figures are written as JSON.",
)
def main(quick: bool, case: str | None, output: Path) -> None:
    """Measure the training of a student."""
    if case:
        click.echo(json.dumps(measure(Case(**json.loads(case)))))
        return
    found = [figures for one in (QUICK if quick else CASES) if (figures := apart(one))]
    if not found:
        raise click.ClickException("no case could be measured")
    show(found)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps({"cases": found}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
