"""The built wheel, installed alone in a fresh environment, runs the demo."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def uv() -> str:
    found = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    assert Path(found).exists(), "uv is neither on PATH nor in .uv: run `make install` first"
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([uv(), "build", "--quiet", "--wheel", "--out-dir", out, ROOT], check=True)
    [built] = out.glob("*.whl")
    return built


def test_wheel_holds_our_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"schema", "ingest", "generation", "kg", "queries", "benchmarks", "intentkg"}
    assert any(name.startswith("queries/named/") and name.endswith(".cypher") for name in names)
    assert any(name.startswith("intentkg/sample/") and name.endswith(".png") for name in names)
    sample = {path.name for path in (ROOT / "intentkg/sample").iterdir() if path.suffix != ".png"}
    held = {name.split("/")[2] for name in names if name.startswith("intentkg/sample/")}
    assert {name for name in sample if name.endswith((".jsonl", ".csv", ".md", ".py"))} <= held
    assert any(name.startswith("generation/prompts/mind/") for name in names)
    assert {"queries/language/pipeline/parser/model", "queries/language/pipeline/LICENSE.md",
            "queries/hypernyms/data/wordnet.parquet", "queries/report/templates/report.html.j2",
            "queries/duplicates/contrasts.txt"} <= set(names)  # fmt: skip
    critic = {"model.safetensors", "config.json", "manifest.json", "MODEL_CARD.md"}
    assert {f"generation/critic/weights/{name}" for name in critic} <= set(names)


@pytest.mark.slow
def test_wheel_alone_runs_the_demo(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "env"
    subprocess.run([uv(), "venv", "--quiet", "--python", sys.executable, home], check=True)
    python = home / "bin" / "python"
    subprocess.run(
        [
            uv(),
            "pip",
            "install",
            "--quiet",
            "--python",
            python,
            "-c",
            ROOT / "constraints.txt",
            wheel,
        ],
        check=True,
    )
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "INTENTKG"))}
    result = subprocess.run(
        [home / "bin" / "intentkg", "demo", "--json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=env,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    counts = report["counts"]
    assert counts["posts"] and counts["cobuys"] and counts["assertions"]
    assert report["generated"]["miko"]["intentions"] and report["generated"]["mind"]["accepted"]
    assert (tmp_path / "demo.kg" / "kb.json").exists()
