"""A writer may be killed, or run out of disk, at any moment: the knowledge base stays whole."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from truth_world import batch, commit, contents, files, product, stored, troubles

from kg.directory import Directory
from kg.truth import Transaction
from schema.errors import DiskFullError, StoreError

HERE = Path(__file__).parent

# A writer that commits again and again, as `rows` and `commits` say, and reports each commit.
WRITER = """
import sys, time
sys.path[:0] = [{here!r}, {root!r}]
from truth_world import batch, product
from kg.directory import Directory
from kg.truth import Transaction
kb = Directory({kb!r})
print("ready", flush=True)
for number in range({commits}):
    with Transaction(kb, "ingest") as transaction:
        for start in range(0, {rows}, 500):
            ids = (f"B{{number:03}}-{{n:06}}" for n in range(start, start + 500))
            transaction.add(batch("products", [product(i, title="lamp " + i) for i in ids]))
        transaction.commit()
    print(number, flush=True)
    time.sleep({pause})
"""


def writer(kb: Directory, *, commits: int, rows: int, pause: float = 0.0) -> subprocess.Popen[str]:
    script = WRITER.format(
        here=str(HERE),
        root=str(HERE.parent),
        kb=str(kb.root),
        commits=commits,
        rows=rows,
        pause=pause,
    )
    return subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )


def test_a_writer_killed_at_any_moment_leaves_whole_commits(tmp_path: Path) -> None:
    kb = Directory.create(tmp_path / "my.kg")
    rows, commits, chance = 500, 3, random.Random(7)

    with writer(kb, commits=commits, rows=rows) as undisturbed:
        assert undisturbed.stdout
        undisturbed.stdout.readline()
        started = time.perf_counter()
        undisturbed.stdout.read()
        length = time.perf_counter() - started
    whole = contents(kb)
    assert len(whole["products"]) == rows * commits

    for attempt in range(4):
        kb = Directory.create(tmp_path / f"{attempt}.kg")
        with writer(kb, commits=commits, rows=rows) as process:
            assert process.stdout
            process.stdout.readline()
            time.sleep(chance.uniform(0, length))
            process.send_signal(signal.SIGKILL)
            reported = process.stdout.read().split()

        found = stored(kb, "products")
        assert len(found) % rows == 0
        assert len(found) >= rows * len(reported)
        assert troubles(kb) == []

        # The rerun clears up and ends where an undisturbed run ends.
        with writer(kb, commits=commits, rows=rows) as rerun:
            rerun.wait()
        assert contents(kb) == whole
        named = {part.file for part in kb.manifest().parts("products")}
        assert files(kb) == named | {"kb.json"}


def test_a_reader_sees_the_old_state_or_the_new(tmp_path: Path) -> None:
    kb = Directory.create(tmp_path / "my.kg")
    rows, seen = 500, set()
    with writer(kb, commits=6, rows=rows, pause=0.2) as process:
        while process.poll() is None:
            seen.add(len(stored(kb, "products")))
    assert process.returncode == 0
    assert seen <= {rows * n for n in range(7)}
    assert len(seen) > 1


def _fill(kb: Directory, count: int) -> None:
    chance = random.Random(count)
    rows = [product(f"N{n}", title=chance.randbytes(60).hex()) for n in range(count)]
    commit(kb, batch("products", rows))


@pytest.fixture
def file_size_limit():
    """Set how large a file this process may write; EFBIG is told like a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("limit", [100, 2_000, 20_000, 200_000])
def test_a_write_that_fails_changes_nothing(tmp_path: Path, file_size_limit, limit: int) -> None:
    kb = Directory.create(tmp_path / "my.kg")
    commit(kb, batch("products", [product("B1", title="Lamp")]))
    before, rows = files(kb), contents(kb)

    file_size_limit(limit)
    with pytest.raises(StoreError) as caught:
        _fill(kb, 5_000)
    file_size_limit(resource.RLIM_INFINITY)

    assert caught.value.fix
    assert files(kb) == before
    assert contents(kb) == rows
    assert troubles(kb) == []
    _fill(kb, 5_000)
    assert len(stored(kb, "products")) == 5_001


@pytest.fixture
def tiny_disk(tmp_path: Path):
    """A file system of one megabyte, where the system lets us mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a file system here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_changes_nothing(tiny_disk: Path) -> None:
    kb = Directory.create(tiny_disk / "my.kg")
    commit(kb, batch("products", [product("B1", title="Lamp")]))
    before = contents(kb)
    for count in (500, 4_000, 6_000, 20_000):
        try:
            _fill(kb, count)
        except DiskFullError as error:
            assert error.fix
            break
        before = contents(kb)
    else:
        pytest.fail("the disk never filled up")
    assert contents(kb) == before
    assert troubles(kb) == []

    # Nor does a disk that is full to the last byte.
    (tiny_disk / "ballast").write_bytes(bytes(0))
    with pytest.raises(OSError), (tiny_disk / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))
    with pytest.raises(StoreError):
        commit(kb, batch("products", [product("B3")]))
    assert contents(kb) == before


def test_a_directory_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    kb = Directory.create(tmp_path / "my.kg")
    commit(kb, batch("products", [product("B1")]))
    command = ["mount", "--bind", "-o", "ro", str(kb.root), str(kb.root)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        if os.geteuid() == 0:
            pytest.skip("cannot mount a read-only file system here")
        kb.root.chmod(0o555)
    try:
        with pytest.raises(StoreError) as caught, Transaction(kb, "ingest"):
            pass
        assert caught.value.fix
        assert [row["id"] for row in stored(kb, "products")] == ["B1"]
        assert troubles(kb) == []
    finally:
        kb.root.chmod(0o755) if os.geteuid() else None
        subprocess.run(["umount", "-l", str(kb.root)], capture_output=True, check=False)


def test_a_large_file_needs_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    script = f"""
import resource, sys
sys.path[:0] = [{str(HERE)!r}, {str(HERE.parent)!r}]
import pyarrow as pa
from truth_world import batch, product
from kg.directory import Directory
from kg.truth import Transaction
from schema.records import Rows
kb, count = Directory.create(sys.argv[1]), int(sys.argv[2])
one = batch("products", [product(f"B{{n}}", title="lamp " * 100) for n in range(2_000)])
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with Transaction(kb, "ingest") as transaction:
    for number in range(count):
        transaction.add(Rows("products", one.batch, one.lines, "f"))
        if number == 20:
            begun = peak()
    print(peak() - begun)
"""
    peaks = [
        int(
            subprocess.run(
                [sys.executable, "-c", script, str(tmp_path / f"{count}.kg"), str(count)],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for count in (21, 400)
    ]
    # 400 batches are 400 MB of text; the difference is a few row groups.
    assert peaks[1] - peaks[0] < 60_000  # KiB
