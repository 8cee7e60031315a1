"""Ten times the file needs (nearly) no more memory.

Each command runs in a process of its own, which tells the peak of its resident memory at its end.
A tiny file takes what the libraries take; above that the commit is granted 256 MB, of which a
larger file uses more until it has all, and then no file uses more.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from door import ROOT, check_tidy, quick, write_json_lines

from ingest import reading
from kg.directory import Directory
from kg.truth import Transaction

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path("/proc/self/status").exists(), reason="the peak is read from /proc"
    ),
]

MB = 1024 * 1024
GRANTED = 256 * MB

WORDS = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in ("", "n", "r", "st")]

# The door, and then the peak. Not ru_maxrss: a child takes that over from its parent.
MEASURED = """
import sys
from intentkg.cli import run
code = run(sys.argv[1:])
status = open("/proc/self/status", encoding="utf-8").read()
print(status.partition("VmHWM:")[2].split()[0], file=sys.stderr)
sys.exit(code)
"""


def peak(*words: str | Path) -> int:
    """Run the command line and return its peak of resident memory, in bytes."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, words)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stderr.split()[-1]) * 1024


def sentences(seed: int) -> Iterator[str]:
    """Different sentences without end, of some 500 characters."""
    dice = random.Random(seed)
    while True:
        yield " ".join(dice.choices(WORDS, k=120))


def write(path: Path, size: int, line: Callable[[int, str], str]) -> int:
    """Write lines until the file has a size; returns how many."""
    number = 0
    with path.open("w", encoding="utf-8") as file:
        for number, sentence in enumerate(sentences(7), 1):
            file.write(line(number, sentence) + "\n")
            if file.tell() >= size:
                break
    return number


def post(number: int, sentence: str) -> str:
    return json.dumps({"id": number, "text": sentence})


def intention(number: int, sentence: str) -> str:
    row = {"post": number, "post_source": "x", "post_text": sentence, "relation": "xWant"}
    return json.dumps(row | {"text": f"intention {number}"})


@pytest.mark.parametrize(
    ("verb", "name", "line", "counted"),
    [
        ("ingest", "posts", post, "posts"),
        ("import", "intentions", intention, "assertions"),
    ],
)
def test_a_file_of_any_size_needs_no_more_than_is_granted(
    verb: str, name: str, line: Callable[[int, str], str], counted: str, tmp_path: Path
) -> None:
    peaks = []
    for size in (MB // 64, 8 * MB, 80 * MB):
        path = tmp_path / f"{size}.txt"
        rows = write(path, size, line)
        kb = tmp_path / f"{size}.kg"
        peaks.append(peak(verb, kb, "--format", name, path))
        assert quick("status", kb)["counts"][counted] == rows
        path.unlink()
    tiny, small, large = peaks
    shown = [f"{p // MB} MB" for p in peaks]
    assert small < tiny + 160 * MB, shown
    assert large < tiny + GRANTED + 96 * MB, shown


def test_a_packed_line_without_end_is_not_held(tmp_path: Path) -> None:
    """Half a gigabyte of one line in half a megabyte: it is refused without being held."""
    import pyarrow as pa

    kb, path = tmp_path / "my.kg", tmp_path / "bomb.jsonl.gz"
    with pa.CompressedOutputStream(str(path), "gzip") as out:
        out.write(b'{"id": "1", "text": "fine"}\n{"id": "2", "text": "')
        for _ in range(512):
            out.write(b"x" * MB)
        out.write(b'"}\n{"id": "3", "text": "fine"}\n')
    assert path.stat().st_size < 4 * MB
    tiny = peak(
        "ingest",
        tmp_path / "x.kg",
        "-f",
        "posts",
        write_json_lines(tmp_path / "x.jsonl", [{"id": "1", "text": "fine"}]),
    )
    assert peak("ingest", kb, "-f", "posts", path) < tiny + 100 * MB
    counts = quick("status", kb)["counts"]
    assert (counts["posts"], counts["rejected"]) == (2, 1)


def test_a_commit_that_its_memory_does_not_do_for_is_done_with_more(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    rows = write(path, 60 * MB, post)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"id": 1, "text": "another text"}) + "\n")
    directory = Directory.create(tmp_path / "my.kg")
    with Transaction(directory, "ingest", memory="24MB") as transaction:
        for item in reading.read(path, "posts"):
            transaction.add(item)
        summary = transaction.commit()
    assert summary.tables["posts"].added == rows
    assert summary.rejected == len(summary.rejections) == 1
    check_tidy(directory.root)
    assert quick("verify", directory.root)["ok"]
