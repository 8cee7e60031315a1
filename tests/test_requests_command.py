"""`intentkg requests`: the batch loop until nothing is left to ask, and looking into the store."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import orjson
import pytest
from door import call, quick, run

from tests.generate_world import TEXTS, clean, evidence, generate, make_kb, stored
from tests.pipeline_world import asked, manners
from tests.servers import Server


@pytest.fixture
def kb(tmp_path: Path) -> Path:
    return make_kb(tmp_path)


def lines(path: Path | str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def work(file: Path | str, server: Server, out: Path) -> Path:
    """What a provider does with a batch: put each line's body to the model."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    rows = []
    for row in lines(file):
        assert row["method"] == "POST" and row["url"] == "/v1/chat/completions"
        data = orjson.dumps(row["body"])  # as the client sends it: the reply depends on it
        with opener.open(f"{server.base_url}/chat/completions", data, timeout=30) as answer:
            body = json.loads(answer.read())
        rows.append(
            {
                "id": f"batch_req_{len(rows)}",
                "custom_id": row["custom_id"],
                "response": {"status_code": 200, "request_id": "x", "body": body},
                "error": None,
            }
        )
    out.write_text("".join(json.dumps(row) + "\n" for row in reversed(rows)), encoding="utf-8")
    return out


@pytest.mark.parametrize(("pipeline", "rounds"), [("miko", [3, 3, 1, 0]), ("mind", [4, 60, 60, 0])])
def test_the_loop_ends_with_what_a_direct_run_gives(
    kb: Path, writer: Server, tmp_path: Path, pipeline: str, rounds: list[int]
) -> None:
    asks = ["--pipeline", pipeline, "--model", "m"]
    written = []
    for number in range(12):
        out = tmp_path / f"{number}.jsonl"
        told = quick("requests", "export", kb, out, *asks)
        written.append(told["written"])
        if not told["written"]:
            break
        (file,) = told["files"]
        waiting = quick("requests", "export", kb, tmp_path / "no.jsonl", *asks)
        assert waiting["written"] == 0 and waiting["waiting"] == told["written"]
        done = quick("requests", "import", kb, work(file, writer, tmp_path / f"{number}.out"))
        assert done["files"][0]["replies"] == told["written"]
    assert written == rounds
    manners(writer)
    told = quick("generate", kb, *asks)  # no server is named, and none is needed
    assert asked(writer) == [] and told["requests"] == 0
    assert told["known"] >= sum(written)  # what two heads ask counts twice
    other = make_kb(tmp_path, name="direct.kg")
    generate(other, writer, pipeline, "--no-preflight")
    assert sorted(map(tails, evidence(kb))) == sorted(map(tails, evidence(other)))
    assert quick("status", kb)["counts"] == quick("status", other)["counts"]
    clean(kb)


def test_an_export_says_which_files_are_to_be_answered(kb: Path, tmp_path: Path) -> None:
    asks = ["--pipeline", "miko", "--model", "m", "--text-only"]
    first = call("requests", "export", kb, tmp_path / "o.jsonl", *asks, "--limit", "1")
    assert f"to be answered now: {tmp_path / 'o.jsonl'}\n" in first.stdout
    assert first.stderr == ""
    second = call("requests", "export", kb, tmp_path / "o.jsonl", *asks)
    assert f"to be answered now: {tmp_path / 'o-2.jsonl'}\n" in second.stdout
    assert f"{tmp_path / 'o.jsonl'} is there already" in second.stderr
    assert len(lines(tmp_path / "o-2.jsonl")) == 2 and len(lines(tmp_path / "o.jsonl")) == 1


def tails(row: dict[str, Any]) -> tuple[str, ...]:
    return row["head_id"], row["relation"], row["request"]


