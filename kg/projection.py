"""The shape of the graph, computed from the truth: nodes and edges in Arrow batches.

::

    (:Post {id, source, external_id, text, language, created_at})
    (:Product {id, title, source, brand, price, categories})
    (:Image {id, media_type, width, height})
    (:Intention {id, text})
    (:CoBuy {id, a, b, support, support_ab, support_ba, npmi, sources})
    (:CoBuy)-[:OF]->(:Product)                        twice, to a and to b
    (:Product)-[:CO_BUY {id, support}]->(:Product)    from a to b, a < b
    (:Post|Product)-[:HAS_IMAGE]->(:Image)
    (:Post|CoBuy|Product)-[:<relation> {id, plausibility, typicality, accepted, models, evidence,
                                        sources}]->(:Intention)

and, where an analysis was asked to write them (:mod:`kg.layers`)::

    (:Concept {id, name}), (:AbstractIntention {id, text})
    (:CanonicalIntention {id, text, members})
    (:Intention)-[:MENTIONS]->(:Concept)-[:HYPERNYM {weight}]->(:Concept)
    (:Intention)-[:SAME_AS {similarity}]->(:CanonicalIntention)
    (:Intention)-[:INSTANCE_OF {score}]->(:AbstractIntention)

What several rows say about one thing is joined so that the order of imports does not matter:

- a co-buy's supports are the sums over its sources, its NPMI the highest;
- an intention's text is the most frequent of the forms in which it was written, then the
  shortest, then the first in code point order;
- an edge's `plausibility` and `typicality` are the best over its evidence; `accepted` is false
  if any verdict was a rejection, else true if there is one, else absent; `models` and `sources`
  are sorted; `evidence` counts the rows.

Times are ISO 8601 text in UTC; what is null is absent. Something that is referred to but was
never described is a node with nothing but its id, so that no edge is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kg import sql
from kg.directory import Directory
from kg.manifest import Manifest
from kg.store import EdgeKind
from schema import relations
from schema.errors import CorruptError
from schema.layers import LAYERS
from schema.records import TABLES

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

OF = EdgeKind("CoBuy", "OF", "Product")
CO_BUY = EdgeKind("Product", "CO_BUY", "Product")
POST_IMAGE = EdgeKind("Post", "HAS_IMAGE", "Image")
PRODUCT_IMAGE = EdgeKind("Product", "HAS_IMAGE", "Image")
MENTIONS = EdgeKind("Intention", "MENTIONS", "Concept")
HYPERNYM = EdgeKind("Concept", "HYPERNYM", "Concept")
SAME_AS = EdgeKind("Intention", "SAME_AS", "CanonicalIntention")
INSTANCE_OF = EdgeKind("Intention", "INSTANCE_OF", "AbstractIntention")

# Rows in a batch.
_BATCH = 16_384

_TEXTS = f"""
    SELECT intention_id AS id, {sql.USUAL_FORM} AS text
    FROM (SELECT intention_id, text, count(*) AS n FROM {{}} GROUP BY ALL) GROUP BY intention_id
"""

# The evidence for canonical intentions.
_CANONICAL = """(
    FROM assertions SEMI JOIN (SELECT canonical_id AS intention_id FROM {same_as})
    USING (intention_id))"""

# One statement per label. {posts} and so on stand for a table, or for those of its rows whose
# ids an update touches.
_NODES = {
    "Post": """
        SELECT id, source, external_id, text, language,
               strftime(created_at, '%Y-%m-%dT%H:%M:%SZ') AS created_at
        FROM {posts}
        UNION ALL BY NAME
        SELECT DISTINCT head_id AS id FROM {assertions} AS a
        WHERE head_type = 'Post' AND NOT EXISTS (FROM posts WHERE posts.id = a.head_id)
        """,
    "Product": """
        SELECT id, title, source, brand, price, categories FROM {products}
        UNION ALL BY NAME
        SELECT DISTINCT id FROM (
            SELECT a AS id FROM {cobuys} UNION ALL SELECT b FROM {cobuys}
            UNION ALL SELECT head_id FROM {assertions} WHERE head_type = 'Product'
        ) AS named
        WHERE NOT EXISTS (FROM products WHERE products.id = named.id)
        """,
    "Image": """
        SELECT id, media_type, width, height FROM {images}
        UNION ALL BY NAME
        SELECT DISTINCT image.id AS id FROM (
            SELECT unnest(images) AS image FROM {posts}
            UNION ALL SELECT unnest(images) FROM {products}
        ) AS named
        WHERE image.id IS NOT NULL AND NOT EXISTS (FROM images WHERE images.id = image.id)
        """,
    "Intention": _TEXTS.format("{intentions}"),
    "CoBuy": """
        SELECT id, any_value(a) AS a, any_value(b) AS b, sum(support)::BIGINT AS support,
               sum(support_ab)::BIGINT AS support_ab, sum(support_ba)::BIGINT AS support_ba,
               max(npmi) AS npmi, list_sort(list(source)) AS sources
        FROM {cobuys} GROUP BY id
        UNION ALL BY NAME
        SELECT DISTINCT head_id AS id FROM {assertions} AS a
        WHERE head_type = 'CoBuy' AND NOT EXISTS (FROM cobuys WHERE cobuys.id = a.head_id)
        """,
    "Concept": "SELECT id, name FROM {concepts}",
    "AbstractIntention": "SELECT id, text FROM {abstractions}",
    "CanonicalIntention": f"""
        SELECT canonical_id AS id, text, members
        FROM (SELECT canonical_id, 1 + count(*) AS members FROM {{same_as}} GROUP BY ALL)
        JOIN ({_TEXTS.format(_CANONICAL)}) ON id = canonical_id
        """,
}

_IMAGE_EDGES = """
    SELECT DISTINCT id AS start, image.id AS "end"
    FROM (SELECT id, unnest(images) AS image FROM {table}) WHERE image.id IS NOT NULL
