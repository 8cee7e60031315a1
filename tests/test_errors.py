from __future__ import annotations

import inspect
import pickle
import re
import subprocess
import sys
import traceback
from collections.abc import Iterator

import pytest

from schema import errors
from schema.errors import InputError, IntentKGError


def classes(base: type[IntentKGError] = IntentKGError) -> Iterator[type[IntentKGError]]:
    yield base
    for child in base.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from classes(child)


def drawn() -> list[tuple[int, str]]:
    """Depth and name of each class in the tree that the module's docstring draws."""
    lines = (errors.__doc__ or "").splitlines()
    found = [re.match(r"    ([│├└─ ]*)(\w+Error)\b", line) for line in lines]
    return [(len(match[1]) // 4, match[2]) for match in found if match]


def depth(kind: type) -> int:
    return kind.__mro__.index(IntentKGError)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    assert drawn() == [(depth(kind), kind.__name__) for kind in classes()]


def test_every_public_class_is_in_the_tree() -> None:
    public = {name for name, _ in inspect.getmembers(errors, inspect.isclass)}
    assert public == {kind.__name__ for kind in classes()}


@pytest.mark.parametrize("kind", list(classes()), ids=lambda kind: kind.__name__)
def test_every_error_is_documented_and_carries_a_fix(kind: type[IntentKGError]) -> None:
    assert inspect.getdoc(kind)
    needed = {
        name: "x"
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.default is parameter.empty and name != "message"
    }
    error = kind("it broke", fix="mend it", **needed)
    assert (str(error), error.fix) == ("it broke", "mend it")
    assert "fix: mend it" in "".join(traceback.format_exception(error))
    assert error.exit_code == (2 if isinstance(error, errors.UsageError) else 1)


def test_an_input_error_says_where() -> None:
    assert str(InputError("bad cell", file="a.csv", row=3)) == "a.csv, row 3: bad cell"
    assert str(InputError("truncated", file="a.gz")) == "a.gz: truncated"
    error = InputError("bad cell", file="a.csv", row=3)
    assert (error.reason, error.file, error.row) == ("bad cell", "a.csv", 3)


def test_a_fix_that_is_set_later_replaces_its_note() -> None:
    error = IntentKGError("it broke", fix="mend it")
    error.add_note("seen on a Monday")
    error.fix = "buy another"
    shown = "".join(traceback.format_exception(error))
    assert "fix: buy another" in shown and "seen on a Monday" in shown and "mend it" not in shown
    error.fix = None
    assert "fix:" not in "".join(traceback.format_exception(error))
    assert str(error) == "it broke"


def test_an_error_comes_whole_through_a_pickle() -> None:
    packed = pickle.dumps(InputError("bad cell", file="a.csv", row=3, fix="mend it"))
    error = pickle.loads(packed)  # noqa: S301 - our own
    assert (str(error), error.fix, error.row) == ("a.csv, row 3: bad cell", "mend it", 3)
    assert error.__notes__ == ["fix: mend it"]
    error.fix = "buy another"
    assert error.__notes__ == ["fix: buy another"]


@pytest.mark.parametrize("module", ["schema.errors", "schema.relations", "schema.identity"])
def test_the_ground_floor_needs_only_the_standard_library(module: str) -> None:
    script = (
        f"import sys; import {module}\n"
        "tops = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(tops - set(sys.stdlib_module_names) - {'schema', '__main__'}))"
    )
    before = subprocess.run(
        [sys.executable, "-c", script.replace(f"import {module}", "pass")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    after = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert after == before
