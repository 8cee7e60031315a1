"""The request store as a file: kills, locks, damage, a full disk, older versions."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from generation.requests import Request, user
from generation.store import RequestStore
from schema.errors import (
    CorruptError,
    DiskFullError,
    FormatVersionError,
    LockedError,
    StoreError,
)
from tests.store_world import put, reply, request

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RequestStore]:
    with RequestStore(tmp_path / "requests.sqlite") as opened:
        yield opened


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
