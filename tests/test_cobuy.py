"""Co-buy pulls against the same facts in plain Python."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from query_world import Edge, World, best_first, random_world

from kg.embedded import EmbeddedGraph
from queries.cobuy import pull, pull_each
from queries.results import CobuyEdge
from schema.errors import QueryError, UnknownRelationError, UsageError

FILTERS = [
    {},
    {"relations": ["UsedFor"]},
    {"relations": ["IsA", "Open"]},
    {"min_plausibility": 0.5},
    {"min_typicality": 0.0},
    {"min_plausibility": 0.25, "min_typicality": 0.75, "relations": ["Can", "UsedFor"]},
    {"accepted": True},
    {"accepted": False},
    {"source": "s2"},
    {"source": "nowhere"},
]


@pytest.fixture(scope="module")
def world() -> World:
    return random_world(7)


@pytest.fixture(scope="module")
def graph(world: World, tmp_path_factory: pytest.TempPathFactory):
    with world.open(tmp_path_factory.mktemp("cobuy") / "kb") as graph:
        yield graph


def as_edge(world: World, edge: Edge) -> CobuyEdge:
    a, b, _ = world.cobuys[edge.head]
    return CobuyEdge(
        cobuy_id=edge.head,
        a=a,
        b=b,
        relation=edge.relation,
        intention_id=edge.intention,
        text=edge.text,
        plausibility=edge.plausibility,
        typicality=edge.typicality,
        accepted=edge.accepted,
        models=list(edge.models),
        assertion_id=edge.id,
    )


def expected(world: World, heads: set[str], filters: dict, top_k: int | None = None) -> list:
    edges = [e for e in world.heads("CoBuy") if e.head in heads and e.passes(**filters)]
    edges.sort(key=best_first)
    seen: Counter[str] = Counter()
    kept = []
    for edge in edges:
        seen[edge.relation] += 1
        if top_k is None or seen[edge.relation] <= top_k:
            kept.append(as_edge(world, edge))
    return kept


@pytest.mark.parametrize("filters", FILTERS, ids=str)
@pytest.mark.parametrize("top_k", [None, 1, 2])
def test_a_products_pull(world: World, graph: EmbeddedGraph, filters: dict, top_k: int | None):
    for product in world.products:
        want = expected(world, set(world.cobuys_of(product)), filters, top_k)
        assert pull(graph, product, top_k=top_k, **filters) == want
        assert pull(graph, product, top_k=top_k, limit=3, **filters) == want[:3]


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_a_pairs_pull_in_either_order(world: World, graph: EmbeddedGraph, filters: dict):
    for key, (a, b, _) in world.cobuys.items():
        want = expected(world, {key}, filters)
        assert pull(graph, a, b, **filters) == pull(graph, b, a, **filters) == want


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_a_lists_pull_is_each_products_pull(world: World, graph: EmbeddedGraph, filters: dict):
    products = [*world.products, *list(world.products)[:3]]
    each = pull_each(graph, products, top_k=2, limit=5, **filters)
    assert list(each) == list(world.products)
    for product, edges in each.items():
        assert edges == pull(graph, product, top_k=2, limit=5, **filters)
    merged = pull(graph, products, top_k=2, **filters)
    union = {e for p in world.products for e in map(repr, pull(graph, p, top_k=2, **filters))}
    assert {repr(edge) for edge in merged} == union
    assert len(merged) == len(union), "an edge of two listed products came twice"
    assert merged[:4] == pull(graph, products, top_k=2, limit=4, **filters)


def test_no_relation_is_lost_and_products_own_intentions_stay_out(world: World, graph):
    pulled = {edge.assertion_id for edge in pull(graph, list(world.products))}
    assert pulled == {edge.id for edge in world.heads("CoBuy")}


def test_more_products_than_one_query_takes(tmp_path: Path):
    world = World()
    hub = world.product("hub")
    for n in range(1203):
        world.edge("CoBuy", world.cobuy(hub, world.product(f"X{n}")), "UsedFor", f"thing {n}")
    with world.open(tmp_path / "kb") as graph:
        each = pull_each(graph, [f"X{n}" for n in range(1203)])
        assert [len(edges) for edges in each.values()] == [1] * 1203
        assert len(pull(graph, "hub")) == 1203
        assert len(pull(graph, list(each))) == 1203


def test_ids_are_normalised(tmp_path: Path):
    world = World()
    key = world.cobuy(world.product("Café"), world.product("B2"))
    world.edge("CoBuy", key, "IsA", "drink")
    with world.open(tmp_path / "kb") as graph:
        assert len(pull(graph, " Cafe\u0301 ")) == 1
        assert len(pull(graph, "Cafe\u0301", "\uff22\uff12")) == 1


def test_products_that_were_never_bought_together_give_nothing(tmp_path: Path):
    world = World()
    for name in "ABC":
        world.product(name)
    world.cobuy("A", "B")
    with world.open(tmp_path / "kb") as graph:
        assert pull(graph, "A", "C") == []
        assert pull(graph, "A", "B") == []
        assert pull(graph, "C") == []
        assert pull_each(graph, ["A", "C"]) == {"A": [], "C": []}


@pytest.mark.parametrize(
    "ask",
    [
        lambda g: pull(g, "P0"),
        lambda g: pull(g, "P01", "P0"),
        lambda g: pull(g, "P0", "P01"),
        lambda g: pull(g, ["P01", "P0"]),
        lambda g: pull_each(g, ["P01", "P0"]),
    ],
)
def test_an_unknown_product_is_named_with_those_that_look_alike(graph: EmbeddedGraph, ask):
    with pytest.raises(QueryError, match="no product 'P0' in this knowledge base") as caught:
        ask(graph)
    assert "did you mean P0" in caught.value.fix
    assert "intentkg cypher" in caught.value.fix


def test_many_unknown_products_make_a_short_message(graph: EmbeddedGraph):
    with pytest.raises(QueryError, match="and 95 more") as caught:
        pull(graph, [f"nothing-{n}" for n in range(100)])
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"product": ""}, "product is empty"),
        ({"product": " \t"}, "product is empty"),
        ({"product": 7}, "not text"),
        ({"product": ["P01", 7]}, "not text"),
        ({"product": []}, "no product was given"),
        ({"product": "P01", "other": " "}, "other is empty"),
        ({"product": "P01", "other": "P01 "}, "twice the same product"),
        ({"product": ["P01"], "other": "P02"}, "a list of products and another"),
        ({"product": "P01", "min_plausibility": 7}, "min_plausibility is 7"),
        ({"product": "P01", "min_typicality": -0.1}, "min_typicality is -0.1"),
        ({"product": "P01", "min_typicality": float("nan")}, "min_typicality is nan"),
        ({"product": "P01", "min_typicality": "0.5"}, "min_typicality is '0.5'"),
        ({"product": "P01", "min_typicality": True}, "min_typicality is True"),
        ({"product": "P01", "accepted": "yes"}, "accepted is 'yes'"),
        ({"product": "P01", "top_k": 0}, "top_k is 0"),
        ({"product": "P01", "top_k": 1.5}, "top_k is 1.5"),
        ({"product": "P01", "limit": -1}, "limit is -1"),
        ({"product": "P01", "limit": True}, "limit is True"),
        ({"product": "P01", "source": ""}, "source is empty"),
        ({"product": "P\ud800"}, "lone surrogate"),
    ],
)
def test_wrong_use_is_said(graph: EmbeddedGraph, arguments: dict, message: str):
    with pytest.raises(UsageError, match=message) as caught:
        pull(graph, **arguments)
    assert caught.value.fix


@pytest.mark.parametrize("name", ["usdFor", "xWant", "OF", "CO_BUY", "*", "", "UsedFor|IsA"])
def test_only_the_registrys_cobuy_relations_can_be_asked_for(graph: EmbeddedGraph, name: str):
    for ask in (name, [name], ["IsA", name]):
        with pytest.raises(UnknownRelationError) as caught:
            pull(graph, "P01", relations=ask)
        assert "UsedFor" in caught.value.fix