def test_pictures_are_in_the_file_and_files_have_bounds(kb: Path, tmp_path: Path) -> None:
    asks = ["--pipeline", "mind", "--model", "m"]
    told = quick("requests", "export", kb, tmp_path / "o.jsonl", *asks, "--most", "3")
    assert [len(lines(file)) for file in told["files"]] == [3, 1]
    bodies = [row["body"] for file in told["files"] for row in lines(file)]
    shown = [body for body in bodies if "data:image/png;base64," in json.dumps(body)]
    assert len(shown) == 2
    again = quick(
        "requests", "export", kb, tmp_path / "p.jsonl", *asks, "--again", "--most-bytes", "4000"
    )
    assert len(again["files"]) > 1
    assert all(Path(file).stat().st_size <= 4000 for file in again["files"])
    assert again["warnings"] == []
    tight = quick(
        "requests", "export", kb, tmp_path / "r.jsonl", *asks, "--again", "--most-bytes", "1000"
    )
    assert "larger than 1,000 bytes" in tight["warnings"][0] and "--text-only" in str(tight)
    few = quick("requests", "export", kb, tmp_path / "q.jsonl", *asks, "--again", "--text-only")
    assert few["written"] == 4 and "data:image" not in Path(few["files"][0]).read_text("utf-8")


def test_failures_and_strangers_in_an_answer_are_counted(
    kb: Path, writer: Server, tmp_path: Path
) -> None:
    asks = ["--pipeline", "miko", "--model", "m", "--text-only"]
    (file,) = quick("requests", "export", kb, tmp_path / "o.jsonl", *asks)["files"]
    answer = work(file, writer, tmp_path / "a.jsonl")
    rows = lines(answer)
    rows[0]["response"] = None
    rows[0]["error"] = {"code": "batch_expired", "message": "expired"}
    rows[1]["response"] = {"status_code": 400, "body": {"error": {"message": "odd"}}}
    stranger = {**rows[2], "custom_id": "rq_" + "0" * 32}
    text = "".join(json.dumps(row) + "\n" for row in [*rows, stranger])
    answer.write_text(text + "half a li", encoding="utf-8")
    (told,) = quick("requests", "import", kb, answer)["files"]
    assert (told["replies"], told["known"]) == (1, 0)
    assert told["failures"] == {"transport": 1, "bad_request": 1}
    assert [row["row"] for row in told["refused"]] == [4, 5]
    assert "not exported" in told["refused"][0]["reason"] and told["refused"][0]["fix"]
    strange = tmp_path / "strange.jsonl"
    strange.write_text(json.dumps(stranger) + "\n", encoding="utf-8")
    assert call("requests", "import", kb, strange).returncode == 1
    shown = call("requests", "import", kb, answer)
    assert "row 4" in shown.stdout and shown.returncode == 0
    # What expired goes out again by itself; the other only if one wants it to.
    more = quick("requests", "export", kb, tmp_path / "p.jsonl", *asks)
    keys = {row["custom_id"] for row in lines(more["files"][0])}
    assert rows[0]["custom_id"] in keys and rows[1]["custom_id"] not in keys
    retried = quick("requests", "export", kb, tmp_path / "q.jsonl", *asks, "--retry-failed")
    assert {row["custom_id"] for row in lines(retried["files"][0])} == {rows[1]["custom_id"]}


def test_half_the_price_and_the_waiting_are_counted(
    kb: Path, writer: Server, tmp_path: Path
) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text("[m]\ninput = 2.0\noutput = 8.0\n", encoding="utf-8")
    asks = ["--pipeline", "miko", "--model", "m", "--text-only"]
    (file,) = quick("requests", "export", kb, tmp_path / "o.jsonl", *asks)["files"]
    stats = quick("requests", "stats", kb)
    assert stats["requests"] == [] and list(stats["waiting"].values()) == [3]
    assert any("wait for the answers" in note for note in quick("status", kb)["notes"])
    answer = work(file, writer, tmp_path / "a.jsonl")
    (told,) = quick("requests", "import", kb, answer, "--prices", prices)["files"]
    (row,) = quick("requests", "stats", kb)["requests"]
    full = (row["prompt_tokens"] * 2.0 + row["completion_tokens"] * 8.0) / 1e6
    assert told["price"] == pytest.approx(full / 2) and row["price"] == pytest.approx(full / 2)
    assert quick("requests", "stats", kb)["waiting"] == {}


