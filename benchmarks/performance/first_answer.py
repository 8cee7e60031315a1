"""Time from `make demo` in a fresh clone to its first answer, split into install and job.

    python -m benchmarks.performance.first_answer [--cold]

Clones this checkout's last commit into a temporary folder and runs ``make install`` and
``intentkg demo`` there. By default the package cache is the machine's own (what a second project
on it would see); ``--cold`` begins with an empty one, so that everything is downloaded. The model
cache is always empty: the demo converts the sentence model, as it does for a newcomer.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[2]


def measure(*, cold: bool) -> dict[str, float]:
    """Measure once.

    Returns
    -------
    dict
        Seconds: ``install``, ``first_answer`` (from the demo's start to its first search
        result), ``job`` (the demo as a whole), ``again`` (the demo a second time).
    """
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        env = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
        env["INTENTKG_CACHE_DIR"] = str(Path(folder) / "models")
        if cold:
            env["UV_CACHE_DIR"] = str(Path(folder) / "packages")
        start = time.perf_counter()
        subprocess.run(["make", "install"], cwd=clone, env=env, check=True, capture_output=True)
        installed = time.perf_counter()
        program = clone / ".venv" / "bin" / "intentkg"
        first = _first_answer([str(program), "demo"], clone, env)
        done = time.perf_counter()
        subprocess.run([program, "demo"], cwd=clone, env=env, check=True, capture_output=True)
        again = time.perf_counter()
        shutil.rmtree(clone, ignore_errors=True)
    return {
        "install": installed - start,
        "first_answer": first,
        "job": done - installed,
        "again": again - done,
    }


def _first_answer(command: list[str], cwd: Path, env: dict[str, str]) -> float:
    """Seconds until the search's first row is printed."""
    start = time.perf_counter()
    found = 0.0
    seen_search = False
    with subprocess.Popen(
        command,
        cwd=cwd,
        env={**env, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            seen_search = seen_search or "Search by meaning" in line
            if seen_search and not found and line.strip()[:2] in ("0.", "1."):
                found = time.perf_counter() - start
    if process.returncode or not found:
        raise click.ClickException(f"the demo failed (exit code {process.returncode})")
    return found


@click.command()
@click.option("--cold", is_flag=True, help="Begin with an empty package cache.")
@click.option("--quick", is_flag=True, help="No effect: this has one size.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(cold: bool, quick: bool, as_json: bool) -> None:
    """Measure and print."""
    seconds = measure(cold=cold)
    if as_json:
        click.echo(json.dumps(seconds))
        return
    click.echo("| part | seconds |\n|---|---|")
    for part, label in {
        "install": f"install ({'empty' if cold else 'warm'} package cache)",
        "first_answer": "demo, start to first search result",
        "job": "demo, whole",
        "again": "demo, a second time",
    }.items():
        click.echo(f"| {label} | {seconds[part]:.1f} |")


if __name__ == "__main__":
    main()
