"""Heads are finished one after another, so that a run that stops has finished some."""

from __future__ import annotations

import asyncio
import itertools
import re
import sqlite3
from pathlib import Path

import pytest
from door import call, quick

from generation import turns
from generation.backends.openai import OpenAIBackend
from generation.budget import Budget
from generation.heads import CoBuyHead, PostHead, Product
from generation.limits import Gate
from generation.miko import Miko, MikoOptions
from generation.mind import Mind, MindOptions
from generation.pipeline import generate
from generation.pricing import Prices, Rate
from generation.runner import Session
from generation.store import RequestStore
from schema.errors import BudgetReachedError, InterruptedRunError
from tests.generate_world import make_kb, words
from tests.pipeline_world import asked, manners, run
from tests.servers import Server, faulty

PAIRS = [
    CoBuyHead(
        f"co_{n:02}",
        Product(f"A{n:02}", f"Red thing number {n}"),
        Product(f"B{n:02}", f"Blue thing number {n}"),
    )
    for n in range(60)
]
EACH = 2 + 20 + 20  # requests of a pair: features, intentions, verdicts
POSTS = [PostHead(f"t:{n}", f"the weather of day {n}") for n in range(60)]


@pytest.fixture
def writer(writing_server: Server) -> Server:
    manners(writing_server, latency=0.01)
    return writing_server


def mind() -> Mind:
    return Mind(MindOptions(model="m"))


def test_a_budget_finishes_the_first_heads(writer: Server, tmp_path: Path) -> None:
    budget = 1000
    first = run(mind(), PAIRS, writer, tmp_path / "a.sqlite", budget=Budget(requests=budget))
    assert isinstance(first.error, BudgetReachedError)
    assert len(asked(writer)) == budget  # used to the end, and not passed
    done = {row["head_id"] for row in first.rows}
    assert first.tally.heads == len(done)
    # 64 requests are on their way at once: some of them are for heads that are just begun, and
    # the slower this machine, the more of them. Breadth first, none would be finished.
    assert budget / EACH / 4 <= len(done) <= budget / EACH
    # The last ones may change places: a reply of the earlier head is still on its way.
    assert done >= {pair.id for pair in PAIRS[: len(done) - 4]}
    assert done <= {pair.id for pair in PAIRS[: len(done) + 8]}
    assert len(first.rows) == 20 * len(done)
    assert 0 < first.tally.begun <= 60 - len(done)
    # What was begun is gone on with, and all is as if nothing had happened.
    rest = run(mind(), PAIRS, writer, tmp_path / "a.sqlite")
    calm = run(mind(), PAIRS, writer, tmp_path / "b.sqlite")
    assert rest.error is None and rest.tally.begun == 0
    assert first.stats.replies + rest.stats.replies == calm.stats.replies == EACH * len(PAIRS)
    assert rest.without_time() == calm.without_time()


@pytest.mark.parametrize("concurrency", [3, 64])
@pytest.mark.parametrize("kind", ["mind", "together", "one each"])
def test_what_was_paid_is_counted(
    writer: Server, tmp_path: Path, kind: str, concurrency: int
) -> None:
    pipeline = (
        mind() if kind == "mind" else Miko(MikoOptions(model="m", together=kind != "one each"))
    )
    prices = Prices({"m": Rate(1.0, 1.0, 2.0)})
    for number, budget in enumerate(
        [Budget(requests=17), Budget(requests=230), Budget(tokens=60_000), Budget(money=0.05)]
    ):
        store = tmp_path / f"{number}.sqlite"
        heads = PAIRS if kind == "mind" else POSTS
        got = run(
            pipeline, heads, writer, store, budget=budget, prices=prices, concurrency=concurrency
        )
        with sqlite3.connect(store) as connection:
            (paid,) = connection.execute(
                "SELECT count(*), sum(prompt_tokens), sum(completion_tokens), sum(price) "
                "FROM requests"
            )
        stats = got.stats
        assert paid[0] > 0
        assert paid[:3] == (stats.replies, stats.prompt_tokens, stats.completion_tokens)
        assert paid[3] == pytest.approx(stats.price)
        assert stats.lost == 0


def test_what_is_in_flight_at_a_stop_is_awaited_and_counted(writer: Server, tmp_path: Path) -> None:
    with faulty(writer.base_url, latency=[0.02, 0.2]) as server:

        async def work() -> Session:
            backend = OpenAIBackend(base_url=server.base_url)
            replies = itertools.count(1)

            def stop(*_: object) -> None:
                if next(replies) == 8:
                    session.stop()

            with RequestStore(tmp_path / "r.sqlite") as store:
                async with Session(backend, store, concurrency=12, on_reply=stop) as session:
                    with pytest.raises(InterruptedRunError):
                        async for _ in generate(session, mind(), PAIRS[:1], run="one"):
                            pass
                assert len(store) == session.stats.replies
            await backend.aclose()
            return session

        session = asyncio.run(work())
        assert session.stats.lost == 0
        assert 8 < session.stats.replies == server.settled_book()["paid"] < EACH


def test_the_command_says_what_is_finished_and_what_is_begun(
    writer: Server, tmp_path: Path
) -> None:
    pairs = [(f"P{n:02}", f"Q{n:02}") for n in range(20)]
    kb = make_kb(tmp_path, pairs=pairs, pictures=False)
    result = call(*words(kb, writer, "mind", "--budget", "300 requests", "--concurrency", "16"))
    assert result.returncode == 1 and "300 of 300 requests made" in result.stderr
    found = re.search(r"heads: +(\d+) of 20 finished, (\d+) more begun", result.stdout)
    assert found, result.stdout
    done, begun = map(int, found.groups())
    assert 1 <= done <= 7 and 0 < begun <= 20 - done
    assert "requests:   300 asked" in result.stdout
    (row,) = [
        row for row in quick("requests", "stats", kb)["requests"] if "intention" in row["stage"]
    ]
    assert row["requests"] >= 20 * done


def test_those_who_came_first_go_first() -> None:
    entered: list[int] = []

    async def main() -> None:
        gate = Gate(1)
        await gate.enter()

        async def wait(number: int) -> None:
            await gate.enter()
            entered.append(number)
            gate.leave()

        tasks = [turns.begin(wait(number), number) for number in (3, 1, 2)]
        await asyncio.sleep(0)
        tasks.append(turns.begin(wait(0), 0))
        await asyncio.sleep(0)
        gate.leave()
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert entered == [0, 1, 2, 3]


def test_an_error_waits_for_its_siblings() -> None:
    ended: list[int] = []

    async def work(number: int) -> int:
        await asyncio.sleep(0.01 * number)
        ended.append(number)
        if number % 2:
            raise ValueError(number)
        return number

    async def main() -> None:
        assert await turns.gather_all(work(number) for number in (2, 0)) == [2, 0]
        with pytest.raises(ValueError, match="1"):
            await turns.gather_all(map(work, range(5)))

    asyncio.run(main())
    assert sorted(ended) == [0, 0, 1, 2, 2, 3, 4]
