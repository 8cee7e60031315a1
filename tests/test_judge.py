"""Models as judges: what they are asked, how replies are read, and how far judges agree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from door import quick

from benchmarks.intrinsic.agreeing import auc, kappa, spearman
from benchmarks.intrinsic.agreement import agreement, main
from generation.judge import Judgement, parse_judgement
from generation.reply_parts import Bad
from kg.directory import Directory
from tests.critic_world import make_kb
from tests.generate_world import clean, evidence, refused, stored
from tests.pipeline_world import asked, manners, text_of
from tests.servers import Server

STRONG = '{"plausible":"yes","typicality":"strongly acceptable"}'


@pytest.fixture
def kb(tmp_path: Path) -> Path:
    return make_kb(tmp_path)


def judge(kb: Path, server: Server, *more: str, code: int = 0) -> dict:
    base = ["--pipeline", "critic", "--judge", "openai", "--model", "m"]
    return quick("generate", kb, *base, "--base-url", server.base_url, *more, code=code)


def judged(kb: Path) -> dict[str, tuple]:
    return {
        row["text"]: (row["plausibility"], row["typicality"])
        for row in evidence(kb)
        if row["source"].startswith("judge-")
    }


@pytest.mark.parametrize(
    ("reply", "plausibility", "typicality"),
    [
        (STRONG, 1, 1),
        ('{"plausible": "yes", "typicality": "weakly acceptable"}', 1, 0.5),
        ('{"plausible": "yes", "typicality": "reject"}', 1, 0),
        ('{"plausible": "no", "typicality": "strongly acceptable"}', 0, 0),
        ('{"plausible": false, "typicality": "reject"}', 0, 0),
        ('```json\n{"result": {"Plausibility": "Yes.", "Typicality": "Weak"}}\n```', 1, 0.5),
        ("Yes, strongly acceptable.", 1, 1),
        ("**No**, reject", 0, 0),
        ("No.", 0, 0),
        ("<think>hm</think>Yes, weakly acceptable", 1, 0.5),
    ],
)
def test_replies_are_read(reply: str, plausibility: float, typicality: float) -> None:
    assert parse_judgement(reply) == Judgement(plausibility, typicality)


@pytest.mark.parametrize(
    "reply", ["", "Perhaps", "Yes", '{"plausible": "yes"}', '{"typicality": "reject"}', "[1, 2]"]
)
def test_what_does_not_answer_both_is_no_judgement(reply: str) -> None:
    assert isinstance(parse_judgement(reply), Bad)


def test_both_questions_are_put_about_what_lacks_a_score(kb: Path, writer: Server) -> None:
    manners(writer, say={"crushing garlic": STRONG})
    report = judge(kb, writer, "--no-preflight")
    bodies = asked(writer)
    assert report["source"] == "judge-m" and report["heads"] == 6
    assert len(bodies) == report["requests"] == 5
    assert report["notes"] == {"intentions of heads without a title or text": 1}
    for body in bodies:
        system = text_of(body, "system")
        assert "Plausibility" in system and "Typicality" in system
    found = judged(kb)
    assert len(found) == 5 and found["crushing garlic"] == (1.0, 1.0)
    assert found["his feet get cold"][1] is None  # somebody said so already
    assert {row["model"] for row in evidence(kb) if row["source"] == "judge-m"} == {"m"}
    assert all(row["request"] for row in evidence(kb) if row["source"] == "judge-m")
    clean(kb)


def test_a_second_run_asks_nothing_and_another_judge_stands_beside(
    kb: Path, writer: Server
) -> None:
    manners(writer)
    judge(kb, writer, "--no-preflight")
    rows, requests = evidence(kb), stored(kb)
    report = judge(kb, writer, "--no-preflight")
    assert report["requests"] == 0 and report["rows"]["added"] == 0
    assert (evidence(kb), stored(kb)) == (rows, requests)
    own = judge(kb, writer, "--no-preflight", "--rescore", "--param", "judgement.temperature=0.7")
    assert own["source"].startswith("judge-m-") and own["rows"]["added"] == 6


def test_a_run_that_was_short_of_budget_goes_on(kb: Path, writer: Server) -> None:
    manners(writer)
    stopped = judge(kb, writer, "--no-preflight", "--budget", "2 requests", code=1)
    assert stopped["stopped"] and len(judged(kb)) == 2
    assert judge(kb, writer, "--no-preflight")["requests"] == 3
    assert len(judged(kb)) == 5 and stored(kb) == {"ok": 5}


def test_a_dry_run_asks_nobody_and_the_prompt_can_be_seen(kb: Path, writer: Server) -> None:
    manners(writer)
    told = judge(kb, writer, "--dry-run")
    assert told["requests"] == 5 and told["stages"].keys() == {"critic.judgement"}
    shown = judge(kb, writer, "--show-prompt")["prompt"]
    assert "strongly acceptable" in shown and asked(writer) == []


def test_samples_are_averaged_and_plain_text_will_do(kb: Path, writer: Server) -> None:
    manners(writer, say={"garlic": "Yes, weakly acceptable"})
    report = judge(
        kb, writer, "--no-preflight", "--no-structured", "--samples", "2", "--head", "B3"
    )
    assert report["requests"] == 2 and judged(kb) == {"crushing garlic": (1.0, 0.5)}


def test_bad_choices_are_refused(kb: Path, writer: Server) -> None:
    server = ["--base-url", writer.base_url]
    assert "no model" in refused(kb, "-p", "critic", "--judge", "openai", *server).stderr
    wrong = refused(kb, "-p", "miko", "--judge", "openai", "-m", "m", *server)
    assert "miko has no option --judge" in wrong.stderr
    also = refused(kb, "-p", "mind", "-m", "m", "--rescore", *server)
    assert "mind has no option --rescore" in also.stderr
    unknown = refused(
        kb, "-p", "critic", "--judge", "openai", "-m", "m", "--relation", "x", *server
    )
    assert "unknown relation 'x'" in unknown.stderr


def test_critic_judge_and_people_are_compared(kb: Path, writer: Server, tmp_path: Path) -> None:
    manners(writer, say={"keeping dry": STRONG, "cold": STRONG})
    judge(kb, writer, "--no-preflight", "--rescore")
    quick("generate", kb, "--pipeline", "critic", "--rescore")
    rows = agreement(Directory(kb), {"plausibility": 0.5, "typicality": 0.5})
    found = {(row["score"], row["one"], row["other"]): row for row in rows}
    assert found["plausibility", "critic", "judge-m"]["n"] == 6
    assert found["typicality", "judge-m", "test"]["n"] == 2
    assert found["typicality", "judge-m", "test"]["yes_one"] == 1.0
    out = tmp_path / "agreement.json"
    result = CliRunner().invoke(main, [str(kb), "--out", str(out)])
    assert result.exit_code == 0 and "judge-m" in result.output
    assert json.loads(out.read_text(encoding="utf-8")) == rows


def test_the_figures_of_agreement_are_right() -> None:
    assert auc([1, 1, 0, 0], [0.9, 0.4, 0.5, 0.1]) == 0.75
    assert auc([1, 0], [0.5, 0.5]) == 0.5
    assert spearman([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert kappa([1, 1, 0, 0], [0, 0, 1, 1]) == -1
    assert kappa([1, 0, 1, 0], [1, 0, 1, 0]) == 1
    assert str(spearman([1, 1, 1], [1, 2, 3])) == str(kappa([], [])) == "nan"
