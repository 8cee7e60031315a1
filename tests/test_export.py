"""An export is whole or is not there, and says how its files are read."""

from __future__ import annotations

import csv
import gzip
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from door import answer, run

import intentkg
from kg.directory import Directory
from kg.exports.registry import export
from schema.errors import (
    DiskFullError,
    NotAKnowledgeBaseError,
    StoreError,
    UnknownFormatError,
    UsageError,
)
from tests.graph_samples import chunk, cobuy, commit, evidence, new_directory, post, product


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    directory = new_directory(tmp_path)
    commit(directory, **chunk(1))
    return directory


def read(path: Path) -> list[dict[str, str]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def words(command: str, name: str) -> list[str]:
    """Values of an option in a command."""
    found = (word.partition("=") for word in shlex.split(command))
    return [value for option, _, value in found if option == f"--{name}"]


def test_rows_headers_and_command(directory: Directory, tmp_path: Path) -> None:
    commit(
        directory,
        posts=[post("p", "two\nlines", created_at=None)],
        products=[product("X1", 'a "b", c', categories=["one;two", "three"], price=0.1)],
        assertions=[evidence("Product", "X1", "UsedFor", "light", model=None, accepted=False)],
    )
    out = tmp_path / "out"
    report = export(directory, out, format="neo4j-admin")
    assert {path.name for path in out.iterdir()} == {
        *report.rows,
        "IntentKG.csv",
        "import.sh",
        "schema.cypher",
    }
    for name, rows in report.rows.items():
        assert len(read(out / name)) == rows > 0
    assert sum(rows for name, rows in report.rows.items() if "-" in name) == report.edges
    assert sum(rows for name, rows in report.rows.items() if "-" not in name) == report.nodes
    (told,) = [row for row in read(out / "Product.csv") if row["id:ID(Product)"] == "X1"]
    assert told["title"] == 'a "b", c'
    assert told["categories:string[]"] == "one;two|three"  # which has no ";" to part them with
    assert told["price:double"] == "0.1"
    (edge,) = read(out / "Product-Intention.csv")
    assert (edge[":TYPE"], edge[":START_ID(Product)"]) == ("UsedFor", "X1")
    assert (edge["accepted:boolean"], edge["evidence:long"], edge["models:string[]"]) == (
        "false",
        "1",
        "",
    )
    assert words(report.command, "array-delimiter") == ["|"]
    assert words(report.command, "multiline-fields") == ["Post.csv"]
    assert "Post=Post.csv" in words(report.command, "nodes")
    assert "OF=CoBuy-OF-Product.csv" in words(report.command, "relationships")
    assert report.command in (out / "import.sh").read_text(encoding="utf-8")


def test_members_of_lists_are_parted_by_what_none_of_them_has(
    directory: Directory, tmp_path: Path
) -> None:
    commit(directory, products=[product("X1", categories=["a;b|c", "\ue000"])])
    report = export(directory, tmp_path / "out", format="neo4j-admin")
    assert words(report.command, "array-delimiter") == ["U+E001"]
    rows = read(tmp_path / "out" / "Product.csv")
    assert "a;b|c\ue001\ue000" in {row["categories:string[]"] for row in rows}


def test_files_that_would_be_empty_are_left_out(tmp_path: Path) -> None:
    directory = new_directory(tmp_path)
    commit(directory, products=[product("A"), product("B")], cobuys=[cobuy("A", "B")])
    report = export(directory, tmp_path / "out", format="neo4j-admin")
    assert report.rows == {
        "Product.csv": 2,
        "CoBuy.csv": 1,
        "CoBuy-OF-Product.csv": 2,
        "Product-CO_BUY-Product.csv": 1,
    }


def test_prefix_database_and_gzip(directory: Directory, tmp_path: Path) -> None:
    plain = export(directory, tmp_path / "plain", format="neo4j-admin")
    packed = export(
        directory, tmp_path / "gz", format="neo4j-admin", prefix="ikg", database="shop", gzip=True
    )
    assert shlex.split(packed.command)[4] == "shop"
    assert "ikg_Post=Post.csv.gz" in words(packed.command, "nodes")
    assert packed.bytes < plain.bytes
    for name in plain.rows:
        there = read(tmp_path / "gz" / f"{name}.gz")
        assert {row["intentkg"] for row in there} == {"ikg"}
        here = read(tmp_path / "plain" / name)
        assert sorted(map(repr, here)) == [
            text.replace("'ikg'", "'IntentKG'") for text in sorted(map(repr, there))
        ]
    script = (tmp_path / "gz" / "schema.cypher").read_text(encoding="utf-8")
    assert "`ikg_Post`" in script and "`Post`" not in script


def test_a_folder_with_something_in_it_is_left_alone(directory: Directory, tmp_path: Path) -> None:
    full, empty, file = tmp_path / "full", tmp_path / "empty", tmp_path / "file"
    full.mkdir()
    (full / "mine").touch()
    empty.mkdir()
    file.touch()
    for taken in (full, file):
        with pytest.raises(UsageError, match="is there already"):
            export(directory, taken, format="neo4j-admin")
    assert [path.name for path in full.iterdir()] == ["mine"]
    assert export(directory, empty, format="neo4j-admin").folder == empty
    assert any(empty.iterdir())


@pytest.mark.parametrize(
    ("error", "options"),
    [
        (UnknownFormatError, {"format": "neo4j"}),
        (UsageError, {"format": "neo4j-admin", "colour": "red"}),
        (UsageError, {"format": "neo4j-admin", "prefix": "a b"}),
        (UsageError, {"format": "neo4j-admin", "database": "--help"}),
    ],
)
def test_wrong_use_leaves_nothing(
    directory: Directory, tmp_path: Path, error: type[Exception], options: dict[str, Any]
) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(error) as caught:
        export(directory, tmp_path / "out", **options)
    assert caught.value.fix  # type: ignore[attr-defined]
    assert sorted(tmp_path.iterdir()) == before


def test_nothing_to_export(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is empty"):
        export(new_directory(tmp_path), tmp_path / "out", format="neo4j-admin")
    with pytest.raises(NotAKnowledgeBaseError):
        export(Directory(tmp_path / "nothing"), tmp_path / "out", format="neo4j-admin")


def test_ctrl_c_leaves_nothing(directory: Directory, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())

    def stop(stage: str, done: int, total: int | None) -> None:
        if stage == "export: CoBuy-Intention":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(directory, tmp_path / "out", format="neo4j-admin", progress=stop)
    assert sorted(tmp_path.iterdir()) == before


def test_a_full_disk_leaves_nothing(directory: Directory, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a file system here")
    try:
        commit(directory, posts=[post("long", "x" * 200_000)])
        with pytest.raises(DiskFullError) as caught:
            export(directory, disk / "out", format="neo4j-admin")
        assert caught.value.fix
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_the_command_and_python(directory: Directory, tmp_path: Path) -> None:
    found = answer("export", directory.root, tmp_path / "a", "--to", "neo4j-admin", "--gzip")
    with intentkg.open(directory.root) as kb:
        report = kb.export(tmp_path / "b", to="neo4j-admin", gzip=True)
    assert found["folder"] == str(tmp_path / "a") and found["bytes"] > 0 and found["notes"]
    same = ("format", "rows", "nodes", "edges", "command")
    assert [found[key] for key in same] == [report.to_dict()[key] for key in same]
    shown = run("export", directory.root, tmp_path / "c", "--to", "neo4j-admin")
    assert shown.returncode == 0
    admin = tmp_path / "neo4j-admin"
    admin.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n", encoding="utf-8")
    admin.chmod(0o755)
    # What is shown in several lines is the same command to a shell.
    given = export(directory, tmp_path / "d", format="neo4j-admin").command
    for command in (shown.stdout.partition("read them with:")[2], f"cd {tmp_path}\n{given}"):
        script = f"PATH={tmp_path}:$PATH\n{command}"
        done = subprocess.run(["sh", "-ec", script], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines() == shlex.split(given)[1:]
    again = run("export", directory.root, tmp_path / "c", "--to", "neo4j-admin")
    assert (again.returncode, again.stdout) == (2, "") and "is there already" in again.stderr
