"""Turn what a file holds into the values that a record has, or say why that cannot be.

Text is kept as written but for outer white space, line ends and control characters. Every
function that may refuse a value raises :class:`BadValue`, which becomes the row's rejection.
"""

from __future__ import annotations

import base64
import json
import math
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ingest.markup import plain

__all__ = [
    "BadValue",
    "check_words",
    "excerpt",
    "flatten",
    "has_word",
    "identifier",
    "image_refs",
    "literal",
    "named_image",
    "number",
    "plain",
    "price",
    "shorten",
    "strings",
    "text",
    "time",
    "truth",
    "whole",
]

_CONTROL = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f]")
_KEYCAP = re.compile(r"[0-9#*]\ufe0f?\u20e3")
_ROUNDED = re.compile(r"\d(?:\.\d+)?[eE]\+?\d+\Z")
_MONEY = re.compile(r"\d{1,3}(?:[,.\s]\d{3})+(?:[.,]\d{1,2})?(?!\d)|\d+(?:[.,]\d+)?")
_TWITTER_TIME = "%a %b %d %H:%M:%S %z %Y"
_IMAGE_KEYS = ("bytes", "ref", "url", "path")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_FLOAT_INT = 2**53


class BadValue(Exception):  # noqa: N818 - the name of a finding, not of a failure
    """A value that a record cannot hold.

    Parameters
    ----------
    reason
        What is wrong.
    fix
        What would make the row acceptable.
    """

    def __init__(self, reason: str, fix: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fix = fix


def has_word(text: str) -> bool:
    """Whether a text holds a letter or a digit of any script.

    Examples
    --------
    >>> has_word("傘"), has_word(" \U0001f600 !? "), has_word("1\ufe0f\u20e3")
    (True, False, False)
    """
    if "\u20e3" in text:
        text = _KEYCAP.sub("", text)  # a digit on a key is an emoji
    return any(map(str.isalnum, text))


def text(value: object, name: str = "text") -> str | None:
    """Bring a value to text: control characters and outer white space off.

    None and the empty string are None; white space alone is kept as one space, so that the row
    is refused for it rather than taken as one without the field.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadValue(
                f"{name} is {_kind(value)}, not text", f"give {name} as a string in quotes"
            )
        value = str(value)
    if not value:
        return None
    if not value.isprintable():
        value = _CONTROL.sub("", value.replace("\r\n", "\n").replace("\r", "\n"))
    return value.strip() or " "


def identifier(value: object, name: str = "id") -> str | None:
    """Bring a value to an identifier; None if there is none.

    A whole number is written out; a fraction, or a number that a spreadsheet or a float has
    rounded, is refused, because it names another thing than the one meant.
    """
    if value is None:
        return None
    if isinstance(value, bool):
        raise BadValue(f"{name} is {value}, not an identifier", f"map the right column to {name}")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if math.isnan(value):
            return None  # what pandas writes for an empty cell
        if value.is_integer() and abs(value) < _MAX_FLOAT_INT:
            return str(int(value))
        raise BadValue(
            f"{name} {value!r} was stored as a floating-point number and is not exact",
            f"store {name} as text or as a whole number",
        )
    if not isinstance(value, str):
        raise BadValue(f"{name} is {_kind(value)}", f"give {name} as a string")
    value = value.strip()
    if "+" in value and _ROUNDED.match(value):
        raise BadValue(f"{name} {value!r} looks rounded by a spreadsheet", f"export {name} as text")
    return value or None


def number(value: object, name: str) -> float | None:
    """Bring a value to a finite number; None if there is none."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None
    if not isinstance(value, bool) and isinstance(value, str | int | float):
        try:
            result = float(value)
        except (ValueError, OverflowError):
            result = math.nan
        if math.isfinite(result):
            return result
        if isinstance(value, float) and math.isnan(value):
            return None
    raise BadValue(f"{name} {shorten(value)} is not a number", f"give {name} as a plain number")


def whole(value: object, name: str) -> int | None:
    """Bring a value to a whole number; None if there is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,18}\s*", value):
        return int(value)
    result = number(value, name)
    if result is None:
        return None
    if not result.is_integer():
        raise BadValue(f"{name} {result} is not a whole number", f"give {name} as a whole number")
    return int(result)


_TRUE = frozenset({"true", "yes", "y", "1", "t"})
_FALSE = frozenset({"false", "no", "n", "0", "f"})


def truth(value: object, name: str) -> bool | None:
    """Bring a value to true or false (``true/false``, ``yes/no``, ``1/0``); None if empty."""
    if value is None or isinstance(value, bool):
        return value
    word = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    word = word.strip().casefold()
    if not word or word == "nan":
        return None
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise BadValue(
        f"{name} {shorten(value)} is neither yes nor no", f"write true or false in {name}"
    )


def price(value: object) -> float | None:
    """Read the amount of a price such as ``$1,250.00`` or ``1.250,00``; the lower end of a range.

    What states no amount (``""``, a piece of a web page that crept into the field) is None.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) and value >= 0 else None
    if not isinstance(value, str) or len(value) > 64:
        return None
    found = _MONEY.search(value)
    if found is None or value[: found.start()].rstrip(" $").endswith("-"):
        return None
    whole_part, _, cents = _separate(re.sub(r"\s", "", found.group()))
    return float(f"{re.sub('[.,]', '', whole_part)}.{cents or 0}")


