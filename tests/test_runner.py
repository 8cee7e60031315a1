"""Runs against real servers on loopback: each request once, within bounds."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import Server, faulty, stub

from generation.backends.openai import OpenAIBackend
from generation.budget import Budget
from generation.lane import Lane
from generation.limits import Gate, Limits
from generation.pricing import Prices, Rate
from generation.requests import Failure, Image, Reply, Request, image, user
from generation.runner import Session, run
from generation.store import RequestStore
from schema.errors import (
    BackendError,
    BudgetReachedError,
    ModelNotFoundError,
    ServerUnreachableError,
    UsageError,
)
from tests.runner_world import QUICK, ask, asks, collect, go, texts


@pytest.fixture(scope="module")
def fast() -> Iterator[Server]:
    with stub() as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RequestStore]:
    with RequestStore(tmp_path / "requests.sqlite", reserve=0) as opened:
        yield opened


# -- each once ------------------------------------------------------------------------------------


def test_every_request_is_asked_once_and_never_again(fast: Server, store: RequestStore) -> None:
    before = fast.book()["paid"]
    first = texts(collect(fast, store, asks(500)))
    assert len(first) == 500
    assert texts(collect(fast, store, asks(500))) == first
    assert fast.book()["paid"] - before == 500
    more = collect(fast, store, asks(600))
    assert len(more) == 600
    assert fast.book()["paid"] - before == 600
    assert store.check() == []


def test_the_same_request_from_many_heads_is_paid_once(fast: Server, store: RequestStore) -> None:
    before = fast.book()["paid"]
    pairs = collect(fast, store, [ask(n % 7, stage=f"s{n}") for n in range(9000, 9300)])
    assert len(pairs) == 300
    assert len(texts(pairs)) == 7
    assert fast.book()["paid"] - before <= 7  # 0 to 6 may have been asked by another test
    assert len(store) == 7


def test_a_pipeline_feeds_replies_into_later_requests(fast: Server, store: RequestStore) -> None:
    stages: list[str] = []

    async def main(backend: OpenAIBackend) -> dict[int, str]:
        async with Session(backend, store, on_reply=lambda r, _: stages.append(r.stage)) as session:

            async def pipeline(head: int) -> str:
                seen = await session.ask(ask(head, stage="describe"))
                assert isinstance(seen, Reply)
                several = [
                    Request("stub", [user(seen.text)], sample=n, stage="intend") for n in range(3)
                ]
                return "|".join(o.text for o in await session.ask_many(several))  # type: ignore[union-attr]

            return {head: text async for head, text in session.map(pipeline, range(50), window=8)}

    first = go(fast, main)
    assert len(first) == 50
    assert len(store) == 200
    assert stages[0] == "describe"
    assert "intend" in stages[:9]  # no barrier between the stages: the ninth head awaits the first
    before = fast.book()["paid"]
    assert go(fast, main) == first
    assert fast.book()["paid"] == before


def test_requests_may_come_slowly_from_an_async_source(fast: Server, store: RequestStore) -> None:
    async def slow() -> AsyncIterator[Request]:
        for number in range(20):
            await asyncio.sleep(0.01)
            yield ask(number)

    assert len(collect(fast, store, slow())) == 20


def test_a_million_heads_need_no_more_memory_than_a_thousand(
    fast: Server, store: RequestStore
) -> None:
    """Most of 30,000 requests are known; what the run holds does not grow with them."""
    store.put_many((ask(n), Reply("known"), 1) for n in range(30_000))

    async def main(backend: OpenAIBackend) -> list[int]:
        sizes = []
        async for _ in run(asks(31_000), backend, store, concurrency=16):
            if len(sizes) * 5000 <= (count := len(counted)):
                sizes.append(tracemalloc.get_traced_memory()[0])
            counted.append(count)
        return sizes

    counted: list[int] = []
    tracemalloc.start()
    sizes = go(fast, main)
    tracemalloc.stop()
    assert len(counted) == 31_000
    assert max(sizes) - sizes[0] < 4_000_000  # the list of counts itself is about a megabyte


# -- a server that goes wrong ---------------------------------------------------------------------

FAULTS: dict[str, Any] = {
    "latency": [0.0, 0.02],
    "rate_limit": 0.05,
    "retry_after": 0.05,
    "error": 0.05,
    "drop": 0.05,
    "truncate": 0.05,
    "wrong_model": 0.03,
}


def test_all_faults_together_change_nothing_in_the_outcome(
    fast: Server, store: RequestStore, tmp_path: Path
) -> None:
    expected = texts(collect(fast, store, asks(400)))
    warnings: list[str] = []
    figures: list[Any] = []
    with faulty(**FAULTS) as server, RequestStore(tmp_path / "other.sqlite") as other:

        async def main(backend: OpenAIBackend) -> list[Any]:
            async with Session(backend, other, concurrency=32, patience=QUICK) as session:
                pairs = [pair async for pair in session.run(asks(400))]
            warnings.extend(session.stats.warnings)
            figures.append(session.stats)
            return pairs

        found = go(server, main)
        book = server.settled_book()
    assert texts(found) == expected
    (stats,) = figures
    assert stats.rate_limited > 5
    assert stats.retries > 20
    # What was worked on more than once is exactly what broke on the way back.
    assert book["repeated"] == stats.lost > 10
    assert warnings == ["asked for model 'stub'; 'another-model' answered"]


def test_a_server_that_says_too_many_is_heeded(store: RequestStore) -> None:
    # So slow that this machine, however slow itself, could have more than eight in flight.
    with faulty(most=8, latency=[0.04, 0.08], retry_after=0.02) as server:

        async def main(backend: OpenAIBackend) -> tuple[int, float, int]:
            async with Session(backend, store, concurrency=64, patience=QUICK) as session:
                count = len([pair async for pair in session.run(asks(400))])
                return count, session._lane.gate.bound, session.stats.rate_limited

        count, bound, refused = go(server, main)
        assert count == 400
        assert bound < 32
        assert 0 < refused < 200
        assert server.book()["repeated"] == 0


def test_retry_after_is_waited_for(store: RequestStore) -> None:
    with faulty(rate_limit=1.0, retry_after=0.6, spared=1) as server:
        began = time.monotonic()
        assert len(collect(server, store, asks(3))) == 3
        assert 0.6 <= time.monotonic() - began < 60  # a busy machine takes its time


def test_a_request_that_always_fails_is_a_failure_with_its_tries(store: RequestStore) -> None:
    with faulty(error=1.0, spared=99) as server:
        ((_, outcome),) = collect(server, store, asks(1))
        assert isinstance(outcome, Failure)
        assert (outcome.reason, outcome.tries) == ("server", 5)
        assert "the engine has died" in outcome.message
        assert store.usage()[0].failures == {"server": 1}
        server.set_faults()
        # Nothing was learnt about the request, so the next run asks it again untold.
        ((_, outcome),) = collect(server, store, asks(1))
        assert isinstance(outcome, Reply)


def test_a_definite_failure_is_asked_again_only_when_told(store: RequestStore) -> None:
    said = {"status": 400, "body": {"error": {"message": "temperature must be at most 2"}}}
    with faulty(says=said) as server:
        ((_, first),) = collect(server, store, asks(1))
        assert first == Failure("bad_request", first.message, 1)
        server.set_faults()
        assert collect(server, store, asks(1))[0][1] == first
        assert server.book()["paid"] == 0
        ((_, second),) = collect(server, store, asks(1), retry_failed=True)
        assert isinstance(second, Reply)


def test_a_reply_marked_unparseable_is_asked_again_when_told_and_once_in_a_run(
    fast: Server, store: RequestStore
) -> None:
    collect(fast, store, asks(3))
    asyncio.run(_mark_all(store, 3))
    before = fast.book()["paid"]
    pairs = collect(fast, store, asks(3))
    assert all(isinstance(o, Failure) and o.reason == "unparseable" and o.reply for _, o in pairs)
    assert fast.book()["paid"] == before

    async def main(backend: OpenAIBackend) -> None:
        async with Session(backend, store, retry_failed=True) as session:
            first = await session.ask(ask(0))
            assert isinstance(first, Reply)
            await session.mark(ask(0), "unparseable", "still no JSON")
            assert isinstance(await session.ask(ask(0)), Failure)  # once in a run
            assert isinstance(await session.ask(ask(0), again=True), Reply)  # unless it is wanted

    go(fast, main)
    assert fast.book()["paid"] == before + 2
    assert store.usage()[0].replies == 5


async def _mark_all(store: RequestStore, count: int) -> None:
    await asyncio.gather(*(store.mark(r.key, "unparseable", "no JSON") for r in asks(count)))


def test_too_many_failures_in_a_row_end_the_run(store: RequestStore) -> None:
    said = {"status": 400, "body": {"error": {"message": "temperature must be at most 2"}}}
    with faulty(says=said) as server, pytest.raises(BackendError, match="32 requests in a row"):
        collect(server, store, asks(1000), concurrency=8)
    assert 32 <= len(store) <= 32 + 8


def test_no_server_is_said_soon_and_stores_nothing(store: RequestStore) -> None:
    began = time.monotonic()
    with pytest.raises(ServerUnreachableError) as caught:
        collect(Server(9), store, asks(100))
    assert "127.0.0.1:9" in caught.value.message
    assert "--base-url" in (caught.value.fix or "")
    assert time.monotonic() - began < 30
    assert len(store) == 0


def test_a_server_that_dies_midway_ends_the_run_and_keeps_what_came(store: RequestStore) -> None:
    done: list[Request] = []

    async def main(backend: OpenAIBackend) -> None:
        async for request, outcome in run(
            asks(5000), backend, store, concurrency=16, patience=QUICK
        ):
            if isinstance(outcome, Reply):
                done.append(request)
            if len(done) == 200:
                running.__exit__(None, None, None)

    running = stub(0.002)
    with pytest.raises((ServerUnreachableError, BackendError)) as caught:
        go(running.__enter__(), main)
    assert caught.value.fix
    found = store.get_many([request.key for request in done])
    assert 200 <= len(done) == len(found)


def test_a_wrong_model_name_ends_the_run(store: RequestStore) -> None:
    with faulty(models=["llama"]) as server, pytest.raises(ModelNotFoundError, match="stub"):
        collect(server, store, asks(50))
    assert len(store) == 0


# -- bounds ---------------------------------------------------------------------------------------


def test_no_more_than_the_bound_are_in_flight(store: RequestStore) -> None:
    with faulty(latency=[0.5, 0.6]) as server:
        collect(server, store, asks(36), concurrency=12)
        assert 10 <= server.book()["most_in_flight"] <= 12


def test_stages_go_to_their_own_backends(fast: Server, store: RequestStore) -> None:
    with faulty() as server:

        async def main(backend: OpenAIBackend) -> None:
            other = OpenAIBackend(base_url=server.base_url)
            routes = {"filter": Lane(other, concurrency=2)}
            async with Session(backend, store, routes=routes) as session:
                async for _ in session.run(
                    ask(n, stage="filter" if n % 2 else "intend") for n in range(70_000, 70_020)
                ):
                    pass
            await other.aclose()

        go(fast, main)
        assert server.book()["paid"] == 10
        assert server.book()["most_in_flight"] <= 2


@pytest.mark.parametrize(
    "budget",
    [Budget(requests=30), Budget(tokens=1500), Budget(money=0.02)],
    ids=["requests", "tokens", "money"],
)
def test_a_budget_is_used_but_not_passed(budget: Budget, store: RequestStore) -> None:
    prices = Prices({"st*": Rate(10.0, 5.0, 30.0)})
    with faulty(latency=[0.0, 0.01], drop=0.1) as server:
        with pytest.raises(BudgetReachedError) as caught:
            collect(server, store, asks(2000), budget=budget, prices=prices, concurrency=16)
        assert "--budget" in (caught.value.fix or "")
        book = server.settled_book()
        (usage,) = store.usage()
    spent = {
        "requests": book["paid"],
        "tokens": usage.prompt_tokens + usage.completion_tokens,
        "money": usage.price,
    }
    for kind, bound in (("requests", 30), ("tokens", 1500), ("money", 0.02)):
        if getattr(budget, kind) is not None:
            assert 0.5 * bound < spent[kind] <= bound  # type: ignore[operator]


def test_a_budget_in_money_needs_a_price(fast: Server, store: RequestStore) -> None:
    with pytest.raises(UsageError, match="needs the price"):
        collect(fast, store, asks(5), budget=Budget(money=1.0))


def test_requests_a_minute_are_kept(fast: Server, store: RequestStore) -> None:
    limits = Limits(requests=1200)  # 20 a second, 60 saved up
    quick = shortest(lambda n: collect(fast, store, numbered(4000 + n, 50), limits=limits), 2.0)
    assert quick < 2.0
    began = time.monotonic()
    collect(fast, store, numbered(5000, 110), limits=limits)
    assert time.monotonic() - began > 2.0  # 110 - 60 at 20 a second


def test_tokens_a_minute_are_kept(fast: Server, store: RequestStore) -> None:
    # About 31 tokens each come back: 150 x 31 = 4650 at 1000 a second, 3000 saved up.
    limits = Limits(tokens=60_000)
    took = shortest(lambda n: collect(fast, store, numbered(6000 + n, 150), limits=limits), 6.0)
    assert 1.2 < took < 6.0


def numbered(first: int, count: int) -> list[Request]:
    return [ask(number) for number in range(first, first + count)]


def shortest(work: Callable[[int], object], enough: float) -> float:
    """The seconds of the first of three tries that takes less than `enough`, or the least.

    A machine that has other things to do may take its time once, but hardly three times.
    """
    took = []
    for number in range(3):
        began = time.monotonic()
        work(1_000_000 * number)
        took.append(time.monotonic() - began)
        if took[-1] < enough:
            break
    return min(took)


def test_images_are_loaded_when_they_are_sent_and_only_then(
    fast: Server, store: RequestStore
) -> None:
    loaded: list[str] = []

    def load(name: str) -> Image:
        loaded.append(name)
        return Image("image/png", name.encode())

    def show(number: int) -> Request:
        return Request("stub", [user("What is it?", image(f"{number:064x}"))])

    collect(fast, store, map(show, range(10)), images=load)
    assert len(loaded) == 10
    collect(fast, store, map(show, range(10)), images=load)
    assert len(loaded) == 10
    with pytest.raises(UsageError, match="images"):
        collect(fast, store, [show(11)])


def test_the_gate_shrinks_on_refusals_and_grows_back() -> None:
    async def main() -> None:
        gate = Gate(64)
        for _ in range(10):
            gate.refused(time.monotonic(), 0.0)
            await asyncio.sleep(0.002)
        assert gate.bound < 4
        for _ in range(3000):
            gate.succeeded()
        assert gate.bound == 64

    asyncio.run(main())
