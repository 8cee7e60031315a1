"""An empty answer says why it is empty, and what to do; no empty table follows."""

from __future__ import annotations

from pathlib import Path

import pytest
from door import call, quick, write_json_lines

import intentkg
from schema.errors import UsageError


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Products A to E; A + B have an intention, A + C have none, D and E know no one but A, E."""
    folder = tmp_path_factory.mktemp("nothing")
    kb = make(folder)
    said = {"a": "A", "b": "B", "relation": "UsedFor", "text": "staying dry", "typicality": 0.5}
    quick("import", kb, "-f", "intentions", write_json_lines(folder / "i.jsonl", [said]))
    quick("build", kb)
    return kb


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without any intention."""
    kb = make(tmp_path_factory.mktemp("bare"))
    quick("build", kb)
    return kb


def make(folder: Path) -> Path:
    kb = folder / "my.kg"
    products = [{"id": name, "title": f"thing {name}"} for name in "ABCDE"]
    quick("ingest", kb, "-f", "products", write_json_lines(folder / "products.jsonl", products))
    (folder / "pairs.csv").write_text("a,b,support\nA,B,4\nA,C,2\nC,D,2\n", encoding="utf-8")
    quick("ingest", kb, "-f", "cobuys", folder / "pairs.csv")
    return kb


@pytest.mark.parametrize(
    ("asked", "said", "advice"),
    [
        (["A", "D"], "A and D were never bought together", "query {} top-cobuys -p product=A"),
        (["A", "C"], "A and C have no intentions yet", "generate {} --pipeline mind"),
        (["D"], "the co-buys of D have no intentions yet", "generate {} --pipeline mind"),
        (["E"], "E was not bought together with anything", "ingest {} FILE"),
        (["A", "B", "--min-typicality", "0.9"], "no intention of A and B passes", "loosen"),
        (["A", "--relation", "IsA"], "no intention of A's co-buys passes", "loosen"),
    ],
)
def test_a_pull_says_why_there_is_nothing(
    kb: Path, asked: list[str], said: str, advice: str
) -> None:
    found = call("cobuy", kb, *asked)
    assert found.returncode == 0
    assert said in found.stderr and advice.format(kb) in found.stderr
    assert found.stdout == "", "an empty table"
    assert quick("cobuy", kb, *asked) == {"edges": []}


def test_a_knowledge_base_without_intentions_is_a_case_of_its_own(bare: Path) -> None:
    for asked in (["A"], ["A", "B"]):
        found = call("cobuy", bare, *asked)
        assert "holds no intentions of co-buys yet" in found.stderr
        assert f"intentkg import {bare} FILE; then intentkg build {bare}" in found.stderr
        assert found.stdout == ""
    assert "never bought together" in call("cobuy", bare, "A", "D").stderr
    found = call("search", bare, "rain")
    assert "holds no intentions yet" in found.stderr and found.stdout == ""
    assert f"intentkg build {bare}" in found.stderr


def test_search_cypher_and_queries_print_no_empty_table(kb: Path) -> None:
    found = call("search", kb, "rain", "--relation", "IsA")
    assert f"nothing passes the filters; loosen them, or see: intentkg status {kb}" in found.stderr
    assert found.stdout == ""
    found = call("cypher", kb, "MATCH (p:Post) RETURN p.id")
    assert found.stderr == "no rows\n" and found.stdout == ""
    found = call("query", kb, "top-cobuys", "-p", "product=E")
    assert found.stderr == "no rows\n" and found.stdout == ""
    header = call("cypher", kb, "MATCH (p:Post) RETURN p.id AS id", "--csv")
    assert header.stdout == "id\r\n"


def test_an_unknown_source_is_an_error_that_names_the_known_ones(kb: Path) -> None:
    (known,) = quick("status", kb)["sources"]["assertions"]
    found = call("search", kb, "rain", "--source", "nope")
    assert found.returncode == 2 and found.stdout == ""
    assert "a source 'nope'" in found.stderr and known in found.stderr
    assert call("search", kb, "rain", "--source", known).stdout
    with intentkg.open(kb) as base:
        with pytest.raises(UsageError) as caught:
            base.cobuy("A", source=known.upper())
        assert f"did you mean {known}?" in (caught.value.fix or "")
        # A known source of other edges is an honest nothing.
        assert base.cobuy("C", "D", source=known) == []


def test_an_unknown_label_is_noted_not_refused(kb: Path) -> None:
    found = call("cypher", kb, "MATCH (p:Produkt) RETURN p", "--json")
    assert found.returncode == 0 and '"rows": []' in found.stdout
    assert "no label Produkt in the graph: did you mean Product?" in found.stderr
