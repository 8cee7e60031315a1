"""A benchmark's configuration: its dataclass, its ``default.toml``, a person's own file."""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from schema.errors import UsageError


def load[C](
    kind: type[C],
    default: Path,
    *,
    own: Path | None = None,
    quick: bool = False,
    seed: int | None = None,
) -> C:
    """Put a configuration together: the defaults, then ``[quick]``, then a person's own file.

    Parameters
    ----------
    kind
        The benchmark's frozen dataclass.
    default
        Its ``default.toml``: values at the top level, those of the small run in ``[quick]``.
    own
        A TOML file with the values to change.
    quick
        Whether to take ``[quick]`` too.
    seed
        In place of the configured one.

    Raises
    ------
    UsageError
        If a file cannot be read, names a value that is unknown, or gives one of another type.
    """
    stated = _read(default)
    small = stated.pop("quick", {})
    values = {**stated, **(small if quick else {})}
    where = default
    if own is not None:
        values |= _read(own)
        where = own
    if seed is not None:
        values["seed"] = seed
    return kind(**_checked(kind, values, where))


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", fix="name a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not TOML: {error}", fix="see its default.toml") from None


def _checked(kind: Any, values: Mapping[str, Any], file: Path) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    known = [field.name for field in dataclasses.fields(kind)]
    found = {}
    for name, value in values.items():
        if name not in known:
            close = get_close_matches(name, known, n=1)
            raise UsageError(
                f"{file}: there is no setting {name!r}",
                fix=f"did you mean {close[0]}?" if close else f"its settings: {', '.join(known)}",
            )
        found[name] = _fitting(hints[name], name, value, file)
    if lacking := [
        field.name
        for field in dataclasses.fields(kind)
        if field.name not in found and field.default is dataclasses.MISSING
    ]:
        raise UsageError(f"{file}: {', '.join(lacking)} is not set", fix="add it")
    return found


def _fitting(wanted: Any, name: str, value: Any, file: Path) -> Any:
    """The value as the setting's type has it."""
    plain = typing.get_origin(wanted) or wanted
    if plain is typing.Literal:
        known = typing.get_args(wanted)
        if value not in known:
            raise UsageError(
                f"{file}: {name} = {value!r} is not known",
                fix=f"use one of {', '.join(map(str, known))}",
            )
        return value
    if plain is tuple and isinstance(value, list):
        return tuple(value)
    if plain is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, plain) or (isinstance(value, bool) and plain is not bool):
        raise UsageError(
            f"{file}: {name} = {value!r} is no {plain.__name__}",
            fix="see the benchmark's default.toml",
        )
    return value
