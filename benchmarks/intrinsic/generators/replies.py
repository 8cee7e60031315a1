"""What is compared: reference intentions, and the replies of candidates, by head and relation."""

from __future__ import annotations

import csv
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from ingest.dialect import Dialect
from kg import sql
from kg.directory import Directory
from queries.corpus import Chosen
from schema import relations
from schema.errors import InputError, UnknownRelationError, UnsuitableFileError, UsageError
from schema.identity import normalise_key

type Key = tuple[str, str]
"""A head's id, and a relation."""

COLUMNS = ("head_id", "relation", "text")
_ORIGINS = ("model", "run", "prompt_hash", "source")
_SHOWN = 3


@dataclass(slots=True)
class Texts:
    """Texts by head and relation, each of them once, in their order.

    Attributes
    ----------
    name
        What they are called in results.
    by_key
        The texts.
    doubles
        Rows that said again what one before them said.
    """

    name: str
    by_key: dict[Key, list[str]] = field(default_factory=dict)
    doubles: int = 0

    def add(self, head: str, relation: str, text: str) -> None:
        """Add one."""
        known = self.by_key.setdefault((head, relation), [])
        if text in known:
            self.doubles += 1
        else:
            known.append(text)


def from_file(name: str, file: Path) -> Texts:
    """Read replies or references: JSON lines, or CSV or TSV with a header.

    Each row has `head_id`, `relation` and `text`; other columns are passed over. The relation's
    phrase ("After posting this, the user wants to") is taken off where a text begins with it.

    Raises
    ------
    UnsuitableFileError
        If there is no such file, or it is of another form.
    InputError
        If a row lacks something, or its relation is not in the registry; or there is no row.
    """
    if not file.is_file():
        what = "a directory" if file.is_dir() else "there is no such file"
        raise UnsuitableFileError(what, file=str(file), fix="name a file of replies")
    found = Texts(name)
    for number, row in _rows(file):
        values = [row.get(column) for column in COLUMNS]
        missing = [
            column
            for column, value in zip(COLUMNS, values, strict=True)
            if not isinstance(value, str) or not value.strip()
        ]
        if missing:
            raise InputError(
                f"no {' and no '.join(missing)}",
                file=str(file),
                row=number,
                fix=f"each row has {', '.join(COLUMNS)}; leave a row out where nothing was said",
            )
        head, relation, text = (str(value).strip() for value in values)
        try:
            known = relations.get(relation).name
            text = _without_phrase(text, known)
        except UnknownRelationError as error:
            raise InputError(str(error), file=str(file), row=number, fix=error.fix or "") from None
        found.add(normalise_key(head), known, text)
    if not found.by_key:
        raise InputError("has no rows", file=str(file), fix="it needs at least one")
    return found


def from_graph(name: str, directory: Directory, origin: str) -> Texts:
    """What a model, run, prompt or source said in a knowledge base: ``model:gpt-4o-mini``.

    Raises
    ------
    UsageError
        If nothing there is of that origin.
    """
    column, _, value = origin.partition(":")
    if column == "prompt":
        column = "prompt_hash"
    found = Texts(name)
    with sql.connect(directory, tables=["assertions"]) as connection:
        rows = connection.execute(
            f"SELECT head_id, relation, text FROM assertions WHERE {column} = $1 "
            "ORDER BY head_id, relation, created_at NULLS LAST, id",
            [value],
        ).fetchall()
        if not rows:
            known = connection.execute(
                f"SELECT {column} FROM assertions WHERE {column} IS NOT NULL "
                "GROUP BY ALL ORDER BY count(*) DESC, 1 LIMIT 8"
            ).fetchall()
            shown = ", ".join(str(each) for (each,) in known) or "none"
            raise UsageError(
                f"nothing in {directory.root} is of {column} {value!r:.80}",
                fix=f"its {column}s are: {shown}",
            )
    for head, relation, text in rows:
        found.add(head, relation, text)
    return found


