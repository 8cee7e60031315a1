"""Rows that cannot be used, through the real command line.

Such a row is listed in ``rejected.parquet`` with its file, line, reason and fix, and the rows
around it are stored. What was stored before stays as it was.
"""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from door import (
    call,
    check_tidy,
    committed,
    manifest,
    quick,
    rejected,
    run,
    small_kb,
    write_json_lines,
)

MB = 1024 * 1024


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small knowledge base, which no test may change."""
    return small_kb(tmp_path_factory.mktemp("stored"))


@pytest.fixture
def kb(stored: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stored, tmp_path / "my.kg"))


# Rows that are refused ------------------------------------------------------------------------


@dataclass(frozen=True)
class BadRow:
    """A file with one bad row between two good ones."""

    verb: str
    format: str
    lines: tuple[bytes, ...]
    table: str
    row: int
    reason: str
    fix: str
    added: int = 2

    def write(self, stem: Path) -> Path:
        path = stem.with_suffix(".jsonl" if self.lines[0].startswith(b"{") else ".csv")
        path.write_bytes(b"\n".join(self.lines) + b"\n")
        return path


def in_csv(table: str, header: bytes, first: bytes, bad: bytes, last: bytes, **said: Any) -> BadRow:
    return BadRow("ingest", table, (header, first, bad, last), table, row=3, **said)


def post_row(bad: bytes, **said: str) -> BadRow:
    return in_csv("posts", b"id,text", b"n1,sunny at last", bad, b"n3,rain again", **said)


def post_json(bad: bytes, **said: str) -> BadRow:
    first, last = b'{"id": "n1", "text": "sunny"}', b'{"id": "n3", "text": "rain"}'
    return BadRow("ingest", "posts", (first, bad, last), "posts", row=2, **said)


def product_row(bad: bytes, **said: str) -> BadRow:
    header = b"id,title,price,brand"
    return in_csv("products", header, b"N1,tent,9.5,Acme", bad, b"N3,rope,,", **said)


def pair_row(bad: bytes, **said: str) -> BadRow:
    header = b"a,b,support,npmi"
    return in_csv("cobuys", header, b"B0,B2,3,0.5", bad, b"B1,B2,1,", **said)


def intention(bad: dict[str, Any], **said: str) -> BadRow:
    good = [{"a": "B1", "b": "B0", "relation": r, "text": "walks"} for r in ("UsedFor", "Can")]
    rows = (good[0], {"a": "B0", "b": "B1", "relation": "UsedFor", "text": "dry"} | bad, good[1])
    lines = tuple(json.dumps(row).encode() for row in rows)
    return BadRow("import", "intentions", lines, "assertions", row=2, **said)


BAD_ROWS = {
    "too few cells": post_row(b"n2", reason="1 cells where the header has 2", fix="2 cells"),
    "too many cells": post_row(b"n2,wind, and hail", reason="3 cells", fix="in quotes"),
    "bytes that are not UTF-8": post_row(
        b"n2,caf\xe9", reason="not UTF-8: byte 0xe9 at byte offset 31", fix="iconv"
    ),
    "a NUL byte": post_row(b"n2,wi\0nd", reason="a NUL byte at byte offset 30", fix="tr -d"),
    "a line of 50 MB": post_row(
        b"n2," + b"x" * (50 * MB), reason="the line is 52,428,803 bytes long", fix="split it"
    ),
    "a quote that is never closed": BadRow(
        "ingest",
        "posts",
        (b"id,text", *(b'q%d,"sun, and rain"' % n for n in range(20)), b'n2,"wind', b"n3,rain"),
        "posts",
        row=22,
        reason="a quote is opened and never closed",
        fix="close it",
        added=21,
    ),
    "JSON cut off": post_json(b'{"id": "n2", "te', reason="not JSON", fix="one JSON object"),
    "JSON that is no object": post_json(b'["n2", "x"]', reason="not a JSON object", fix="{...}"),
    "JSON with bytes that are not UTF-8": post_json(
        b'{"id": "n2", "text": "caf\xe9"}', reason="not UTF-8", fix="iconv"
    ),
    "JSON with a NUL byte": post_json(
        b'{"id": "n2", "text": "a\0b"}', reason="a NUL byte", fix="tr -d"
    ),
    "JSON with an escaped NUL": post_json(
        b'{"id": "n2", "text": "a\\u0000b"}', reason="NUL", fix="U+0000"
    ),
    "JSON with half a surrogate pair": post_json(
        b'{"id": "n2", "text": "a\\ud83d"}', reason="JSON", fix="JSON"
    ),
    "a line of JSON of 50 MB": post_json(
        b'{"id": "n2", "text": "' + b"x" * (50 * MB) + b'"}',
        reason="bytes long; at most 16,777,216",
        fix="split it",
    ),
    "JSON nested a million deep": post_json(
        b'{"id": "n2", "text": "x", "deep": ' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}",
        reason="JSON",
        fix="JSON",
    ),
    "a post without an id": post_json(b'{"text": "x"}', reason="missing", fix="id"),
    "a post without a text": post_row(b"n2,", reason="text is missing", fix="text"),
    "a text of spaces": post_json(
        b'{"id": "n2", "text": " \\t\\u3000 "}', reason="only white space", fix="letter"
    ),
    "a text of emoji": post_row(
        "n2,\U0001f600 \U0001f44d\U0001f3fd ❤️".encode(),
        reason="only symbols or emoji",
        fix="letter",
    ),
    "a title of spaces": product_row(b"N2,   ,1,", reason="only white space", fix="title"),
    "a title of emoji": product_row(
        "N2,☔☔ 1️⃣,1,".encode(), reason="only symbols or emoji", fix="title"
    ),
    "a product without a title": product_row(b"N2,,1,", reason="title is missing", fix="title"),
    "a price that is none": product_row(b"N2,hat,cheap,", reason="'cheap'", fix="number"),
    "a post of which another text is stored": post_row(
        b"p1,the weather was another", reason="is known with other content: text", fix="--update"
    ),
    "a product of which another brand is stored": product_row(
        b"B1,umbrella 1,,Bolt", reason="brand was 'Acme', here 'Bolt'", fix="--update"
    ),
    "one id twice in the file, with other content": post_row(
        b"n1,cloudy", reason="is known with other content", fix="--update"
    ),
    "a pair of one product": pair_row(b"B1,B1,2,", reason="B1", fix="two"),
    "a support that is none": pair_row(b"B0,B9,many,", reason="'many'", fix="number"),
    "a support below one": pair_row(b"B0,B9,-2,", reason="support -2", fix="from 1 up"),
    "an association of 7": pair_row(b"B0,B9,2,7", reason="npmi 7 is outside", fix="npmi"),
    "an unknown relation": intention(
        {"relation": "usedfr"}, reason="unknown relation 'usedfr'", fix="'UsedFor'"
    ),
    "a relation of the other family": intention(
        {"relation": "xIntent"}, reason="xIntent", fix="known relations: Effect"
    ),
    "a typicality of 7": intention(
        {"typicality": 7}, reason="typicality 7 is outside [0, 1]", fix="scale typicality"
    ),
    "a plausibility below 0": intention(
        {"plausibility": -0.1}, reason="plausibility -0.1", fix="scale plausibility"
    ),
    "a score in words": intention({"typicality": "high"}, reason="'high'", fix="number"),
    "a verdict that is none": intention({"accepted": "maybe"}, reason="'maybe'", fix="true"),
    "an intention of spaces": intention({"text": "  "}, reason="white space", fix="words"),
    "an intention of emoji": intention({"text": "\U0001f600"}, reason="emoji", fix="words"),
    "an unknown co-buy": intention({"a": "B0", "b": "B2"}, reason="not known", fix="first"),
    "an unknown post": intention(
        {"a": None, "b": None, "post": "no such", "post_source": "posts", "relation": "xWant"},
        reason="posts:no such",
        fix="ingest the posts first",
    ),
    "a head that is two": intention({"post": "p0"}, reason="2 types", fix="row of its own"),
    "a source that is no name": intention({"source": "A b!"}, reason="A b!", fix="lower-case"),
}


@pytest.mark.parametrize("what", BAD_ROWS)
def test_a_bad_row_is_listed_and_the_rows_around_it_are_stored(what: str, kb: Path) -> None:
    case = BAD_ROWS[what]
    path = case.write(kb.parent / "x")
    before, old = quick("status", kb)["counts"], committed(kb)["files"]

    result = call(case.verb, kb, "--format", case.format, path)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert f"row {case.row}: " in result.stdout
    assert "refused: 1 row or image, listed in" in result.stdout

    [row] = rejected(kb)
    assert (row["file"], row["row"]) == (str(path), case.row)
    assert case.reason in row["reason"]
    assert case.fix in row["fix"]
    assert len(row["excerpt"] or "") <= 1_000

    after = quick("status", kb)["counts"]
    noun = "evidence" if case.table == "assertions" else case.table
    assert after[noun] == before[noun] + case.added
    assert after["rejected"] == 1
    now = committed(kb)["files"]
    kept = {name: data for name, data in old.items() if name.endswith(".parquet")}
    assert all(now[name] == data for name, data in kept.items()), "a stored part was touched"
    check_tidy(kb)

    # The same file once more changes nothing and lists nothing twice.
    revision = manifest(kb)
    [report] = quick(case.verb, kb, "-f", case.format, path)["files"]
    assert report["rejected"] == 1
    assert report["rejections"][0]["row"] == case.row
    assert all(t["added"] == t["changed"] == 0 for t in report["tables"].values())
    assert manifest(kb) == revision
    assert rejected(kb) == [row]
    assert quick("status", kb)["counts"] == after
    assert quick("verify", kb)["ok"]


@pytest.mark.parametrize("name", ["posts", "products", "cobuys", "intentions"])
def test_all_of_a_format_in_a_process_of_its_own(name: str, kb: Path) -> None:
    """As a person runs it: one command, a file for each bad row."""
    verb = "import" if name == "intentions" else "ingest"
    cases = {what: case for what, case in BAD_ROWS.items() if case.format == name}
    paths = [case.write(kb.parent / f"{n}") for n, case in enumerate(cases.values())]
    result = run(verb, kb, "-f", name, *paths)
    assert result.returncode == 0
    assert result.stderr == ""
    listed: dict[str, dict[int, Any]] = defaultdict(dict)
    for row in rejected(kb):
        listed[row["file"]][row["row"]] = row
    for path, (what, case) in zip(paths, cases.items(), strict=True):
        row = listed[str(path)][case.row]
        assert case.reason in row["reason"] and case.fix in row["fix"], what
        assert row["reason"] in result.stdout, what
    check_tidy(kb)
    assert quick("verify", kb)["ok"]


def test_a_differing_row_replaces_the_stored_one_when_asked(kb: Path) -> None:
    path = write_json_lines(kb.parent / "x.jsonl", [{"id": "p1", "text": "another day"}])
    [report] = quick("ingest", kb, "-f", "posts", path, code=1)["files"]
    assert report["tables"]["posts"] == {"added": 0, "changed": 0, "unchanged": 0}
    assert report["rejected"] == 1
    assert "--update" in report["rejections"][0]["fix"]
    [report] = quick("ingest", kb, "-f", "posts", path, "--update")["files"]
    assert (report["tables"]["posts"]["changed"], report["rejected"]) == (1, 0)
    assert quick("status", kb)["counts"]["posts"] == 3
    assert quick("verify", kb)["ok"]


def test_a_file_of_few_but_bad_rows_stores_nothing_and_lists_each(kb: Path) -> None:
    path = kb.parent / "x.csv"
    path.write_text("id,text\n" + "".join(f"n{i}\n" for i in range(500)), encoding="utf-8")
    before = committed(kb)
    result = call("ingest", kb, "-f", "posts", path)
    assert result.returncode == 1
    assert "refused: 500 rows or images" in result.stdout
    assert "row 4: " in result.stdout and "and 497 more" in result.stdout
    assert "nothing went in: all 500 rows were refused" in result.stderr
    assert quick("ingest", kb, "-f", "posts", path, code=1)["error"]["fix"]
    assert committed(kb) == before
    assert [row["row"] for row in rejected(kb)] == list(range(2, 502))
    call("ingest", kb, "-f", "posts", path)
    assert len(rejected(kb)) == 500


def test_one_row_that_goes_in_or_is_known_is_enough(kb: Path) -> None:
    bad, good = kb.parent / "bad.csv", kb.parent / "good.csv"
    bad.write_text("id,text\nn1\n", encoding="utf-8")
    good.write_text("id,text\nn2,fine\n", encoding="utf-8")
    result = call("ingest", kb, "-f", "posts", bad, good)
    assert result.returncode == 0 and f"next: intentkg build {kb}" in result.stdout
    result = call("ingest", kb, "-f", "posts", bad, good)
    assert result.returncode == 0 and "next:" not in result.stdout
    assert call("ingest", kb, "-f", "posts", bad).returncode == 1


def test_a_header_alone_is_no_rows(kb: Path) -> None:
    path = kb.parent / "x.csv"
    path.write_text("id,text\n", encoding="utf-8")
    result = call("ingest", kb, path)
    assert result.returncode == 0 and "0 rows" in result.stdout


def test_a_file_of_many_but_bad_rows_fails_whole(kb: Path) -> None:
    """Listing each of a million rows would help nobody: the format is wrong."""
    path = kb.parent / "x.csv"
    path.write_text("id,text\n" + "".join(f"n{i}\n" for i in range(3_000)), encoding="utf-8")
    before = committed(kb)
    result = call("ingest", kb, "-f", "posts", path)
    assert result.returncode == 1
    assert "row 2: none of the first 1,000 rows can be used" in result.stderr
    assert "1 cells where the header has 2" in result.stderr
    assert "another --format" in result.stderr
    assert committed(kb) == before
    check_tidy(kb)
    assert [row["row"] for row in rejected(kb)] == [2]