"""

_EDGES = {
    OF: 'SELECT DISTINCT id AS start, unnest([a, b]) AS "end" FROM {cobuys}',
    CO_BUY: """
        SELECT any_value(a) AS start, any_value(b) AS "end", id, sum(support)::BIGINT AS support
        FROM {cobuys} GROUP BY id
        """,
    POST_IMAGE: _IMAGE_EDGES.format(table="{posts}"),
    PRODUCT_IMAGE: _IMAGE_EDGES.format(table="{products}"),
    MENTIONS: 'SELECT intention_id AS start, concept_id AS "end" FROM {mentions}',
    HYPERNYM: 'SELECT narrower_id AS start, broader_id AS "end", weight FROM {hypernyms}',
    SAME_AS: """
        SELECT intention_id AS start, canonical_id AS "end", similarity FROM {same_as}
        UNION ALL SELECT DISTINCT canonical_id, canonical_id, 1.0::DOUBLE FROM {same_as}
        """,
    INSTANCE_OF: 'SELECT intention_id AS start, abstraction_id AS "end", score FROM {instances}',
}

# Heads, relation and tail are functions of the assertion's id.
_ASSERTIONS = """
    SELECT any_value(head_type) AS head_type, any_value(relation) AS relation,
           any_value(head_id) AS start, any_value(intention_id) AS "end",
           assertion_id AS id, max(plausibility) AS plausibility, max(typicality) AS typicality,
           bool_and(accepted) AS accepted,
           coalesce(list_sort(list(DISTINCT model) FILTER (model IS NOT NULL)), []) AS models,
           count(*) AS evidence, list_sort(list(DISTINCT source)) AS sources
    FROM {assertions} GROUP BY assertion_id ORDER BY head_type, relation