def candidate(directory: Directory, spoken: str) -> Texts:
    """Read a candidate as the command line has it: ``NAME=FILE`` or ``NAME=model:MODEL``."""
    name, equals, place = spoken.partition("=")
    if not equals or not name or not place:
        raise UsageError(
            f"{spoken!r:.80} is no candidate",
            fix="write NAME=FILE, or NAME=model:MODEL, run:…, prompt:… or source:…",
        )
    if place.partition(":")[0] in (*_ORIGINS, "prompt") and not Path(place).exists():
        return from_graph(name, directory, place)
    return from_file(name, Path(place))


def references(directory: Directory, chosen: Chosen | None = None) -> Texts:
    """What people accepted: assertions that annotators' majority did (see queries.annotation).

    With `chosen` every assertion that it lets through is a reference instead.

    Raises
    ------
    UsageError
        If there is none.
    """
    what = chosen or Chosen(model="human", accepted=True)
    query = (
        "SELECT head_id, relation, arg_min(text, id) FROM assertions "
        f"{what.where()} GROUP BY assertion_id, head_id, relation ORDER BY ALL"
    )
    found = Texts("references")
    with sql.connect(directory, tables=["assertions"]) as connection:
        for head, relation, text in connection.execute(query).fetchall():
            found.add(head, relation, text)
    if not found.by_key:
        raise UsageError(
            f"{directory.root} has no intentions to compare with",
            fix="let people judge some (intentkg analyse KB annotate), or name --benchmark FILE or "
            "--reference-model MODEL",
        )
    return found


def controls(references: Texts, *, seed: int = 0) -> list[Texts]:
    """Candidates that know nothing of the head, to be beaten.

    ``frequent`` answers with what is said most often in the relation, ``elsewhere`` with what is
    said of another head drawn by chance; both leave the head's own references out.
    """
    by_relation: dict[str, list[Key]] = {}
    for key in sorted(references.by_key):
        by_relation.setdefault(key[1], []).append(key)
    frequent, elsewhere = Texts("frequent"), Texts("elsewhere")
    rng = random.Random(seed)
    for relation, keys in by_relation.items():
        counts = Counter(text for key in keys for text in references.by_key[key])
        ordered = [text for text, _ in sorted(counts.items(), key=lambda each: (-each[1], each[0]))]
        for key in keys:
            own = set(references.by_key[key])
            if (usual := next((t for t in ordered if t not in own), None)) is not None:
                frequent.add(key[0], relation, usual)
            if others := [other for other in keys if other[0] != key[0]]:
                elsewhere.add(key[0], relation, references.by_key[rng.choice(others)][0])
    return [frequent, elsewhere]


def unknown_heads(texts: Texts, wanted: Mapping[Key, object]) -> list[str]:
    """Heads of a candidate that no reference is about, some of them."""
    heads = {head for head, _ in wanted}
    return sorted({head for head, _ in texts.by_key} - heads)[:_SHOWN]


def _without_phrase(text: str, relation: str) -> str:
    """The tail alone, as MIKO's Table 3 compares it; a bare phrase stays what it is."""
    for known in (r for r in relations.RELATIONS if r.name == relation):
        if tail := relations.cut_phrase(text, known):
            return tail
    return text


def _rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    plain = file.suffix.lower() in (".jsonl", ".ndjson", ".json")
    with file.open(encoding="utf-8", newline="") as lines:
        try:
            if not plain:
                table = Dialect("\t" if file.suffix.lower() == ".tsv" else ",").reader(lines)
                names = next(table, [])
                lacking = [c for c in COLUMNS if c not in names]
                if lacking:
                    raise UnsuitableFileError(
                        f"has no column {', '.join(lacking)}",
                        file=str(file),
                        fix=f"its header has to name {', '.join(COLUMNS)}",
                    )
                for number, cells in enumerate(filter(None, table), start=2):
                    yield number, dict(zip(names, cells, strict=False))
                return
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                try:
                    row = orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    raise InputError(
                        f"is no JSON object: {error}",
                        file=str(file),
                        row=number,
                        fix="write one JSON object a line",
                    ) from None
                yield number, row if isinstance(row, dict) else {}
        except csv.Error as error:
            raise UnsuitableFileError(
                f"cannot be read as a table: {error}",
                file=str(file),
                fix="quote texts as RFC 4180 says, or write JSON lines",
            ) from None
        except UnicodeDecodeError:
            raise UnsuitableFileError(
                "is not UTF-8", file=str(file), fix="save it as UTF-8"
            ) from None
