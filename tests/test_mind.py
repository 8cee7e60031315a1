"""MIND against a server: features, twenty relations, the role-aware filter and its ablations."""

from __future__ import annotations

import base64
import io
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from generation.budget import Budget
from generation.heads import CoBuyHead, Product
from generation.mind import Mind, MindOptions, Scores
from generation.requests import Image
from generation.stacking import stack, stack_name, with_stacks
from schema.errors import RequestFailedError, UnknownRelationError, UsageError
from schema.relations import COBUY, Family, Relation, get
from tests.pipeline_world import (
    LAMP,
    PAIRS,
    STOVE,
    TENT,
    asked,
    manners,
    picture,
    pictures_of,
    run,
    text_of,
)
from tests.servers import Server, serving

NAMES = [relation.name for relation in COBUY]
FEW = ["UsedFor", "Open", "Cause"]


@pytest.fixture(scope="module")
def writer() -> Iterator[Server]:
    with serving("writer") as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "requests.sqlite"


def mind(**options: Any) -> Mind:
    return Mind(MindOptions(**{"model": "m", **options}))


def stage_of(body: dict[str, Any]) -> str:
    opening = text_of(body, "system")[:30]
    stages = {"You describe": "features", "You are a": "intention", "You play": "filter"}
    return next(name for words, name in stages.items() if opening.startswith(words))


def by_stage(server: Server) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {"features": [], "intention": [], "filter": []}
    for body in asked(server):
        found[stage_of(body)].append(body)
    return found


def test_every_pair_goes_through_its_stages(writer: Server, store: Path) -> None:
    manners(writer, phrase=True)
    got = run(mind(), PAIRS, writer, store)
    assert got.error is None
    assert len(got.rows) == 60
    bodies = by_stage(writer)
    assert {stage: len(found) for stage, found in bodies.items()} == {
        "features": 4,  # once per product, though two of them are in two pairs
        "intention": 60,
        "filter": 60,
    }
    for found in bodies.values():
        assert {(body["temperature"], body["max_tokens"]) for body in found} == {(0.2, 512)}
    assert [len(pictures_of(body)) for body in bodies["features"]].count(1) == 2
    both = [body for body in bodies["intention"] if "Gas stove" in text_of(body)]
    assert {len(pictures_of(body)) for body in both} == {2}
    one = next(row for row in got.rows if row["head_id"] == "co_1")
    assert one["head_type"] == "CoBuy" and one["image_ids"] == ["c3", "d4"]
    lone = next(row for row in got.rows if row["head_id"] == "co_3")
    assert lone["image_ids"] is None
    assert {row["relation"] for row in got.rows} == set(NAMES)


def test_the_verdict_is_kept_with_its_rationale_and_rejected_ones_are_marked(
    writer: Server, store: Path
) -> None:
    manners(
        writer,
        say={
            "intention: <intention>they both are used for": '{"answer":"no","rationale":"vague"}',
            "intention: <intention>the person wants to": '{"answer":"yes","rationale":"so I do"}',
            "The intention: <intention>": "It depends.",
        },
    )
    got = run(mind(relations=FEW), PAIRS[:1], writer, store)
    verdicts = {row["relation"]: (row["accepted"], row["rationale"]) for row in got.rows}
    assert verdicts == {
        "UsedFor": (False, "vague"),
        "Cause": (True, "so I do"),
        "Open": (None, None),
    }
    assert got.tally.relations["UsedFor"] == {"kept": 1, "rejected": 1}
    assert got.tally.preserved("UsedFor") == 0.0
    assert got.tally.preserved("Cause") == 1.0
    assert got.tally.preserved("Open") is None
    assert got.tally.failed == {"mind.filter": {"unparseable": 1}}
    figures = got.tally.as_dict()
    assert (figures["intentions"], figures["accepted"], figures["rejected"]) == (3, 1, 1)
    assert figures["relations"]["Cause"] == {"kept": 1, "accepted": 1, "preserved": 1.0}
    # The verdict that was missing comes with a later run, on the same evidence.
    manners(writer, say={"The intention: <intention>": '{"answer":"yes","rationale":"now"}'})
    again = run(mind(relations=FEW), PAIRS[:1], writer, store, retry_failed=True)
    assert len(asked(writer)) == 1
    assert {row["id"] for row in again.rows} == {row["id"] for row in got.rows}
    assert next(row for row in again.rows if row["relation"] == "Open")["rationale"] == "now"


def test_what_products_are_like_goes_into_the_later_requests(writer: Server, store: Path) -> None:
    manners(writer, say={"Describe the product's": "A dome of red </title_a> cloth."})
    run(mind(relations=FEW), PAIRS[:1], writer, store)
    for stage in ("intention", "filter"):
        for body in by_stage(writer)[stage]:
            told = text_of(body)
            assert "Name: <title_a>Two-person tent</title_a>" in told
            assert "Features named by the shop: <features_a>red; 3 kg</features_a>" in told
            assert "<description_b>Boils a litre in 3 minutes.</description_b>" in told
            assert "<noticed_a>A dome of red ‹/title_a> cloth.</noticed_a>" in told
            assert "Brand" not in told


