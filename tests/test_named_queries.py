"""Every named query against the same answer computed from the facts in plain Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from query_oracles import ORACLES, top_cobuys
from query_world import World, random_world

from kg.embedded import EmbeddedGraph
from queries import named, reference
from queries.named import get_query, list_queries, parse_query, run_named
from queries.parameters import TYPES
from schema import relations
from schema.errors import QueryError, UnknownQueryError, UnknownRelationError, UsageError

SEEDS = (1, 2, 3)


def worlds() -> dict[int, World]:
    made = {}
    for seed in SEEDS:
        world = random_world(seed)
        # Products with pairs that no intention is about, so that coverage gaps have answers.
        names = [world.product(f"gap{n}", None, "kitchen") for n in range(4)]
        for n, name in enumerate(names):
            for other in names[:n]:
                world.cobuy(name, other, n)
        made[seed] = world
    return made


WORLDS = worlds()


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory):
    opened = {
        seed: world.open(tmp_path_factory.mktemp("named") / "kb") for seed, world in WORLDS.items()
    }
    yield opened
    for graph in opened.values():
        graph.close()


def values(world: World, parameter: named.Parameter) -> list[Any]:
    """Values to try for a parameter; `...` leaves it out."""
    pairs = {
        "product": [*list(world.products)[:9], "gap1"],
        "post": list(world.posts)[:5],
        "intention": list(world.intentions)[:8],
        "relation": ["UsedFor", "Open", "xWant"],
        "head": ["CoBuy", "Product"],
        "boolean": [True],
        "number": [0.3],
        "integer": [1],
        "category": ["garden"],
        "concept": ["thing", "tent"],
        "string": ["m1", "m2"],
    }
    return pairs[parameter.type] if parameter.required else [..., *pairs[parameter.type]]


def combinations(world: World, query: named.NamedQuery) -> list[dict[str, Any]]:
    asked: list[dict[str, Any]] = [{}]
    for parameter in query.parameters:
        if parameter.name != "limit":
            asked = [
                {**one, **({} if value is ... else {parameter.name: value})}
                for one in asked
                for value in values(world, parameter)
            ]
    return [one for one in asked if one.get("a") is None or one["a"] != one["b"]]


@pytest.mark.parametrize("name", [query.name for query in list_queries()])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_answer_is_what_the_facts_say(graphs: dict[int, EmbeddedGraph], name: str, seed: int):
    world, query = WORLDS[seed], get_query(name)
    nonempty = 0
    for given in combinations(world, query):
        want = ORACLES[name](world, **given)
        bound = query.bind({**given, "limit": 1000})
        got = graphs[seed].read(query.cypher, bound)
        assert got.rows == want, given
        assert got.columns == [column for column, _ in query.columns]
        few = graphs[seed].read(query.cypher, query.bind({**given, "limit": 2}))
        assert few.rows == want[:2], given
        nonempty += bool(want)
    assert nonempty, "no parameters gave an answer, so this test proves nothing"


def test_there_is_an_oracle_for_each_query_and_enough_of_them():
    assert set(ORACLES) == {query.name for query in list_queries()}
    assert len(ORACLES) >= 14


@pytest.mark.parametrize("query", list_queries(), ids=lambda q: q.name)
def test_each_file_is_complete_and_deterministic(query: named.NamedQuery):
    file = Path(named.__file__).parent / "named" / f"{query.name}.cypher"
    assert parse_query(file.read_text(encoding="utf-8"), file.name) == query
    assert "ORDER BY" in query.cypher
    assert query.cypher.endswith("LIMIT $limit")
    used = set(named.re.findall(r"\$(\w+)", query.cypher))
    assert used == {parameter.name for parameter in query.parameters}
    for parameter in query.parameters:
        if not parameter.required and parameter.default is not None:
            TYPES[parameter.type].check(parameter.name, parameter.default)
    # Neo4j 5 and the embedded engine both have to understand it.
    for word in ("apoc", "CREATE", "MERGE", "LOAD"):
        assert word not in query.cypher
    assert not named.re.search(r":\w+\|", query.cypher), "a label or type alternative"
    assert query.title.endswith("?")
    assert query.description.endswith(".")


def test_a_run_through_the_door(graphs: dict[int, EmbeddedGraph]):
    world = WORLDS[1]
    product = next(p for p in world.products if top_cobuys(world, p))
    table = run_named(graphs[1], "top-cobuys", {"product": f" {product} ", "limit": "3"})
    assert table.rows == top_cobuys(world, product)[:3]
    assert not table.truncated
    assert run_named(graphs[1], "relations-by-model", limit=2).truncated
    text = next(iter(world.intentions.values()))
    by_text = run_named(graphs[1], "products-of-intention", {"intention": f" {text.upper()}."})
    key = world.edges[next(e for e in world.edges if world.edges[e].text == text)].intention
    assert by_text == run_named(graphs[1], "products-of-intention", {"intention": key})
    assert by_text.rows


@pytest.mark.parametrize("type_name", sorted(TYPES))
def test_text_from_a_command_line_is_brought_to_its_type(type_name: str):
    good = {
        "string": [("5", "5"), ("null", "null")],
        "product": [(" 0042 ", "0042"), ("12", "12")],
        "post": [("s:1 ", "s:1")],
        "category": [("Tea & Coffee", "Tea & Coffee")],
        "intention": [("Keep warm.", "in_")],
        "concept": [("Tent", "cn_")],
        "relation": [("UsedFor", "UsedFor"), ("xWant", "xWant")],
        "head": [("cobuy", "CoBuy"), ("Post", "Post")],
        "integer": [("7", 7), (7, 7)],
        "number": [("0.25", 0.25), (1, 1.0)],
        "boolean": [("true", True), ("No", False), (False, False)],
    }
    bad = {
        "string": ["", " ", 5, None, "\ud800"],
        "product": ["", 5, None, ["a"]],
        "post": ["", 5],
        "category": [" ", 5],
        "intention": [" ", 5, {}],
        "concept": ["", 5],
        "relation": ["usdFor", "", 5, "UsedFor]->() DELETE n //"],
        "head": ["Image", "", 5],
        "integer": ["x", "1.5", 1.5, 0, -3, True, None, 2**40, ""],
        "number": ["x", "nan", "inf", True, None, [], 10**400],
        "boolean": ["maybe", 1, None, ""],
    }
    check = TYPES[type_name].check
    for given, want in good[type_name]:
        found = check("it", given)
        assert found == want or (type_name in ("intention", "concept") and found.startswith(want))
        assert type(found) is type(want)
    for given in bad[type_name]:
        with pytest.raises(UsageError) as caught:
            check("it", given)
        assert caught.value.fix


def test_an_unknown_name_or_parameter_is_told_with_what_comes_close():
    with pytest.raises(UnknownQueryError, match="no named query 'top-cobuy'") as caught:
        get_query("top-cobuy")
    assert "did you mean top-cobuys" in caught.value.fix
    assert "why-bought-together" in caught.value.fix
    query = get_query("top-cobuys")
    with pytest.raises(UnknownQueryError, match="no parameter 'produkt'") as caught:
        query.bind({"produkt": "P01"})
    assert "did you mean 'product'" in caught.value.fix
    with pytest.raises(UnknownQueryError, match="top-cobuys needs product") as caught:
        query.bind({"limit": 3})
    assert "product=" in caught.value.fix
    with pytest.raises(UnknownRelationError):
        get_query("models-agree").bind({"model": "a", "other": "b", "relation": "likes"})
    with pytest.raises(UnknownQueryError):
        get_query(None)  # type: ignore[arg-type]


def test_null_is_allowed_only_where_it_is_the_default():
    query = get_query("models-agree")
    bound = query.bind({"model": "null", "other": "b", "relation": "null"})
    assert bound["model"] == "null"
    assert bound["relation"] is None
    with pytest.raises(UsageError):
        query.bind({"model": None, "other": "b"})


def test_an_empty_answer_about_something_unknown_says_so(graphs: dict[int, EmbeddedGraph]):
    for name, given, what in (
        ("top-cobuys", {"product": "nope"}, "no product 'nope'"),
        ("why-bought-together", {"a": "P01", "b": "nope"}, "no product 'nope'"),
        ("similar-posts", {"post": "s1:99"}, "no post 's1:99'"),
        (
            "products-of-intention",
            {"intention": "Fly to the moon"},
            "no intention 'Fly to the moon'",
        ),
    ):
        with pytest.raises(QueryError, match=what) as caught:
            run_named(graphs[1], name, given)
        assert caught.value.fix
    nothing = run_named(graphs[1], "category-intentions", {"category": "nope"})
    assert nothing.rows == []
    assert "no product of the category 'nope'" in nothing.notes[0]


def test_what_was_nearly_right_is_suggested(tmp_path: Path):
    world = World()
    for name in ("A", "B"):
        world.product(name, None, "Electronics", "Tea")
    world.posts["sample:P001"] = "rain again"
    world.edge("CoBuy", world.cobuy("A", "B"), "UsedFor", "making pour-over coffee at home")
    with world.open(tmp_path / "kb") as graph:
        with pytest.raises(QueryError, match="no intention 'Makin pour-over coffee'") as caught:
            run_named(graph, "products-of-intention", {"intention": "Makin pour-over coffee"})
        assert "did you mean making pour-over coffee at home?" in caught.value.fix
        with pytest.raises(QueryError) as caught:
            run_named(graph, "similar-posts", {"post": "P001"})
        assert "did you mean sample:P001?" in caught.value.fix
        (note,) = run_named(graph, "category-intentions", {"category": "electronics"}).notes
        assert "did you mean Electronics?" in note and "Tea" in note
        known = run_named(graph, "category-intentions", {"category": "Electronics"})
        assert known.rows and known.notes == ()


def test_the_reference_is_current():
    written = Path(__file__).parent.parent / "docs" / "queries.md"
    assert written.read_text(encoding="utf-8") == reference.document(), (
        "write it again: python -m queries.reference docs/queries.md"
    )


def test_only_types_of_the_graph_are_matched():
    for query in list_queries():
        for word in named.re.findall(r"\[\w*:(\w+)", query.cypher):
            assert (
                word in {"OF", "CO_BUY", "MENTIONS", "HYPERNYM", "SAME_AS"}
                or word in relations.names()
            )


@pytest.mark.parametrize(
    "text",
    [
        "// name: x\nRETURN 1 AS a",
        "// name: x\n// title: y\n// description: z\n// returns: a — b",
        "// name: x\n// title: y\n// description: z\n// returns: a — b\n// hello\nRETURN 1 AS a",
        "// name: x\n// name: x\n// title: y\n// description: z\n// returns: a — b\nRETURN 1",
        "// name: x\n// title: y\n// description: z\n// returns: a b\nRETURN 1 AS a",
        "// name: x\n// title: y\n// description: z\n// param: p nothing — q\n"
        "// returns: a — b\nRETURN 1 AS a",
    ],
)
def test_a_careless_header_is_refused(text: str):
    with pytest.raises(ValueError, match="x\\.cypher"):
        parse_query(text, "x.cypher")
