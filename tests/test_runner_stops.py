"""Runs that stop: by Ctrl-C, an error, a full disk, or a listener that goes away."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import Server, faulty, stub

from generation.backends.openai import OpenAIBackend
from generation.budget import Budget
from generation.lane import Patience
from generation.pricing import Prices, Rate
from generation.runner import Session, run, stop_on_signals
from generation.store import RequestStore
from schema.errors import (
    DiskFullError,
    IntentKGError,
    InterruptedRunError,
    UsageError,
)
from tests.runner_world import ask, asks, collect, go

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def fast() -> Iterator[Server]:
    with stub() as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RequestStore]:
    with RequestStore(tmp_path / "requests.sqlite", reserve=0) as opened:
        yield opened


def test_stopping_awaits_what_is_in_flight_and_a_second_run_goes_on(store: RequestStore) -> None:
    with faulty(latency=[0.1, 0.2]) as server:

        async def main(backend: OpenAIBackend) -> int:
            async with Session(backend, store, concurrency=20) as session:
                count = 0
                with pytest.raises(InterruptedRunError) as caught:
                    async for _ in session.run(asks(1000)):
                        count += 1
                        if count == 30:
                            session.stop()
                assert "goes on" in (caught.value.fix or "")
                return count

        count = go(server, main)
        assert 30 <= count < 200  # what was in flight besides; the slower the machine, the more
        assert server.book()["paid"] == count == len(store)
        server.set_faults()
        collect(server, store, asks(100))
        assert server.book()["repeated"] == 0


def test_what_does_not_come_within_the_grace_period_is_called_off(store: RequestStore) -> None:
    with faulty(latency=[100, 100]) as server:

        async def main(backend: OpenAIBackend) -> int:
            async with Session(backend, store, patience=Patience(grace=0.3)) as session:

                async def stop_when_all_are_there() -> float:
                    while (await asyncio.to_thread(server.book))["in_flight"] < 10:
                        await asyncio.sleep(0.02)
                    session.stop()
                    return time.monotonic()

                stopping = asyncio.create_task(stop_when_all_are_there())
                with pytest.raises(InterruptedRunError):
                    async for _ in session.run(asks(10)):
                        pass
                assert time.monotonic() - await stopping < 20  # not the server's 100
                return session.stats.lost

        assert go(server, main) == 10


RUN = """
import asyncio, sys
from generation.backends.openai import OpenAIBackend
from generation.requests import Request, user
from generation.runner import Session, stop_on_signals
from generation.store import RequestStore
from schema.errors import InterruptedRunError

async def main():
    backend = OpenAIBackend(base_url=sys.argv[1])
    with RequestStore(sys.argv[2]) as store:
        async with Session(backend, store) as session:
            with stop_on_signals(session):
                try:
                    requests = (Request("stub", [user(f"{n}")]) for n in range(10**6))
                    print("running", flush=True)
                    async for _ in session.run(requests):
                        pass
                except InterruptedRunError as error:
                    print("stopped:", error, flush=True)
    await backend.aclose()

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    path = tmp_path / "requests.sqlite"
    with faulty(latency=[0.05, 0.1]) as server:
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, server.base_url, str(path)],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout
        process.stdout.readline()
        while server.book()["paid"] < 100:
            time.sleep(0.02)
        process.send_signal(number)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0
        assert out.startswith("stopped:")
        assert err == ""
        with RequestStore(path) as store:
            assert len(store) == server.settled_book()["paid"]
            assert store.check() == []


def test_an_error_in_a_pipeline_is_raised_and_leaves_nothing_running(
    fast: Server, store: RequestStore
) -> None:
    async def main(backend: OpenAIBackend) -> set[Any]:
        async with Session(backend, store) as session:

            async def pipeline(head: int) -> None:
                await session.ask(ask(head))
                if head == 20:
                    raise ZeroDivisionError

            with pytest.raises(ZeroDivisionError):
                async for _ in session.map(pipeline, range(1000)):
                    pass
        return await left_running()

    assert go(fast, main) == set()


def test_a_consumer_that_stops_listening_leaves_nothing_running(
    fast: Server, store: RequestStore
) -> None:
    async def main(backend: OpenAIBackend) -> None:
        stream = run(asks(1000), backend, store)
        async for _ in stream:
            break
        await stream.aclose()
        assert await left_running() == set()

    go(fast, main)
    assert store.check() == []


async def left_running() -> set[Any]:
    """Tasks besides the one that asks, once they have had some seconds to end."""
    for _ in range(100):
        if len(asyncio.all_tasks()) == 1:
            break
        await asyncio.sleep(0.05)
    return asyncio.all_tasks() - {asyncio.current_task()}


def test_a_full_disk_stops_the_run_and_keeps_what_was_stored(fast: Server, tmp_path: Path) -> None:
    with RequestStore(tmp_path / "requests.sqlite", reserve=0) as store:
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages + 200}")
        with pytest.raises(DiskFullError) as caught:
            collect(fast, store, asks(20_000))
        assert "make room" in (caught.value.fix or "")
        kept = len(store)
        assert kept > 100
    with RequestStore(tmp_path / "requests.sqlite") as store:
        assert store.check() == []
        assert len(store) == kept
        before = fast.book()["paid"]
        collect(fast, store, asks(kept))
        # Only what had come when the disk was full is asked again.
        assert fast.book()["paid"] - before <= 64


def test_progress_and_figures(fast: Server, store: RequestStore) -> None:
    told: list[tuple[int, int]] = []
    collect(fast, store, asks(50))
    collect(
        fast, store, asks(150), progress=lambda stats: told.append((stats.known, stats.replies))
    )
    assert told[-1] == (50, 100)


def test_the_budget_is_read_as_people_write_it() -> None:
    assert Budget.parse("0.5 usd") == Budget(money=0.5)
    assert Budget.parse("200 Requests, 1.5M tokens") == Budget(requests=200, tokens=1_500_000)
    for text in ("", "much", "5 apples", "1,2", "-3", "1 usd, 2 eur"):
        with pytest.raises(UsageError):
            Budget.parse(text)


def test_prices_are_read_and_a_bad_file_is_explained(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(
        'currency = "EUR"\n["gpt*"]\ninput = 1\noutput = 2\n["gpt-big"]\ninput = 10\n'
        "cached_input = 1\noutput = 20\n",
        encoding="utf-8",
    )
    prices = Prices.load(file)
    assert prices.currency == "EUR"
    assert prices.rate("gpt-small") == Rate(1.0, 1.0, 2.0)
    assert prices.rate("gpt-big") == Rate(10.0, 1.0, 20.0)
    assert prices.rate("llama") is None
    for text in ("not toml", '["m"]\ninput = -1\noutput = 1', '["m"]\ninput = 1', "m = 3"):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(IntentKGError) as caught:
            Prices.load(file)
        assert str(file) in str(caught.value)
        assert caught.value.fix


def test_the_handlers_of_signals_are_put_back(fast: Server, store: RequestStore) -> None:
    async def main(backend: OpenAIBackend) -> None:
        before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
        async with Session(backend, store) as session:
            with stop_on_signals(session):
                assert signal.getsignal(signal.SIGTERM) != before[1]
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before

    go(fast, main)
