"""CSV files for Neo4j's offline importer, and the command that reads them.

::

    Post.csv                id:ID(Post),source,…             nodes, a file for each label
    CoBuy-OF-Product.csv    :START_ID(CoBuy),:END_ID(Product) edges, a file for each kind
    CoBuy-Intention.csv     …,:TYPE,id,plausibility:double,…  edges of all a head's relations
    IntentKG.csv            what is in the database, so that a push adds to it
    import.sh               the command
    schema.cypher           constraints and indexes, which the importer cannot make

Text is quoted, and what is null is not: the importer takes ``""`` for empty text, nothing for
null. Members of a list are parted by a character that none of them has. Line breaks in a field
are allowed in the files that have some; one thread reads such a file, so it is not said of all.

What this cannot hold: an empty list is absent after an import. The `models` of an edge, which are
a list even where nothing is known of a model, are put right by ``schema.cypher`` and by a push.
Vectors are not exported; a push brings them.

References
----------
https://neo4j.com/docs/operations-manual/current/import/
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kg import sql
from kg.exports.registry import Source, Written, exporter
from kg.neo4j.imported import script
from kg.neo4j.names import MARKER, Names
from kg.neo4j.schema import LABELS
from kg.neo4j.state import GRAPH, State, base_of, part_keys
from schema.errors import UsageError

_TYPES = {"VARCHAR": "", "BIGINT": "long", "INTEGER": "long", "DOUBLE": "double"}
_TYPES |= {"BOOLEAN": "boolean", "VARCHAR[]": "string[]"}
_DATABASE = re.compile(r"[A-Za-z][A-Za-z0-9.-]{2,62}")
_LIST = "VARCHAR[]"
_BUFFER = 4 << 20  # bytes of the importer's buffer, which has to hold the longest field
_NOTES = (
    "stop the server first; the database must not be there yet (or add --overwrite-destination)",
    "then start it and run intentkg push: it makes constraints and indexes, and brings the vectors",
)
_PARTING = (";", "|", *map(chr, range(0xE000, 0xF900)))  # Unicode's private use area


@dataclass(frozen=True, slots=True)
class Options:
    """What may be chosen.

    Attributes
    ----------
    prefix
        What stands in front of each label, as for a push.
    database
        The database that is imported into.
    gzip
        Whether the CSV files are compressed.
    """

    prefix: str | None = None
    database: str = "neo4j"
    gzip: bool = False

    def __post_init__(self) -> None:
        if not _DATABASE.fullmatch(self.database):
            raise UsageError(
                f"{self.database!r} is not a name of a database",
                fix="a letter, then letters, digits, dots or dashes, 3 to 63 altogether",
            )


@dataclass(slots=True)
class _File:
    """A CSV file to be.

    Attributes
    ----------
    name
        Without ending.
    group
        What it is called in the command: ``--nodes=Post``.
    query
        The SQL of its rows.
    special
        Headers of the columns that are no properties.
    types
        DuckDB's types by column.
    rows, longest, breaks
        How many; the bytes of the longest field; whether a field has a line break.
    """

    name: str
    group: str
    query: str
    special: dict[str, str]
    types: dict[str, str]
    rows: int = 0
    longest: int = 0
    breaks: bool = False

    @property
    def is_node(self) -> bool:
        """Whether its rows are nodes."""
        return self.group.startswith("--nodes")


@exporter("neo4j-admin", summary="CSV files for Neo4j's offline importer", options=Options)
def write(source: Source, options: Options) -> Written:
    """Write the files; those that would be empty are left out."""
    names = Names(options.prefix)
    ending = ".csv.gz" if options.gzip else ".csv"
    planned = [*_nodes(source, names), *_edges(source)]
    parting = _parting(source, planned)
    for file in planned:
        source.progress(f"export: {file.name}", 0, None)
        _copy(source, file, names, parting, source.folder / (file.name + ending))
    files = [file for file in planned if file.rows]
    state = _state(source, files, names)
    _copy(source, state, names, parting, source.folder / (state.name + ending))
    command = _command([*files, state], options.database, parting, ending)
    here = source.folder
    here.joinpath("import.sh").write_text(f'cd "$(dirname "$0")"\n{command}\n', encoding="utf-8")
    types = {kind for file in files for kind in _types(source, file) if "id" in file.types}
    here.joinpath("schema.cypher").write_text(script(names, types), encoding="utf-8")
    return Written(
        rows={file.name + ending: file.rows for file in files},
        nodes=sum(file.rows for file in files if file.is_node),
        edges=sum(file.rows for file in files if not file.is_node),
        command=command,
        notes=_NOTES,
    )


def _nodes(source: Source, names: Names) -> Iterator[_File]:
    for label in source.projection.labels():
        group, special = f"--nodes={names.label(label)}", {"id": f"id:ID({label})"}
        yield _planned(source, label, group, source.projection.node_query(label), special)


def _edges(source: Source) -> Iterator[_File]:
    for (start, kind, end), query in source.projection.edge_queries().items():
        name = f"{start}-{kind}-{end}" if kind else f"{start}-{end}"
        group = f"--relationships={kind}" if kind else "--relationships"
        special = {"start": f":START_ID({start})", "end": f":END_ID({end})", "relation": ":TYPE"}
        yield _planned(source, name, group, query, special)


def _planned(source: Source, name: str, group: str, query: str, special: dict[str, str]) -> _File:
    found = source.connection.sql(query)
    types = dict(zip(found.columns, map(str, found.types), strict=True))
    return _File(name, group, query, special, types)


def _parting(source: Source, files: Sequence[_File]) -> str:
    """Choose what parts the members of lists: something that none of them has."""
    used: set[str] = set()
    for file in files:
        for name in (name for name, kind in file.types.items() if kind == _LIST):
            members = f"SELECT DISTINCT unnest({sql.identifier(name)}) FROM ({file.query})"
            for (member,) in source.connection.sql(members).fetchall():
                used.update(member or "")
    return next(sign for sign in _PARTING if sign not in used)


def _copy(source: Source, file: _File, names: Names, parting: str, path: Path) -> None:
    """Write one file, and note what the importer has to be told of it."""
    run = source.connection.execute
    table = f"({file.query})"
    if file.is_node:  # what has to be grouped is grouped once
        run(f"CREATE OR REPLACE TEMP TABLE exported AS {file.query}")
        table = "exported"
    cells, texts = _cells(file, parting)
    longest = ", ".join(f"strlen({cells[header]})" for header in texts)
    breaks = " OR ".join(
        f"contains({cells[header]}, chr({code}))" for header in texts for code in (10, 13)
    )
    ((file.rows, file.longest, file.breaks),) = run(
        f"SELECT count(*), coalesce(max(greatest({longest})), 0), "
        f"coalesce(bool_or({breaks}), false) FROM {table}"
    ).fetchall()
    if not file.rows:
        return
    cells[MARKER] = sql.quote(names.mark)
    chosen = ", ".join(f"{cell} AS {sql.identifier(header)}" for header, cell in cells.items())
    quoted = ", ".join(map(sql.identifier, [*texts, MARKER]))
    packed = ", COMPRESSION gzip" if path.suffix == ".gz" else ""
    run(
        f"COPY (SELECT {chosen} FROM {table}) TO {sql.quote(path)} "
        f"(FORMAT csv, HEADER true, FORCE_QUOTE ({quoted}){packed})"
    )


def _cells(file: _File, parting: str) -> tuple[dict[str, str], list[str]]:
    """SQL of each column, by its header; and the headers of those that are text."""
    cells, texts = {}, []
    for name, kind in file.types.items():
        suffix = f":{_TYPES[kind]}" if _TYPES[kind] else ""
        header = file.special.get(name, name + suffix)
        column = sql.identifier(name)
        cells[header] = (
            f"array_to_string({column}, {sql.quote(parting)})" if kind == _LIST else column
        )
        if kind.startswith("VARCHAR"):
            texts.append(header)
    return cells, texts


def _state(source: Source, files: Sequence[_File], names: Names) -> _File:
    """The node that says what is in the database (:mod:`kg.neo4j.state`), as yet without schema."""
    counts = dict.fromkeys(LABELS, 0) | {f"{label} *": 0 for label in LABELS}
    for file in files:
        label = file.name.partition("-")[0]
        counts[label if file.is_node else f"{label} *"] += file.rows
    state = State(base=base_of(source.manifest), parts=part_keys(source.manifest), counts=counts)
    properties = {"id": GRAPH, **state.properties()}
    values = ", ".join(f"{_literal(v)} AS {sql.identifier(k)}" for k, v in properties.items())
    group, special = f"--nodes={names.home}", {"id": "id:ID(IntentKG)"}
    return _planned(source, "IntentKG", group, f"SELECT {values}", special)


def _literal(value: Any) -> str:
    """A value in SQL."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value}::BIGINT"
    if isinstance(value, list):
        return f"[{', '.join(map(sql.quote, value))}]::VARCHAR[]"
    return sql.quote(value)


def _types(source: Source, file: _File) -> list[str]:
    """Relationship types in a file of edges."""
    if "relation" not in file.types:
        return [file.group.partition("=")[2]]
    found = source.connection.sql(f"SELECT DISTINCT relation FROM ({file.query})").fetchall()
    return [kind for (kind,) in found]


def _command(files: Sequence[_File], database: str, parting: str, ending: str) -> str:
    words = ["neo4j-admin", "database", "import", "full", database]
    words += [f"{file.group}={file.name}{ending}" for file in files]
    if parting != ";":
        words.append(f"--array-delimiter={parting if parting == '|' else f'U+{ord(parting):04X}'}")
    if broken := [file.name + ending for file in files if file.breaks]:
        words += ["--multiline-fields-format=v2", f"--multiline-fields={','.join(broken)}"]
    longest = max(file.longest for file in files)
    if longest > _BUFFER // 4:
        words.append(f"--read-buffer-size={4 * longest}")
    return " ".join(map(shlex.quote, words))
