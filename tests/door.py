"""What tests of the command line share: running it, and looking at a knowledge base from outside.

Nothing here uses IntentKG's own code to look at the disk: files are read with pyarrow and json.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from intentkg import cli

ROOT = Path(__file__).resolve().parent.parent

type Result = subprocess.CompletedProcess[str]


def run(*words: str | Path, cwd: Path | None = None, **env: str) -> Result:
    """Run the command line as a person would: another process, its own streams."""
    return subprocess.run(
        [sys.executable, "-m", "intentkg", *map(str, words)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd or ROOT,
        env={**os.environ, **env},
        check=False,
    )


def call(*words: str | Path) -> Result:
    """Run the command line inside this process, where a process of its own would take too long."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.run([str(word) for word in words])
    return subprocess.CompletedProcess(list(words), code, out.getvalue(), err.getvalue())


def answer(*words: str | Path, code: int = 0) -> Any:
    """Run a command with ``--json`` in a process of its own and parse what it says."""
    return parse(run(*words, "--json"), code)


def quick(*words: str | Path, code: int = 0) -> Any:
    """As `answer`, but inside this process."""
    return parse(call(*words, "--json"), code)


def parse(result: Result, code: int = 0) -> Any:
    """The one JSON object on stdout of a command that ended with `code`."""
    assert result.returncode == code, (result.stdout, result.stderr)
    assert "Traceback" not in result.stderr
    return json.loads(result.stdout)


def write_json_lines(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """Write one JSON object a line; returns the path."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    return path


def manifest(kb: Path) -> dict[str, Any]:
    """``kb.json`` as it stands."""
    found: dict[str, Any] = json.loads((kb / "kb.json").read_text(encoding="utf-8"))
    return found


def rejected(kb: Path) -> list[dict[str, Any]]:
    """Every row of ``rejected.parquet``."""
    path = kb / "rejected.parquet"
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist() if path.exists() else []
    return rows


def committed(kb: Path) -> dict[str, Any]:
    """Everything that a failed command must leave alone: the manifest, and each file's bytes.

    The list of refused rows is left out, for it grows; so is the lock.
    """
    loose = {"rejected.parquet", ".lock"}
    files = {
        path.relative_to(kb).as_posix(): path.read_bytes()
        for path in sorted(kb.rglob("*"))
        if path.is_file() and path.name not in loose
    }
    return {"manifest": manifest(kb), "files": files}


def check_tidy(kb: Path) -> None:
    """Nothing half-written lies about: every file is named by the manifest or by an image's row."""
    now = manifest(kb)
    named = {"kb.json", "rejected.parquet", ".lock"}
    named |= {part["file"] for parts in now["tables"].values() for part in parts}
    images = {
        image
        for part in now["tables"].get("images", ())
        for image in pq.read_table(kb / part["file"], columns=["id"])["id"].to_pylist()
    }
    named |= {f"records/blobs/{image[:2]}/{image}" for image in images}
    if now["graph"]:
        named.add(now["graph"]["file"])
    vectors = now["vectors"]["directory"] + "/" if now["vectors"] else None
    found = {path.relative_to(kb).as_posix() for path in kb.rglob("*") if path.is_file()}
    stray = {name for name in found - named if vectors is None or not name.startswith(vectors)}
    assert not stray, stray
    assert not (kb / ".staging").exists()


def small_kb(folder: Path) -> Path:
    """A knowledge base in which there is a little of everything; not built."""
    posts = [{"id": f"p{n}", "text": f"the weather of day {n}"} for n in range(3)]
    products = [{"id": f"B{n}", "title": f"umbrella {n}", "brand": "Acme"} for n in range(3)]
    intentions = [
        {"a": "B0", "b": "B1", "relation": "UsedFor", "text": "staying dry", "typicality": 0.9},
        {"post": "p0", "relation": "xIntent", "text": "to warn friends", "post_source": "posts"},
        {"post": "p1", "relation": "xNeed", "text": "to look outside", "post_source": "posts"},
    ]
    kb = folder / "my.kg"
    quick("ingest", kb, "-f", "posts", write_json_lines(folder / "posts.jsonl", posts))
    quick("ingest", kb, "-f", "products", write_json_lines(folder / "products.jsonl", products))
    (folder / "pairs.csv").write_text("a,b,support\nB0,B1,4\n", encoding="utf-8")
    quick("ingest", kb, "-f", "cobuys", folder / "pairs.csv")
    quick("import", kb, "-f", "intentions", write_json_lines(folder / "i.jsonl", intentions))
    assert rejected(kb) == []
    return kb
