"""Killed at any moment of ingest, import and build, a knowledge base stays whole."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kg.directory import Directory
from kg.embedded import open_graph
from kg.status import counts
from kg.verify import verify
from schema.errors import NotAKnowledgeBaseError, NotBuiltError
from tests.crash_steps import SIZE, STEPS

KILLS = 20
ROOT = Path(__file__).parent.parent


@contextmanager
def steps(root: Path) -> Iterator[tuple[subprocess.Popen[str], Iterator[str]]]:
    """The steps in a process of their own, and the names of those that it begins."""
    command = [sys.executable, "-m", "tests.crash_steps", str(root)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process, (line.strip() for line in process.stdout)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def undisturbed(root: Path) -> dict[str, float]:
    """Run all steps; returns how long each took."""
    begun: dict[str, float] = {}
    with steps(root) as (process, names):
        for name in names:
            begun[name] = time.monotonic()
        assert process.wait() == 0 and "done" in begun
    times = list(begun.values())
    return {name: times[n + 1] - times[n] for n, name in enumerate(STEPS)}


def content(directory: Directory) -> tuple[dict[str, int], list[str], list[str]]:
    """Counts of the truth, and every node and edge."""
    with open_graph(directory) as graph:
        nodes = graph.read("MATCH (n) RETURN n").rows
        edges = graph.read("MATCH ()-[r]->() RETURN r").rows
    return counts(directory), sorted(map(repr, nodes)), sorted(map(repr, edges))


class Reader(threading.Thread):
    """Opens the graph again and again, and looks whether it is whole."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.root: Path | None = None
        self.stop = threading.Event()
        self.failures: list[str] = []
        self.generations: set[tuple[Path, str]] = set()

    def run(self) -> None:
        while not self.stop.is_set():
            root = self.root
            try:
                if root is not None:
                    self._look(root)
            except (NotAKnowledgeBaseError, NotBuiltError):
                if any(seen == root for seen, _ in self.generations):
                    self.failures.append("the graph is gone")
            except Exception as error:
                self.failures.append(repr(error))
            time.sleep(0.1)

    def has_seen(self, root: Path) -> None:
        """Wait until it has looked at the newest graph in `root`."""
        with open_graph(Directory(root)) as graph:
            newest = graph.generation
        until = time.monotonic() + 120
        while (root, newest) not in self.generations and not self.failures:
            assert time.monotonic() < until, "the reader looks no more"
            time.sleep(0.05)

    def _look(self, root: Path) -> None:
        with open_graph(Directory(root)) as graph:
            found = graph.counts()
            cobuys, ends = graph.read(
                "MATCH (c:CoBuy) OPTIONAL MATCH (c)-[r:OF]->(:Product) "
                "RETURN count(DISTINCT c), count(r)"
            ).rows[0]
            ((wanted,),) = graph.read("MATCH ()-[r]->(i:Intention) RETURN count(DISTINCT i)").rows
        self.generations.add((root, graph.generation))
        whole = cobuys * 2 == ends == found.edges["OF"] and wanted == found.nodes["Intention"]
        if not whole or cobuys != found.edges["CO_BUY"]:
            self.failures.append(f"{graph.generation}: {found}, {cobuys}, {ends}, {wanted}")


@pytest.mark.slow
def test_killed_at_any_moment(tmp_path: Path) -> None:
    chance = random.Random(20)
    durations = undisturbed(tmp_path / "calm.kg")
    expected = content(Directory(tmp_path / "calm.kg"))
    assert expected[0]["assertions"] > 1.5 * SIZE
    reader = Reader()
    reader.start()
    kills: dict[str, int] = {}
    number = 0
    while sum(kills.values()) < KILLS:
        number += 1
        root = tmp_path / f"crash-{number}.kg"
        reader.root = root
        finished = False
        while not finished:
            # Each step is the victim as often as any other, at any moment of it.
            left = KILLS - sum(kills.values())
            step = min(STEPS, key=lambda s: (kills.get(s, 0), chance.random())) if left else ""
            finished = _attempt(root, step, durations, chance, kills)
            findings = verify(Directory(root)) if (root / "kb.json").exists() else []
            assert not [f for f in findings if f.severity != "info"], (step, findings)
        assert content(Directory(root)) == expected
        reader.has_seen(root)
    reader.stop.set()
    reader.join()
    assert not reader.failures
    assert set(kills) == set(STEPS)
    assert len(reader.generations) > number


def _attempt(
    root: Path,
    victim: str,
    durations: dict[str, float],
    chance: random.Random,
    kills: dict[str, int],
) -> bool:
    """Run until it is killed in the step `victim`; True if it came to its end."""
    with steps(root) as (process, names):
        for name in names:
            if name == victim:
                time.sleep(chance.uniform(0, durations[name]))
                if process.poll() is None:
                    process.kill()
                    kills[name] = kills.get(name, 0) + 1
                    return False
        return process.wait() == 0


def test_the_vectors_follow_the_graph(tmp_path: Path) -> None:
    """Both projections come into being with one commit."""
    undisturbed(tmp_path / "calm.kg")
    manifest = Directory(tmp_path / "calm.kg").manifest()
    assert manifest.graph is not None and manifest.vectors is not None
    with open_graph(Directory(tmp_path / "calm.kg")) as graph:
        assert graph.counts().nodes["Intention"] == manifest.vectors.count
