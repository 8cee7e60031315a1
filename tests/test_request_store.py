"""The request store: identity, durability, failures as rows, sums, damage, a full disk."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.requests import Failure, Outcome, Reply, Request, image, system, user
from generation.store import RequestStore
from schema.errors import (
    CorruptError,
    DiskFullError,
    FormatVersionError,
    LockedError,
    StoreError,
    UsageError,
)

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = {"type": "object", "properties": {"tail": {"type": "string"}}, "required": ["tail"]}


def request(number: int, **changes: Any) -> Request:
    made = Request(
        "llava",
        [system("You name intentions."), user(f"Why buy {number}?", image("ab" * 32))],
        {"temperature": 0.2, "max_tokens": 64},
        SCHEMA,
        0,
        "intentions",
    )
    return replace(made, **changes)


def reply(text: str = "to keep warm", **changes: Any) -> Reply:
    return replace(Reply(text, "stop", 100, 60, 8, 0.5, 0.25, "llava"), **changes)


def put(store: RequestStore, *outcomes: tuple[Request, Outcome]) -> None:
    async def main() -> None:
        await asyncio.gather(*(store.put(*pair) for pair in outcomes))

    asyncio.run(main())


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


# -- the file -------------------------------------------------------------------------------------

WRITER = """
import asyncio, sys
from generation.requests import Reply, Request, user
from generation.store import RequestStore

async def main():
    store = RequestStore(sys.argv[1])
    for number in range(1_000_000):
        one = Request("m", [user(f"{number}")])
        await store.put(one, Reply(str(number)))
        print(number, flush=True)

asyncio.run(main())
"""


def test_whatever_put_has_confirmed_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "requests.sqlite"
    for _ in range(3):
        command = [sys.executable, "-c", WRITER, str(path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert process.stdout
        confirmed = [int(process.stdout.readline()) for _ in range(40)]
        process.send_signal(signal.SIGKILL)
        confirmed += [int(line) for line in process.stdout.read().splitlines() if line]
        process.wait()
        with RequestStore(path) as store:
            keys = [Request("m", [user(f"{number}")]).key for number in confirmed]
            assert len(store.get_many(keys)) == len(confirmed)
            assert store.check() == []


def test_a_second_writer_is_refused_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "requests.sqlite"
    command = [sys.executable, "-c", WRITER, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout
    process.stdout.readline()
    with pytest.raises(LockedError) as caught:
        RequestStore(path)
    assert caught.value.fix
    process.kill()
    process.wait()
    with RequestStore(path) as store:
        assert len(store) >= 1


def test_a_foreign_or_broken_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.sqlite"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE mine (x)")
    text = tmp_path / "text.sqlite"
    text.write_text("this is not a database, not at all" * 100, encoding="utf-8")
    newer = tmp_path / "newer.sqlite"
    RequestStore(newer).close()
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version = 99")
    for path, error in (
        (foreign, CorruptError),
        (text, CorruptError),
        (newer, FormatVersionError),
    ):
        before = path.read_bytes()
        for mode in ("write", "read"):
            with pytest.raises(error) as caught:
                RequestStore(path, mode=mode)  # type: ignore[arg-type]
            assert caught.value.fix
        assert path.read_bytes() == before or error is FormatVersionError
    with pytest.raises(StoreError, match="no request store"):
        RequestStore(tmp_path / "none.sqlite", mode="read")


def test_a_store_on_a_read_only_medium_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "requests.sqlite"
    with RequestStore(path) as store:
        put(store, (request(1), reply()))
    assert not Path(f"{path}-wal").exists() or Path(f"{path}-wal").stat().st_size == 0
    with RequestStore(path, mode="read") as store:
        assert store.get(request(1).key) == reply()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("DELETE FROM bodies WHERE id = 1", "without their texts"),
        ("DELETE FROM requests WHERE id = 1", "texts without a request"),
        ("DELETE FROM frames", "without their frame"),
        ("UPDATE requests SET status = 'fine' WHERE id = 1", "unknown status"),
        ("UPDATE bodies SET text = NULL WHERE id = 1", "have no text"),
        ("UPDATE bodies SET messages = '[]' WHERE id = 1", "key is not that"),
        ("UPDATE requests SET sample = 7 WHERE id = 2", "key is not that"),
    ],
)
def test_check_finds_damage(tmp_path: Path, damage: str, said: str) -> None:
    path = tmp_path / "requests.sqlite"
    with RequestStore(path) as store:
        put(store, (request(1), reply()), (request(2), reply()))
        assert store.check() == []
    with sqlite3.connect(path) as connection:
        connection.execute(damage)
    with RequestStore(path, mode="read") as store:
        assert any(said in line for line in store.check())


def test_check_finds_flipped_bytes(tmp_path: Path) -> None:
    path = tmp_path / "requests.sqlite"
    with RequestStore(path) as store:
        put(store, *((request(n), reply("x" * 200)) for n in range(300)))
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4096] = os.urandom(4096)
    path.write_bytes(data)
    with RequestStore(path, mode="read") as store:
        assert store.check()


FILLER = """
import asyncio, resource, sys
from generation.requests import Reply, Request, user
from generation.store import RequestStore
from schema.errors import StoreError

