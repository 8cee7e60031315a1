"""The request store: identity, durability, failures as rows, sums, damage, a full disk."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.requests import Failure, Outcome, Reply, Request, image, user
from generation.store import RequestStore
from schema.errors import (
    StoreError,
    UsageError,
)
from tests.store_world import SCHEMA, put, reply, request

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RequestStore]:
    with RequestStore(tmp_path / "requests.sqlite") as opened:
        yield opened


# -- identity -------------------------------------------------------------------------------------


def test_the_key_is_the_same_in_every_process_and_version() -> None:
    """A changed key would pay for every stored reply again: this must never change."""
    assert request(1).key == "rq_c5e0972700882f6cab0c02ef27a75326"


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "other"},
        {"messages": [user("Why buy 1?")]},
        {"messages": [*request(1).messages[:1], user("Why buy 1?", image("cd" * 32))]},
        {"parameters": {"temperature": 0.3, "max_tokens": 64}},
        {"reply_schema": None},
        {"sample": 1},
    ],
)
def test_whatever_can_change_the_reply_changes_the_key(changes: dict[str, Any]) -> None:
    assert request(1, **changes).key != request(1).key


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": "filter"},
        {"accept_cut_off": True},
        {"parameters": {"max_tokens": 64.0, "temperature": 0.2}},
        {"reply_schema": dict(reversed(SCHEMA.items()))},
        {"messages": tuple(request(1).messages)},
    ],
)
def test_nothing_else_does(changes: dict[str, Any]) -> None:
    assert request(1, **changes).key == request(1).key


def test_what_json_cannot_hold_is_refused_with_a_reason() -> None:
    with pytest.raises(UsageError, match="cannot be written as JSON"):
        _ = Request("m", [user("half a pair: \ud800")]).key


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
messages = st.lists(
    st.builds(
        lambda role, content: {"role": role, "content": content},
        st.sampled_from(["system", "user", "assistant"]),
        st.text(max_size=20)
        | st.lists(
            st.builds(lambda text: {"type": "text", "text": text}, st.text(max_size=9))
            | st.builds(image, st.text("0123456789abcdef", min_size=4, max_size=8)),
            max_size=3,
        ),
    ),
    max_size=4,
)
requests = st.builds(
    Request,
    st.text(max_size=8),
    messages,
    st.dictionaries(st.text(max_size=6), json_values, max_size=3),
    st.none() | st.dictionaries(st.text(max_size=6), json_values, max_size=3),
    st.integers(0, 5),
    st.text(max_size=6),
)
replies = st.builds(
    Reply,
    st.text(max_size=30),
    st.sampled_from(["stop", "length", "tool_calls"]),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.floats(0, 1000),
    st.none() | st.floats(0, 10),
    st.none() | st.text(max_size=5),
)
outcomes = replies | st.builds(
    Failure,
    st.sampled_from(["transport", "refusal", "unparseable", "cut_off"]),
    st.text(min_size=1, max_size=20),
    st.integers(1, 5),
    st.none() | replies,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(requests, outcomes), max_size=12, unique_by=lambda pair: pair[0].key))
def test_whatever_is_stored_comes_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[Request, Outcome]]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    with RequestStore(folder / "requests.sqlite") as store:
        store.put_many([(r, o, o.tries if isinstance(o, Failure) else 1) for r, o in pairs])
        assert store.get_many([r.key for r, _ in pairs]) == {r.key: o for r, o in pairs}
        assert [store.get(r.key) for r, _ in pairs] == [o for _, o in pairs]
        rows = list(store.rows())
        assert [row.request.key for row in rows] == [r.key for r, _ in pairs]
        assert [row.request.stage for row in rows] == [r.stage for r, _ in pairs]
        assert [row.outcome for row in rows] == [o for _, o in pairs]
        assert store.check() == []
    shutil.rmtree(folder)


# -- outcomes -------------------------------------------------------------------------------------


def test_a_second_process_sees_replies_as_soon_as_put_is_awaited(store: RequestStore) -> None:
    put(store, (request(1), reply()))
    code = "import sys; from generation.store import RequestStore; "
    code += "s = RequestStore(sys.argv[1], mode='read'); print(len(s), s.get(sys.argv[2]).text)"
    done = subprocess.run(
        [sys.executable, "-c", code, store.path, request(1).key],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert done.stdout == "1 to keep warm\n"


def test_a_failure_is_a_row_with_a_reason_and_its_tries_add_up(store: RequestStore) -> None:
    put(store, (request(1), Failure("transport", "connection reset", 1)))
    put(store, (request(1), Failure("refusal", "declined", 1, reply("no"))))
    assert store.get(request(1).key) == Failure("refusal", "declined", 2, reply("no"))
    put(store, (request(1), reply()))
    assert store.get(request(1).key) == reply()
    (usage,) = store.usage()
    assert (usage.requests, usage.failures, usage.replies) == (1, {}, 2)
    assert (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) == (200, 120, 16)
    assert usage.price == 0.5
    assert store.check() == []


def test_a_usable_reply_is_not_given_up_for_a_failure_but_the_failure_is_counted(
    store: RequestStore,
) -> None:
    put(store, (request(1), reply()))
    put(store, (request(1), Failure("unparseable", "no JSON", 1, reply("?"))))
    assert store.get(request(1).key) == reply()
    assert store.usage()[0].replies == 2


def test_a_reply_can_be_marked_and_unmarked(store: RequestStore) -> None:
    async def main() -> None:
        await store.put(request(1), reply("garbage"))
        await store.mark(request(1).key, "unparseable", "no JSON in it")
        found = store.get(request(1).key)
        assert found == Failure("unparseable", "no JSON in it", 1, reply("garbage"))
        assert store.usage()[0].failures == {"unparseable": 1}
        await store.mark(request(1).key, None)
        assert store.get(request(1).key) == reply("garbage")

    asyncio.run(main())
    assert store.check() == []


def test_rows_can_be_had_by_stage_model_and_status(store: RequestStore) -> None:
    put(
        store,
        (request(1), reply()),
        (request(2, stage="filter"), reply("yes")),
        (request(3, model="gpt"), Failure("refusal", "no")),
    )
    assert [r.request.model for r in store.rows(status="refusal")] == ["gpt"]
    assert [r.outcome for r in store.rows(stage="filter")] == [reply("yes")]
    assert len(list(store.rows(model="llava", status="ok"))) == 2
    sums = {(u.stage, u.model): (u.requests, dict(u.failures)) for u in store.usage()}
    assert sums == {
        ("intentions", "llava"): (1, {}),
        ("filter", "llava"): (1, {}),
        ("intentions", "gpt"): (1, {"refusal": 1}),
    }


def test_nothing_is_handed_out_that_could_not_be_synced(
    store: RequestStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    async def main() -> None:
        monkeypatch.setattr(os, "fdatasync", fail)
        with pytest.raises(StoreError, match="could not be synced"):
            await store.put(request(1), reply())
        monkeypatch.undo()

    asyncio.run(main())


def test_a_thousand_puts_at_once_share_their_commits(store: RequestStore) -> None:
    statements: list[str] = []
    store._connection.set_trace_callback(statements.append)
    put(store, *((request(n), reply(str(n))) for n in range(1000)))
    assert statements.count("COMMIT") <= 10
    assert len(store) == 1000
