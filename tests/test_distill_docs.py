"""Every command of docs/distilling.md works, in the order in which it stands there."""

from __future__ import annotations

import json
import re
import runpy
import shlex
from pathlib import Path
from typing import Any

import pytest
from door import ROOT, call
from transformers import AutoTokenizer

from generation.distill.layouts import dataset_info
from tests.distill_world import THINGS, make_kb, one_thread
from tests.tiny_models import text_model

PAGE = ROOT / "docs" / "distilling.md"
# What makes a lesson short: the page's own options stay.
SHORT = ["--batch", "2", "--rank", "4", "--steps", "1"]


def blocks(language: str) -> list[str]:
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def run(code: str) -> dict[str, Any]:
    """Run a block of Python; gives what it has named."""
    Path("block.py").write_text(code, encoding="utf-8")
    return runpy.run_path("block.py")


def test_every_command_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_kb(tmp_path, THINGS[:4], name="my.kg", scores={"typicality": 0.7})
    make_kb(tmp_path, THINGS[4:6], name="other.kg", taught={})
    text_model(Path("model"))
    Path("questions.csv").write_text("What is wet?,rain,sand,A\n", encoding="utf-8")
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.strip()]
    assert len(lines) > 6
    with one_thread():
        for line in lines:
            program, *words = shlex.split(line)
            assert program == "intentkg"
            if words[:2] == ["distill", "train"]:
                words += [w for pair in zip(SHORT[::2], SHORT[1::2], strict=True)
                          if pair[0] not in words for w in pair]  # fmt: skip
            if words[0] == "generate":
                words += ["--relation", "UsedFor", "--param", "max_tokens=8", "--no-preflight"]
            result = call(*words)
            assert "Traceback" not in result.stderr
            # One step teaches nothing: the student writes noise, which is said.
            noise = words[0] == "generate" and "nothing came of any head" in result.stderr
            # And these intentions were imported: nobody judged them.
            no_rows = "--stage" in words and "there is no row to write" in result.stderr
            assert result.returncode == 0 or noise or no_rows, (line, result.stderr)
        first, loading = blocks("python")
        given = 'Lora(rank=4, steps=1, batch=2), fresh=True, guard="questions.csv")'
        code = first.replace('Lora(rank=64), guard="questions.csv")', given)
        assert code != first
        run(code)
        assert len(run(loading)["rows"]) > 0
    record = json.loads(Path("student/training.json").read_text(encoding="utf-8"))
    assert record["guard"]["difference"] in (-1.0, 0.0, 1.0)
    assert AutoTokenizer.from_pretrained("student/merged").chat_template
    (config,) = blocks("yaml")
    named = re.findall(r"intentkg_\w+", config)
    assert named and set(named) <= set(dataset_info(("train", "validation", "test")))


def test_the_options_that_it_names_exist() -> None:
    reference = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    named = set(re.findall(r"--[a-z][a-z-]+", PAGE.read_text(encoding="utf-8")))
    others = {"--enable-lora", "--max-lora-rank", "--lora-modules"}  # vLLM's
    assert {option for option in named if option not in reference} == others
