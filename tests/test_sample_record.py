"""The sample goes through the true pipelines: its record fits the prompts, and the demo uses it."""

from __future__ import annotations

import json
import shlex
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import intentkg
from generation.prompting import load_prompts
from generation.requests import Reply
from generation.store import RequestStore
from intentkg import sample
from intentkg.sample.recording import record
from kg.directory import Directory
from schema.errors import BackendError
from schema.identity import cobuy_id
from schema.relations import COBUY, SOCIAL
from tests.door import answer, call, manifest, quick, run

RERUN = "the record does not fit the prompts or the sample: run python -m intentkg.sample.recording"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


RECORD = lines(sample.RECORD)
INTENTIONS = lines(sample.INTENTIONS)
WRITTEN = lines(sample.REPLIES)
POSTS = lines(sample.FOLDER / "posts.jsonl")
FIRST = [row for row in INTENTIONS if row["model"] == sample.MODEL]
VERDICTS = {(row["a"], row["b"], row["relation"]): row for row in WRITTEN if "answer" in row}
PAIRS = {(row["a"], row["b"]) for row in VERDICTS.values()}


def head(row: dict[str, Any]) -> str:
    found: str = row.get("head_id") or cobuy_id(row["a"], row["b"])
    return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    place = tmp_path_factory.mktemp("sample") / "demo.kg"
    return place, answer("demo", place)


def evidence(place: Path) -> list[dict[str, Any]]:
    """All evidence, read from the files that ``kb.json`` names."""
    parts = manifest(place)["tables"]["assertions"]
    return [row for part in parts for row in pq.read_table(place / part["file"]).to_pylist()]


def test_the_record_is_what_the_prompts_and_the_texts_make_of_it() -> None:
    assert record() == sample.RECORD.read_bytes(), RERUN


def test_the_record_holds_one_reply_for_each_request_and_no_other() -> None:
    pictured = sum("image" in post for post in POSTS)
    products = sum("product" in row for row in WRITTEN)
    counts = Counter(row["id"].split()[0] for row in RECORD)
    assert counts == {
        "miko.description": pictured,
        "miko.key_information": len(POSTS),
        "miko.intentions": len(POSTS),
        "mind.features": products,
        "mind.intention": len(PAIRS) * 20,
        "mind.filter": len(VERDICTS),
    }
    for unique in ("id", "custom_id"):
        assert len({row[unique] for row in RECORD}) == len(RECORD)


def test_a_demo_uses_every_reply(demo: tuple[Path, dict[str, Any]]) -> None:
    with RequestStore(demo[0] / "requests.sqlite", mode="read") as store:
        found = {row.request.key: row for row in store.rows()}
    assert set(found) == {row["custom_id"] for row in RECORD}
    for row in found.values():
        assert isinstance(row.outcome, Reply)
        assert row.request.model == sample.MODEL
        assert (row.outcome.prompt_tokens, row.outcome.completion_tokens) == (0, 0)


def test_replies_have_the_form_that_the_requests_ask_for(
    demo: tuple[Path, dict[str, Any]],
) -> None:
    with RequestStore(demo[0] / "requests.sqlite", mode="read") as store:
        rows = list(store.rows())
    asked = 0
    for row in rows:
        schema = row.request.reply_schema
        assert isinstance(row.outcome, Reply)
        if schema is None:
            assert not row.outcome.text.startswith("{")
            continue
        asked += 1
        said = json.loads(row.outcome.text)
        assert list(said) == schema["required"]
        for name, rule in schema["properties"].items():
            if rule["type"] == "array":
                assert rule["minItems"] <= len(said[name]) <= rule["maxItems"]
            elif "enum" in rule:
                assert said[name] in rule["enum"]
            else:
                assert rule["minLength"] <= len(said[name]) <= rule["maxLength"]
    assert asked == 2 * len(POSTS) + len(PAIRS) * 20 + len(VERDICTS)


