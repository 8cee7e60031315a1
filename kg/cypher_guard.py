"""Lets through only Cypher that reads the graph.

The engine refuses writes on a file that is open for reading, but ``LOAD CSV`` reads any file on
the machine even then; and a database server may have procedures and functions that do anything.
So a stranger's query is read token by token first, and what is not known to be harmless is
refused. Comments are blanked, so that the engine cannot read them in another way than this module.

Words that write are refused wherever they stand outside string literals, even as names: nothing
in the graph bears such a name, and a rule without exceptions cannot be tricked.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from schema.errors import CypherSyntaxError, QueryError, WriteRefusedError

# Longer texts are refused unread.
MAX_LENGTH = 100_000

_STARTS = frozenset("match optional unwind with return call explain profile".split())  # noqa: SIM905

_WRITES = frozenset(
    """create merge delete detach nodetach set remove foreach load insert drop alter rename use
    grant deny revoke terminate commit rollback copy""".split()  # noqa: SIM905
)

# Procedures that read the graph or compute over it: all of the embedded engine's but its search
# over indexes that our files do not have, and of Neo4j's those that tell the graph's shape.
_PROCEDURE_NAMES = """
    db.labels db.propertyKeys db.relationshipTypes
    db.schema.visualization db.schema.nodeTypeProperties db.schema.relTypeProperties
    grafeo.procedures grafeo.labels grafeo.propertyKeys grafeo.relationshipTypes
    grafeo.articulation_points grafeo.bellman_ford grafeo.betweenness_centrality grafeo.bfs
    grafeo.bridges grafeo.closeness_centrality grafeo.clustering_coefficient
    grafeo.connected_components grafeo.degree_centrality grafeo.dfs grafeo.dijkstra
    grafeo.floyd_warshall grafeo.kcore grafeo.kruskal grafeo.label_propagation grafeo.louvain
    grafeo.max_flow grafeo.min_cost_max_flow grafeo.pagerank grafeo.prim grafeo.sssp
    grafeo.strongly_connected_components grafeo.topological_sort
"""
PROCEDURES = {name.casefold(): name for name in _PROCEDURE_NAMES.split()}

# Functions with a dotted name may be anything (a plugin's may open files and connections), so
# only these name spaces pass.
_FUNCTION_SPACES = frozenset(
    "date time localtime datetime localdatetime duration point vector.similarity".split()  # noqa: SIM905
)

_TOKEN = re.compile(
    r"""
    (?P<comment>  //[^\n\r]* | /\*.*?\*/ )
  | (?P<string>   '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" )
  | (?P<quoted>   `[^`]*` )
  | (?P<word>     [^\W\d]\w* )
  | (?P<number>   \d\w* )
  | (?P<space>    \s+ )
  | (?P<other>    . )
    """,
    re.VERBOSE | re.DOTALL,
)

_ESCAPE = re.compile(r"\\u+([0-9a-fA-F]{4})")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int

    @property
    def name(self) -> str:
        """The word that an engine may take it for, in one case and normal form."""
        text = self.text.strip("` \t\r\n")
        return unicodedata.normalize("NFKC", text).casefold()


@functools.lru_cache(maxsize=512)
def check(query: str) -> str:
    """Return the text to run in place of `query`, or refuse it.

    Raises
    ------
    WriteRefusedError
        If it would change something, read a file, or call what is not known to be harmless.
    CypherSyntaxError
        If it cannot be read safely: unbalanced quotes, several statements, too long.

    Examples
    --------
    >>> check("MATCH (p:Product) RETURN p.id // every id")
    'MATCH (p:Product) RETURN p.id             '
    """
    if len(query) > MAX_LENGTH:
        raise CypherSyntaxError(
            f"the query is {len(query):,} characters long; at most {MAX_LENGTH:,} are read",
            fix="pass long lists as a parameter: UNWIND $ids AS id …",
        )
    decoded = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), query)
    if decoded != query:
        # Some engines undo these escapes before anything else, also inside literals.
        _check_tokens(list(_tokens(decoded)))
    tokens = list(_tokens(query))
    _check_tokens(tokens)
    return "".join(
        re.sub(r"[^\n]", " ", token.text) if token.kind == "comment" else token.text
        for token in tokens
    )


def _tokens(text: str) -> Iterator[_Token]:
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or "other"
        token = _Token(kind, found[0], found.start())
        if kind == "other" and token.text in "'\"`\\":
            raise CypherSyntaxError(
                f"unbalanced {token.text} at character {token.start + 1}",
                fix="close it, or pass the text as a parameter: WHERE i.text = $text",
            )
        if kind == "other" and text.startswith("/*", token.start):
            raise CypherSyntaxError("a comment is not closed", fix="end it with */")
        if kind == "other" and not token.text.isprintable():
            raise CypherSyntaxError(
                f"the character {token.text!r} at {token.start + 1} does not belong into Cypher",
                fix="remove it, or pass the text as a parameter",
            )
        yield token


