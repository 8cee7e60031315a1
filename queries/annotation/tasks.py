"""Tasks for annotators: a sample of assertions, or of heads, with what has to be shown of each."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kg import blobs, sql
from kg.directory import Directory
from queries.annotation.labelling import configuration
from queries.annotation.protocols import Protocol
from schema import relations
from schema.errors import StoreError, UsageError

if TYPE_CHECKING:
    import duckdb

CONFIG, TASKS, README = "labelling.xml", "tasks.json", "README.md"

# All that a task shows, and what its votes are booked to.
_SEALED = (
    "protocol", "head_type", "head_id", "relation", "assertions", "head", "said", "verdict",
    "image1", "image2",
)  # fmt: skip

_SIDE = 640  # pixels of an image's longer side
_PICTURES = {"Post": 1, "CoBuy": 2}

_ASSERTIONS = """
    SELECT assertion_id, any_value(head_id) AS head_id, any_value(relation) AS relation,
           arg_min(text, id) AS text, bool_and(accepted) AS accepted,
           arg_min(rationale, id) FILTER (rationale IS NOT NULL) AS rationale
    FROM assertions WHERE head_type = {head_type} AND source <> 'annotation'
    GROUP BY assertion_id
"""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes
    ----------
    folder
        Where to: ``labelling.xml``, ``tasks.json`` and a README that says what to do with them.
    protocol
        Its name.
    tasks, heads
        How many, and how many different heads they are about.
    relations
        Tasks by relation; empty where a task is about a head.
    without_image
        Tasks that have no image.
    annotators
        How many should do each task.
    """

    folder: Path
    protocol: str
    tasks: int
    heads: int
    relations: dict[str, int]
    without_image: int
    annotators: int

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {**asdict(self), "folder": str(self.folder)}


def export(
    directory: Directory,
    folder: Path,
    protocol: Protocol,
    *,
    per_relation: int = 50,
    heads: int = 100,
    only: Sequence[str] = (),
    annotators: int = 3,
    seed: int = 0,
    pictures: bool = True,
) -> Exported:
    """Write a Label Studio project: its labelling page, its tasks, and how to set it up.

    Parameters
    ----------
    directory
        The knowledge base.
    folder
        A folder that is not there yet, or an empty one.
    protocol
        What is asked.
    per_relation
        Assertions drawn of each relation (``mind``), all of one with fewer.
    heads
        Posts drawn, each with all its intentions (``miko-1``).
    only
        Ids of the heads, in place of a draw (``miko-2``: those that the first stage let through).
    annotators
        How many people should do each task.
    seed
        The same seed draws the same tasks, whatever order they were written in.
    pictures
        False leaves images out.

    Raises
    ------
    UsageError
        If the folder holds something, or fewer than one annotator is asked for.
    StoreError
        If there is nothing to judge.
    """
    if annotators < 1:
        raise UsageError(f"{annotators} annotators judge nothing", fix="use --annotators 3")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} holds something already", fix="name a new folder")
    with (
        sql.store_errors(f"reading {directory.root}"),
        sql.connect(directory, tables=("assertions", "posts", "cobuys", "products")) as connection,
    ):
        rows = _draw(connection, protocol, per_relation, heads, only, seed)
        shown = _heads(connection, protocol.head_type, {row["head_id"] for row in rows})
    if not rows:
        raise StoreError(
            f"{directory.root} has no intentions of a {protocol.head_type} to judge",
            fix="choose the protocol that fits: miko-1 for posts, mind for co-buys",
        )
    most = _PICTURES[protocol.head_type] if pictures else 0
    most = min(most, max(len(head["images"]) for head in shown.values()))
    tasks = list(_tasks(directory, protocol, rows, shown, most))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(configuration(protocol, pictures=most), encoding="utf-8")
    text = json.dumps(tasks, ensure_ascii=False, indent=1)
    (folder / TASKS).write_text(text + "\n", encoding="utf-8")
    counts: defaultdict[str, int] = defaultdict(int)
    for row in rows if protocol.unit == "assertion" else ():
        counts[row["relation"]] += 1
    found = Exported(
        folder,
        protocol.name,
        len(tasks),
        len(shown),
        dict(sorted(counts.items())),
        sum("image1" not in task["data"] or task["data"]["image1"] == _NOTHING for task in tasks),
        annotators,
    )
    (folder / README).write_text(_readme(found, protocol), encoding="utf-8")
    return found


def seal(data: dict[str, Any]) -> str:
    """What a task's id has to be, from what it shows: an edited task no longer fits its id."""
    told = [data.get(name) or "" for name in _SEALED]
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return "ta_" + hashlib.blake2b(text.encode("utf-8"), digest_size=16).hexdigest()


def _draw(
    connection: duckdb.DuckDBPyConnection,
    protocol: Protocol,
    per_relation: int,
    heads: int,
    only: Sequence[str],
    seed: int,
) -> list[dict[str, Any]]:
    connection.execute(
        "CREATE TABLE judged AS " + _ASSERTIONS.format(head_type=sql.quote(protocol.head_type))
    )
    by_chance = f"md5({{}} || ':{int(seed)}')"
    if only:
        known = {h for (h,) in connection.execute("SELECT DISTINCT head_id FROM judged").fetchall()}
        if strange := [head for head in only if head not in known]:
            raise UsageError(
                f"no intentions of {strange[0]!r:.80} in this knowledge base",
                fix="name heads as they are in the first stage's export",
            )
        connection.execute("CREATE TABLE drawn AS SELECT unnest($1) AS head_id", [list(only)])
        query = "FROM judged SEMI JOIN drawn USING (head_id)"
    elif protocol.name == "mind":
        query = (
            "FROM judged QUALIFY row_number() OVER (PARTITION BY relation "
            f"ORDER BY {by_chance.format('assertion_id')}) <= {int(per_relation)}"
        )
    else:
        connection.execute(
            "CREATE TABLE drawn AS SELECT DISTINCT head_id FROM judged "
            f"ORDER BY {by_chance.format('head_id')} LIMIT {int(heads)}"
        )
        query = "FROM judged SEMI JOIN drawn USING (head_id)"
    table = connection.sql(f"SELECT * {query} ORDER BY head_id, relation, assertion_id")
    return [dict(row) for row in table.to_arrow_table().to_pylist()]


