"""Every command on the bundled sample: what it prints, its JSON, its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from door import ROOT, answer, run

from intentkg import cli, reference, sample


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("cli") / "demo.kg"
    result = run("demo", place)
    assert result.returncode == 0, result.stderr
    return place


def lines(name: str) -> list[dict[str, Any]]:
    text = (sample.FOLDER / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_status_counts_what_the_sample_files_hold(kb: Path) -> None:
    intentions = lines("intentions.jsonl")
    heads = [(i["head_type"], i.get("head_id") or (i["a"], i["b"])) for i in intentions]
    texts = {i["text"].casefold() for i in intentions}
    edges = {
        (h, i["relation"], i["text"].casefold()) for h, i in zip(heads, intentions, strict=True)
    }
    images = {
        r["image"] for f in ("posts.jsonl", "products.jsonl") for r in lines(f) if r.get("image")
    }
    counts = answer("status", kb)["counts"]
    assert counts["posts"] == len(lines("posts.jsonl"))
    assert counts["products"] == len(lines("products.jsonl"))
    assert counts["cobuys"] == len((sample.FOLDER / "cobuys.csv").read_text("utf-8").split()) - 1
    assert counts["images"] == len(images)
    assert counts["intentions"] == len(texts)
    assert counts["assertions"] == len(edges)
    # The pipelines' own for each edge; beside it the scores, and a second writer's opinions.
    assert counts["evidence"] == len(edges) + len(intentions)
    assert counts["concepts"] == 0


def test_demo_a_second_time_changes_nothing(kb: Path) -> None:
    before = answer("status", kb)
    again = answer("demo", kb)
    assert again["counts"] == before["counts"]
    assert answer("status", kb)["revision"] == before["revision"]


def test_demo_keeps_out_of_a_knowledge_base_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_text("id,text\n1,hello there\n", encoding="utf-8")
    answer("ingest", tmp_path / "my.kg", path)
    result = run("demo", tmp_path / "my.kg")
    assert result.returncode == 2 and result.stdout == ""
    assert "holds data of your own (posts)" in result.stderr and "intentkg demo" in result.stderr
    counts = answer("status", tmp_path / "my.kg")["counts"]
    assert (counts["posts"], counts["products"]) == (1, 0)


def test_demo_ends_with_what_to_type_next_and_that_works(kb: Path) -> None:
    shown = run("demo", kb).stdout
    after = shown.partition("What to type next:")[2]
    commands = [line.strip() for line in after.splitlines() if line.strip()]
    assert len(commands) >= 4
    for line in commands[:-3]:  # the last ones begin with a file of the reader's own
        result = subprocess.run(
            line, shell=True, capture_output=True, text=True, cwd=ROOT, check=False
        )
        assert result.returncode == 0, (line, result.stderr)
        assert result.stdout.strip()


def test_verify_is_clean(kb: Path) -> None:
    report = answer("verify", kb)
    assert report["ok"] is True
    assert not [f for f in report["findings"] if f["severity"] == "error"]


def test_search_json_has_the_promised_shape(kb: Path) -> None:
    results = answer("search", kb, "making pour-over coffee at home", "-k", "3")["results"]
    assert len(results) == 3
    assert results[0]["text"] == "making pour-over coffee at home"
    assert results[0]["score"] == pytest.approx(1.0, abs=0.01)
    assert {"intention_id", "text", "score", "heads"} <= results[0].keys()
    assert results == sorted(results, key=lambda r: -r["score"])


def test_search_filters(kb: Path) -> None:
    results = answer("search", kb, "coffee", "--relation", "UsedFor", "--min-typicality", "0.8")
    heads = [head for hit in results["results"] for head in hit["heads"]]
    assert heads
    assert all(h["relation"] == "UsedFor" and h["typicality"] >= 0.8 for h in heads)
    spelled = answer("search", kb, "coffee", "--relation", "used_for", "--min-typicality", "0.8")
    assert spelled == results
    posts = answer("search", kb, "coffee", "--head-type", "Post")["results"]
    assert posts and {h["type"] for hit in posts for h in hit["heads"]} == {"Post"}


def test_cobuy_json_has_the_promised_shape_in_either_order(kb: Path) -> None:
    edges = answer("cobuy", kb, "SMP0001", "SMP0002")["edges"]
    assert edges
    fields = "cobuy_id a b relation intention_id text plausibility typicality accepted models"
    assert set(fields.split()) <= edges[0].keys()
    assert answer("cobuy", kb, "SMP0002", "SMP0001")["edges"] == edges
    expected = {
        (i["relation"], i["text"])
        for i in lines("intentions.jsonl")
        if {i.get("a"), i.get("b")} == {"SMP0001", "SMP0002"}
    }
    assert {(e["relation"], e["text"]) for e in edges} == expected


def test_cypher_json_has_columns_and_rows(kb: Path) -> None:
    found = answer(
        "cypher",
        kb,
        "MATCH (p:Product {id: $id}) RETURN p.id AS id, p.title AS title",
        "-p",
        "id=SMP0001",
    )
    assert found["columns"] == ["id", "title"]
    assert found["rows"] == [["SMP0001", lines("products.jsonl")[0]["title"]]]


def test_named_query(kb: Path) -> None:
    found = answer("query", kb, "why-bought-together", "-p", "a=SMP0001", "-p", "b=SMP0002")
    assert found["rows"]
    few = answer(
        "query", kb, "why-bought-together", "-p", "a=SMP0001", "-p", "b=SMP0002", "--limit", "2"
    )
    assert few["rows"] == found["rows"][:2]
    assert len(answer("query", kb)["queries"]) >= 12


def test_build_with_nothing_new_says_so(kb: Path) -> None:
    before = answer("status", kb)["revision"]
    assert run("build", kb).returncode == 0
    assert answer("status", kb)["revision"] == before


def test_second_ingest_and_import_change_no_count(kb: Path) -> None:
    before = answer("status", kb)
    for name, path in sample.FILES:
        verb = "import" if name == "intentions" else "ingest"
        report = answer(verb, kb, "--format", name, "--source", "sample", path)
        tables = report["files"][0]["tables"].values()
        assert all(t["added"] == t["changed"] == 0 for t in tables), (name, report)
    assert answer("status", kb) == before


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    result = run(name, "--help")
    assert result.returncode == 0
    assert f"Example: intentkg {name}" in result.stdout


def test_every_command_takes_json() -> None:
    def lacking(command: click.Command, words: str, context: click.Context) -> list[str]:
        if any("--json" in p.opts for p in command.params):
            return []
        if not isinstance(command, click.Group):
            return [words]
        inside = click.Context(command, parent=context, info_name=words)
        found = [
            (name, command.get_command(inside, name)) for name in command.list_commands(inside)
        ]
        return [w for name, each in found if each for w in lacking(each, f"{words} {name}", inside)]

    assert lacking(cli.cli, "intentkg", click.Context(cli.cli)) == []


@pytest.mark.parametrize("page", reference.PAGES)
def test_generated_pages_are_current(page: str) -> None:
    """A command, relation or query that is not documented fails here."""
    path = ROOT / "docs" / page
    assert path.read_text(encoding="utf-8") == reference.PAGES[page](), "run `make docs`"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["serch"], 2, "Did you mean 'search'?"),
        (["status", "KB", "--nonsense"], 2, "No such option"),
        (["status", "nowhere.kg"], 1, "not a knowledge base"),
        (["search", "KB", "   "], 2, "fix:"),
        (["search", "KB", "tea", "--relation", "usdFor"], 2, "UsedFor"),
        (["search", "KB", "tea", "--min-typicality", "7"], 2, "range"),
        (["cobuy", "KB", "NO-SUCH-PRODUCT"], 1, "NO-SUCH-PRODUCT"),
        (["cypher", "KB", "MATCH (n) RETRN n"], 1, "fix:"),
        (["cypher", "KB", "MATCH (n) DETACH DELETE n"], 1, "fix:"),
        (["cypher", "KB", "LOAD CSV FROM '/etc/passwd' AS r RETURN r"], 1, "fix:"),
        (["cypher", "KB", "RETURN 1", "-p", "x"], 2, "name=value"),
        (["query", "KB", "why-bougt-together"], 2, "why-bought-together"),
        (["query", "KB", "why-bought-together", "-p", "a=SMP0001"], 2, "needs b"),
        (["ingest", "KB", "no-such-file.jsonl"], 1, "no-such-file.jsonl"),
        (["ingest", "KB", "--format", "postz", "x"], 2, "posts"),
        (["ingest", "KB", "--column", "text", "x"], 2, "FIELD=COLUMN"),
        (["import", "KB", "--format", "posts", "x"], 2, "intentkg ingest"),
    ],
)
def test_errors_say_what_and_how_to_mend_it(
    kb: Path, words: list[str], code: int, said: str
) -> None:
    result = run(*[kb if word == "KB" else word for word in words])
    assert result.returncode == code, result.stderr
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_an_error_with_json_is_one_object(tmp_path: Path) -> None:
    found = answer("status", tmp_path / "nowhere.kg", code=1)
    assert found["error"]["type"] == "NotAKnowledgeBaseError"
    assert found["error"]["fix"]


def test_a_pipe_that_closes_early_is_no_error(kb: Path) -> None:
    result = subprocess.run(
        f"{sys.executable} -m intentkg query {kb} | head -1",
        shell=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert "Traceback" not in result.stderr
    assert "rror" not in result.stderr


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_output_survives_a_terminal_that_cannot_show_everything(kb: Path, encoding: str) -> None:
    query = "MATCH (p:Post) WHERE p.language = 'zh' RETURN p.text AS text"
    result = subprocess.run(
        [sys.executable, "-m", "intentkg", "cypher", str(kb), query],
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        check=False,
    )
    assert b"Traceback" not in result.stderr
    assert result.returncode == 0, result.stderr