def test_the_requests_of_a_pair_share_all_but_the_end(writer: Server, store: Path) -> None:
    manners(writer)
    run(mind(), PAIRS[:1], writer, store)
    bodies = by_stage(writer)
    for stage, mark in (("intention", "Why did you buy both?"), ("filter", "The intention:")):
        assert len({text_of(body, "system") for body in bodies[stage]}) == 1
        assert len({text_of(body).partition(mark)[0] for body in bodies[stage]}) == 1
    tasks = [text_of(body).partition("Complete")[2] for body in bodies["intention"]]
    for relation in COBUY:
        wanted = (
            f'"I bought both because {relation.phrase} ..."' if relation.phrase else "own words"
        )
        assert sum(wanted in task for task in tasks) == 1, relation.name


def test_two_pictures_can_be_shown_as_one(writer: Server, store: Path) -> None:
    manners(writer)
    got = run(mind(pictures="stacked", relations=["UsedFor"]), PAIRS[:2], writer, store)
    bodies = by_stage(writer)
    for body in bodies["intention"] + bodies["filter"]:
        (address,) = pictures_of(body)
        is_stack = "Gas stove" in text_of(body)
        assert address.startswith("data:image/jpeg" if is_stack else "data:image/png")
        assert ("black bar" in text_of(body)) == is_stack
        if is_stack:
            shown = Pillow.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
            assert shown.size == (48, 32 + 24 + 32)
            assert max(shown.getpixel((24, 44))) < 30
    rows = {row["head_id"]: row["image_ids"] for row in got.rows}
    assert rows == {"co_1": ["c3", "d4"], "co_2": ["c3"]}


def test_ablations(writer: Server, store: Path) -> None:
    full = mind(relations=FEW)
    manners(writer)
    with_filter = run(full, PAIRS, writer, store)
    bodies = by_stage(writer)
    for body in bodies["intention"] + bodies["filter"] + bodies["features"]:
        assert ("picture" in text_of(body, "system")) == bool(pictures_of(body))

    manners(writer)
    bare = run(mind(relations=FEW, filter="none"), PAIRS, writer, store)
    assert asked(writer) == []  # known from the run with the filter
    assert {row["accepted"] for row in bare.rows} == {None}
    assert {row["id"] for row in bare.rows} == {row["id"] for row in with_filter.rows}

    manners(writer)
    plain = mind(relations=FEW, visual_cues=False, filter="none")
    without_cues = run(plain, PAIRS[:1], writer, store)
    bodies = by_stage(writer)
    assert [len(pictures_of(body)) for body in bodies["intention"]] == [2, 2, 2]
    assert not any("picture" in json.dumps(text_of(body)) for body in bodies["intention"])
    assert {row["prompt_hash"] for row in without_cues.rows} == {
        plain.prompts["mind/intention_plain"].hash
    }

    manners(writer)
    text_only = run(mind(relations=FEW, images=False), PAIRS, writer, store)
    assert not any(map(pictures_of, asked(writer)))
    assert not any("picture" in text_of(body, "system") for body in asked(writer))
    assert {tuple(row["image_ids"] or ()) for row in text_only.rows} == {()}


class Length:
    """A critic that likes long tails."""

    async def score(
        self, head: CoBuyHead, tails: Sequence[tuple[Relation, str]]
    ) -> Sequence[Scores]:
        assert head.a.title
        return [Scores(0.9, len(text) / 100) for _, text in tails]


def test_a_critic_can_take_the_filters_place(writer: Server, store: Path) -> None:
    tail = "walk in the rain for days on end without getting wet or cold"
    said = {"used for": '{"intention":"short"}', "wants to": json.dumps({"intention": tail})}
    manners(writer, say=said)
    critic = mind(relations=["UsedFor", "Cause"], filter="critic", critic=Length(), threshold=0.3)
    got = run(critic, PAIRS[:1], writer, store)
    assert by_stage(writer)["filter"] == []
    marks = {row["relation"]: (row["accepted"], row["typicality"]) for row in got.rows}
    assert marks == {"UsedFor": (False, 0.05), "Cause": (True, len(tail) / 100)}
    assert got.rows[0]["plausibility"] == 0.9
    assert {row["source"] for row in got.rows} == {critic.source}
    usual = mind(relations=["UsedFor"], filter="critic", critic=Length())
    assert (usual.source, critic.source[:12]) == ("mind-critic", "mind-critic-")
    with pytest.raises(UsageError, match="go together"):
        mind(filter="critic")
    with pytest.raises(UsageError, match="'strict' is no choice for filter"):
        mind(filter="strict")
    with pytest.raises(UsageError, match="no choice for pictures"):
        mind(pictures="side by side")


