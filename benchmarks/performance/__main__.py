"""All performance benchmarks, one after the other, each in a process of its own.

python -m benchmarks.performance [--quick]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

# What makes each small, and where it writes then, so that the recorded figures stay.
QUICK: dict[str, list[str]] = {
    "build_graph": ["--size", "10000", "--results", ".bench/quick"],
    "cobuy_pull": ["--quick", "--output", ".bench/quick/cobuy_pull.json"],
    "neo4j_load": ["--quick", "--output", ".bench/quick/neo4j_load.json"],
    "neo4j_latency": ["--quick", "--output", ".bench/quick/neo4j_latency.json"],
    "embedding": ["--quick", "--output", ".bench/quick/embedding.json"],
    "vector_search": ["--quick", "--output", ".bench/quick/vector_search.json"],
    "orchestration": ["--quick", "--output", ".bench/quick/orchestration.json"],
    "scale": ["--quick", "--output", ".bench/quick/scale.json"],
    "prompt_prefix": ["--quick", "--output", ".bench/quick/prompt_prefix.json"],
    "estimator": ["--quick", "--output", ".bench/quick/estimator.json"],
    "crash_money": ["--kills", "4", "--each", "2", "--output", ".bench/quick/crash_money.json"],
    "vllm_offline": ["--quick", "--output", ".bench/quick/vllm_offline.json"],
    "lora": ["--quick", "--output", ".bench/quick/lora.json"],
    "nouns": ["--quick", "--output", ".bench/quick/nouns.json"],
    "duplicates": ["--quick"],
    "statistics": ["--quick", "--output", ".bench/quick/statistics.json"],
    "features": ["--quick", "--output", ".bench/quick/features.json"],
    "taxonomy": ["--quick", "--output", ".bench/quick/taxonomy.json"],
    "first_answer": [],
}


@click.command()
@click.option("--quick", is_flag=True, help="Only the smallest size of each; records nothing.")
def main(quick: bool) -> None:
    """Run all; goes on after a failure and says which failed."""
    Path(".bench/quick").mkdir(parents=True, exist_ok=True)
    failed = []
    for name, small in QUICK.items():
        click.echo(f"\n## {name}\n")
        words = [sys.executable, "-m", f"benchmarks.performance.{name}", *(small if quick else [])]
        if subprocess.run(words, check=False).returncode:
            failed.append(name)
    if failed:
        raise click.ClickException(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
