"""What each named query should answer, computed from the facts in plain Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from query_world import Edge, World, best_first

from schema.identity import concept_id

Rows = list[list[Any]]
ORACLES: dict[str, Callable[..., Rows]] = {}


def oracle(function: Callable[..., Rows]) -> Callable[..., Rows]:
    ORACLES[function.__name__.replace("_", "-")] = function
    return function


def kept(edges: Any, rejected: bool) -> list[Edge]:
    return [edge for edge in edges if rejected or edge.accepted is not False]


def top(edges: Any) -> float | None:
    return max((edge.typicality for edge in edges if edge.typicality is not None), default=None)


def by_head(world: World) -> dict[str, list[Edge]]:
    found = defaultdict(list)
    for edge in world.edges.values():
        found[edge.head_type, edge.head].append(edge)
    return found


def titles(world: World, product: str) -> str | None:
    return world.products[product]["title"]


@oracle
def why_bought_together(world: World, a: str, b: str, rejected: bool = False) -> Rows:
    edges = [e for e in world.heads("CoBuy") if set(world.cobuys[e.head][:2]) == {a, b}]
    return [
        [
            e.relation,
            e.text,
            e.plausibility,
            e.typicality,
            e.accepted,
            list(e.models),
            e.intention,
            e.id,
        ]
        for e in sorted(kept(edges, rejected), key=best_first)
    ]


@oracle
def same_intention_cobuys(world: World, product: str, rejected: bool = False) -> Rows:
    edges = kept(world.heads("CoBuy"), rejected)
    mine = world.cobuys_of(product)
    wanted = {e.intention for e in edges if e.head in mine}
    shared = defaultdict(set)
    for edge in edges:
        if edge.head not in mine and edge.intention in wanted:
            shared[edge.head].add(edge.text)
    rows = [[*world.cobuys[head], len(texts), min(texts)] for head, texts in shared.items()]
    return sorted(rows, key=lambda r: (-r[3], -r[2], r[0], r[1]))


@oracle
def recommend_by_intention(world: World, product: str, rejected: bool = False) -> Rows:
    mine = world.cobuys_of(product)
    bought = {p for pair in mine.values() for p in pair[:2]} | {product}
    edges = kept(world.heads("CoBuy"), rejected)
    wanted = {e.intention for e in edges if e.head in mine}
    shared = defaultdict(set)
    for edge in edges:
        if edge.intention in wanted:
            for other in set(world.cobuys[edge.head][:2]) - bought:
                shared[other].add(edge.text)
    rows = [[p, titles(world, p), len(texts), min(texts)] for p, texts in shared.items()]
    return sorted(rows, key=lambda r: (-r[2], r[0]))


@oracle
def shared_post_intentions(world: World, a: str, b: str) -> Rows:
    posts = world.heads("Post")
    return sorted(
        (
            [e.text, e.relation, f.relation, e.intention]
            for e in posts
            if e.head == a
            for f in posts
            if f.head == b and f.intention == e.intention
        ),
        key=lambda r: (r[0], r[3], r[1], r[2]),
    )


@oracle
def similar_posts(world: World, post: str) -> Rows:
    wanted = {e.intention for e in world.heads("Post") if e.head == post}
    shared = defaultdict(set)
    for edge in world.heads("Post"):
        if edge.head != post and edge.intention in wanted:
            shared[edge.head].add(edge.text)
    rows = [[p, world.posts[p], len(texts), min(texts)] for p, texts in shared.items()]
    return sorted(rows, key=lambda r: (-r[2], r[0]))


@oracle
def category_intentions(world: World, category: str, rejected: bool = False) -> Rows:
    inside = {p for p, v in world.products.items() if category in (v["categories"] or [])}
    found = defaultdict(list)
    for edge in kept(world.heads("CoBuy"), rejected):
        if inside & set(world.cobuys[edge.head][:2]):
            found[edge.text, edge.intention].append(edge)
    rows = [[t, len({e.head for e in es}), top(es), i] for (t, i), es in found.items()]
    return sorted(rows, key=lambda r: (-r[1], r[0], r[3]))


@oracle
def products_of_intention(world: World, intention: str, rejected: bool = False) -> Rows:
    found = defaultdict(list)
    for edge in kept(world.edges.values(), rejected):
        if edge.intention == intention and edge.head_type == "Product":
            found[edge.head].append(edge)
        if edge.intention == intention and edge.head_type == "CoBuy":
            for product in world.cobuys[edge.head][:2]:
                found[product].append(edge)
    rows = [[p, titles(world, p), len(es), top(es)] for p, es in found.items()]
    return sorted(rows, key=lambda r: (-r[2], r[0]))


@oracle
def intentions_of_product(
    world: World, product: str, head: str | None = None, rejected: bool = False
) -> Rows:
    mine = {*world.cobuys_of(product), product}
    found = defaultdict(list)
    for e in kept(world.edges.values(), rejected):
        if e.head in mine and head in (None, e.head_type):
            found[e.text, e.head_type, e.intention].append(e)
    rows = [
        [t, kind, len({e.relation for e in es}), len({e.head for e in es}), top(es), i]
        for (t, kind, i), es in found.items()
    ]
    return sorted(rows, key=lambda r: (-r[3], -r[2], r[0], r[5], r[1]))


@oracle
def top_cobuys(world: World, product: str, rejected: bool = False) -> Rows:
    edges = by_head(world)
    rows = []
    for key, (a, b, support) in world.cobuys_of(product).items():
        other = b if a == product else a
        mine = sorted(kept(edges.get(("CoBuy", key), []), rejected), key=best_first)
        best = (mine[0].relation, mine[0].text) if mine else (None, None)
        rows.append([other, titles(world, other), support, len(mine), *best])
    return sorted(rows, key=lambda r: (-r[2], r[0]))


@oracle
def models_agree(world: World, model: str, other: str, relation: str | None = None) -> Rows:
    edges = [
        e
        for e in world.heads("CoBuy")
        if {model, other} <= set(e.models) and relation in (None, e.relation)
    ]
    edges.sort(key=lambda e: (-1 if e.typicality is None else -e.typicality - 2, e.id))
    return [
        [*world.cobuys[e.head][:2], e.relation, e.text, e.typicality, list(e.models), e.id]
        for e in edges
    ]


@oracle
def review_low_typicality(world: World, below: float = 0.5, head: str | None = None) -> Rows:
    edges = [
        e
        for e in world.edges.values()
        if e.accepted and e.typicality is not None and e.typicality < below
        if head in (None, e.head_type)
    ]
    edges.sort(key=lambda e: (e.typicality, e.id))
    return [
        [e.head_type, e.head, e.relation, e.text, e.typicality, e.plausibility, e.id] for e in edges
    ]


@oracle
def relations_by_model(world: World) -> Rows:
    found = Counter((m, e.head_type, e.relation) for e in world.edges.values() for m in e.models)
    rows = [[*key, n] for key, n in found.items()]
    return sorted(rows, key=lambda r: (r[0], r[1], -r[3], r[2]))


@oracle
def relations_by_source(world: World) -> Rows:
    found, judged = Counter(), Counter()
    for edge in world.edges.values():
        for source in edge.sources:
            found[source, edge.head_type, edge.relation] += 1
            judged[source, edge.head_type, edge.relation] += edge.accepted is not None
    rows = [[*key, n, judged[key]] for key, n in found.items()]
    return sorted(rows, key=lambda r: (r[0], r[1], -r[3], r[2]))


@oracle
def rejected_by_relation(world: World, model: str | None = None) -> Rows:
    no, all_ = Counter(), Counter()
    for e in world.edges.values():
        if e.accepted is not None and (model is None or model in e.models):
            all_[e.head_type, e.relation] += 1
            no[e.head_type, e.relation] += not e.accepted
    rows = [[*key, no[key], n, no[key] / n] for key, n in all_.items()]
    return sorted(rows, key=lambda r: (-r[2], r[0], r[1]))


@oracle
def contested_intentions(world: World) -> Rows:
    yes, no = Counter(), Counter()
    for edge in world.edges.values():
        yes[edge.intention] += edge.accepted is True
        no[edge.intention] += edge.accepted is False
    rows = [[t, yes[i], no[i], i] for i, t in world.intentions.items() if yes[i] and no[i]]
    return sorted(rows, key=lambda r: (-min(r[1:3]), -sum(r[1:3]), r[0], r[3]))


@oracle
def posts_and_cobuys(world: World) -> Rows:
    posts, cobuys = defaultdict(set), defaultdict(set)
    for edge in world.edges.values():
        {"Post": posts, "CoBuy": cobuys}.get(edge.head_type, defaultdict(set))[edge.intention].add(
            edge.head
        )
    rows = [
        [t, len(posts[i]), len(cobuys[i]), i]
        for i, t in world.intentions.items()
        if posts[i] and cobuys[i]
    ]
    return sorted(rows, key=lambda r: (-r[1] - r[2], r[0], r[3]))


@oracle
def coverage_gaps(world: World, min_cobuys: int = 2) -> Rows:
    told = {e.head for e in world.heads("CoBuy")}
    rows = []
    for product in world.products:
        mine = world.cobuys_of(product)
        if len(mine) >= min_cobuys and not told & set(mine):
            rows.append(
                [product, titles(world, product), len(mine), sum(p[2] for p in mine.values())]
            )
    return sorted(rows, key=lambda r: (-r[2], -r[3], r[0]))


@oracle
def bridge_products(world: World, min_categories: int = 2) -> Rows:
    rows = []
    for product, values in world.products.items():
        own = set(values["categories"] or [])
        reached, partners = set(), set()
        for pair in world.cobuys_of(product).values():
            (other,) = set(pair[:2]) - {product}
            new = set(world.products[other]["categories"] or []) - own
            reached |= new
            partners |= {other} if new else set()
        if len(reached) >= min_categories:
            rows.append([product, values["title"], len(reached), len(partners)])
    return sorted(rows, key=lambda r: (-r[2], -r[3], r[0]))


def kinds_of(world: World, concept: str) -> set[str]:
    return {concept, *(narrow for narrow, broad in world.hypernyms if broad == concept)}


@oracle
def top_concepts(world: World) -> Rows:
    rows = []
    for name in world.concepts:
        kinds = kinds_of(world, name)
        all_of_them = {i for i, mentioned in world.mentions if mentioned in kinds}
        if all_of_them:
            itself = {i for i, mentioned in world.mentions if mentioned == name}
            rows.append([name, len(all_of_them), len(itself), concept_id(name)])
    return sorted(rows, key=lambda r: (-r[1], r[0], r[3]))


@oracle
def intentions_of_concept(world: World, concept: str, rejected: bool = False) -> Rows:
    kinds, heads = kinds_of(world, concept), defaultdict(set)
    for e in kept(world.edges.values(), rejected):
        heads[e.intention].add((e.head_type, e.head))
    rows = [
        [
            text,
            sorted(n for i, n in world.mentions if i == key and n in kinds),
            len(heads[key]),
            key,
        ]
        for key, text in world.intentions.items()
        if heads[key]
    ]
    return sorted((row for row in rows if row[1]), key=lambda r: (-r[2], r[0], r[3]))


@oracle
def top_meanings(world: World, rejected: bool = False) -> Rows:
    found = defaultdict(list)
    for e in kept(world.edges.values(), rejected):
        if e.intention in world.same_as:
            found[world.same_as[e.intention]].append(e)
    members = Counter(world.same_as.values())
    rows = [
        [world.intentions[c], members[c], len({(e.head_type, e.head) for e in es}), top(es), c]
        for c, es in found.items()
    ]
    return sorted(rows, key=lambda r: (-r[2], r[0], r[4]))


@oracle
def top_intentions(
    world: World, relation: str | None = None, head: str | None = None, rejected: bool = False
) -> Rows:
    found = defaultdict(list)
    for e in kept(world.edges.values(), rejected):
        if relation in (None, e.relation) and head in (None, e.head_type):
            found[e.text, e.intention].append(e)
    rows = [
        [t, len({(e.head_type, e.head) for e in es}), top(es), i] for (t, i), es in found.items()
    ]
    return sorted(rows, key=lambda r: (-r[1], r[0], r[3]))
