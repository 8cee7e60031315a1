"""What commands print: tables that fit the screen, CSV for other tools, evidence line by line."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from door import ROOT, answer, call, quick, run

import intentkg
from intentkg import output
from queries.results import Table

PAIR = ("query", "why-bought-together", "-p", "a=SMP0001", "-p", "b=SMP0002")

SCORES = ["plausibility", "typicality", "accepted"]


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("output") / "demo.kg"
    assert call("demo", place).returncode == 0
    return place


def parsed(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def raw(*given: str | Path) -> bytes:
    done = subprocess.run(
        [sys.executable, "-m", "intentkg", *map(str, given)],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_narrow_screen_gets_no_folded_ids(kb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    query = [PAIR[0], kb, *PAIR[1:]]
    monkeypatch.setenv("COLUMNS", "80")
    narrow = call(*query)
    heading = next(line for line in narrow.stdout.splitlines() if line.strip())
    assert heading.split() == ["relation", "intention", *SCORES, "models"]
    assert "intention_id, assertion_id (ids: --json)" in narrow.stderr
    assert not re.search(r"\b(in|as)_", narrow.stdout)
    assert max(map(len, narrow.stdout.splitlines())) <= 80
    monkeypatch.setenv("COLUMNS", "400")
    wide = call(*query)
    assert wide.stderr == ""
    found = re.findall(r"as_[0-9a-f]{32}\b", wide.stdout)
    assert found == [row[-1] for row in quick(*query)["rows"]]


def test_a_table_of_ids_alone_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(["intention_id", "head_id"], [["in_" + "0" * 100, "co_1"]])
    assert "co_1" in capsys.readouterr().out


def test_keys_of_requests_can_be_copied(kb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    printed = call("requests", "list", kb, "--limit", "5").stdout
    keys = re.findall(r"\brq_[0-9a-f]+(?= )", printed)
    assert len(keys) == 5
    whole = [
        request["key"] for request in quick("requests", "list", kb, "--limit", "5")["requests"]
    ]
    assert [quick("requests", "show", kb, key)["key"] for key in keys] == whole


def test_csv_is_as_rfc_4180_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        ['say "hi"', "a,b", "two\nlines", " edge "],
        [None, True, ["x", 1, None], 0.1 + 0.2],
        ["=1+1", "@x", {"k": [1]}, "é雨"],
    ]
    output.emit_csv(["a", "b", "c", "d"], rows)
    text = capsys.readouterr().out
    assert text.count("\r\n") == 4 and text.endswith("\r\n")
    assert parsed(text) == [
        ["a", "b", "c", "d"],
        ['say "hi"', "a,b", "two\nlines", " edge "],
        ["", "true", "x; 1; ", "0.30000000000000004"],
        ["=1+1", "@x", '{"k":[1]}', "é雨"],
    ]


def test_each_reading_command_writes_csv_that_says_what_json_says(kb: Path) -> None:
    edges = answer("cobuy", kb, "SMP0001", "SMP0002")["edges"]
    header, *rows = parsed(raw("cobuy", kb, "SMP0001", "SMP0002", "--csv").decode("utf-8"))
    assert header == list(edges[0])
    assert [row[header.index("assertion_id")] for row in rows] == [e["assertion_id"] for e in edges]
    assert rows[0][header.index("models")] == "; ".join(edges[0]["models"])

    hits = quick("search", kb, "coffee", "-k", "3")["results"]
    header, *rows = parsed(call("search", kb, "coffee", "-k", "3", "--csv").stdout)
    want = [(hit["text"], head["assertion_id"]) for hit in hits for head in hit["heads"]]
    places = header.index("text"), header.index("assertion_id")
    assert [tuple(row[place] for place in places) for row in rows] == want

    for query in (
        [PAIR[0], kb, *PAIR[1:]],
        ["cypher", kb, "MATCH (p:Product) RETURN p.id, p.title"],
    ):
        found = quick(*query)
        header, *rows = parsed(call(*query, "--csv").stdout)
        assert header == found["columns"] and len(rows) == len(found["rows"])

    key = edges[0]["assertion_id"]
    header, *rows = parsed(call("evidence", kb, key, "--csv").stdout)
    assert {row[header.index("assertion_id")] for row in rows} == {key}
    assert len(parsed(call("query", kb, "--csv").stdout)) == 1 + len(quick("query", kb)["queries"])

    both = call("search", kb, "coffee", "--csv", "--json")
    assert both.returncode == 2 and both.stdout == ""


def test_evidence_is_one_call_away_by_the_edges_id(kb: Path) -> None:
    edge = quick("cobuy", kb, "SMP0001", "SMP0002")["edges"][0]
    found = answer("evidence", kb, edge["assertion_id"])
    assert found["head_id"] == edge["cobuy_id"] and found["relation"] == edge["relation"]
    with intentkg.open(kb) as base:
        held = base.evidence(edge["assertion_id"]).to_dicts()
    assert [piece["id"] for piece in found["evidence"]] == [row["id"] for row in held]
    judged = next(piece for piece in found["evidence"] if piece["request"])
    assert judged["rationale"] and judged["prompt_hash"] and judged["created_at"]
    shown = run("evidence", kb, edge["assertion_id"]).stdout
    for piece in found["evidence"]:
        for name in ("source", "model", "prompt_hash", "run", "request", "rationale", "created_at"):
            assert piece[name] is None or re.search(
                rf"^  {name} +{re.escape(piece[name])}$", shown, re.MULTILINE
            ), name
    wrong = call("evidence", kb, "as_" + "0" * 32)
    assert wrong.returncode == 1 and wrong.stdout == ""
    assert call("evidence", kb, edge["cobuy_id"]).returncode == 2


def test_a_hit_can_be_passed_to_cobuy(kb: Path) -> None:
    printed = " ".join(
        call("search", kb, "coffee", "--head-type", "CoBuy", "-k", "1").stdout.split()
    )
    found = re.search(r"CoBuy (\S+) \+ (\S+?):", printed)
    assert found is not None
    assert quick("cobuy", kb, found[1], found[2])["edges"]
    posts = call("search", kb, "rain", "--head-type", "Post", "-k", "1").stdout
    assert re.search(r"Post sample:P\d{3}:", posts)


def test_status_lists_the_sources(kb: Path) -> None:
    sources = quick("status", kb)["sources"]
    lines = [line.split() for line in call("status", kb).stdout.splitlines()]
    assert ["source", "posts", "products", "cobuys", "evidence"] in lines
    assert ["miko", str(sources["assertions"]["miko"])] in lines


def test_a_record_stays_on_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    output.record({"rationale": "one\ntwo\x1b[31m", "run": None, "score": 0.5}, title="as_1")
    assert capsys.readouterr().out == "as_1\n  rationale  one two [31m\n  score      0.50\n"


def test_notes_do_not_reach_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    output.show(Table(["a"], [], notes=("look here",)), as_json=True)
    printed = capsys.readouterr()
    assert json.loads(printed.out)["rows"] == [] and "look here" in printed.err


def test_an_error_advises_commands_for_the_persons_own_knowledge_base(
    kb: Path, tmp_path: Path
) -> None:
    odd = tmp_path / "my own.kg"
    odd.symlink_to(kb)
    for given in (
        ("cobuy", odd, "NOPE"),
        ("cypher", odd, "MATCH (p:Product RETURN p"),
        ("query", odd, "products-of-intention", "-p", "intention=fly to the moon"),
    ):
        said = call(*given).stderr
        assert shlex.quote(str(odd)) in said and " KB" not in said, said
