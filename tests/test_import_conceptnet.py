"""Import of ConceptNet's assertions."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from import_world import take

from ingest import reading
from schema.errors import InputError, UsageError

JSON = '{"dataset": "/d/conceptnet/4/en", "license": "cc:by/4.0", "weight": 4.472}'


def row(relation: str, start: str, end: str, json: str = JSON) -> str:
    return f"/a/[{relation}/,{start}/,{end}/]\t{relation}\t{start}\t{end}\t{json}\n"


ROWS = [
    row("/r/UsedFor", "/c/en/umbrella/n", "/c/en/keep_dry"),
    row("/r/UsedFor", "/c/en/umbrella/n", "/c/en/walk_in_the_rain/v/wn/motion"),
    row("/r/CausesDesire", "/c/en/caf%C3%A9", "/c/en/drink_coffee"),
    row("/r/DerivedFrom", "/c/en/umbrellas", "/c/en/umbrella"),
    row("/r/Antonym", "/c/en/wet", "/c/en/dry"),
    row("/r/dbpedia/genre", "/c/en/wet", "/c/en/dry"),
    row("/r/UsedFor", "/c/fr/parapluie", "/c/fr/pluie"),
    row("/r/Synonym", "/c/en/umbrella", "/c/fr/parapluie"),
]


def write(path: Path, *rows: str) -> Path:
    opened = gzip.open if path.name.endswith(".gz") else open
    with opened(path, "wt", encoding="utf-8", newline="") as file:
        file.writelines(rows)
    return path


def test_starts_become_products_and_ends_intentions(tmp_path):
    path = write(tmp_path / "conceptnet-assertions.csv.gz", *ROWS)
    assert reading.detect(path).name == "conceptnet"
    out = take(path)
    assert {(p["id"], p["title"]) for p in out.products} == {
        ("conceptnet:/c/en/umbrella/n", "umbrella"),
        ("conceptnet:/c/en/caf%C3%A9", "café"),
        ("conceptnet:/c/en/umbrellas", "umbrellas"),
    }
    assert out.triples() == [
        ("UsedFor", "keep dry"),
        ("UsedFor", "walk in the rain"),
        ("CauseDesire", "drink coffee"),
        ("DeriveFrom", "umbrella"),
    ]
    first = out.assertions[0]
    assert (first["head_type"], first["head_id"]) == ("Product", "conceptnet:/c/en/umbrella/n")
    assert first["request"] == "/a/[/r/UsedFor/,/c/en/umbrella/n/,/c/en/keep_dry/]"
    # The weight is no probability: it becomes no score.
    assert first["plausibility"] is first["typicality"] is first["rationale"] is None
    assert first["model"] is None
    assert first["source"] == "conceptnet"
    assert out.notes == {
        "relation /r/Antonym is not in the vocabulary, left out": 1,
        "relation /r/dbpedia/genre is not in the vocabulary, left out": 1,
        "rows in other languages, left out": 2,
    }
    assert not out.rejections
    assert not out.cobuys


def test_another_language(tmp_path):
    out = take(write(tmp_path / "c.csv", *ROWS), language="FR")
    assert out.triples() == [("UsedFor", "pluie")]
    with pytest.raises(UsageError):
        take(tmp_path / "c.csv", "conceptnet", language="../en")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("/a/x\t/r/UsedFor\t/c/en/a\n", "3 cells where there should be 5"),
        (row("UsedFor", "/c/en/a", "/c/en/b"), "not a relation of ConceptNet"),
        (row("/r/Used For`", "/c/en/a", "/c/en/b"), "not a relation of ConceptNet"),
        (row("/r/UsedFor", "umbrella", "/c/en/b"), "'umbrella' is not a concept"),
        (row("/r/UsedFor", "/c/en/", "/c/en/b"), "'/c/en/' is not a concept"),
        (row("/r/UsedFor", "/c/en/!!", "/c/en/b"), "title is only symbols"),
        (row("/r/UsedFor", "/c/en/a%00", "/c/en/b"), "NUL"),
    ],
)
def test_a_row_that_cannot_stand_is_refused(tmp_path, bad, reason):
    out = take(write(tmp_path / "c.csv", ROWS[0], bad, ROWS[2]), "conceptnet")
    assert [r.row for r in out.rejections] == [2]
    assert reason in out.rejections[0].reason
    assert len(out.assertions) == 2


@pytest.mark.parametrize("text", ["", "\n", "start,relation,end\numbrella,UsedFor,rain\n"])
def test_a_file_in_another_layout_is_refused_as_a_whole(tmp_path, text):
    path = tmp_path / "c.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError):
        take(path, "conceptnet")


def test_names_of_relations_are_counted_in_bounded_number(tmp_path):
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = [f"/r/x{a}{b}" for a in letters for b in letters][:300]
    out = take(write(tmp_path / "c.csv", ROWS[0], *(row(n, "/c/en/a", "/c/en/b") for n in names)))
    assert len(out.notes) == 101
    assert sum(out.notes.values()) == 300
