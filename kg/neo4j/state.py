"""What a Neo4j database knows about our part of it: one small node, and a lock.

::

    (:IntentKG {id: "graph", schema, shape, base, parts, loading, exact, counts,
                vector_model, vector_parts, pushed_at})
    (:IntentKG {id: "lock"})

`parts` is the watermark: the parts of the truth that are in the database, each as its file's name
and the beginning of its sha256. It is written after what it speaks of is durable, so it never says
too much. With it a push knows what is new.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from kg.graph_build import SHAPE
from kg.manifest import Manifest, Part
from kg.neo4j.names import MARKER, Names
from schema.layers import LAYERS
from schema.records import TABLES

if TYPE_CHECKING:
    import neo4j

SCHEMA = 1
"""Version of labels, properties, constraints and indexes (:mod:`kg.neo4j.schema`)."""

GRAPH = "graph"
LOCK = "lock"


@dataclass(frozen=True, slots=True)
class State:
    """The state of our part of a database.

    Attributes
    ----------
    schema
        Version of the schema; 0 where there is none yet.
    shape
        Version of the graph's shape, :data:`kg.graph_build.SHAPE`.
    base
        Which knowledge base it is from: the sha256 of the first part of its truth.
    parts
        Parts of the truth that are in the database.
    loading
        Parts that a first push was writing when it was stopped; empty if none is unfinished.
    exact
        Whether the database holds nothing of ours beyond those parts, as far as is known.
    counts
        Nodes by label (``Post``), and edges by the label that they begin at (``Post *``), as they
        were after the last push.
    vector_model, vector_parts
        The embedder's name, and the parts whose intentions have their vector.
    """

    schema: int = 0
    shape: int = SHAPE
    base: str = ""
    parts: tuple[str, ...] = ()
    loading: tuple[str, ...] = ()
    exact: bool = True
    counts: dict[str, int] = field(default_factory=dict)
    vector_model: str = ""
    vector_parts: tuple[str, ...] = ()

    def properties(self) -> dict[str, Any]:
        """Give the node's properties, as Neo4j can hold them."""
        lists = {"parts", "loading", "vector_parts"}
        plain = {k: list(v) if k in lists else v for k, v in asdict(self).items()}
        return {**plain, "counts": orjson.dumps(self.counts).decode()}

    @classmethod
    def read(cls, tx: neo4j.ManagedTransaction, names: Names) -> State | None:
        """Read the state of a database; None where nothing was pushed yet."""
        found = tx.run(
            f"MATCH (s:`{names.home}` {{id: $id}}) RETURN properties(s) AS state", id=GRAPH
        ).single()
        if found is None:
            return None
        kept: dict[str, Any] = found["state"]
        return cls(
            schema=int(kept.get("schema", 0)),
            shape=int(kept.get("shape", 0)),
            base=str(kept.get("base", "")),
            parts=tuple(kept.get("parts", ())),
            loading=tuple(kept.get("loading", ())),
            exact=bool(kept.get("exact", False)),
            counts=_counts(kept.get("counts")),
            vector_model=str(kept.get("vector_model", "")),
            vector_parts=tuple(kept.get("vector_parts", ())),
        )

    def write(self, tx: neo4j.ManagedTransaction, names: Names) -> None:
        """Write the state within a transaction."""
        tx.run(
            f"MERGE (s:`{names.home}` {{id: $id}}) SET s += $state, s.{MARKER} = $mark, "
            "s.pushed_at = datetime()",
            id=GRAPH,
            state=self.properties(),
            mark=names.mark,
        ).consume()


def vector_model(name: str, dimension: int) -> str:
    """An embedder, and how long its vectors are, as the state names them."""
    return f"{name} ({dimension})"


def part_key(part: Part) -> str:
    """A part as the watermark names it."""
    return f"{part.file}@{part.sha256[:16]}"


def part_keys(manifest: Manifest, tables: Iterable[str] = (*TABLES, *LAYERS)) -> tuple[str, ...]:
    """All parts of the truth and of its layers, or of some tables, as the watermark names them."""
    return tuple(part_key(part) for table in tables for part in manifest.parts(table))


def base_of(manifest: Manifest) -> str:
    """Sha256 of the first part of a truth, which stays whatever is added; "" if it is empty."""
    parts = [part for table in TABLES for part in manifest.parts(table)]
    # records/posts-000002.parquet: the number is the revision that the part came with.
    first = min(parts, key=lambda part: (part.file.rpartition("-")[2], part.file), default=None)
    return first.sha256 if first else ""


def _counts(text: Any) -> dict[str, int]:
    try:
        return {str(k): int(v) for k, v in orjson.loads(text or "{}").items()}
    except (orjson.JSONDecodeError, AttributeError, TypeError, ValueError):
        return {}
