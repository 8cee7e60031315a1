"""``intentkg formats`` and the page of input formats."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from door import call, quick
from harvest import Harvest

from ingest import reading
from intentkg import cli, formats

NAMES = [format.name for format in reading.formats()]


def params(verb: str) -> dict[str, click.Parameter]:
    command = cli.cli.get_command(click.Context(cli.cli), verb)
    assert command is not None
    return {option: p for p in command.params for option in p.opts}


@pytest.mark.parametrize("name", NAMES)
def test_every_format_is_described_with_its_columns_and_options(name: str) -> None:
    format = reading.get(name)
    found = quick("formats", name)
    assert found["summary"] == format.summary and len(found["layout"]) > 80
    wanted = [(field.name, field.required, list(field.aliases)) for field in format.fields]
    assert [(f["name"], f["required"], f["aliases"]) for f in found["fields"]] == wanted
    assert len(found["options"]) == len(format.options)
    assert set(found["options"]) <= params(found["command"]).keys()
    shown = call("formats", name).stdout
    assert all(f"`{word}`" in shown for field in format.fields for word in field.aliases)
    # Nothing of reStructuredText is left over, and fences are closed.
    assert not re.search(r"``[^`]|:mod:|^=|^-{3}|::$", shown.replace("```", ""), re.MULTILINE)
    assert shown.count("```") % 2 == 0


def test_the_list_names_every_format_and_its_command() -> None:
    rows = quick("formats")["formats"]
    assert sorted(row["name"] for row in rows) == NAMES
    for row in rows:
        assert (row["command"] == "ingest") == (reading.get(row["name"]).kind == "records")
    assert all(name in call("formats").stdout for name in NAMES)
    result = call("formats", "postz")
    assert result.returncode == 2 and "posts" in result.stderr


@pytest.mark.parametrize("name", formats.EXAMPLES)
def test_the_examples_are_recognised_and_read_whole(name: str, tmp_path: Path) -> None:
    path = tmp_path / "example"
    path.write_text(formats.EXAMPLES[name], encoding="utf-8")
    assert reading.detect(path).name == name
    got = Harvest(path)
    assert got.rejections == []
    assert call("ingest" if name != "intentions" else "import", tmp_path / "kb", path).stderr == ""


def test_the_help_of_dangling_names_the_formats_that_heed_it() -> None:
    for verb in ("ingest", "import"):
        option = params(verb)["--dangling"]
        heeding = {f.name for f in reading.formats() if "dangling" in f.options}
        assert isinstance(option, click.Option) and reading.Options().dangling is None
        assert {
            name for name in NAMES if f"{name}:" in f"{option.help}".replace(",", ":")
        } == heeding
