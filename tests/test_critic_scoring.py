"""`intentkg generate --pipeline critic`: what lacks a score gets one, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from door import answer, call, quick

import intentkg
from generation.critic import load_critic
from kg.directory import Directory
from tests.critic_world import PAIR, POST, make_kb
from tests.generate_world import clean, evidence, refused
from tests.generate_world import make_kb as shop_kb
from tests.graph_samples import commit
from tests.graph_samples import evidence as claim
from tests.servers import Server


@pytest.fixture
def kb(tmp_path: Path) -> Path:
    return make_kb(tmp_path)


def score(kb: Path, *more: str) -> dict:
    return quick("generate", kb, "--pipeline", "critic", *more)


def judged(kb: Path) -> dict[str, tuple]:
    return {
        row["text"]: (row["plausibility"], row["typicality"])
        for row in evidence(kb)
        if row["source"] == "critic"
    }


def test_only_what_is_missing_is_filled_and_a_second_run_changes_nothing(kb: Path) -> None:
    before = evidence(kb)
    report = answer("generate", kb, "--pipeline", "critic")
    assert (report["intentions"], report["lacking"]) == (7, 6)
    assert (report["scored"], report["speechless"]) == (5, 1)
    assert report["rows"] == {"added": 5, "changed": 0, "known": 0, "refused": 0}
    found = judged(kb)
    assert set(found) == {
        "angry",
        "relieved and proud",
        "hiking in wet weather",
        "his feet get cold",
        "crushing garlic",
    }
    plausibility, typicality = found.pop("his feet get cold")
    assert 0 <= plausibility <= 1 and typicality is None
    assert all(0 <= one <= 1 for scores in found.values() for one in scores)
    assert {row["model"] for row in evidence(kb) if row["source"] == "critic"} == {
        load_critic().name
    }
    assert [row for row in evidence(kb) if row["source"] != "critic"] == before
    rows = evidence(kb)
    again = score(kb)
    assert (again["lacking"], again["scored"], again["rows"]["added"]) == (1, 0, 0)
    assert evidence(kb) == rows
    clean(kb)


def test_the_edge_has_the_score_and_evidence_says_whose_it_is(kb: Path) -> None:
    score(kb)
    quick("build", kb)
    query = "MATCH (:Post)-[r:xReact]->(i:Intention {text: 'angry'}) RETURN r.id, r.plausibility"
    ((identifier, plausibility),) = quick("cypher", kb, query)["rows"]
    assert plausibility == judged(kb)["angry"][0]
    told = quick("evidence", kb, identifier)["evidence"]
    assert {row["source"] for row in told} == {"test", "critic"}


def test_rescoring_judges_what_others_have_scored_and_never_itself(kb: Path) -> None:
    score(kb)
    report = score(kb, "--rescore")
    assert (report["scored"], report["rows"]["added"]) == (1, 1)
    assert None not in judged(kb)["keeping dry"]
    assert score(kb, "--rescore")["rows"]["added"] == 0


def test_a_choice_of_heads_and_relations_is_kept_to(kb: Path) -> None:
    first = score(kb, "--relation", "xreact", "--limit", "1")
    assert (first["intentions"], first["scored"]) == (1, 1)
    again = score(kb, "--relation", "xreact", "--limit", "1")
    assert (again["intentions"], again["lacking"]) == (1, 0)
    assert score(kb, "--head", "B1,B2")["scored"] == 2
    assert set(judged(kb)) & {"hiking in wet weather", "his feet get cold"} != set()
    other = score(kb, "--source", "other")
    assert (other["intentions"], other["speechless"]) == (1, 1)
    assert score(kb, "--head", POST, "--relation", "xReact")["intentions"] == 1
    assert len(judged(kb)) in (3, 4)  # the post that came first may have been this one


def test_what_was_added_since_is_all_that_a_later_run_scores(kb: Path) -> None:
    score(kb)
    directory = Directory(kb)
    commit(directory, assertions=[claim("CoBuy", PAIR, "MadeOf", "leather and wool")])
    assert score(kb)["rows"]["added"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--relation", "xReakt"], "unknown relation 'xReakt'"),
        (["--source", "nowhere"], "source 'nowhere'"),
        (["--head", "nobody"], "head 'nobody'"),
        (["--model", "m"], "no option --model"),
        (["--budget", "1 requests"], "no option --budget"),
        (["--dry-run"], "no option --dry-run"),
    ],
)
def test_bad_choices_are_refused(kb: Path, words: list[str], said: str) -> None:
    result = refused(kb, "--pipeline", "critic", *words)
    assert said in result.stderr


def test_without_intentions_it_says_where_they_come_from(tmp_path: Path) -> None:
    empty = shop_kb(tmp_path, name="empty.kg", pictures=False)
    assert "has no intentions" in refused(empty, "--pipeline", "critic").stderr


def test_the_python_api_scores_too(kb: Path) -> None:
    with intentkg.open(kb) as base:
        report = base.score(relations=["UsedFor"])
    assert report.scored == 2 and report.written.added == 2
    assert judged(kb).keys() == {"hiking in wet weather", "crushing garlic"}


def test_mind_takes_the_critic_by_its_name_alone(tmp_path: Path, writer: Server) -> None:
    kb = shop_kb(tmp_path, pictures=False)
    words = ["generate", kb, "-p", "mind", "-m", "m", "--base-url", writer.base_url]
    few = ["--relation", "UsedFor", "--relation", "IsA", "--filter", "critic"]
    report = quick(*words, *few)
    rows = evidence(kb)
    assert len(rows) == report["intentions"] == 6
    threshold = load_critic().threshold
    for row in rows:
        assert row["plausibility"] is not None
        assert row["accepted"] == (row["typicality"] >= threshold)
    assert report["source"].startswith("mind-critic-")
    strict = quick(*words, *few, "--threshold", "1")
    assert strict["source"] != report["source"]


def test_it_is_shown_to_people_too(kb: Path) -> None:
    result = call("generate", kb, "--pipeline", "critic")
    assert result.returncode == 0, result.stderr
    assert "a small model, and no person" in result.stdout
    assert "5 scored" in result.stdout and f"intentkg build {kb}" in result.stdout
