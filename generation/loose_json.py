"""JSON as models write it: in fences, after a preface, with a comma too many."""

from __future__ import annotations

import ast
import json
import re
import warnings
from contextlib import suppress
from typing import Any

import orjson

_OPENING = re.compile(r"<(?:think|thinking|reasoning)>", re.IGNORECASE)
_CLOSING = re.compile(r"</(?:think|thinking|reasoning)>", re.IGNORECASE)
_FENCE = re.compile(r"```[\w-]*[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL)
_COMMA = re.compile(r",(\s*[}\]])")
_LONGEST = 100_000


def without_thoughts(text: str) -> str:
    """Leave out what a reasoning model thinks aloud; nothing is left if it never came to an end.

    Examples
    --------
    >>> without_thoughts("<think>hm, yes</think> Yes, it would.")
    'Yes, it would.'
    """
    text = text[:_LONGEST]
    if "<" not in text:
        return text.strip()
    opened = _OPENING.search(text)
    if closed := list(_CLOSING.finditer(text)):
        before = text[: opened.start()] if opened else ""
        text = before + text[closed[-1].end() :]
        opened = _OPENING.search(text)
    return text[: opened.start() if opened else None].strip()


def unfenced(text: str) -> str:
    """Give the content of the first code fence; the text itself if it has none.

    Examples
    --------
    >>> unfenced("Sure:\\n```json\\n{}\\n```")
    '{}'
    """
    found = _FENCE.search(text)
    return found[1].strip() if found else text.strip()


def find_json(text: str) -> Any:
    """Find the first JSON object or array; None if there is none that can be read.

    Commas too many, single quotes and line breaks within strings are put up with.

    Examples
    --------
    >>> find_json("Here you are: {'answer': 'yes',}")
    {'answer': 'yes'}
    """
    text = text[:_LONGEST].strip()
    if text[:1] in ("{", "["):
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(text)
    for source in dict.fromkeys((text, unfenced(text))):
        tried = 0
        start = _first(source, 0)
        while start >= 0 and tried < 8:
            tried += 1
            end = _end(source, start)
            if end > start and (found := _load(source[start:end])) is not None:
                return found
            start = _first(source, start + 1)
    return None


def _first(text: str, start: int) -> int:
    """Find where a value may begin: an object anywhere, an array only at the beginning."""
    if not start and text[:1] == "[":
        return 0
    return text.find("{", start)


def _end(text: str, start: int) -> int:
    """Find where the value that begins at `start` ends; -1 if it does not."""
    depth, quote, escaped = 0, "", False
    for place in range(start, len(text)):
        character = text[place]
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif quote:
            if character == quote:
                quote = ""
        elif character == '"':
            quote = character
        elif character in "{[":
            depth += 1
        elif character in "}]":
            depth -= 1
            if depth == 0:
                return place + 1
    return -1


def _load(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    for candidate in (text, _COMMA.sub(r"\1", text)):
        try:
            return json.loads(candidate, strict=False)
        except (ValueError, RecursionError):
            pass
    if len(text) > 10_000:
        return None
    try:
        with warnings.catch_warnings():  # of escapes that are none
            warnings.simplefilter("ignore", SyntaxWarning)
            found = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None
    return found if isinstance(found, dict | list) else None
