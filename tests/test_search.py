"""Search by meaning against brute force: rank everything, filter, cut."""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from query_world import World, best_first, random_world

from kg.embedded import EmbeddedGraph
from kg.vector_index import VectorIndex
from queries.results import Head
from queries.search import search, search_many
from schema.errors import UnknownRelationError, UsageError
from schema.identity import normalise_text

DIMENSION = 64


class Grams:
    """Embeds text by its hashed letter triples, so that similar words come near each other."""

    name = "grams"
    dimension = DIMENSION

    def encode(self, texts: Sequence[str], *, progress: object = None) -> np.ndarray:
        vectors = np.full((len(texts), DIMENSION), 1e-3, np.float32)
        for row, text in zip(vectors, texts, strict=True):
            padded = f"  {text.lower()}  "
            for start in range(len(padded) - 2):
                number = zlib.crc32(padded[start : start + 3].encode())
                row[number % DIMENSION] += 1 if number & 64 else -1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Setting:
    """A world, its graph, its index, and the answer that brute force gives."""

    def __init__(self, world: World, graph: EmbeddedGraph) -> None:
        self.world, self.graph, self.embedder = world, graph, Grams()
        self.texts = world.intentions
        self.edges: dict[str, list] = {key: [] for key in self.texts}
        for edge in sorted(world.edges.values(), key=best_first):
            self.edges[edge.intention].append(edge)
        self.ids = sorted(self.texts)
        self.vectors = self.encode([self.texts[key] for key in self.ids])
        self.index = VectorIndex.create(DIMENSION, "grams")
        self.index.add(self.ids, self.vectors)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """As intentions are embedded: in their normalised text."""
        return self.embedder.encode([normalise_text(text) or text for text in texts])

    def search(self, text: str, **arguments):
        return search(self.graph, self.index, self.embedder, text, **arguments)

    def check(self, hits, text: str, *, k: int = 10, heads: int = 5, **filters) -> None:
        """`hits` is what brute force gives, where scores tell apart."""
        passing = {
            key: [edge for edge in edges if edge.passes(**filters)]
            for key, edges in self.edges.items()
        }
        scores = dict(zip(self.ids, self.vectors @ self.encode([text])[0], strict=True))
        best = sorted((key for key in self.ids if passing[key]), key=lambda key: -scores[key])[:k]
        assert len(hits) == len(best)
        assert [hit.score for hit in hits] == pytest.approx([scores[key] for key in best], abs=2e-3)
        assert len({hit.intention_id for hit in hits}) == len(hits)
        assert list(hits) == sorted(hits, key=lambda hit: (-hit.score, hit.intention_id))
        for hit in hits:
            assert hit.text == self.texts[hit.intention_id]
            assert hit.score == pytest.approx(scores[hit.intention_id], abs=2e-3)
            edges = passing[hit.intention_id]
            assert edges
            assert hit.heads == [self.head(edge) for edge in edges[:heads]]
        certain = [key for key in best if scores[key] > scores[best[-1]] + 4e-3]
        assert set(certain) <= {hit.intention_id for hit in hits}

    def head(self, edge) -> Head:
        if edge.head_type == "Post":
            label, products = self.world.posts[edge.head], []
        else:
            ends = self.world.cobuys[edge.head][:2] if edge.head_type == "CoBuy" else [edge.head]
            products = list(ends)
            label = " + ".join(self.world.products[p]["title"] or p for p in products)
        return Head(
            edge.head_type,
            edge.head,
            label,
            edge.relation,
            edge.id,
            edge.plausibility,
            edge.typicality,
            edge.accepted,
            products,
        )


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory):
    world = random_world(5)
    with world.open(tmp_path_factory.mktemp("small") / "kb") as graph:
        yield Setting(world, graph)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory):
    """More intentions than are looked at one by one; a few of them from a rare source."""
    rng = random.Random(8)
    words = "warm dry safe fast clean quiet cheap bright soft strong small new".split()  # noqa: SIM905
    world = World()
    pairs = [
        world.cobuy(world.product(f"A{n}", f"Title {n}"), world.product(f"B{n}"))
        for n in range(500)
    ]
    for n in range(9000):
        text = f"keep {rng.choice(words)} and {rng.choice(words)} in place {n}"
        source = "rare" if n % 2500 == 7 else "common"
        relation = "Can" if n % 40 == 0 else "UsedFor"
        world.edge(
            "CoBuy", rng.choice(pairs), relation, text, typicality=n / 9000, sources=(source,)
        )
    with world.open(tmp_path_factory.mktemp("large") / "kb") as graph:
        yield Setting(world, graph)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    text=st.text(min_size=1, max_size=30).filter(lambda t: t.strip()),
    k=st.integers(1, 30),
    heads=st.integers(0, 6),
    relations=st.sampled_from([None, ["UsedFor"], ["xWant", "Open"], ["MadeOf"]]),
    min_plausibility=st.sampled_from([None, 0.0, 0.5, 1.0]),
    min_typicality=st.sampled_from([None, 0.25, 1.0]),
    accepted=st.sampled_from([None, True, False]),
    head_type=st.sampled_from([None, "Post", "CoBuy", "Product"]),
    source=st.sampled_from([None, "s2", "nowhere"]),
)
def test_search_is_filter_then_rank(small: Setting, text: str, **arguments):
    small.check(small.search(text, **arguments), text, **arguments)


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"relations": ["Can"]},
        {"source": "rare"},
        {"source": "rare", "relations": ["Can"]},
        {"min_typicality": 0.999},
        {"min_typicality": 0.5},
        {"accepted": True},
        {"head_type": "Post"},
        {"head_type": "CoBuy", "source": "rare"},
    ],
    ids=str,
)
@pytest.mark.parametrize("k", [1, 10, 2000])
def test_selective_filters_lose_nothing_in_a_large_index(large: Setting, filters: dict, k: int):
    for text in ("keep warm and dry in place", "something else entirely"):
        hits = large.search(text, k=k, heads=2, **filters)
        large.check(hits, text, k=k, heads=2, **filters)