def _separate(amount: str) -> tuple[str, str, str]:
    """Part an amount at its decimal sign: the last one, unless it parts thousands."""
    sign = max(amount.rfind("."), amount.rfind(","))
    if sign < 0:
        return amount, "", ""
    mark, tail = amount[sign], amount[sign + 1 :]
    thousands = len(tail) == 3 and (mark == "," or amount.count(mark) > 1)
    if thousands and ("." not in amount or "," not in amount):
        return amount, "", ""
    return amount[:sign], mark, tail


def time(value: object, name: str = "created_at") -> datetime | None:
    """Read a time: ISO 8601, Twitter's form, or seconds, milli- or microseconds since 1970.

    A time without a zone is taken as UTC. The unit of a bare number is told from its size.
    """
    if value is None or value == "":
        return None
    try:
        if isinstance(value, datetime):
            return _utc(value)
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day, tzinfo=UTC)
        if isinstance(value, str):
            word = value.strip()
            if not word:
                return None
            if re.fullmatch(r"-?\d{9,}(?:\.\d+)?", word):
                return _since_epoch(float(word))
            try:
                return _utc(datetime.fromisoformat(word))
            except ValueError:
                return datetime.strptime(word, _TWITTER_TIME).astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return None if value != value else _since_epoch(value)
    except (ValueError, OverflowError, OSError):
        pass
    raise BadValue(
        f"{name} {shorten(value)} is not a time",
        "write it as ISO 8601, e.g. 2024-05-01T12:30:00Z, or as seconds since 1970",
    )


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _since_epoch(value: float) -> datetime:
    size = abs(value)
    unit = 1.0 if size < 1e11 else 1e-3 if size < 1e14 else 1e-6 if size < 1e17 else 1e-9
    return _EPOCH + timedelta(seconds=value * unit)


def strings(value: object, name: str) -> list[str] | None:
    """Read a list of strings: a list, a JSON list in a cell, or a cell parted by ``|``.

    Empty members are left out; nothing at all is None.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        cell = value.strip()
        if cell.startswith("[") and cell.endswith("]"):
            try:
                value = json.loads(cell)
            except ValueError:
                value = [cell]
        else:
            value = cell.split("|")
    if not isinstance(value, list | tuple):
        raise BadValue(f"{name} is {_kind(value)}, not a list", f"give {name} as a list of strings")
    members = (text(member, name) for member in flatten(value))
    return [member for member in members if member and member != " "] or None


def flatten(value: list[Any] | tuple[Any, ...]) -> list[Any]:
    """Return the members of a list and of the lists in it, in order."""
    flat: list[Any] = []
    for member in value:
        if isinstance(member, list | tuple):
            flat.extend(flatten(member))
        else:
            flat.append(member)
    return flat


def image_refs(value: object) -> list[dict[str, str | None]] | None:
    """Read image references: an address, a path or the bytes, or a list of them.

    In a cell they are parted by ``|``. An object gives its ``bytes``, ``ref``, ``url`` or ``path``.
    Bytes become a ``data:`` address.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str) and not value.strip().startswith("["):
        # A path or address may hold ';' (data addresses do), so only '|' parts a cell.
        members: list[Any] = [part for part in value.split("|") if part.strip()]
    elif isinstance(value, str):
        members = list(strings(value, "images") or ())
    elif isinstance(value, list | tuple):
        members = flatten(value)
    else:
        members = [value]
    refs: dict[str, None] = {}
    for member in members:
        if isinstance(member, dict):
            member = next((member[k] for k in _IMAGE_KEYS if member.get(k)), None)
        if isinstance(member, bytes):
            member = f"data:;base64,{base64.b64encode(member).decode('ascii')}"
        if member is None or member == "":
            continue
        if not isinstance(member, str):
            raise BadValue(
                f"images hold {_kind(member)}", "give images as paths or addresses, parted by '|'"
            )
        refs[member.strip()] = None
    return [{"ref": ref, "id": None, "error": None} for ref in refs if ref] or None


def shorten(value: object, width: int = 60) -> str:
    """Show a value in a message: one line, not too long, nothing that upsets a terminal."""
    shown = value if isinstance(value, str) else repr(value)[: width * 4]
    shown = shown[: width * 4].encode("utf-8", "backslashreplace").decode("utf-8")
    shown = "".join(c if c.isprintable() else " " for c in shown).strip()
    shown = shown if len(shown) <= width else shown[: width - 3] + "..."
    return f"'{shown}'"


def excerpt(value: object, width: int = 200) -> str:
    """Cut out the beginning of a line or row for the list of rejections."""
    return shorten(value, width)[1:-1]


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, bool):
        return "true or false"
    return f"of type {type(value).__name__}"


def check_words(value: str, name: str) -> None:
    """Raise a BadValue for a text without a letter or digit."""
    if not has_word(value):
        what = "symbols or emoji" if value.strip() else "white space"
        raise BadValue(
            f"{name} is only {what}", f"give {name} in words, with at least one letter or digit"
        )


def literal(line: str) -> object:
    """Read a line that is a Python literal, as old published files are; runs no code."""
    import ast
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of backslashes that mean nothing
            return ast.literal_eval(line.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise BadValue(
            f"neither JSON nor a Python literal: {error}", "write one JSON object a line"
        ) from None


def named_image(folder: str | None, name: str | None) -> list[dict[str, str | None]] | None:
    """Reference the JPEG of that name in a folder or under an address; None without a folder."""
    if not folder or not name:
        return None
    return [{"ref": f"{folder.rstrip('/')}/{name}.jpg", "id": None, "error": None}]
