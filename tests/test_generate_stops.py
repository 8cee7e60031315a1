"""Runs that are stopped, killed, started twice, or run out of disk: nothing lost, little paid."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from door import ROOT, call, parse, quick, run

from tests.generate_world import clean, evidence, generate, make_kb, stored, words
from tests.pipeline_world import asked, manners
from tests.servers import Server, faulty, serving

MANY = [f"day {n} of the long journey to the sea" for n in range(60)]


def start(*command: str | Path, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "intentkg", *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        **more,
    )


def wait_for(server: Server, requests: int) -> None:
    """Wait until the server has had so many."""
    until = time.monotonic() + 300
    while server.book()["tries"] < requests:
        assert time.monotonic() < until, "no requests came"
        time.sleep(0.01)


def test_ctrl_c_stops_cleanly_and_the_next_run_goes_on(tmp_path: Path, writer: Server) -> None:
    kb = make_kb(tmp_path, MANY, pictures=False)
    manners(writer, latency=0.2)  # so that much is left when the signal comes
    before = writer.book()["tries"]
    process = start(*words(kb, writer, "miko", "--concurrency", "4", "--json"))
    wait_for(writer, before + 20)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    told = json.loads(out)
    assert told["error"]["type"] == "InterruptedRunError"
    assert "run the same command again" in told["error"]["fix"]
    assert 0 < told["replies"] < 121 and "Traceback" not in err
    assert sum(stored(kb).values()) == told["replies"]
    assert len(evidence(kb)) == told["rows"]["added"] == 10 * told["heads_done"]
    clean(kb)
    rest = generate(kb, writer, "miko")
    assert rest["replies"] == 121 - told["replies"]
    assert len(asked(writer)) == 121
    assert len(evidence(kb)) == 600


def test_the_message_of_a_stopped_run_says_how_to_go_on(tmp_path: Path, writer: Server) -> None:
    kb = make_kb(tmp_path, MANY, pictures=False)
    manners(writer, latency=0.2)  # so that much is left when the signal comes
    before = writer.book()["tries"]
    process = start(*words(kb, writer, "miko", "--concurrency", "4"))
    wait_for(writer, before + 10)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "stopped: " in err and "run the same command again" in err
    assert "heads:" in out and "Traceback" not in err


def test_the_second_of_two_generators_is_refused(tmp_path: Path, writer: Server) -> None:
    # 800 requests, four in a second: the first goes on for minutes.
    many = [f"day {n} of the long journey to the sea" for n in range(400)]
    kb = make_kb(tmp_path, many, pictures=False)
    manners(writer, latency=1.0)
    before = writer.book()["tries"]
    first = start(*words(kb, writer, "miko", "--concurrency", "4"))
    try:
        wait_for(writer, before + 6)
        second = run(*words(kb, writer, "mind", "--json"))
        error = parse(second, 1)["error"]
        assert error["type"] == "LockedError"
        assert "another process is asking models" in error["message"] and error["fix"]
        # Looking at it is allowed meanwhile.
        assert quick("status", kb)["requests"]
        assert call("requests", "list", kb).returncode == 0
        dry = parse(run(*words(kb, writer, "miko", "--dry-run", "--json")))
        assert 0 < dry["requests"] < 800
    finally:
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=300)
    assert first.returncode == 130
    clean(kb)


def test_others_may_write_while_a_run_goes_on(tmp_path: Path, writer: Server) -> None:
    kb = make_kb(tmp_path, MANY, pictures=False)
    manners(writer, latency=0.1)
    before = writer.book()["tries"]
    process = start(*words(kb, writer, "miko", "--concurrency", "4", "--limit", "20", "--json"))
    wait_for(writer, before + 4)
    (tmp_path / "more.jsonl").write_text('{"id": "late", "text": "one more"}\n', encoding="utf-8")
    assert quick("ingest", kb, "-f", "posts", tmp_path / "more.jsonl")["files"][0]["tables"]
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert json.loads(out)["rows"]["added"] == 200
    assert quick("status", kb)["counts"]["posts"] == 61
    clean(kb)


@pytest.mark.slow
def test_kills_change_nothing(tmp_path: Path) -> None:
    """The command is killed at random moments, against a server that goes wrong itself."""
    pairs = [(f"P{n:02}", f"P{n + 1:02}") for n in range(12)]
    kb = make_kb(tmp_path, pairs=pairs, name="killed.kg")
    calm = make_kb(tmp_path, pairs=pairs, name="calm.kg")
    chance = random.Random(5)
    faults = {"latency": [0, 0.1], "rate_limit": 0.05, "error": 0.03, "drop": 0.03, "spared": 2}
    options = ["--concurrency", "8", "--json"]
    with serving("writer") as writer, faulty(writer.base_url, **faults) as server:
        bound = kills = 0
        for _ in range(6):
            before = server.book()["tries"]
            process = start(*words(kb, server, "mind", *options))
            wait_for(server, before + chance.randrange(3, 60))
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=300)
            kills += process.returncode == -signal.SIGKILL
            server.settled_book()
            bound += 8
            clean(kb)
        assert kills >= 5
        last = parse(run(*words(kb, server, "mind", *options)))
        assert last["unfinished"] == 0 and last["failed"] == {}
        book = server.settled_book()
        undisturbed = generate(calm, writer, "mind")
    assert book["repeated"] - book["broken"] <= bound
    # The calm run asks the same questions under the same names, so it must find the same.
    assert undisturbed["unfinished"] == 0
    assert evidence(kb) == evidence(calm)
    assert len(evidence(kb)) == 12 * 20
    assert quick("status", kb)["counts"] == quick("status", calm)["counts"]
    clean(kb)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 100 MB, where the system lets us mount one."""
    place = tmp_path / "tiny"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        yield tmp_path / "none"
        return
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_stops_the_run_and_leaves_the_store_whole(
    tmp_path: Path, tiny_disk: Path, writer: Server
) -> None:
    made = make_kb(tmp_path, MANY, pictures=False)
    if not tiny_disk.is_dir():
        _with_a_quota(made, writer)
        return
    kb = tiny_disk / "my.kg"
    shutil.copytree(made, kb)
    manners(writer, latency=0.2)
    before = writer.book()["tries"]
    process = start(*words(kb, writer, "miko", "--concurrency", "4", "--json"))
    wait_for(writer, before + 20)
    free = os.statvfs(kb).f_bavail * os.statvfs(kb).f_frsize
    filler = tiny_disk / "filler"
    filler.write_bytes(b"x" * (free - 1_000_000))
    out, err = process.communicate(timeout=300)
    assert process.returncode == 1, err
    told = json.loads(out)
    assert told["error"]["type"] == "DiskFullError", told["error"]
    assert "make room" in told["error"]["fix"] and "Traceback" not in err
    early = parse(run(*words(kb, writer, "miko", "--json")), 1)
    assert early["error"]["type"] == "DiskFullError"
    assert "left" in early["error"]["message"]
    filler.unlink()
    clean(kb)
    manners(writer)
    rest = generate(kb, writer, "miko")
    assert told["replies"] + rest["replies"] == 121
    assert len(evidence(kb)) == 600