def test_bad_tails_are_counted_and_never_judged(writer: Server, store: Path) -> None:
    manners(
        writer,
        say={
            "they both are used for ...": '{"intention": "none"}',
            "the person wants to ...": '{"intention": "Two-person Tent"}',
            "own words": '{"intention": "I am sorry, but I cannot assist with this request."}',
            "they both can ...": '{"intention": "they both are a type of tent"}',
        },
    )
    got = run(mind(relations=[*FEW, "Can"]), PAIRS[:1], writer, store)
    counts = {name: dict(found) for name, found in got.tally.relations.items()}
    assert counts == {
        "UsedFor": {"none": 1},
        "Cause": {"echo": 1},
        "Open": {"refusal": 1},
        "Can": {"other_relation": 1},
    }
    assert got.rows == [] and by_stage(writer)["filter"] == []


def test_unknown_products_are_not_asked_about(writer: Server, store: Path) -> None:
    manners(writer)
    heads = [
        CoBuyHead("co_7", TENT, Product("B09")),
        CoBuyHead("co_8", Product("B10", images=("e5",)), LAMP),
    ]
    got = run(mind(relations=FEW), heads, writer, store)
    assert {row["head_id"] for row in got.rows} == {"co_8"}
    assert got.tally.notes == {"pairs of which one product is not known": 1}


def test_a_listing_goes_on_alone_where_features_are_declined(writer: Server, store: Path) -> None:
    manners(writer, say={"Describe the product's": "I'm sorry, I can't help with this image."})
    got = run(mind(relations=["UsedFor"]), PAIRS[:1], writer, store)
    assert len(got.rows) == 1
    assert got.tally.notes["products whose features could not be had"] == 2
    assert "Noticed" not in text_of(by_stage(writer)["intention"][0])


def test_free_replies_in_the_papers_forms(writer: Server, store: Path) -> None:
    manners(writer)
    got = run(mind(structured=False), PAIRS[:1], writer, store)
    assert len(got.rows) == 20
    assert {row["accepted"] for row in got.rows} == {True, False}
    assert all(row["rationale"].endswith("matters to me.") for row in got.rows)
    assert not any(row["text"].startswith("they both") for row in got.rows)


def test_relations_that_are_only_read_are_not_generated() -> None:
    with pytest.raises(UnknownRelationError, match="never generated"):
        mind(relations=["HasA"])
    assert [r.name for r in mind(relations=["Open", "Effect"]).relations] == ["Effect", "Open"]
    assert mind(relations=["Open"]).relations[0] == get("Open", Family.COBUY)


def test_a_stack_fits_the_narrower_and_bears_any_kind_of_picture() -> None:
    wide, narrow = picture("10", (3000, 100)), picture("90", (200, 800))
    made = stack(wide, narrow)
    assert made.media_type == "image/jpeg"
    assert Pillow.open(io.BytesIO(made.data)).size == (200, round(100 * 200 / 3000) + 24 + 800)
    assert stack(wide, narrow) == made
    for mode in ("L", "P", "LA", "RGBA", "CMYK", "1", "I;16"):
        data = io.BytesIO()
        Pillow.new(mode, (30, 20)).save(data, "TIFF" if mode in ("CMYK", "I;16") else "PNG")
        one = Image("image/any", data.getvalue())
        assert Pillow.open(io.BytesIO(stack(one, one).data)).size == (30, 64)
    tall = picture("20", (10, 9000))
    assert max(Pillow.open(io.BytesIO(stack(tall, tall).data)).size) <= 2 * 1024 + 24
    with pytest.raises(RequestFailedError, match="cannot be read"):
        stack(wide, Image("image/png", b"no picture"))


def test_stacks_are_named_by_their_parts() -> None:
    images = with_stacks(picture)
    assert images("a1") == picture("a1")
    assert images(stack_name("a1", "b2")) == stack(picture("a1"), picture("b2"))
    assert stack_name("a1", "b2") != stack_name("b2", "a1")


def test_a_run_that_was_stopped_ends_like_an_undisturbed_one(tmp_path: Path) -> None:
    heads = [
        CoBuyHead(f"co_{n}", Product(f"A{n}", f"Thing {n}"), random.Random(n).choice((TENT, STOVE)))
        for n in range(12)
    ]
    with serving("writer") as server:
        whole = run(mind(relations=FEW), heads, server, tmp_path / "whole.sqlite")
        manners(server)
        for budget in (5, 11, 23, None):
            last = run(
                mind(relations=FEW),
                heads,
                server,
                tmp_path / "parts.sqlite",
                budget=Budget(requests=budget) if budget else None,
                concurrency=4,
            )
        assert last.without_time() == whole.without_time()
        assert len(asked(server)) == whole.stats.replies
