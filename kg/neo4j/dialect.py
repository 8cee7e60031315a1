"""A query of the shared dialect as the server is to read it.

Both engines read the same Cypher (docs/neo4j.md lists what differs). The server is told that it is
Cypher 5, whatever its own default is; and where labels have a prefix, they get it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from kg.cypher_guard import _Token, _tokens
from kg.cypher_names import LABELS
from kg.neo4j.names import Names, quoted

_VERSION = "CYPHER 5 "
# Words after which a brace holds a query, not a map.
_BEFORE_BLOCK = frozenset("call exists count collect".split())  # noqa: SIM905
_OPERATORS = frozenset("|&!:%")
_LABELS = re.compile(r"\[label IN (labels\s*\(.*?\)) \| substring\(label, \d+\)\]", re.IGNORECASE)


@lru_cache(maxsize=512)
def as_served(query: str, names: Names) -> str:
    """Give a query that has passed :func:`kg.cypher_guard.check` as the server takes it.

    Examples
    --------
    >>> as_served("MATCH (p:Product) RETURN p.id", Names("ikg"))
    'CYPHER 5 MATCH (p:`ikg_Product`) RETURN p.id'
    """
    if names.prefix is None:
        return _VERSION + query
    return _VERSION + "".join(_renamed(list(_tokens(query)), names))


def as_asked(columns: list[str], names: Names) -> list[str]:
    """Give the columns of an answer the names that they would have without a prefix."""
    if names.prefix is None:
        return columns
    bare = [re.sub(rf"`{names.label('')}(\w+)`", r"\1", column) for column in columns]
    return [_LABELS.sub(r"\1", column) for column in bare]


def _renamed(tokens: list[_Token], names: Names) -> Iterator[str]:
    """Put the prefix before labels, and take it off what ``labels()`` gives."""
    opened: list[str] = []  # what stands after each open bracket; " " where it needs nothing
    code: list[_Token] = []
    in_label = False
    for token in tokens:
        if token.kind in ("space", "comment"):
            yield token.text
            continue
        text = token.text
        if text == ":":
            in_label = not (opened and opened[-1] == "{")
        elif token.kind in ("word", "quoted"):
            if in_label and text.strip("`") in LABELS:
                text = quoted(names.label(text.strip("`")))
            in_label = in_label and bool(code) and code[-1].text in _OPERATORS
        elif text not in _OPERATORS:
            in_label = False
        if text == "(" and _calls_labels(code):
            opened.append(f" | substring(label, {len(names.label(''))})]")
        elif text in ("(", "[", "{"):
            opened.append("{" if text == "{" and not _opens_block(code) else " ")
        code.append(token)
        if _calls_labels(code) and _follows(tokens, token) == "(":
            yield "[label IN "
        yield text
        if text in (")", "]", "}") and opened:
            after = opened.pop()
            yield after if after not in ("{", " ") else ""


def _calls_labels(code: list[_Token]) -> bool:
    """Whether the last word is the function ``labels``, not a procedure or a property."""
    if not code or code[-1].kind != "word" or code[-1].name != "labels":
        return False
    return len(code) < 2 or code[-2].text != "."


def _opens_block(code: list[_Token]) -> bool:
    return bool(code) and (code[-1].name in _BEFORE_BLOCK or code[-1].text == ")")


def _follows(tokens: list[_Token], token: _Token) -> str:
    """Give the text of the next token that is no space."""
    place = next(at for at, each in enumerate(tokens) if each is token)
    rest = (each.text for each in tokens[place + 1 :] if each.kind not in ("space", "comment"))
    return next(rest, "")