def _heads(
    connection: duckdb.DuckDBPyConnection, kind: str, ids: set[str]
) -> dict[str, dict[str, Any]]:
    """Text and images of heads."""
    stored = "[image.id FOR image IN coalesce({}.images, []) IF image.id IS NOT NULL]"
    connection.execute("CREATE OR REPLACE TABLE wanted AS SELECT unnest($1) AS id", [sorted(ids)])
    if kind == "Post":
        query = (
            f"SELECT id, text, {stored.format('p')} AS images "
            "FROM posts p SEMI JOIN wanted USING (id)"
        )
    else:
        title = "coalesce(nullif(trim({0}.title), ''), {0}.id, c.{0})"
        query = (
            f"SELECT c.id, {title.format('a')} || chr(10) || '+ ' || {title.format('b')} AS text, "
            f"list_concat({stored.format('a')}[:1], {stored.format('b')}[:1]) AS images "
            "FROM (SELECT DISTINCT id, a, b FROM cobuys SEMI JOIN wanted USING (id)) c "
            "LEFT JOIN products a ON a.id = c.a LEFT JOIN products b ON b.id = c.b"
        )
    found = {row["id"]: row for row in connection.sql(query).to_arrow_table().to_pylist()}
    unknown = {key: {"id": key, "text": key, "images": []} for key in ids - found.keys()}
    return {**found, **unknown}


def _tasks(
    directory: Directory,
    protocol: Protocol,
    rows: list[dict[str, Any]],
    shown: dict[str, dict[str, Any]],
    pictures: int,
) -> Iterator[dict[str, Any]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        key = row["assertion_id"] if protocol.unit == "assertion" else row["head_id"]
        groups.setdefault(key, []).append(row)
    for group in groups.values():
        head = shown[group[0]["head_id"]]
        bullet = "" if protocol.unit == "assertion" else "- "
        data: dict[str, Any] = {
            "protocol": protocol.name,
            "head_type": protocol.head_type,
            "head_id": head["id"],
            "assertions": [row["assertion_id"] for row in group],
            "relation": group[0]["relation"] if protocol.unit == "assertion" else None,
            "head": head["text"],
            "said": "\n".join(f"{bullet}{_sentence(protocol, row)}" for row in group),
        }
        if protocol.aspect("rationale_right"):
            data["verdict"] = _verdict(group[0])
        for number in range(pictures):
            images = head["images"]
            data[f"image{number + 1}"] = (
                _picture(directory, images[number]) if number < len(images) else _NOTHING
            )
        data["task"] = seal(data)
        yield {"data": data}


def _sentence(protocol: Protocol, row: dict[str, Any]) -> str:
    phrase = relations.get(row["relation"], protocol.family).phrase
    return f"{phrase} {row['text']}".strip() if phrase else str(row["text"])


def _verdict(row: dict[str, Any]) -> str:
    if row["accepted"] is None:
        return "(none)"
    word = "accepted" if row["accepted"] else "rejected"
    return f"{word}: {row['rationale']}" if row["rationale"] else word


# A transparent strip, one pixel high, where a task has fewer images than the page has places.
_NOTHING = (
    "data:image/gif;base64,R0lGODlhQAEBAIEAAAAAAAAAAAAAAAAAACH5BAEAAAAALAAAAABAAQEAAAgfAAEIHE"
    "iwoMGDCBMqXMiwocOHECNKnEixosWLGCkGBAA7"
)


def _picture(directory: Directory, image: str) -> str:
    """An image, made smaller, as part of the task itself: no file has to be served."""
    from PIL import Image

    with Image.open(io.BytesIO(blobs.read(directory, image))) as opened:
        opened.thumbnail((_SIDE, _SIDE))
        shown = opened.convert("RGBA")
    paper = Image.new("RGBA", shown.size, "white")  # what is transparent would turn black
    out = io.BytesIO()
    Image.alpha_composite(paper, shown).convert("RGB").save(out, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def _readme(found: Exported, protocol: Protocol) -> str:
    aspects = "\n".join(
        f"- {aspect.name}: {aspect.question} ({', '.join(aspect.choices)})"
        for aspect in protocol.aspects
    )
    return (
        f"# {found.tasks:,} tasks of the protocol {protocol.name}\n\n{aspects}\n\n"
        f"In Label Studio: create a project; paste {CONFIG} as its labelling interface; import "
        f"{TASKS}; let {found.annotators} people do each task. Then export as JSON (not JSON-MIN) "
        "and read it back:\n\n"
        "    intentkg analyse KB annotate agreement EXPORT.json\n"
        "    intentkg analyse KB annotate import EXPORT.json\n\n"
        "Tasks may be reordered and divided, but not edited: a task that was is refused.\n"
    )
