"""Small truths for the tests of graph and build, made through the real transaction."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from kg import layers, sql
from kg.directory import Directory
from kg.truth import Summary, Transaction
from schema import identity, relations
from schema.layers import LAYER_SCHEMAS, Layer
from schema.records import SCHEMAS, ImageBlob, Rows, Table


def rows(table: Table, found: list[dict[str, Any]]) -> Rows:
    batch = pa.RecordBatch.from_pylist(found, schema=SCHEMAS[table])
    return Rows(table, batch, pa.array(range(1, len(found) + 1), pa.int64()), "test.jsonl")


IMAGE = ImageBlob(hashlib.sha256(b"an image").hexdigest(), b"an image", "image/png", 3, 2)


def commit(
    directory: Directory,
    *,
    update: bool = False,
    blobs: Sequence[ImageBlob] = (),
    **tables: list[dict[str, Any]],
) -> Summary:
    """One transaction with these rows; a refused row is a mistake in the test."""
    with Transaction(directory, "test", update=update) as transaction:
        for blob in blobs:
            transaction.add(blob)
        for table, found in tables.items():
            transaction.add(rows(table, found))  # type: ignore[arg-type]
        summary = transaction.commit()
    assert summary.rejected == 0, summary.rejections
    return summary


def post(number: int | str, text: str = "a post", **more: Any) -> dict[str, Any]:
    key = str(number)
    return {
        "id": identity.post_id("test", key),
        "source": "test",
        "external_id": key,
        "text": text,
        **more,
    }


def product(key: str, title: str | None = "A product", **more: Any) -> dict[str, Any]:
    return {"id": key, "source": "test", "title": title, **more}


def cobuy(a: str, b: str, source: str = "test", support: int = 1, **more: Any) -> dict[str, Any]:
    a, b = sorted((a, b))
    key = identity.cobuy_id(a, b)
    return {"id": key, "a": a, "b": b, "source": source, "support": support, **more}


def evidence(
    head_type: str,
    head: str,
    relation: str,
    text: str,
    *,
    source: str = "test",
    model: str | None = "model-a",
    request: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    tail = identity.intention_id(text)
    assertion = identity.assertion_id(head_type, head, relation, tail)
    return {
        "id": identity.evidence_id(assertion, source=source, model=model, request=request),
        "assertion_id": assertion,
        "head_type": head_type,
        "head_id": head,
        "relation": relation,
        "intention_id": tail,
        "text": text,
        "source": source,
        "model": model,
        "request": request,
        **more,
    }


def chunk(seed: int, size: int = 40, pool: int = 60, *, few: bool = False) -> dict[str, Any]:
    """Rows that refer to each other; chunks with other seeds overlap with this one.

    `size` assertions; products, posts and words come from pools of that size. With `few` there are
    two relations of each family: a database server plans and constrains each kind of edge.
    """
    chance, most = random.Random(seed), 2 if few else None
    products = [
        product(
            f"P{n:03d}", f"Product {n}", brand=f"brand {n % 5}", categories=["all", f"c{n % 3}"]
        )
        for n in chance.sample(range(pool), pool // 3)
    ]
    posts = [
        post(n, f"post number {n}", language="en") for n in chance.sample(range(pool), pool // 5)
    ]
    pairs = {
        tuple(sorted(p["id"] for p in chance.sample(products, 2))): None for _ in range(size // 2)
    }
    cobuys = [cobuy(a, b, source=f"shop-{seed % 3}", support=1 + seed % 4) for a, b in pairs]
    assertions = {}
    for _ in range(size):
        word = f"wish {chance.randrange(pool)}"
        scores = {
            "plausibility": chance.choice([None, round(chance.random(), 3)]),
            "accepted": chance.choice([None, True, False]),
        }
        if chance.random() < 0.5:
            relation = chance.choice(relations.SOCIAL[:most]).name
            found = evidence("Post", chance.choice(posts)["id"], relation, word)
        else:
            relation = chance.choice(relations.COBUY[:most]).name
            found = evidence("CoBuy", chance.choice(cobuys)["id"], relation, word)
        request = f"{seed}-{len(assertions)}"
        found = evidence(
            found["head_type"], found["head_id"], relation, word, request=request, **scores
        )
        assertions[found["id"]] = found
    return {
        "products": products,
        "posts": posts,
        "cobuys": cobuys,
        "assertions": list(assertions.values()),
    }


def new_directory(path: Path) -> Directory:
    return Directory.create(path / "test.kg")


def add_layers(directory: Directory) -> None:
    """Layers over the intentions that are there: concepts for most, and two of the same meaning."""
    with sql.connect(directory, tables=["assertions"]) as connection:
        query = "SELECT DISTINCT intention_id FROM assertions ORDER BY ALL"
        found = [key for (key,) in connection.execute(query).fetchall()]
    ids = {name: identity.concept_id(name) for name in ("tent", "shelter", "thing")}
    names = list(ids)
    whole: dict[Layer, list[tuple[Any, ...]]] = {
        "concepts": [(key, name) for name, key in ids.items()],
        "mentions": [(key, ids[names[n % 3]]) for n, key in enumerate(found) if n % 4],
        "hypernyms": [(ids["tent"], ids["shelter"], 0.75), (ids["shelter"], ids["thing"], 0.5)],
        "same_as": [(found[1], found[0], 0.9)],
    }
    layers.replace(
        directory,
        {
            name: [
                pa.RecordBatch.from_pylist(
                    [dict(zip(LAYER_SCHEMAS[name].names, row, strict=True)) for row in rows],
                    schema=LAYER_SCHEMAS[name],
                )
            ]
            for name, rows in whole.items()
        },
        made_by={"by": "hand"},
    )
