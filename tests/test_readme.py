"""The README: its commands print what it shows, its Python runs, links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from neo4j_push_world import Database

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


def session() -> list[tuple[str, list[str]]]:
    """Commands of the console blocks, with the lines shown under each."""
    steps: list[tuple[str, list[str]]] = []
    for line in "\n".join(blocks("console")).splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], []))
        elif line.strip():
            steps[-1][1].append(" ".join(line.split()))
    return steps


def same(found: str, expected: str) -> bool:
    """Whether two lines are the same but for a hair's breadth in their numbers."""
    found, expected = (re.sub(r"\b\d+\.\d s$", "some s", line) for line in (found, expected))
    words = list(zip(found.split(), expected.split(), strict=False))
    if len(found.split()) != len(expected.split()):
        return False
    for a, b in words:
        decimal = all(re.fullmatch(r"\d+\.\d\d%?", word) for word in (a, b))
        if a != b and not (decimal and abs(float(a.rstrip("%")) - float(b.rstrip("%"))) < 0.025):
            return False
    return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("readme")


def shell(command: str, folder: Path) -> list[str]:
    bin = Path(sys.executable).parent
    env = {**os.environ, "COLUMNS": "96", "PATH": f"{bin}{os.pathsep}{os.environ['PATH']}"}
    result = subprocess.run(
        command, shell=True, cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, (command, result.stderr)
    return [" ".join(line.split()) for line in result.stdout.splitlines() if line.strip()]


def test_the_session_prints_what_the_readme_shows(
    folder: Path, neo4j: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTENTKG_NEO4J_PASSWORD", str(neo4j.address.password))
    steps = session()
    assert len(steps) >= 7
    for command, shown in steps:
        if command.startswith("export "):
            continue  # the password of the server that this test asks
        printed = shell(command.replace("bolt://localhost:7687", neo4j.address.uri), folder)
        if shown[-1] == "...":  # the rest is left out there
            shown = shown[:-1]
            printed = printed[: len(shown)]
        assert len(printed) == len(shown), command
        for found, expected in zip(printed, shown, strict=True):
            assert same(found, expected), (command, found, expected)


def test_the_python_runs(folder: Path) -> None:
    if not (folder / "demo.kg").exists():
        shell("intentkg demo", folder)
    [code] = blocks("python")
    (folder / "readme.py").write_text(code, encoding="utf-8")
    shell(f"{sys.executable} readme.py", folder)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