def _with_a_quota(kb: Path, writer: Server) -> None:
    """The same where nothing can be mounted: files may not grow past a bound."""
    import resource

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

    process = start(*words(kb, writer, "miko", "--json"), preexec_fn=bound)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 1 and "Traceback" not in err
    assert json.loads(out)["error"]["fix"]
    clean(kb)
    rest = generate(kb, writer, "miko")
    assert rest["known"] > 0
    assert len(evidence(kb)) == 600


def test_the_key_is_sent_and_never_stored_logged_or_shown(tmp_path: Path, writer: Server) -> None:
    kb = make_kb(tmp_path, pictures=False)
    secret = "sk-not-a-real-key-5417"
    manners(writer, key=secret)
    base = words(kb, writer, "miko", "--api-key-env", "MY_MODEL_KEY")
    good = run(*base, MY_MODEL_KEY=secret)
    assert good.returncode == 0, good.stderr
    wrong = run(*words(kb, writer, "mind"), INTENTKG_API_KEY="sk-wrong-6020")
    assert wrong.returncode == 1
    assert "does not accept the key" in wrong.stderr and "fix:" in wrong.stderr
    missing = run(*base)
    assert missing.returncode == 1 and "MY_MODEL_KEY" in missing.stderr
    shown = "".join(one.stdout + one.stderr for one in (good, wrong, missing))
    assert secret not in shown and "sk-wrong-6020" not in shown
    for file in (path for path in kb.rglob("*") if path.is_file()):
        data = file.read_bytes()
        assert secret.encode() not in data and b"sk-wrong" not in data, file
