"""All intrinsic benchmarks, one after the other, each in a process of its own.

python -m benchmarks.intrinsic DATA [--quick]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

# What makes each small, and where it writes then, so that the recorded figures stay.
QUICK: dict[str, list[str]] = {
    "student": ["--limit", "300", "--output", ".bench/quick/student.json"],
    "critic": ["--out", ".bench/quick/critic.json"],
    "hypernyms": ["--output", ".bench/quick/hypernyms.json"],
}


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--quick", is_flag=True, help="Only some questions of each corpus; records nothing.")
def main(data: Path, quick: bool) -> None:
    """Run all on the corpora in DATA; goes on after a failure and says which failed."""
    Path(".bench/quick").mkdir(parents=True, exist_ok=True)
    failed = []
    for name, small in QUICK.items():
        click.echo(f"\n## {name}\n")
        words = [sys.executable, "-m", f"benchmarks.intrinsic.{name}", str(data)]
        if subprocess.run([*words, *(small if quick else [])], check=False).returncode:
            failed.append(name)
    if failed:
        raise click.ClickException(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
