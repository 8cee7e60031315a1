"""Names in a Cypher text that the graph does not have: most likely slips of the pen.

An unknown label, relationship type or property is no error in Cypher: it matches nothing, and
looks like an honest "there is none". So a person's query is compared with the shape of the graph
(:mod:`kg.projection`). What cannot be told for certain is let pass: these are hints, no rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from kg.cypher_guard import _Token, _tokens
from schema import relations
from schema.errors import CypherSyntaxError
from schema.relations import NodeType

LABELS = tuple(sorted(NodeType))
TYPES = (
    "OF",
    "CO_BUY",
    "HAS_IMAGE",
    "MENTIONS",
    "HYPERNYM",
    "SAME_AS",
    "INSTANCE_OF",
    *relations.names(),
)
PROPERTIES = tuple(
    sorted(
        set(
            """id source external_id text language created_at title brand price categories
            media_type width height a b support support_ab support_ba npmi sources name weight
            members similarity score
            plausibility typicality accepted models evidence""".split()  # noqa: SIM905
        )
    )
)

# Words after which a round bracket opens a pattern, not a function's arguments.
_BEFORE_PATTERN = frozenset("match where and or not xor when then else return with".split())  # noqa: SIM905
_MOST = 5


def hints(query: str) -> list[str]:
    """Say which labels, relationship types and properties of `query` the graph does not have.

    Examples
    --------
    >>> hints("MATCH (p:Produkt) RETURN p.id")[0].partition(";")[0]
    'no label Produkt in the graph: did you mean Product?'
    >>> hints("MATCH (c:CoBuy)-[r:UsedFor]->(i) WHERE r.typicality > 0.5 RETURN i {.text}")
    []
    """
    try:
        code = [t for t in _tokens(query) if t.kind not in ("comment", "space")]
    except CypherSyntaxError:
        return []
    known = {"label": LABELS, "relationship type": TYPES, "property": PROPERTIES}
    found = dict.fromkeys(_names(code))
    return [_hint(kind, name, known[kind]) for kind, name in found if name not in known[kind]][
        :_MOST
    ]


def _hint(kind: str, name: str, known: tuple[str, ...]) -> str:
    folded = {each.casefold(): each for each in reversed(known)}
    close = get_close_matches(name.casefold(), folded, n=2, cutoff=0.6)
    guess = f": did you mean {' or '.join(folded[each] for each in close)}?" if close else ""
    plural = {"property": "properties"}.get(kind, kind + "s")
    return f"no {kind} {name} in the graph{guess}; {plural}: {', '.join(known)}"


def _names(code: list[_Token]) -> Iterator[tuple[str, str]]:
    """Yield labels, types and properties, as (kind, name)."""
    open_brackets: list[str] = []  # "(": a node, "[": an edge, " ": any other
    bound = _bound(code)
    for position, token in enumerate(code):
        before = code[position - 1] if position else None
        if token.text in ("(", "[", "{"):
            open_brackets.append(_bracket(token, before, open_brackets))
        elif token.text in (")", "]", "}"):
            if open_brackets:
                open_brackets.pop()
        elif token.text == ":":
            inside = open_brackets[-1] if open_brackets else " "
            kind = {"(": "label", "[": "relationship type"}.get(inside)
            if kind:
                yield from ((kind, name) for name in _alternatives(code, position))
            elif inside == "{" and before is not None and before.kind in ("word", "quoted"):
                yield "property", _plain(before)
        elif token.text == "." and before is not None and position + 1 < len(code):
            follows = code[position + 2 : position + 3]
            name = code[position + 1]
            owned = before.kind == "word" and before.text in bound
            called = bool(follows) and follows[0].text in ("(", ".")
            if owned and not called and name.kind in ("word", "quoted"):
                yield "property", _plain(name)


def _bracket(token: _Token, before: _Token | None, opened: list[str]) -> str:
    """What a bracket opens: part of a pattern, or something else."""
    named = before is not None and before.kind in ("word", "quoted")
    if token.text == "(":
        called = named and before is not None and before.name not in _BEFORE_PATTERN
        return " " if called else "("
    if token.text == "[":
        return "[" if before is not None and before.text == "-" else " "
    # A map belongs to a pattern where it stands right inside a node or an edge.
    inside = opened and opened[-1] in ("(", "[")
    return "{" if inside and (named or (before and before.text in ("(", "["))) else " "


def _bound(code: list[_Token]) -> set[str]:
    """Variables that stand for nodes and edges: ``(p:``, ``(p {``, ``(p)-``, ``-[r:``, ``-[r]``."""
    texts = ["", *(token.text for token in code), "", "", ""]
    found = set()
    for place, token in enumerate(code, start=1):
        before, after, second = texts[place - 1], texts[place + 1], texts[place + 2]
        if token.kind != "word":
            continue
        node = before == "(" and (after in (":", "{") or (after == ")" and second in ("-", "<")))
        edge = before == "[" and place > 1 and texts[place - 2] == "-"
        if node or (edge and after in (":", "{", "]")):
            found.add(token.text)
    return found


def _alternatives(code: list[_Token], position: int) -> Iterator[str]:
    """Yield names after a colon: ``:A``, ``:A|B``, ``:A&!B``."""
    wanted = True
    for token in code[position + 1 :]:
        if wanted and token.kind in ("word", "quoted"):
            yield _plain(token)
            wanted = False
        elif token.text in ("|", "&", "!"):
            wanted = True
        else:
            return


def _plain(token: _Token) -> str:
    return token.text.strip("`")
