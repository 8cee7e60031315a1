"""One turn of one candidate of :mod:`benchmarks.performance.neo4j_load`, in a fresh process.

python -m benchmarks.performance.neo4j_turns --one push URI KB
python -m benchmarks.performance.neo4j_turns --one export KB FOLDER
python -m benchmarks.performance.neo4j_turns --one ready URI KB
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from benchmarks.performance import recombine
from benchmarks.performance.loaders import LOADERS, size_of
from benchmarks.performance.neo4j_place import Place, import_offline, place
from benchmarks.performance.peers import command, environment
from benchmarks.performance.workload import fresh, load, peak_mb
from kg.directory import Directory
from kg.truth import Transaction
from schema.errors import IntentKGError

PATIENCE = 540  # seconds that a turn may take


def take_turn(
    name: str,
    directory: Directory,
    folder: Path,
    here: Place,
    expected: tuple[int, int],
    *,
    again: bool,
) -> dict[str, Any]:
    """Empty the database, and let one candidate fill it in a process of its own.

    Parameters
    ----------
    name
        ``push``, or one of :data:`benchmarks.performance.loaders.LOADERS`.
    directory, folder
        What is written: as a knowledge base, and as rows for the tools.
    expected
        How many nodes and edges that makes.
    again
        Whether the tools write twice.

    Returns
    -------
    dict
        ``rate`` in rows/s, seconds, memory, the machine's ``load`` before; or an ``error``.
    """
    here.wipe()
    before = load()
    try:
        if name == "push":
            found = fresh(__spec__.name, "push", here.uri, str(directory.root.absolute()))
        else:
            found = run_tool(name, folder, here, passes=2 if again else 1)
    except (IntentKGError, subprocess.SubprocessError, ValueError) as error:
        said = getattr(error, "stderr", None) or str(error)
        return {"error": " ".join(said.split())[-300:]}
    there = here.count()
    if name == "push":
        added = found.pop("nodes"), found.pop("edges")
        there = expected if there == added else there
    doubled = name == "graphrag" and again  # it knows of nothing that it has written before
    if there != expected and not doubled:
        return {"error": f"{there} nodes and edges are there instead of {expected}"}
    return {"rate": round(sum(expected) / found["seconds"]), **found, "load": before}


def run_tool(name: str, folder: Path, here: Place, *, passes: int) -> dict[str, Any]:
    """Let a tool write the rows in a folder, once or more, without emptying the database before.

    Raises
    ------
    subprocess.SubprocessError
        If it fails, or takes too long.
    """
    words = command(LOADERS[name], here.work / "peers")
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [*words, here.uri, str(folder), str(passes)],
            env=environment(Path(home)),
            cwd=home,
            capture_output=True,
            check=True,
            text=True,
            encoding="utf-8",
            timeout=PATIENCE,
        )
    printed = json.loads(done.stdout.splitlines()[-1])
    seconds = [round(one, 3) for one in printed["seconds"]]
    return {
        "seconds": seconds[0],
        **({"second": seconds[1]} if passes > 1 else {}),
        "prepare": round(printed["prepare"], 3),
        "peak_mb": round(printed["peak_mb"]),
    }


def pushed(uri: str, source: Path) -> dict[str, Any]:
    """Push a knowledge base, push it again, and push 1 % more, in this process.

    Returns
    -------
    dict
        ``seconds``, ``second`` and ``added``; ``steps`` of the first; ``nodes`` and ``edges`` that
        the truth has in the end.
    """
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        directory = Directory(Path(folder) / "copy.kg")
        shutil.copytree(source, directory.root)
        first, steps = _push(uri, directory, "written")
        peak = round(peak_mb())
        second, _ = _push(uri, directory, "current")
        rows = sum(part.rows for part in directory.manifest().parts("assertions"))
        with Transaction(directory, "benchmark") as transaction:
            # Of a hundred assertions some fifteen have evidence twice.
            for item in recombine.rows(max(1, rows // 115), seed=1, first=50_000_000):
                transaction.add(item)
            transaction.commit()
        added, _ = _push(uri, directory, "updated")
        nodes, edges = size_of(directory)
    times = {"seconds": first, "second": second, "added": added, "peak_mb": peak}
    return {**times, "steps": steps, "nodes": nodes, "edges": edges}


def _push(uri: str, directory: Directory, expected: str) -> tuple[float, dict[str, float]]:
    import neo4j  # noqa: F401  (before the clock starts, as the tools' packages are)

    from kg.neo4j.address import Address
    from kg.neo4j.push import push

    began = time.perf_counter()
    report = push(directory, Address(uri), vectors=False)
    seconds = time.perf_counter() - began
    if report.graph != expected:
        raise RuntimeError(f"the push was {report.graph!r}, not {expected!r}")
    return round(seconds, 3), {step: round(took, 3) for step, took in report.seconds.items()}


def imported(size: int, work: Path) -> dict[str, Any]:
    """Export, import offline, start a server on it, push.

    Returns
    -------
    dict
        Seconds of ``export`` and ``import``, each with the start of its process; of ``ready``, the
        push that makes constraints and indexes; ``rate`` of the first two together.
    """
    source = recombine.knowledge_base(work / f"recombined-{size}.kg", size).root
    before = load()
    with tempfile.TemporaryDirectory(dir=work) as folder:
        out, home = Path(folder) / "csv", Path(folder) / "home"
        began = time.perf_counter()
        report = fresh(__spec__.name, "export", str(source), str(out))
        exported = time.perf_counter() - began
        began = time.perf_counter()
        import_offline(report["command"], out, home)
        seconds = time.perf_counter() - began
        with place(work, home) as here:
            ready = fresh(__spec__.name, "ready", here.uri, str(source))["seconds"]
            there = here.count()
    if there != (report["nodes"], report["edges"]):
        return {"error": f"{there} nodes and edges are there"}
    return {
        "rate": round(sum(there) / (exported + seconds)),
        "export": round(exported, 2),
        "import": round(seconds, 2),
        "ready": ready,
        "megabytes": round(report["bytes"] / 1e6, 1),
        "load": before,
    }


@click.command()
@click.option("--one", nargs=3, required=True)
def main(one: tuple[str, str, str]) -> None:
    """Do one step, and print what it took."""
    what, first, second = one
    if what == "export":
        from kg.exports.registry import export

        found = export(Directory(first), Path(second), format="neo4j-admin").to_dict()
    elif what == "push":
        found = pushed(first, Path(second))
    else:
        found = {"seconds": _push(first, Directory(second), "current")[0]}
    click.echo(json.dumps(found))


if __name__ == "__main__":
    main()