def test_a_demo_counts_what_the_texts_hold(demo: tuple[Path, dict[str, Any]]) -> None:
    report = demo[1]
    edges = {(head(row), row["relation"], row["text"].casefold()) for row in INTENTIONS}
    assert report["counts"]["assertions"] == len(edges) == len(FIRST)
    assert report["counts"]["evidence"] == len(FIRST) + len(INTENTIONS)
    assert report["counts"]["intentions"] == len({row["text"].casefold() for row in INTENTIONS})
    social = [row for row in FIRST if row["head_type"] == "Post"]
    miko, mind = report["generated"]["miko"], report["generated"]["mind"]
    assert miko["intentions"] == len(social)
    assert miko.get("none", 0) == len(POSTS) * 10 - len(social)
    assert mind["intentions"] == len(VERDICTS)
    assert mind["none"] == len(PAIRS) * 20 - len(VERDICTS)
    assert mind["accepted"] == sum(row["answer"] == "yes" for row in VERDICTS.values())
    assert mind["rejected"] == len(VERDICTS) - mind["accepted"]
    for ran in (miko, mind):
        assert ran["failed"] == {} == ran["notes"]
        assert ran["unfinished"] == ran["lost"] == ran["rows"]["refused"] == 0


def test_a_pipelines_evidence_is_what_was_written(demo: tuple[Path, dict[str, Any]]) -> None:
    rows = [row for row in evidence(demo[0]) if row["source"] in ("miko", "mind")]
    assert {row["model"] for row in rows} == {sample.MODEL}
    hashes = {name: prompt.hash for name, prompt in load_prompts().items()}
    found = {(row["head_id"], row["relation"]): row for row in rows}
    assert len(found) == len(rows) == len(FIRST)
    for written in FIRST:
        row = found[head(written), written["relation"]]
        assert row["text"] == written["text"]
        assert row["plausibility"] is row["typicality"] is None
        assert row["request"].startswith("rq_")
        if written["head_type"] == "Post":
            assert row["source"] == "miko"
            assert row["prompt_hash"] == hashes["miko/intentions"]
            assert row["accepted"] is None
        else:
            verdict = VERDICTS[written["a"], written["b"], written["relation"]]
            assert row["source"] == "mind"
            assert row["prompt_hash"] == hashes["mind/intention"]
            assert (row["accepted"], row["rationale"]) == (
                verdict["answer"] == "yes",
                verdict["rationale"],
            )
            assert len(row["image_ids"]) == 2
    pictured = {f"sample:{post['id']}" for post in POSTS if "image" in post}
    shown = {row["head_id"] for row in rows if row["source"] == "miko" and row["image_ids"]}
    assert shown == pictured


def test_the_pipelines_write_every_relation(demo: tuple[Path, dict[str, Any]]) -> None:
    rows = evidence(demo[0])
    for source, relations in (("miko", SOCIAL), ("mind", COBUY)):
        made = {r.name for r in relations if not r.import_only}
        assert {row["relation"] for row in rows if row["source"] == source} == made
    assert (len([r for r in SOCIAL if not r.import_only]), len(made)) == (10, 20)


def test_scores_and_second_opinions_are_evidence_from_another_source(
    demo: tuple[Path, dict[str, Any]],
) -> None:
    rows = [row for row in evidence(demo[0]) if row["source"] == sample.SOURCE]
    assert len(rows) == len(INTENTIONS)
    assert {row["model"] for row in rows if row["accepted"] is None} == {sample.MODEL}
    twice = {row["model"] for row in rows if row["accepted"] is not None}
    assert twice == {"second hand-written sample"}
    named = ("-p", f"model={sample.MODEL}", "-p", "other=second hand-written sample")
    assert answer("query", demo[0], "models-agree", *named)["rows"]
    [contested] = answer("query", demo[0], "contested-intentions")["rows"]
    assert contested[:3] == ["stainless steel", 1, 1]
    edges = answer("cobuy", demo[0], "SMP0001", "SMP0002", "--accepted")["edges"]
    assert all(edge["typicality"] is not None and edge["accepted"] for edge in edges)
    assert max(len(edge["models"]) for edge in edges) == 2