def _check_tokens(tokens: list[_Token]) -> None:
    code = [token for token in tokens if token.kind not in ("comment", "space")]
    while code and code[-1].text == ";":
        code.pop()
    if not code:
        raise CypherSyntaxError("the query is empty", fix="try: MATCH (p:Product) RETURN p LIMIT 5")
    for position, token in enumerate(code):
        following = code[position + 1] if position + 1 < len(code) else None
        if token.kind in ("word", "quoted"):
            if token.name in _WRITES:
                raise _refused(token)
            if token.name == "call":
                _check_call(code, position)
            elif following is not None and following.text == "(":
                _check_function(code, position)
        if token.text == ";":
            raise CypherSyntaxError(
                "the query holds several statements", fix="run them one after the other"
            )
        if token.kind == "quoted" and following is not None and following.kind == "quoted":
            raise CypherSyntaxError(
                "two names in backticks stand side by side", fix="use names without backticks"
            )
    first = code[0]
    if first.kind != "word" or first.name not in _STARTS:
        raise CypherSyntaxError(
            f"a query that reads does not begin with {first.text!r}",
            fix="begin with MATCH, OPTIONAL MATCH, UNWIND, WITH, RETURN or CALL",
        )


def _check_call(code: list[_Token], position: int) -> None:
    """After CALL: a subquery, or a procedure of the list."""
    if position + 1 < len(code) and code[position + 1].text in "{(":
        return
    parts = []
    for token in code[position + 1 :]:
        if token.kind not in ("word", "quoted") and token.text != ".":
            break
        parts.append(token.name)
        # A name ends where two words meet without a dot.
        if len(parts) > 1 and parts[-1] != "." and parts[-2] != ".":
            parts.pop()
            break
    name = "".join(parts)
    if name not in PROCEDURES:
        raise WriteRefusedError(
            f"the procedure {name!r} is not known to be harmless",
            fix="allowed are: " + ", ".join(sorted(PROCEDURES.values())),
        )


def _check_function(code: list[_Token], position: int) -> None:
    """Before an opening bracket: a plain function name, or one of a known name space."""
    first = position
    while first >= 2 and code[first - 1].text == "." and code[first - 2].kind in ("word", "quoted"):
        first -= 2
    parts = [token.name for token in code[first : position + 1 : 2]]
    if len(parts) > 1 and ".".join(parts[:-1]) not in _FUNCTION_SPACES:
        if code[first - 1].name == "call" and first:
            return  # a procedure, checked by its own list
        raise WriteRefusedError(
            f"the function {'.'.join(parts)!r} is not known to be harmless",
            fix="use Cypher's own functions; after a point, white space or a comma is missing",
        )


def _refused(token: _Token) -> WriteRefusedError:
    word = token.name.upper()
    if word == "LOAD":
        return WriteRefusedError(
            "LOAD reads files of this machine; queries read the graph only",
            fix="pass the rows as a parameter: UNWIND $rows AS row …",
        )
    return WriteRefusedError(
        f"{word} (character {token.start + 1}) would change the graph; queries only read it",
        fix="add records with: intentkg ingest or intentkg import, then intentkg build. "
        "If it is a name in your query, choose another",
    )


_CODE = re.compile(r"^GRAFEO-([A-Z]\d{3}): ")
_MISSING = re.compile(r"[Mm]issing parameter: \$(\S+)")
_HELP = re.compile(r"help: (.+)")
_BEFORE, _SHOWN = 50, 70  # characters of a line shown before the place of an error, and in all


def translate(error: Exception | str) -> QueryError:
    """Turn the embedded engine's error into one of ours."""
    text = str(error)
    found = _CODE.match(text)
    code = found[1] if found else ""
    message = _CODE.sub("", text)
    summary = message.partition("\n")[0].replace("[Cypher] ", "")
    if "read-only" in summary or code == "T003":
        return WriteRefusedError(
            "the query would change the graph; queries only read it",
            fix="add records with: intentkg ingest or intentkg import, then intentkg build",
        )
    if missing := _MISSING.search(summary):
        return CypherSyntaxError(
            f"the query uses ${missing[1]}, which was given no value",
            fix=f"give it one: -p {missing[1]}=VALUE, in Python {{{missing[1]!r}: …}}",
        )
    if code in ("Q001", "Q002"):
        place = re.search(r"--> query:(\d+):(\d+)", message)
        where = f" (line {place[1]}, column {place[2]})" if place else ""
        hint = _HELP.search(message)
        return CypherSyntaxError(
            summary + where + _pointed(message, place),
            fix=hint[1]
            if hint
            else "see the examples in docs/queries.md; questions that are ready: intentkg query KB",
        )
    return QueryError(summary, fix="check the query's values and functions")


def _pointed(message: str, place: re.Match[str] | None) -> str:
    """The line of the query that the engine quotes, with a mark under the column it names."""
    if place is None:
        return ""
    quoted = re.search(rf"^ *{place[1]} \| (.*)$", message, re.MULTILINE)
    if quoted is None:
        return ""
    # Columns count characters; a long line is cut around the place.
    line, column = quoted[1].replace("\t", " "), int(place[2]) - 1
    start = max(0, column - _BEFORE)
    shown = line[start : start + _SHOWN]
    width = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line[start:column])
    return f"\n    {shown}\n    {' ' * width}^"
