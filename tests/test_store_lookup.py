"""Looking outcomes up: reading ahead answers the same, faster, and never with what has changed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generation.requests import Failure, Reply, Request, user
from generation.store import RequestStore


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RequestStore, list[str]]]:
    """A store with 20,000 replies, and their keys in the order of the file."""
    asked = [Request("m", [user(str(n))]) for n in range(20_000)]
    with RequestStore(tmp_path_factory.mktemp("many") / "requests.sqlite") as opened:
        opened.put_many((one, Reply(str(number)), 1) for number, one in enumerate(asked))
        yield opened, [one.key for one in asked]


def selects(store: RequestStore) -> list[str]:
    statements: list[str] = []
    store._connection.set_trace_callback(statements.append)
    return statements


def test_looking_up_in_the_order_of_the_file_reads_ahead(
    many: tuple[RequestStore, list[str]],
) -> None:
    store, keys = many
    statements = selects(store)
    for number, key in enumerate(keys):
        outcome = store.get(key)
        assert isinstance(outcome, Reply) and outcome.text == str(number)
    assert len(statements) < len(keys) / 50
    statements.clear()
    for start in range(0, len(keys), 256):
        found = store.get_many(keys[start : start + 256])
        assert [found[key].text for key in keys[start : start + 256]] == [  # type: ignore[union-attr]
            str(number) for number in range(start, min(start + 256, len(keys)))
        ]
    assert len(statements) < len(keys) / 50
    store._connection.set_trace_callback(None)


def test_scattered_look_ups_read_nothing_ahead(many: tuple[RequestStore, list[str]]) -> None:
    store, keys = many
    picked = random.Random(3).sample(range(len(keys)), 400)
    statements = selects(store)
    for number in picked:
        outcome = store.get(keys[number])
        assert isinstance(outcome, Reply) and outcome.text == str(number)
    ahead = [text for text in statements if "BETWEEN" in text]
    assert len(ahead) <= 20
    store._connection.set_trace_callback(None)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(st.lists(st.integers(0, 20_100), min_size=1, max_size=1200), st.integers(0, 20_000))
def test_however_it_is_asked_it_answers_the_same(
    many: tuple[RequestStore, list[str]], numbers: list[int], run: int
) -> None:
    store, keys = many
    numbers = [*numbers, *range(run, min(run + 700, len(keys)))]
    unknown = Request("m", [user("never")]).key
    asked = [keys[n] if n < len(keys) else unknown for n in numbers]
    expected = {key: str(n) for n, key in zip(numbers, asked, strict=True) if n < len(keys)}
    found = store.get_many(asked)
    assert {key: outcome.text for key, outcome in found.items()} == expected  # type: ignore[union-attr]
    for key in asked[-40:]:
        outcome = store.get(key)
        assert (outcome.text if isinstance(outcome, Reply) else None) == expected.get(key)


def test_what_was_read_ahead_is_forgotten_when_it_changes(tmp_path: Path) -> None:
    store = RequestStore(tmp_path / "requests.sqlite")
    asked = [Request("m", [user(str(n))]) for n in range(1500)]
    store.put_many((one, Reply("old"), 1) for one in asked)
    for one in asked[:200]:
        store.get(one.key)
    assert store._lookup._rows.keys() >= {bytes.fromhex(asked[n].key[3:]) for n in (300, 301)}

    async def change() -> None:
        await store.mark(asked[300].key, "unparseable", "no JSON")
        await store.put(asked[301], Reply("new"))

    asyncio.run(change())
    marked, new = store.get(asked[300].key), store.get(asked[301].key)
    assert isinstance(marked, Failure) and marked.reason == "unparseable"
    assert isinstance(new, Reply) and new.text == "new"
    found = store.get_many([one.key for one in asked[290:310]])
    assert [outcome for key, outcome in found.items() if key == asked[301].key] == [new]
    store.close()
