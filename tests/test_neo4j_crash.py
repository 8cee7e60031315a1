"""Client or server killed at any moment of a push: the next one ends with everything, once.

The client is killed ten times. A server takes some seconds to come back each time, so it is killed
three times, or as often as the variable ``INTENTKG_SERVER_KILLS`` says.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from kg.directory import Directory
from tests.graph_samples import chunk, commit, new_directory
from tests.neo4j_push_world import Database, Stoppable, embedded_content

CLIENT_KILLS = 10
SERVER_KILLS = int(os.environ.get("INTENTKG_SERVER_KILLS", "3"))
ROOT = Path(__file__).parent.parent
# Enough for some ten transactions.
SIZE, POOL = 3_000, 1_500


class Killable(Stoppable, Protocol):
    """A server of a test's own, which it may also kill."""

    def kill(self) -> None: ...


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Directory:
    """A knowledge base as it was for an earlier push."""
    directory = new_directory(tmp_path_factory.mktemp("crash"))
    commit(directory, **chunk(1, SIZE // 2, POOL, few=True))
    return directory


@pytest.fixture(scope="module")
def whole(part: Directory) -> Directory:
    """The same with more in it."""
    directory = Directory(part.root.with_name("whole.kg"))
    shutil.copytree(part.root, directory.root)
    commit(directory, **chunk(2, SIZE, POOL, few=True))
    return directory


@pytest.fixture(scope="module")
def expected(whole: Directory) -> tuple[list[str], list[str]]:
    return embedded_content(whole)


def check(database: Database, expected: tuple[list[str], list[str]]) -> None:
    """Everything is there, and nothing twice."""
    nodes = "MATCH (n) WHERE NOT n:IntentKG RETURN count(n), count(DISTINCT [labels(n), n.id])"
    edges = (
        "MATCH (a)-[r]->(b) RETURN count(r), "
        "count(DISTINCT [elementId(a), type(r), coalesce(r.id, ''), elementId(b)])"
    )
    for query, rows in ((nodes, expected[0]), (edges, expected[1])):
        assert database.run(query) == [[len(rows), len(rows)]]


def killed(directory: Directory, uri: str, lines: int, delay: float) -> str:
    """Push in a process that is killed some time after so many lines; gives its last line."""
    command = [sys.executable, "-m", "tests.neo4j_pusher", str(directory.root), uri]
    last = ""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(lines):
            last = process.stdout.readline() or last
        time.sleep(delay)
        process.kill()
    return last.strip()


@pytest.mark.slow
def test_a_client_that_is_killed(
    own_neo4j: Killable,
    part: Directory,
    whole: Directory,
    expected: tuple[list[str], list[str]],
) -> None:
    database, chance = Database(own_neo4j.address), random.Random(9)
    steps: list[str] = []
    database.wipe()
    database.push(whole, progress=lambda stage, done, total: steps.append(stage))
    before: list[str] = []
    for number in range(CLIENT_KILLS):
        database.wipe(schema=number % 3 == 0)
        if number % 2:
            database.push(part)  # so that the killed one is an update
        lines = 1 + number * len(steps) // CLIENT_KILLS
        before.append(killed(whole, database.address.uri, lines, chance.uniform(0, 0.1)))
        report = database.push(whole)
        assert report.graph in ("resumed", "updated", "written", "current"), report
        check(database, expected)
    assert database.content() == expected
    # They died while nodes were written, while edges were, and before.
    assert {line.rpartition(" ")[0] for line in before} >= {"begun", "neo4j: nodes", "neo4j: edges"}


@pytest.mark.slow
def test_a_server_that_is_killed(
    own_neo4j: Killable, whole: Directory, expected: tuple[list[str], list[str]]
) -> None:
    """It is started again at once, and the same push goes on."""
    database, killed = Database(own_neo4j.address), 0
    rows = sum(map(len, expected))
    while killed < SERVER_KILLS:
        database.wipe()
        # Three times in one push: soon, and somewhere in the middle of nodes and of edges.
        shares = [0.01, 0.3, 0.75][: SERVER_KILLS - killed]
        points = [int(rows * (share + 0.02 * killed)) for share in shares]
        with Murderer(own_neo4j, points) as progress:
            report = database.push(whole, progress=progress)
        assert report.graph in ("written", "resumed")
        check(database, expected)
        killed += len(shares)
    assert database.content() == expected


class Murderer:
    """Kills a server when a push has written so many rows, and starts it again, each time."""

    def __init__(self, server: Killable, points: list[int]) -> None:
        self._server = server
        self._points = points
        self._written: dict[str, int] = {}
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Callable[[str, int, int | None], None]:
        self._thread.start()
        return self._progress

    def __exit__(self, *error: object) -> None:
        with self._changed:
            self._written["over"] = 1 << 30
            self._changed.notify_all()
        self._thread.join()
        assert not self._points, "the push was over too soon"

    def _progress(self, stage: str, done: int, total: int | None) -> None:
        if stage in ("neo4j: nodes", "neo4j: edges"):
            with self._changed:
                self._written[stage] = done
                self._changed.notify_all()

    def _work(self) -> None:
        for point in list(self._points):
            with self._changed:
                self._changed.wait_for(lambda: sum(self._written.values()) >= point)  # noqa: B023
                if "over" in self._written:
                    return
            self._server.kill()
            self._server.start()
            self._points.remove(point)