"""


class Projection:
    """The graph of a knowledge base, or what has to be added to an older state of it.

    Parameters
    ----------
    connection
        From :func:`kg.sql.connect`, for the same `manifest`.
    directory, manifest
        The knowledge base.
    known
        Parts that the graph holds already: only nodes and edges that other parts add or change
        are given. Needs :meth:`reaches` to be true.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        directory: Directory,
        manifest: Manifest,
        *,
        known: frozenset[str] = frozenset(),
    ) -> None:
        self._connection = connection
        self._directory = directory
        self._manifest = manifest
        self._tables: dict[str, str] = {table: table for table in (*TABLES, *LAYERS)}
        self._tables["intentions"] = "assertions"
        self._aggregated = False
        if known:
            self._touch(known)

    def nodes(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yield labels and batches of nodes, each id once."""
        for label in _NODES:
            for batch in sql.stream(self._connection, self.node_query(label), rows=_BATCH):
                yield label, batch

    def edges(self) -> Iterator[tuple[EdgeKind, pa.RecordBatch]]:
        """Yield kinds and batches of edges: `start`, `end` and the properties."""
        for kind in _EDGES:
            for batch in sql.stream(self._connection, self._edge_query(kind), rows=_BATCH):
                yield kind, batch
        # One pass over all relations: they lie one after the other.
        counts = iter(self._relations())
        kind, left = next(counts, (OF, 0))
        properties = "SELECT * EXCLUDE (head_type, relation) FROM assertion_edges"
        for batch in sql.stream(self._connection, properties, rows=_BATCH):
            start = 0
            while start < batch.num_rows:
                if not left:
                    kind, left = next(counts)
                piece = batch.slice(start, left)
                yield kind, piece
                start += piece.num_rows
                left -= piece.num_rows

    def node_query(self, label: str) -> str:
        """SQL that gives the nodes with a label."""
        return _NODES[label].format(**self._tables)

    def edge_queries(self) -> dict[tuple[str, str | None, str], str]:
        """SQL that gives all edges, by the labels at their ends and the type between.

        Without a type it is the SQL of several relations; its column `relation` tells them apart.
        """
        found: dict[tuple[str, str | None, str], str] = {
            (kind.start, kind.type, kind.end): self._edge_query(kind) for kind in _EDGES
        }
        for head in dict.fromkeys(kind.start for kind, _ in self._relations()):
            found[head, None, "Intention"] = (
                f"SELECT * EXCLUDE (head_type) FROM assertion_edges "
                f"WHERE head_type = {sql.quote(head)}"
            )
        return found

    def labels(self) -> list[str]:
        """Labels of nodes."""
        return list(_NODES)

    def _edge_query(self, kind: EdgeKind) -> str:
        return _EDGES[kind].format(**self._tables)

    def _relations(self) -> list[tuple[EdgeKind, int]]:
        """Kinds of edge to intentions, and how many there are, in the order of the table.

        Raises
        ------
        CorruptError
            If the truth holds a relation that the registry does not know.
        """
        self._aggregate()
        found = self._connection.sql(
            "SELECT head_type, relation, count(*) FROM assertion_edges GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        for head, relation, _ in found:
            if relation not in {r.name for r in relations.for_head(head)}:
                raise CorruptError(
                    f"the truth holds assertions of {head} by {relation!r}, which this version "
                    "does not know",
                    fix="use the version of intentkg that imported them",
                )
        return [(EdgeKind(head, relation, "Intention"), count) for head, relation, count in found]

    def _aggregate(self) -> None:
        """Join the evidence of each assertion, once."""
        if not self._aggregated:
            self._connection.execute(
                "CREATE OR REPLACE TABLE assertion_edges AS " + _ASSERTIONS.format(**self._tables)
            )
            self._aggregated = True

    def _touch(self, known: frozenset[str]) -> None:
        """Restrict every table to the ids that parts outside `known` mention."""
        for table in TABLES:
            parts = [p for p in self._manifest.parts(table) if p.file not in known]
            sql.part_view(self._connection, self._directory, table, parts, name=f"new_{table}")
            key = "assertion_id" if table == "assertions" else "id"
            self._restrict(table, table, key, f"new_{table}", key)
        self._restrict("intentions", "assertions", "intention_id", "new_assertions", "intention_id")
        for layer in LAYERS:
            if all(part.file in known for part in self._manifest.parts(layer)):
                self._tables[layer] = f"(FROM {layer} WHERE false)"
        if "WHERE false" in self._tables["same_as"]:  # a new row may change a canonical text
            touched = "(SELECT intention_id AS canonical_id FROM touched_intentions)"
            self._tables["same_as"] = f"(FROM same_as SEMI JOIN {touched} USING (canonical_id))"

    def _restrict(self, name: str, table: str, key: str, source: str, column: str) -> None:
        self._connection.execute(
            f"CREATE OR REPLACE TABLE touched_{name} AS SELECT DISTINCT {column} FROM {source}"
        )
        self._tables[name] = f"(FROM {table} SEMI JOIN touched_{name} USING ({key}))"


def reaches(
    connection: duckdb.DuckDBPyConnection,
    directory: Directory,
    manifest: Manifest,
    known: frozenset[str],
) -> bool:
    """Tell whether a graph made of the parts `known` can be brought up to date by adding.

    It cannot if a part is gone, or if a later row took an image away from a post or product.
    """
    current = {part.file for parts in manifest.tables.values() for part in parts}
    if not known <= current:
        return False
    for table in ("posts", "products"):
        later = [p for p in manifest.parts(table) if p.file not in known]
        if not any(part.supersedes for part in later):
            continue
        earlier = [p for p in manifest.parts(table) if p.file in known]
        sql.part_view(connection, directory, table, earlier, name="earlier")
        sql.part_view(connection, directory, table, later, name="later")
        lost = connection.sql(
            _IMAGE_EDGES.format(table="(FROM earlier SEMI JOIN later USING (id))")
            + "EXCEPT "
            + _IMAGE_EDGES.format(table="later")
            + "LIMIT 1"
        ).fetchall()
        if lost:
            return False
    return True