def test_lists_failures_and_one_request(kb: Path, writer: Server) -> None:
    manners(writer, say={TEXTS[1]: "{{ well"})
    generate(kb, writer, "miko")
    found = quick("requests", "list", kb)["requests"]
    assert len(found) == sum(stored(kb).values())
    assert len(quick("requests", "list", kb, "--stage", "intentions")["requests"]) == 2
    assert len(quick("requests", "list", kb, "--stage", "miko.intentions")["requests"]) == 2
    assert len(quick("requests", "list", kb, "--limit", "2")["requests"]) == 2
    assert quick("requests", "list", kb, "--model", "other")["requests"] == []
    (bad,) = quick("requests", "list", kb, "--status", "failed")["requests"]
    assert (bad["status"], bad["tries"], bad["stage"]) == ("unparseable", 1, "miko.key_information")
    (group,) = quick("requests", "failures", kb)["failures"]
    assert (group["reason"], group["requests"], group["tries"]) == ("unparseable", 1, 1)
    assert group["example"] == bad["key"] and group["message"]
    assert quick("requests", "failures", kb, "--reason", "refusal")["failures"] == []
    one = quick("requests", "show", kb, bad["key"])
    assert one["reply"]["text"] == "{{ well" and one["failure"]["reason"] == "unparseable"
    assert TEXTS[1] in one["messages"][1]["content"]
    assert quick("requests", "show", kb, bad["key"][:12]) == one
    shown = call("requests", "show", kb, bad["key"]).stdout
    assert TEXTS[1] in shown and "{{ well" in shown and "--- system ---" in shown
    generate(kb, writer, "miko", "--retry-failed")
    (group,) = quick("requests", "failures", kb)["failures"]
    assert group["tries"] == 2
    assert "--retry-failed" in call("requests", "failures", kb).stdout


def test_the_knowledge_base_may_come_first(kb: Path, writer: Server) -> None:
    generate(kb, writer, "miko", "--limit", "1")
    assert quick("requests", kb, "stats") == quick("requests", "stats", kb)
    assert json.loads(call("requests", "--json", "stats", kb).stdout)["requests"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["show", "KB", "rq_zz"], 2, "not a request's key"),
        (["show", "KB", "rq_" + "0" * 32], 2, "has no request"),
        (["show", "KB", "rq_"], 2, "not a request's key"),
        (["list", "KB", "--status", "lost"], 2, "unparseable"),
        (["failures", "KB", "--reason", "ok"], 2, "rate_limit"),
        (["import", "KB", "nowhere.jsonl"], 1, "nowhere.jsonl"),
        (["export", "KB", "o.jsonl", "-p", "miko"], 2, "--model"),
        (["export", "KB", "o.jsonl", "-p", "miko", "-m", "m", "--stage-model", "x=y"], 2, "stages"),
        (["stats", "nowhere.kg"], 1, "not a knowledge base"),
    ],
)
def test_errors_say_what_and_how_to_mend_it(
    kb: Path, writer: Server, words: list[str], code: int, said: str
) -> None:
    generate(kb, writer, "miko", "--limit", "1")
    result = call("requests", *[kb if word == "KB" else word for word in words])
    assert result.returncode == code, result.stderr
    assert said in result.stderr and "fix:" in result.stderr
    assert "Traceback" not in result.stderr and result.stdout == ""


def test_a_knowledge_base_that_never_asked(kb: Path) -> None:
    result = run("requests", "stats", kb)
    assert result.returncode == 1
    assert "no request store" in result.stderr and "intentkg generate" in result.stderr
    assert quick("status", kb)["requests"] == []
