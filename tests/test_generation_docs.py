"""Every command of docs/generation.md works, in the order in which it stands there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from door import ROOT, call, quick

from tests.generate_world import clean
from tests.servers import serving

PAGE = ROOT / "docs" / "generation.md"
ADDRESS = "http://127.0.0.1:8000/v1"


def blocks(language: str) -> list[str]:
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def fill(folder: Path) -> None:
    posts = [{"id": f"p{n}", "text": f"the weather of day {n}"} for n in range(3)]
    products = [{"id": f"B{n}", "title": f"umbrella {n}"} for n in range(3)]
    for name, rows in (("posts", posts), ("products", products)):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    (folder / "cobuys.csv").write_text("a,b,support\nB0,B1,4\nB1,B2,2\n", encoding="utf-8")
    (folder / "prices.toml").write_text(blocks("toml")[0], encoding="utf-8")


@pytest.mark.slow
def test_every_command_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path)
    monkeypatch.chdir(tmp_path)
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.strip()]
    assert len(lines) > 20
    with serving("writer") as server:
        for line in lines:
            program, *words = shlex.split(line.replace(ADDRESS, server.base_url))
            assert program == "intentkg"
            result = call(*words)
            assert result.returncode == 0, (line, result.stdout, result.stderr)
            if "--dry-run" in line:
                assert "USD" in result.stdout and "at that rate: " in result.stdout
        (code,) = blocks("python")
        command = [sys.executable, "-c", code.replace(ADDRESS, server.base_url)]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split()[0] == "0"  # all of it was known
    counts = quick("status", "my.kg")["counts"]
    assert counts["posts"] == 3 and counts["cobuys"] == 2 and counts["assertions"] > 0
    clean(Path("my.kg"))


def test_the_options_that_it_names_exist() -> None:
    reference = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    named = set(re.findall(r"--[a-z][a-z-]+", PAGE.read_text(encoding="utf-8")))
    others = {"--override", "--structured-outputs-config"}  # uv's and vLLM's
    assert {option for option in named if option not in reference} == others