class Patchy:
    """An index that misses some neighbours and returns fewer than asked, as clustered ones do."""

    def __init__(self, index: VectorIndex) -> None:
        self._index = index

    def __len__(self) -> int:
        return len(self._index)

    def search(self, queries, k, *, allowed=None):
        scores, ids = self._index.search(queries, k, allowed=allowed)
        if allowed is not None:
            return scores, ids
        return scores, [row[: min(len(row), 40)] for row in ids]


def test_an_index_that_gives_too_few_is_helped_out_by_the_graph(large: Setting):
    index = Patchy(large.index)
    arguments = {"k": 20, "relations": ["Can"]}
    hits = search(large.graph, index, large.embedder, "keep safe", **arguments)
    large.check(hits, "keep safe", **arguments)
    assert len(search(large.graph, index, large.embedder, "keep safe", k=100)) == 100


@pytest.mark.parametrize("filters", [{}, {"source": "rare"}, {"relations": ["Can"]}], ids=str)
def test_many_texts_are_answered_as_one_by_one(large: Setting, filters: dict):
    texts = ["keep dry", "quiet", "keep dry", "x"]
    many = search_many(large.graph, large.index, large.embedder, texts, k=7, **filters)
    assert len(many) == len(texts)
    for text, hits in zip(texts, many, strict=True):
        large.check(hits, text, k=7, **filters)
        alone = large.search(text, k=7, **filters)
        assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in alone], abs=1e-5)
    assert search_many(large.graph, large.index, large.embedder, [], **filters) == []


def test_an_empty_knowledge_base_answers_with_nothing(tmp_path: Path):
    world = World()
    world.product("A")
    with world.open(tmp_path / "kb") as graph:
        index = VectorIndex.create(DIMENSION, "grams")
        assert search(graph, index, Grams(), "anything") == []
        assert search_many(graph, index, Grams(), ["a", "b"]) == [[], []]


def test_what_is_in_the_index_but_not_in_the_graph_is_left_out(small: Setting):
    index = VectorIndex.create(DIMENSION, "grams")
    index.add([*small.ids, "in_" + "0" * 32], np.vstack([small.vectors, Grams().encode(["x"])]))
    hits = search(small.graph, index, Grams(), "x", k=1)
    assert hits[0].intention_id in small.texts


def test_a_popular_intention_shows_only_its_best_heads(tmp_path: Path):
    world = World()
    for n in range(3000):
        world.posts[f"s:{n}"] = f"post {n}"
        world.edge("Post", f"s:{n}", "xWant", "rest", typicality=n / 3000)
    with world.open(tmp_path / "kb") as graph:
        (hit,) = Setting(world, graph).search("rest", heads=3)
        assert [head.id for head in hit.heads] == ["s:2999", "s:2998", "s:2997"]
        assert hit.heads[0].label == "post 2999"
        assert hit.heads[0].products == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text": ""}, "the text is empty"),
        ({"text": " \n\t"}, "the text is empty"),
        ({"text": None}, "not text"),
        ({"text": "\ud800"}, "surrogate"),
        ({"k": 0}, "k is 0"),
        ({"k": 10_001}, "k is 10001"),
        ({"k": "5"}, "k is '5'"),
        ({"heads": -1}, "heads is -1"),
        ({"min_plausibility": 1.01}, "min_plausibility is 1.01"),
        ({"min_typicality": float("inf")}, "min_typicality is inf"),
        ({"accepted": 1}, "accepted is 1"),
        ({"head_type": "Image"}, "no intention starts from 'Image'"),
        ({"source": " "}, "source is empty"),
    ],
)
def test_wrong_use_is_said(small: Setting, arguments: dict, message: str):
    with pytest.raises(UsageError, match=message) as caught:
        small.search(**{"text": "warm", **arguments})
    assert caught.value.fix


@pytest.mark.parametrize("name", ["usedFor", "used_for", "USEDFOR", "/r/UsedFor"])
def test_a_relation_may_be_spelled_as_elsewhere(small: Setting, name: str):
    expected = small.search("warm", relations="UsedFor").to_dicts()
    assert expected and small.search("warm", relations=name).to_dicts() == expected


@pytest.mark.parametrize("name", ["usdfor", "OF", "", "UsedFor]-() DELETE r //", "MENTIONS"])
def test_an_unknown_relation_is_refused_with_the_known_ones(small: Setting, name: str):
    with pytest.raises(UnknownRelationError) as caught:
        small.search("warm", relations=["UsedFor", name])
    assert "xWant" in caught.value.fix


@pytest.mark.parametrize("text", ["'", '"}) DELETE n //', "`", "$ids", "\x00", "\u202e", "{}", "%"])
def test_hostile_text_is_only_looked_for(small: Setting, text: str):
    before = small.graph.counts()
    assert len(small.search(text)) == 10
    assert small.search("warm", source=text) == []
    assert small.graph.counts() == before