def test_a_second_demo_changes_nothing(demo: tuple[Path, dict[str, Any]]) -> None:
    place, before = demo
    rows, store = evidence(place), (place / "requests.sqlite").read_bytes()
    revision = answer("status", place)["revision"]
    again = answer("demo", place)
    assert again["counts"] == before["counts"]
    assert again["search"] == before["search"]
    assert answer("status", place)["revision"] == revision
    assert evidence(place) == rows
    for ran in again["generated"].values():
        assert ran["requests"] == 0, "the store has every reply already"
        assert ran["rows"]["added"] == ran["rows"]["changed"] == 0
    with sqlite3.connect(place / "requests.sqlite") as known:
        assert known.execute("SELECT count(*) FROM requests").fetchone() == (len(RECORD),)
    assert len((place / "requests.sqlite").read_bytes()) == len(store)
    assert answer("verify", place)["ok"] is True


def test_a_demo_tells_what_the_customer_accepts(demo: tuple[Path, dict[str, Any]]) -> None:
    shown = run("demo", demo[0]).stdout
    accepted = sum(row["answer"] == "yes" for row in VERDICTS.values())
    share = f"{accepted / len(VERDICTS):.0%}"
    assert f"The customer accepts {accepted} of {len(VERDICTS)} ({share})" in shown
    assert "preserved" in shown
    assert "intentkg generate" in shown or "/intentkg generate" in shown


def test_the_readmes_commands_give_the_same(
    demo: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step by step, as anybody may go who has files of the same kind."""
    readme = (sample.FOLDER / "README.md").read_text(encoding="utf-8")
    block = readme.split("## Reading it by hand")[1].split("```")[1]
    monkeypatch.chdir(sample.FOLDER)
    commands = block.strip().splitlines()
    assert len(commands) == 7
    for line in commands:
        program, *words = shlex.split(line.replace("my.kg", str(tmp_path / "my.kg")))
        assert program == "intentkg"
        done = call(*words)
        assert done.returncode == 0, (line, done.stderr)
    assert quick("status", tmp_path / "my.kg")["counts"] == demo[1]["counts"]
    ids = {row["id"] for row in evidence(tmp_path / "my.kg")}
    assert ids == {row["id"] for row in evidence(demo[0])}


def test_a_stale_record_ends_the_demo_with_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = tmp_path / "record.jsonl"
    kept = [row for row in RECORD if row["id"] != "miko.key_information P023"]
    assert len(kept) == len(RECORD) - 1
    stale.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
    monkeypatch.setattr(sample, "RECORD", stale)
    ended = call("demo", tmp_path / "demo.kg")
    assert ended.returncode == 1
    assert "'miko.key_information'" in ended.stderr
    assert "python -m intentkg.sample.recording" in ended.stderr
    assert "Build the graph" not in ended.stdout


def test_a_changed_prompt_needs_a_new_record(tmp_path: Path) -> None:
    source = Path(load_prompts.__code__.co_filename).parent / "prompts/mind/filter.toml"
    prompts = tmp_path / "prompts"
    (prompts / "mind").mkdir(parents=True)
    text = source.read_text(encoding="utf-8")
    changed = text.replace("Be critical:", "Be very critical:")
    assert changed != text
    (prompts / "mind" / "filter.toml").write_text(changed, encoding="utf-8")
    place = Directory.create(tmp_path / "kb.kg")
    for kind, path in sample.FILES[:3]:
        with intentkg.open(place.root) as base:
            base.ingest([path], format=kind, source=sample.SOURCE)
    with intentkg.open(place.root) as base, pytest.raises(BackendError) as caught:
        base.generate(
            "mind",
            backend="replay",
            from_store=sample.RECORD,
            backend_options={"whole": True, "rekey": sample.REKEY},
            prompts=prompts,
            **sample.GENERATE,
        )
    assert "stage 'mind.filter'" in str(caught.value)
    assert caught.value.fix == sample.REKEY