async def main():
    store = RequestStore(sys.argv[1], reserve=0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
    try:
        for number in range(100_000):
            await store.put(Request("m", [user(f"{number}")]), Reply("x" * 500))
            print(number, flush=True)
    except StoreError as error:
        print(type(error).__name__, "|", error, "|", error.fix)
        try:
            store.put(Request("m", [user("one more")]), Reply("x"))
        except StoreError as again:
            print("again", type(again).__name__)

asyncio.run(main())
"""


def check_filled(output: str, path: Path) -> None:
    *numbers, said, again = output.splitlines()
    assert said.startswith(("DiskFullError", "StoreError"))
    assert "intact" in said
    assert again.startswith("again")
    with RequestStore(path) as store:
        keys = [Request("m", [user(number)]).key for number in numbers]
        assert len(keys) > 50
        assert len(store.get_many(keys)) == len(keys)
        assert store.check() == []
        put(store, (request(1), reply()))  # with room again it goes on


def test_a_file_size_limit_stops_clearly_and_loses_nothing_confirmed(tmp_path: Path) -> None:
    path = tmp_path / "requests.sqlite"
    command = [sys.executable, "-c", FILLER, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    check_filled(done.stdout, path)


def test_a_full_disk_stops_clearly_and_loses_nothing_confirmed(tmp_path: Path) -> None:
    """The same on a file system of 2 MB, where the machine lets us mount one."""
    mount = tmp_path / "tiny"
    mount.mkdir()
    tiny = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(mount)]
    if subprocess.run(tiny, capture_output=True, check=False).returncode:
        pytest.skip("mounting needs root; the limit on file size is tested instead")
    try:
        path = mount / "requests.sqlite"
        code = "\n".join(line for line in FILLER.splitlines() if "setrlimit" not in line)
        command = [sys.executable, "-c", code, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        assert done.returncode == 0, done.stderr
        assert "DiskFullError" in done.stdout
        subprocess.run([*tiny[:3], "-o", "remount,size=8m", "tmpfs", str(mount)], check=True)
        check_filled(done.stdout, path)
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=False)


def test_a_run_stops_while_there_is_still_room_for_what_is_in_flight(tmp_path: Path) -> None:
    with (
        RequestStore(tmp_path / "requests.sqlite", reserve=2**60) as store,
        pytest.raises(DiskFullError, match="kept free"),
    ):
        store.check_room()


def test_the_log_is_folded_in_while_a_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generation.store._CHECKPOINT", 200_000)
    with RequestStore(tmp_path / "requests.sqlite") as store:
        log = Path(f"{store.path}-wal")
        most = 0

        async def main() -> None:
            nonlocal most
            for start in range(0, 3000, 30):
                pairs = ((request(n), reply("x" * 300)) for n in range(start, start + 30))
                await asyncio.gather(*(store.put(*pair) for pair in pairs))
                most = max(most, log.stat().st_size)

        asyncio.run(main())
        assert 200_000 < most < 1_500_000
        assert len(store) == 3000
        assert store.check() == []
    assert not log.exists()


def test_an_older_file_is_brought_up_to_date(tmp_path: Path) -> None:
    """An empty database is version 0; opening it makes the tables, in one step."""
    path = tmp_path / "requests.sqlite"
    sqlite3.connect(path).close()
    path.touch()
    with RequestStore(path) as store:
        assert len(store) == 0
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)


def test_the_limits_of_this_process_were_not_touched() -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_importing_the_store_loads_nothing_heavy() -> None:
    code = textwrap.dedent("""
        import sys, generation.store, generation.runner
        print(sorted({"torch", "pyarrow", "numpy", "aiohttp", "duckdb"} & set(sys.modules)))
    """)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "[]\n"
