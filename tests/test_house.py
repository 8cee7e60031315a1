"""The house: packages are ours, the door is light, the floors hold, nothing is misnamed."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import intentkg
from intentkg._house import ROOMS, check_house

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {
    "torch",
    "transformers",
    "faiss",
    "openvino",
    "duckdb",
    "pyarrow",
    "numpy",
    "grafeo",
    "rich",
}


def run(
    code: str, *, cwd: Path | None = None, path: Path | None = None
) -> subprocess.CompletedProcess[str]:
    env = dict(os.environ)
    if path:
        env["PYTHONPATH"] = str(path)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd, env=env, check=False
    )


def test_no_installed_distribution_ships_a_package_of_our_names() -> None:
    """Our packages have plain names: see that no dependency brings one of the same name."""
    claimed: dict[str, set[str]] = {room: set() for room in (*ROOMS, "intentkg")}
    for package, owners in importlib.metadata.packages_distributions().items():
        if package in claimed:
            claimed[package] |= {owner.lower() for owner in owners}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"].lower()
        for file in distribution.files or ():
            top = file.parts[0].removesuffix(".py")
            if top in claimed and name != "intentkg":
                claimed[top].add(name)
    assert {room: owners - {"intentkg"} for room, owners in claimed.items()} == {
        room: set() for room in claimed
    }


def test_pinned_dependencies_that_are_not_installed_do_not_claim_our_names_either() -> None:
    pinned = {
        line.split("==")[0].strip().lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    assert pinned
    assert not pinned & {*ROOMS, "intentkg"}


@pytest.mark.parametrize("room", ROOMS)
def test_a_foreign_package_in_our_place_is_named_with_its_path(room: str, tmp_path: Path) -> None:
    (tmp_path / room).mkdir()
    (tmp_path / room / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    code = (
        "import sys; sys.argv = ['intentkg', 'query', 'my.kg']; "
        "from intentkg.__main__ import main; main()"
    )
    result = run(code, path=tmp_path, cwd=tmp_path / "elsewhere")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert repr(room) in result.stderr
    assert str(tmp_path) in result.stderr
    assert "fix:" in result.stderr


def test_the_house_check_passes_here() -> None:
    check_house()


@pytest.mark.parametrize(
    "module", ["intentkg", "intentkg.cli", "schema.errors", "schema.relations"]
)
def test_importing_the_door_loads_nothing_heavy(module: str) -> None:
    result = run(f"import sys, {module}; print(' '.join(m for m in {HEAVY!r} if m in sys.modules))")
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == ""


def test_help_loads_nothing_heavy_and_is_quick() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "intentkg", "--help"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in result.stderr.splitlines()}
    assert not loaded & HEAVY
    # A machine on which the mere import of click takes a tenth of a second may take longer.
    bound = max(0.4, 4 * _seconds("-c", "import click"))
    best = _seconds("-m", "intentkg", "--help")
    assert best < bound, f"intentkg --help took {best:.2f} s"


def _seconds(*words: str) -> float:
    """Processor time of Python with these words, the best of five: others' work does not count."""
    times = []
    for _ in range(5):
        before = os.times()
        subprocess.run([sys.executable, *words], capture_output=True, check=True, cwd=ROOT)
        after = os.times()
        times.append(
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system
        )
    return min(times)


def test_all_names_what_the_package_offers() -> None:
    for name in intentkg.__all__:
        assert getattr(intentkg, name) is not None
    assert dir(intentkg) == sorted(intentkg.__all__)


def test_version_is_stated_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == intentkg.__version__


def test_pins_carry_no_addresses() -> None:
    for name in ("constraints.txt", "overrides.txt"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "://" not in text
        assert "--index" not in text
    assert not (ROOT / "uv.lock").exists()


# The reader of published feature files, whose unpickler knows arrays only (test_bench_amess.py).
RESTRICTED = ROOT / "benchmarks" / "downstream" / "amess" / "features.py"


def test_every_open_names_an_encoding_and_nothing_pickles() -> None:
    """cp1252 crashes and pickles that run code are kept out by construction."""
    offences = []
    for folder in (*ROOMS, "intentkg"):
        for file in (ROOT / folder).rglob("*.py"):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    modules = {a.name for a in node.names} | {getattr(node, "module", None)}
                    if "pickle" in modules and file != RESTRICTED:
                        offences.append(f"{file}:{node.lineno} pickle")
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    keywords = {k.arg for k in node.keywords}
                    if node.func.attr in {"read_text", "write_text"} and "encoding" not in keywords:
                        offences.append(f"{file}:{node.lineno} {node.func.attr}")
    assert offences == []
