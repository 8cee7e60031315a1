"""Features for models: own edges first, nearest by meaning else; arrays, tensors, tables."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import intentkg
from kg.build import build
from kg.directory import Directory
from kg.embed import Embedder, load_embedder
from queries.corpus import Chosen
from queries.features import NEAREST, NONE, OWN, PAIR_FEATURES, Features, Retrieved
from schema.errors import NotBuiltError, StoreError, UsageError
from schema.identity import cobuy_id, intention_id, post_id
from tests.graph_samples import cobuy, commit, evidence, post, product

EARLY = datetime(2026, 1, 1, tzinfo=UTC)
LATE = datetime(2026, 6, 1, tzinfo=UTC)
RAIN, LONE, BLANK = (post_id("test", key) for key in ("rain", "lone", "blank"))
CAMP = cobuy_id("tent", "mat")

EDGES = [
    evidence("Post", RAIN, "xWant", "get dry", typicality=0.4, created_at=EARLY),
    evidence("Post", RAIN, "xIntent", "get dry", typicality=0.9, model="b", created_at=LATE),
    evidence("Post", RAIN, "xReact", "annoyed", plausibility=0.7, created_at=EARLY),
    evidence("Post", RAIN, "xAttr", "wet", created_at=EARLY),
    evidence("CoBuy", CAMP, "UsedFor", "sleeping outdoors", typicality=0.8, created_at=EARLY),
    evidence("CoBuy", CAMP, "Cause", "go camping", plausibility=0.5),
    evidence("CoBuy", cobuy_id("tent", "lamp"), "UsedFor", "nights outdoors", typicality=0.6),
    evidence("CoBuy", cobuy_id("mat", "lamp"), "UsedFor", "nights outdoors", typicality=0.7),
    evidence("Product", "tent", "UsedFor", "keep the rain off", typicality=0.95),
]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return load_embedder()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Directory:
    directory = Directory.create(tmp_path_factory.mktemp("features") / "world.kg")
    commit(
        directory,
        posts=[
            post("rain", "soaked again, thanks for nothing"),
            post("lone", "off to the woods with a tent"),
            post("blank", " "),
        ],
        products=[
            product("tent", "A tent"),
            product("mat", "A sleeping mat"),
            product("lamp", "A camping lamp"),
            product("towel", "A towel for wet hair"),
        ],
        cobuys=[
            cobuy("tent", "mat", support=5),
            cobuy("tent", "mat", source="other", support=7, npmi=0.25),
            cobuy("tent", "lamp"),
            cobuy("mat", "lamp"),
        ],
        assertions=EDGES,
    )
    build(directory, embedder=embedder)
    return directory


@pytest.fixture(scope="module")
def features(world: Directory, embedder: Embedder) -> Iterator[Features]:
    with Features(world, embedder=embedder) as opened:
        yield opened


def test_own_edges_come_first_the_most_typical_before_all(features: Features) -> None:
    found = features.of("Post", [RAIN], k=4)
    assert found.sentences() == ["get dry; annoyed; wet"]
    assert found.scores[0].tolist()[:2] == pytest.approx([0.9, 0.7])
    assert np.isnan(found.scores[0, 2:]).all()
    assert found.relations[0].tolist() == ["xIntent", "xReact", "xAttr", None]
    assert found.mask[0].tolist() == [True, True, True, False]
    assert found.ids() == [[intention_id(text) for text in ("get dry", "annoyed", "wet")]]
    assert (found.origins[0], found.times[0]) == (OWN, np.datetime64("2026-06-01"))
    assert features.of("Post", [RAIN], k=1).sentences() == ["get dry"]


def test_a_product_has_the_intentions_of_its_cobuys(features: Features) -> None:
    found = features.of("Product", ["mat", "tent", "mat"])
    mat = "sleeping outdoors; nights outdoors; go camping"
    assert found.sentences() == [mat, f"keep the rain off; {mat}", mat]


def test_what_has_no_edge_gets_the_nearest(features: Features, embedder: Embedder) -> None:
    found = features.of("Post", [LONE, BLANK, "test:unknown"], k=2)
    assert found.origins.tolist() == [NEAREST, NONE, NONE]
    assert found.missing.tolist() == [False, True, True]
    texts = sorted({row["text"] for row in EDGES})
    cosines = embedder.encode(texts) @ embedder.encode(["off to the woods with a tent"])[0]
    best = np.argsort(-cosines)[:2]
    assert found.sentences() == ["; ".join(texts[place] for place in best), "", ""]
    np.testing.assert_allclose(found.scores[0], cosines[best], atol=1e-4)
    assert found.relations[0].tolist() == [None, None]


def test_words_of_ones_own_to_search_with(features: Features) -> None:
    found = features.of("Post", [RAIN, LONE, BLANK], k=1, texts=["x", "annoyed", "camping trip"])
    assert found.sentences() == ["get dry", "annoyed", "go camping"]
    assert features.of("Post", [LONE], nearest=False).missing.all()


def test_free_texts_products_and_pairs_without_edges(features: Features) -> None:
    assert features.of_texts(["GO  camping.", "", "annoyed"], k=1).sentences() == [
        "go camping",
        "",
        "annoyed",
    ]
    towel = features.of("Product", ["towel"], k=1)
    assert (towel.origins[0], towel.sentences()) == (NEAREST, ["get dry"])
    assert features.of("CoBuy", [CAMP]).sentences() == ["sleeping outdoors; go camping"]


def test_vectors_and_poolings_agree_with_the_embedder(
    features: Features, embedder: Embedder
) -> None:
    found = features.of("Post", [RAIN, BLANK], k=4)
    rows = embedder.encode(["get dry", "annoyed", "wet"])
    np.testing.assert_allclose(found.vectors()[0, :3], rows, atol=1e-3)
    assert not found.vectors()[0, 3].any()
    expected = {
        "mean": rows.mean(0),
        "max": rows.max(0),
        "first": rows[0],
        "weighted": (0.9 * rows[0] + 0.7 * rows[1] + 0.8 * rows[2]) / 2.4,
    }
    for how, vector in expected.items():
        pooled = found.pooled(how)  # type: ignore[arg-type]
        np.testing.assert_allclose(pooled[0], vector, atol=1e-3, err_msg=how)
        assert not pooled[1].any()


def test_the_control_has_as_many_but_others(features: Features) -> None:
    found = features.of("Product", ["tent", "mat", "lamp", "towel"], k=4)
    control = found.shuffled(seed=1)
    assert control.mask.tolist() == found.mask.tolist()
    assert sorted(control.places.ravel()) == sorted(found.places.ravel())
    assert control.sentences() != found.sentences()
    assert control.sentences() == found.shuffled(seed=1).sentences()


def test_only_what_was_known_before(world: Directory, embedder: Embedder) -> None:
    with Features(world, embedder=embedder, before=datetime(2026, 2, 1)) as then:
        found = then.of("Post", [RAIN])
        assert found.scores[0, :2].tolist() == pytest.approx([0.7, 0.4])
        assert found.times[0] == np.datetime64("2026-01-01")
        # Edges without a time are not known to have been there.
        assert then.of("Product", ["lamp"], nearest=False).missing.all()
        assert then.of_texts(["go camping"], k=9).sentences()[0].count(";") == 3


def test_only_chosen_assertions(world: Directory, embedder: Embedder) -> None:
    with Features(world, embedder=embedder, chosen=Chosen.make(relations="UsedFor")) as some:
        assert some.of("CoBuy", [CAMP]).sentences() == ["sleeping outdoors"]
        near = some.of("Post", [RAIN], k=9)
        assert near.origins[0] == NEAREST
        assert set(near.ids()[0]) == {
            row["intention_id"] for row in EDGES if row["relation"] == "UsedFor"
        }


def test_as_torch_and_numpy(features: Features) -> None:
    found = features.of("Post", [RAIN, BLANK], k=4)
    arrays, tensors = found.to_numpy(), found.to_torch()
    assert {name: tuple(each.shape) for name, each in tensors.items()} == {
        "vectors": (2, 4, 384),
        "mask": (2, 4),
        "scores": (2, 4),
        "origins": (2,),
    }
    for name, each in tensors.items():
        np.testing.assert_array_equal(each.numpy(), arrays[name])


def test_as_parquet_with_key_and_time(features: Features, tmp_path: Path) -> None:
    found = features.of("Post", [RAIN, LONE, BLANK], k=3)
    found.write_parquet(tmp_path / "new" / "posts.parquet", key="post_id", pooling="max")
    table = pq.read_table(tmp_path / "new" / "posts.parquet")
    assert table.schema.names == [
        "post_id",
        "event_timestamp",
        "origin",
        "intention_ids",
        "scores",
        "embedding",
    ]
    assert table.schema.field("event_timestamp").type == pa.timestamp("us", tz="UTC")
    rain, lone, blank = table.to_pylist()
    assert (rain["event_timestamp"], rain["origin"]) == (LATE, "own")
    assert rain["scores"] == [pytest.approx(0.9), pytest.approx(0.7), None]
    assert rain["intention_ids"] == found.ids()[0]
    np.testing.assert_allclose(rain["embedding"], found.pooled("max")[0], rtol=1e-6)
    assert lone["origin"] == "nearest"
    assert blank == {
        "post_id": BLANK,
        "event_timestamp": None,
        "origin": "none",
        "intention_ids": [],
        "scores": [],
        "embedding": None,
    }


def test_features_of_pairs(features: Features, embedder: Embedder) -> None:
    found = features.of_pairs([("mat", "tent"), ("lamp", "towel"), ("tent", "unknown")])
    assert tuple(PAIR_FEATURES) == found.names
    first: dict[str, Any] = dict(zip(found.names, found.values[0].tolist(), strict=True))
    # Without the pair's own edges each has what it shares with the lamp; the tent, its own too.
    both = embedder.encode(["nights outdoors", "keep the rain off"])
    cosines = [1.0, float(both[0] @ both[1])]
    assert first == pytest.approx(
        {
            "shared": 1.0,
            "jaccard": 0.5,
            "cosine_min": min(cosines),
            "cosine_mean": sum(cosines) / 2,
            "cosine_max": 1.0,
            "edges": 2.0,
            "score_min": 0.5,
            "score_mean": 0.65,
            "score_max": 0.8,
            "evidence": 2.0,
            "support": 7.0,
            "npmi": 0.25,
        },
        abs=1e-3,
    )
    for row in found.values[1:]:
        here = dict(zip(found.names, row.tolist(), strict=True))
        assert (here["shared"], here["edges"], here["support"]) == (0.0, 0.0, 0.0)
        assert np.isnan(here["cosine_max"])
        assert np.isnan(here["score_max"])
    assert found.mask[1].sum() == 5
    assert found.times[0] == np.datetime64("2026-01-01")
    tensors = found.to_torch()
    assert not tensors["values"].isnan().any()


def test_pairs_before_a_moment_do_not_know_what_was_bought_later(
    world: Directory, embedder: Embedder
) -> None:
    with Features(world, embedder=embedder, before=datetime(2026, 2, 1)) as then:
        found = then.of_pairs([("mat", "tent")])
    row = dict(zip(found.names, found.values[0].tolist(), strict=True))
    assert np.isnan(row["support"]) and np.isnan(row["npmi"])
    with Features(world, embedder=embedder, before=datetime(1990, 1, 1)) as long_ago:
        none = long_ago.of_pairs([("mat", "tent")])
    assert dict(zip(none.names, none.values[0].tolist(), strict=True))["edges"] == 0.0


def test_pairs_as_parquet(features: Features, tmp_path: Path) -> None:
    features.of_pairs([("mat", "tent")]).write_parquet(tmp_path / "p.parquet", key="cobuy_id")
    (row,) = pq.read_table(tmp_path / "p.parquet").to_pylist()
    assert (row["cobuy_id"], row["a"], row["b"]) == (CAMP, "mat", "tent")
    assert (row["event_timestamp"], row["shared"]) == (EARLY, 1.0)


def test_a_knowledge_base_without_intentions(tmp_path: Path, embedder: Embedder) -> None:
    directory = Directory.create(tmp_path / "empty.kg")
    commit(directory, posts=[post("rain", "soaked")], products=[product("a"), product("b")])
    with Features(directory, embedder=embedder) as features:
        found = features.of("Post", [RAIN])
        assert found.missing.all()
        assert found.pooled().shape == (1, 384)
        assert found.sentences() == [""]
        assert found.to_arrow().to_pylist()[0]["embedding"] is None
        assert len(features.of("Post", [])) == 0
        assert features.of_texts(["soaked"]).missing.all()
        pairs = features.of_pairs([("a", "b")])
        assert dict(zip(pairs.names, pairs.values[0].tolist(), strict=True))["shared"] == 0.0


def test_intentions_that_came_after_the_build(tmp_path: Path, embedder: Embedder) -> None:
    directory = Directory.create(tmp_path / "stale.kg")
    commit(directory, posts=[post("rain")], assertions=[EDGES[0]])
    with pytest.raises(NotBuiltError), Features(directory, embedder=embedder):
        pass
    build(directory, embedder=embedder)
    commit(directory, assertions=[EDGES[3]])
    with pytest.raises(NotBuiltError, match="1 intentions") as raised:
        Features(directory, embedder=embedder).__enter__()
    assert "intentkg build" in str(raised.value.fix)


def test_from_the_python_api(world: Directory) -> None:
    with intentkg.open(world.root).features(relations="UsedFor") as features:
        assert features.of("CoBuy", [CAMP]).sentences() == ["sleeping outdoors"]


def test_wrong_arguments(features: Features, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no intention starts from 'Image'"):
        features.of("Image", ["x"])
    with pytest.raises(UsageError, match="k is 0"):
        features.of("Post", [RAIN], k=0)
    with pytest.raises(UsageError, match="1 ids came with texts of another number"):
        features.of("Post", [RAIN], texts=[])
    with pytest.raises(UsageError, match="id 0 is 7, not text"):
        features.of("Post", [7])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="one text was given"):
        features.of_texts("rain")
    with pytest.raises(UsageError, match="is no pair"):
        features.of_pairs([("a", "a")])
    found = features.of("Post", [RAIN])
    with pytest.raises(UsageError, match="no pooling 'sum'"):
        found.pooled("sum")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="cannot name the key"):
        found.to_arrow(key="origin")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="writing"):
        found.write_parquet(tmp_path / "file" / "x.parquet")


def test_many_agree_with_one_by_one(world: Directory, features: Features) -> None:
    """What is asked for together is what each gets alone, in any order."""
    ids = ["tent", "mat", "lamp", "towel", "unknown"] * 3
    random.Random(0).shuffle(ids)
    together = features.of("Product", ids, k=3)
    assert isinstance(together, Retrieved)
    for place, name in enumerate(ids):
        alone = features.of("Product", [name], k=3)
        assert alone.ids()[0] == together.ids()[place]
        np.testing.assert_allclose(alone.scores[0], together.scores[place], atol=1e-5)
