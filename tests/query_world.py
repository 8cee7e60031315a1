"""A small world for the tests of queries: plain Python facts, and the graph made of them."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from kg.directory import Directory
from kg.embedded import EmbeddedGraph, open_graph
from kg.embedded_writer import BulkWriter
from kg.manifest import GraphState, sha256_file
from kg.projection import HYPERNYM, MENTIONS, SAME_AS
from kg.store import EdgeKind
from schema.identity import assertion_id, cobuy_id, concept_id, intention_id, product_id

TEXTS, TEXT_LIST = pa.string(), pa.list_(pa.string())
EDGE_SCHEMA = pa.schema(
    [
        ("start", TEXTS),
        ("end", TEXTS),
        ("id", TEXTS),
        ("plausibility", pa.float64()),
        ("typicality", pa.float64()),
        ("accepted", pa.bool_()),
        ("models", TEXT_LIST),
        ("evidence", pa.int64()),
        ("sources", TEXT_LIST),
    ]
)


@dataclass(frozen=True)
class Edge:
    """An assertion: what the graph holds of it."""

    head_type: str
    head: str
    relation: str
    text: str
    plausibility: float | None = None
    typicality: float | None = None
    accepted: bool | None = None
    models: tuple[str, ...] = ("m1",)
    sources: tuple[str, ...] = ("s1",)

    @cached_property
    def intention(self) -> str:
        return intention_id(self.text)

    @cached_property
    def id(self) -> str:
        return assertion_id(self.head_type, self.head, self.relation, self.intention)

    def passes(
        self,
        *,
        relations: Any = None,
        min_plausibility: float | None = None,
        min_typicality: float | None = None,
        accepted: bool | None = None,
        source: str | None = None,
        head_type: str | None = None,
    ) -> bool:
        """What the filters mean, said a second time."""
        if relations and self.relation not in relations:
            return False
        if head_type and self.head_type != head_type:
            return False
        if source and source not in self.sources:
            return False
        if accepted is not None and self.accepted is not accepted:
            return False
        for least, score in (
            (min_plausibility, self.plausibility),
            (min_typicality, self.typicality),
        ):
            if least is not None and (score is None or score < least):
                return False
        return True


def best_first(edge: Edge) -> tuple[float, float, str]:
    """Sort key: typicality, plausibility, unscored last, then the id."""
    return (
        -edge.typicality if edge.typicality is not None else 1.0,
        -edge.plausibility if edge.plausibility is not None else 1.0,
        edge.id,
    )


@dataclass
class World:
    """Facts; a co-buy is known by its two products."""

    products: dict[str, dict[str, Any]] = field(default_factory=dict)
    posts: dict[str, str] = field(default_factory=dict)
    cobuys: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    edges: dict[str, Edge] = field(default_factory=dict)
    mentions: set[tuple[str, str]] = field(default_factory=set)  # intention, concept's name
    hypernyms: dict[tuple[str, str], float] = field(default_factory=dict)  # narrower, broader
    same_as: dict[str, str] = field(default_factory=dict)  # intention to canonical, itself too

    def product(self, name: str, title: str | None = None, *categories: str) -> str:
        key = product_id(name)
        self.products[key] = {"title": title, "categories": list(categories) or None}
        return key

    def cobuy(self, a: str, b: str, support: int = 1) -> str:
        a, b = sorted((product_id(a), product_id(b)))
        self.cobuys[cobuy_id(a, b)] = (a, b, support)
        return cobuy_id(a, b)

    def edge(self, head_type: str, head: str, relation: str, text: str, **scores: Any) -> Edge:
        edge = Edge(head_type, head, relation, text, **scores)
        self.edges[edge.id] = edge
        return edge

    @property
    def intentions(self) -> dict[str, str]:
        return {edge.intention: edge.text for edge in self.edges.values()}

    def heads(self, kind: str) -> list[Edge]:
        return [edge for edge in self.edges.values() if edge.head_type == kind]

    def cobuys_of(self, product: str) -> dict[str, tuple[str, str, int]]:
        return {key: pair for key, pair in self.cobuys.items() if product in pair[:2]}

    def write(self, writer: Any) -> None:
        """Hand everything to a ``kg.store.GraphWriter``."""

        def nodes(label: str, rows: list[dict[str, Any]], schema: list[tuple[str, Any]]) -> None:
            writer.write_nodes(label, pa.RecordBatch.from_pylist(rows, pa.schema(schema)))

        nodes(
            "Product",
            [{"id": key, **values} for key, values in self.products.items()],
            [("id", TEXTS), ("title", TEXTS), ("categories", TEXT_LIST)],
        )
        nodes(
            "Post",
            [{"id": key, "source": "s1", "text": text} for key, text in self.posts.items()],
            [("id", TEXTS), ("source", TEXTS), ("text", TEXTS)],
        )
        nodes(
            "CoBuy",
            [{"id": k, "a": a, "b": b, "support": n} for k, (a, b, n) in self.cobuys.items()],
            [("id", TEXTS), ("a", TEXTS), ("b", TEXTS), ("support", pa.int64())],
        )
        nodes(
            "Intention",
            [{"id": key, "text": text} for key, text in self.intentions.items()],
            [("id", TEXTS), ("text", TEXTS)],
        )
        ends = [{"start": k, "end": p} for k, pair in self.cobuys.items() for p in pair[:2]]
        if ends:
            writer.write_edges(EdgeKind("CoBuy", "OF", "Product"), pa.RecordBatch.from_pylist(ends))
            pairs = [
                {"start": a, "end": b, "id": key, "support": n}
                for key, (a, b, n) in self.cobuys.items()
            ]
            writer.write_edges(
                EdgeKind("Product", "CO_BUY", "Product"), pa.RecordBatch.from_pylist(pairs)
            )
        kinds = sorted({(edge.head_type, edge.relation) for edge in self.edges.values()})
        for head_type, relation in kinds:
            rows = [
                {
                    "start": edge.head,
                    "end": edge.intention,
                    "id": edge.id,
                    "plausibility": edge.plausibility,
                    "typicality": edge.typicality,
                    "accepted": edge.accepted,
                    "models": list(edge.models),
                    "evidence": len(edge.models),
                    "sources": list(edge.sources),
                }
                for edge in self.edges.values()
                if (edge.head_type, edge.relation) == (head_type, relation)
            ]
            writer.write_edges(
                EdgeKind(head_type, relation, "Intention"),
                pa.RecordBatch.from_pylist(rows, EDGE_SCHEMA),
            )

        self._write_layers(writer, nodes)

    @property
    def concepts(self) -> list[str]:
        ends = {end for pair in self.hypernyms for end in pair}
        return sorted(ends | {name for _, name in self.mentions})

    def _write_layers(self, writer: Any, nodes: Any) -> None:
        texts = [("id", TEXTS), ("name", TEXTS)]
        nodes("Concept", [{"id": concept_id(name), "name": name} for name in self.concepts], texts)
        members = Counter(self.same_as.values())
        canonical = [
            {"id": key, "text": self.intentions[key], "members": n} for key, n in members.items()
        ]
        shape = [("id", TEXTS), ("text", TEXTS), ("members", pa.int64())]
        nodes("CanonicalIntention", canonical, shape)
        edges: dict[EdgeKind, list[tuple[str, str]]] = {
            MENTIONS: [(key, concept_id(name)) for key, name in sorted(self.mentions)],
            HYPERNYM: [tuple(map(concept_id, pair)) for pair in self.hypernyms],  # type: ignore
            SAME_AS: list(self.same_as.items()),
        }
        for kind, pairs in edges.items():
            rows = [{"start": start, "end": end} for start, end in pairs]
            if rows:
                writer.write_edges(kind, pa.RecordBatch.from_pylist(rows))

    def open(self, folder: Path) -> EmbeddedGraph:
        """Write the graph into a knowledge base at `folder` and open it."""
        directory = Directory.create(folder)
        file = directory.path("graph/1.grafeo")
        file.parent.mkdir()
        with BulkWriter(file) as writer:
            self.write(writer)
            writer.finish()
        size, digest = file.stat().st_size, sha256_file(file)
        state = GraphState("graph/1.grafeo", "grafeo", size, digest, *writer.counts, ())
        manifest = directory.manifest()
        directory.commit(
            type(manifest)(
                revision=manifest.revision, tables=manifest.tables, graph=state, vectors=None
            )
        )
        return open_graph(directory)


def random_world(seed: int, *, products: int = 14, posts: int = 12, edges: int = 160) -> World:
    """Facts with many ties, nulls, shared intentions, several relations between the same two."""
    rng = random.Random(seed)
    world = World()
    for n in range(products):
        categories = rng.sample(["kitchen", "garden", "office", "baby"], rng.randint(0, 2))
        world.product(f"P{n:02}", rng.choice([None, f"Title {n}"]), *categories)
    for n in range(posts):
        world.posts[f"s1:{n}"] = f"post {n}"
    names = list(world.products)
    for _ in range(products * 2):
        a, b = rng.sample(names, 2)
        world.cobuy(a, b, rng.randint(1, 3))
    texts = [f"wants thing {n}" for n in range(20)]
    cobuys = list(world.cobuys)
    for _ in range(edges):
        kind = rng.choice(["CoBuy", "CoBuy", "Post", "Product"])
        head = rng.choice({"CoBuy": cobuys, "Post": list(world.posts), "Product": names}[kind])
        social = ["xWant", "xNeed", "oReact", "Open"]
        relation = rng.choice(social if kind == "Post" else ["UsedFor", "IsA", "Open", "Can"])
        score = [None, 0.0, 0.25, 0.5, 0.5, 0.75, 1.0]
        world.edge(
            kind,
            head,
            relation,
            rng.choice(texts),
            plausibility=rng.choice(score),
            typicality=rng.choice(score),
            accepted=rng.choice([None, True, True, False]),
            models=tuple(sorted(rng.sample(["m1", "m2", "m3"], rng.randint(1, 3)))),
            sources=tuple(sorted(rng.sample(["s1", "s2"], rng.randint(1, 2)))),
        )
    things = ["tent", "lamp", "shelter", "thing", "rain"]
    for intention in world.intentions:
        world.mentions |= {(intention, name) for name in rng.sample(things, rng.randint(0, 2))}
    for narrower, broader in (("tent", "shelter"), ("shelter", "thing"), ("lamp", "thing")):
        world.hypernyms[narrower, broader] = rng.random()
    same = rng.sample(sorted(world.intentions), 7)
    for group in (same[:3], same[3:5], same[5:]):
        world.same_as.update(dict.fromkeys(group, group[0]))
    return world
