"""Real posts and real co-buys through both pipelines, against a server that writes as models do."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from door import ROOT, quick

from tests.generate_world import clean, evidence, generate, make_kb, words
from tests.pipeline_world import asked, manners, text_of
from tests.servers import Server, serving


@pytest.fixture(scope="module")
def writer() -> Iterator[Server]:
    with serving("writer") as server:
        yield server


@pytest.mark.slow
def test_published_posts_and_pairs_go_through(
    shared_data: Path, tmp_path: Path, writer: Server
) -> None:
    kb = tmp_path / "real.kg"
    tweets = sorted((shared_data / "twitter_sarcasm").glob("*test*.gz"))
    assert tweets, "the data set has other names now"
    quick("ingest", kb, "--images", "skip", tweets[0])
    products = shared_data / "amazon_cobuy" / "snap_amazon_meta_slice.jsonl.gz"
    quick("ingest", kb, "--images", "skip", products)
    counts = quick("status", kb)["counts"]
    assert counts["posts"] > 1000 and counts["cobuys"] > 0, counts
    manners(writer)
    posts = generate(kb, writer, "miko", "--limit", "300")
    assert posts["heads_done"] == 300 and posts["unfinished"] == 0
    assert posts["failed"] == {}
    discarded = sum(
        n for counts in posts["relations"].values() for why, n in counts.items() if why != "kept"
    )
    assert posts["intentions"] + discarded == 3000 - 10 * posts["notes"].get(
        "posts with neither text nor image", 0
    )
    for body in asked(writer)[1:]:
        assert text_of(body).count("<post>") == text_of(body).count("</post>") == 1
    few = ["--relation", "UsedFor", "--relation", "Open", "--limit", "100"]
    pairs = generate(kb, writer, "mind", *few)
    assert pairs["heads_done"] == pairs["heads"] and pairs["failed"] == {}
    assert pairs["accepted"] + pairs["rejected"] == pairs["intentions"] > 0
    assert len(evidence(kb)) == posts["rows"]["added"] + pairs["rows"]["added"]
    clean(kb)
    assert generate(kb, writer, "mind", *few)["requests"] == 0


def test_a_screen_shows_the_figures_and_stdout_only_the_result(
    tmp_path: Path, writer: Server
) -> None:
    kb = make_kb(tmp_path, [f"day {n}" for n in range(30)], pictures=False)
    manners(writer, latency=0.1)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "intentkg"]
    command += map(str, words(kb, writer, "miko", "--concurrency", "4", "--json"))
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "140"},
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        seen += data
    out, _ = process.communicate(timeout=300)
    os.close(ours)
    assert process.returncode == 0, seen
    assert json.loads(out)["heads_done"] == 30
    shown = seen.decode("utf-8", "replace")
    for word in ("heads", "replies", "/s", "/30"):
        assert word in shown, shown[-2000:]
